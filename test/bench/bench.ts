/**
 * `npm run bench`: what klab takes, beside the programs it is compared with where they are installed, in one run.
 *
 *   node test/bench/bench.ts [--only NAME] [--all] [--json FILE]
 *
 * NAME is one of the parts below; those that take many minutes run only when they are named, or with --all. The build is
 * used as it is: `npm run build` first.
 */
import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { packageVersion } from '../../src/base/index.ts';
import { answers } from './answers.ts';
import { api } from './api.ts';
import { apiServer } from './apiserver.ts';
import { command } from './command.ts';
import { dns } from './dns.ts';
import { bench as etcdDoor } from './etcd-door.ts';
import { bench as largeStore } from './large-store.ts';
import { pragmas } from './pragmas.ts';
import { proxy } from './proxy.ts';
import { markdown, type Row } from './row.ts';
import { runtime } from './runtime.ts';
import { scale, scaleParts } from './scale.ts';
import { scheduler } from './scheduler.ts';
import { boot, idle } from './server.ts';
import { bench as store } from './store.ts';
import { trace } from './trace.ts';
import { workload } from './workload.ts';

const parts: Readonly<Record<string, () => Promise<Row[]>>> = {
  boot,
  idle,
  workload: () => workload(),
  command,
  api,
  apiserver: apiServer,
  'etcd-door': etcdDoor,
  runtime,
  scheduler: () => scheduler(),
  store: () => store(),
  'large-store': largeStore,
  pragmas,
  trace,
  dns,
  proxy,
  scale,
  'scheduler-answers': answers,
};
const long: ReadonlySet<string> = new Set(['scheduler', 'scale', 'proxy', 'large-store', 'pragmas']);
/** Parts of parts, for `--only` alone. */
const pieces = { ...parts, ...scaleParts };

const { values } = parseArgs({
  options: { only: { type: 'string' }, all: { type: 'boolean' }, json: { type: 'string' } },
});
const names =
  values.only === undefined
    ? Object.keys(parts).filter((name) => values.all === true || !long.has(name))
    : Object.keys(pieces).filter((name) => name === values.only);
if (names.length === 0) {
  process.stderr.write(`no part "${values.only}"; parts are ${Object.keys(pieces).join(', ')}\n`);
  process.exit(2);
}
const rows: Row[] = [];
for (const name of names) {
  const start = performance.now();
  rows.push(...(await (pieces as typeof parts)[name]!()));
  process.stderr.write(`${name}: ${((performance.now() - start) / 1000).toFixed(0)} s\n`);
}
const machine = {
  klab: packageVersion(),
  node: process.version,
  cpu: cpus()[0]?.model ?? '',
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  platform: `${process.platform} ${process.arch}`,
};
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ machine, rows }, null, 2)}\n`);
process.stdout.write(
  `klab ${machine.klab} on Node ${machine.node}, ${machine.cores} cores of ${machine.cpu}, ${machine.platform}\n\n${markdown(rows)}\n`,
);
