/** A behaviour file as a program. Everything random comes from the seed, the pod and the number of its restarts. */
import { Deferred, isAbort, type Prng, rfc3339 } from '../../../../base/index.ts';
import type { HttpRequest, HttpResponse, Listener } from '../fabric-types.ts';
import type { UserImageProgram } from '../images.ts';
import type { Process } from '../process.ts';
import { Killed } from '../process.ts';
import type { Program } from '../shell/commands/lines.ts';
import type { Behaviour, CommandRule, HttpRule, Latency, LogRule } from './behaviour.ts';

export function behaviourImage(behaviour: Behaviour): UserImageProgram {
  const { create, start } = behaviour;
  return {
    main: (process) => run(behaviour, process),
    command: (argv) => commandFor(behaviour.commands, argv),
    ...(create.error !== undefined && { createError: create.error }),
    ...(start.error !== undefined && { startError: start.error }),
    ...(start.delayMs > 0 && { startDelayMs: start.delayMs }),
  };
}

async function run(behaviour: Behaviour, process: Process): Promise<number> {
  const { world } = process;
  const { metadata } = world.sandbox;
  const { name, attempt } = world.config.metadata;
  const prng = world.prng.fork(`image/${metadata.namespace}/${metadata.name}/${name}/${attempt}`);
  const startedAt = world.clock.now();
  const end = new Deferred<number>();
  // What goes on beside the main wait; all of it ends with the process.
  const beside = (work: Promise<void>) =>
    void work.catch((error) => {
      if (!(error instanceof Killed) && !isAbort(error)) end.reject(error);
    });
  const { memory, disk, exit, crash, stop, message } = behaviour;
  if (memory.start > 0) world.memory.take(memory.start);
  if (memory.growth > 0) world.memory.grow(memory.growth, memory.max && memory.max - memory.start);
  if (disk.growth > 0) world.fillDisk(disk.growth, disk.max);
  if (message !== undefined) world.fs.write(world.config.terminationMessagePath, message);
  for (const rule of behaviour.log) beside(writeLog(rule, process, prng.fork('log')));
  if (exit) {
    if (exit.reason !== undefined) world.endAs(exit.reason);
    beside(process.sleep(exit.afterMs).then(() => end.resolve(exit.code)));
  }
  // Both draws are made each time, so that a change of one figure does not shift the others.
  const [chance, moment] = [prng.float(), prng.float()];
  if (crash && chance < crash.probability) {
    beside(process.sleep(moment * crash.withinMs).then(() => end.resolve(crash.code)));
  }
  if (!stop.ignore) {
    process.onSignal('TERM', () => beside(process.sleep(stop.takesMs).then(() => end.resolve(stop.code))));
  }
  beside(listen(behaviour, process, prng.fork('http'), startedAt));
  return process.until(end.promise);
}

async function listen(behaviour: Behaviour, process: Process, prng: Prng, startedAt: number): Promise<void> {
  const { world } = process;
  if (behaviour.ready.afterMs > 0) await process.sleep(behaviour.ready.afterMs);
  const ready = () => isReady(behaviour, world.clock.now() - startedAt);
  const listener: Listener = {
    http: (request) => answer(behaviour, process, request, prng, ready()),
    grpcHealth: () => (ready() ? 'SERVING' : 'NOT_SERVING'),
  };
  const { ports, probePorts } = world.config;
  const declared = ports.filter(({ protocol = 'TCP' }) => protocol === 'TCP').map(({ containerPort }) => containerPort);
  const own = behaviour.ports.length > 0 ? behaviour.ports : declared.length > 0 ? declared : [80];
  for (const port of new Set([...own, ...declared, ...probePorts])) {
    try {
      world.listen(port, listener);
    } catch (error) {
      await process.complain((error as Error).message);
    }
  }
}

function isReady({ ready }: Behaviour, ms: number): boolean {
  return !ready.unready.some(({ fromMs, forMs, everyMs }) => {
    if (ms < fromMs) return false;
    const since = everyMs ? (ms - fromMs) % everyMs : ms - fromMs;
    return since < forMs;
  });
}

async function answer(
  behaviour: Behaviour,
  process: Process,
  request: HttpRequest,
  prng: Prng,
  ready: boolean,
): Promise<HttpResponse> {
  if (!ready) return respond(503, {}, 'not ready\n');
  const path = request.path.split(/[?#]/)[0]!;
  const rule = behaviour.http.find(
    (each) => matches(each.path, path) && (each.method === undefined || each.method === request.method),
  );
  if (!rule)
    return behaviour.http.length === 0 ? respond(200, {}, `${behaviour.name}\n`) : respond(404, {}, 'not found\n');
  if (rule.latency) {
    const ms = drawLatency(rule.latency, prng);
    if (ms > 0) await process.sleep(ms);
  }
  if (rule.errorRate > 0 && prng.float() < rule.errorRate) return respond(500, {}, 'internal server error\n');
  return respond(rule.status, rule.headers, fill(rule.body, process, prng, 0));
}

function matches(pattern: HttpRule['path'], path: string): boolean {
  return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : pattern === path;
}

function respond(status: number, headers: Readonly<Record<string, string>>, body: string): HttpResponse {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...headers }, body };
}

/** Standard deviations between the median and the 99th percentile. */
const z99 = 2.326;

export function drawLatency(latency: Latency, prng: Prng): number {
  switch (latency.kind) {
    case 'fixed':
      return latency.ms;
    case 'uniform':
      return latency.minMs + prng.float() * (latency.maxMs - latency.minMs);
    case 'tailed': {
      // Box-Muller; 1 - float() is never 0.
      const normal = Math.sqrt(-2 * Math.log(1 - prng.float())) * Math.cos(2 * Math.PI * prng.float());
      const sigma = Math.log(latency.p99Ms / latency.p50Ms) / z99;
      return latency.p50Ms * Math.exp(sigma * normal);
    }
  }
}

async function writeLog(rule: LogRule, process: Process, prng: Prng): Promise<void> {
  for (let n = 1; rule.count === undefined || n <= rule.count; n++) {
    process.world.log(rule.stream, `${fill(rule.line, process, prng, n)}\n`);
    await process.sleep(rule.everyMs);
  }
}

function fill(template: string, process: Process, prng: Prng, n: number): string {
  const { sandbox, config, clock } = process.world;
  return template.replace(/\{(n|time|pod|namespace|node|container|random:(\d+)-(\d+))\}/g, (_, word, low, high) => {
    switch (word) {
      case 'n':
        return String(n);
      case 'time':
        return rfc3339(clock.now());
      case 'pod':
        return sandbox.metadata.name;
      case 'namespace':
        return sandbox.metadata.namespace;
      case 'node':
        return sandbox.node.name;
      case 'container':
        return config.metadata.name;
      default:
        return String(Number(low) + Math.floor(prng.float() * (Number(high) - Number(low) + 1)));
    }
  });
}

function commandFor(rules: readonly CommandRule[], argv: readonly string[]): Program | undefined {
  const rule = rules.find(({ command }) => {
    const open = command.at(-1) === '*';
    const words = open ? command.slice(0, -1) : command;
    return (open ? argv.length >= words.length : argv.length === words.length) && words.every((w, i) => w === argv[i]);
  });
  if (!rule) return undefined;
  return async (process) => {
    if (rule.takesMs > 0) await process.sleep(rule.takesMs);
    if (rule.output !== '') await process.print(rule.output.endsWith('\n') ? rule.output : `${rule.output}\n`);
    return rule.exitCode;
  };
}
