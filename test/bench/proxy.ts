/**
 * kube-proxy's work among 5,000 Services of 10 endpoints: all rules made, one endpoint changed, a Service's first endpoint
 * come, and, for root, the rules loaded into a kernel of their own beside the same rules as upstream
 * feeds them (one transaction of every chain) and as the node's own tools print them (a dump, loaded over an empty table).
 */
import { execFileSync } from 'node:child_process';
import type { KubeObject } from '../../src/apimachinery/index.ts';
import {
  bytesWritten,
  IptablesSync,
  IpvsSync,
  iptablesRules,
  NftablesSync,
  nftablesRules,
  nftChainsPerCommit,
  nftCommands,
  type RuleTransaction,
  resolveConfig,
  restoreInput,
  ServiceTracker,
  servicePorts,
} from '../../src/proxy/index.ts';
import { median, type Row, row } from './row.ts';

const serviceCount = 5000;
const endpointCount = 10;
const node = { name: 'n0', labels: {}, ips: ['192.168.0.1'] };
const config = resolveConfig({
  node,
  family: 'IPv4',
  clusterCIDR: '10.128.0.0/9',
  nodePortAddresses: ['192.168.0.1/32'],
});

const service = (i: number): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace: 'x', name: `s${i}` },
  spec: { clusterIP: `10.96.${i >> 8}.${i & 255}`, ports: [{ port: 80, protocol: 'TCP' }] },
});

/** `shift` moves the last endpoint to another address. */
const slice = (i: number, shift = 0): KubeObject => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { namespace: 'x', name: `s${i}`, labels: { 'kubernetes.io/service-name': `s${i}` } },
  addressType: 'IPv4',
  ports: [{ name: '', port: 8080, protocol: 'TCP' }],
  endpoints: Array.from({ length: endpointCount }, (_, j) => ({
    addresses: [`10.${128 + j + (j === endpointCount - 1 ? shift : 0)}.${i >> 8}.${i & 255}`],
    nodeName: `n${j}`,
  })),
});

function timed<T>(act: () => T): readonly [ms: number, result: T] {
  const start = performance.now();
  const result = act();
  return [performance.now() - start, result];
}

const changeCount = 500;
const iptablesNft = 'iptables-nft';

const modes = {
  iptables: () => new IptablesSync(config),
  [iptablesNft]: () => Object.assign(new IptablesSync(config), { chainsPerCommit: nftChainsPerCommit }),
  nftables: () => new NftablesSync(config),
  ipvs: () => new IpvsSync(config),
} as const;

interface Loader {
  readonly mode: keyof typeof modes;
  /** Reads a transaction. */
  readonly load: readonly string[];
  /** Prints what stands, and reads that into an empty namespace. */
  readonly dump: readonly string[];
  readonly loadDump: readonly string[];
}

/** ipvs is left out: few kernels of test machines have it. */
const loaders: Readonly<Record<string, Loader>> = {
  'iptables-nft': {
    mode: iptablesNft,
    load: ['iptables-nft-restore', '--noflush'],
    dump: ['iptables-nft-save'],
    loadDump: ['iptables-nft-restore'],
  },
  'iptables-legacy': {
    mode: 'iptables',
    load: ['iptables-legacy-restore', '--noflush'],
    dump: ['iptables-legacy-save'],
    loadDump: ['iptables-legacy-restore'],
  },
  nftables: {
    mode: 'nftables',
    load: ['nft', '-f', '-'],
    dump: ['nft', 'list', 'ruleset'],
    loadDump: ['nft', '-f', '-'],
  },
};

export async function proxy(): Promise<Row[]> {
  const objects = Array.from({ length: serviceCount }, (_, i) => [service(i), slice(i)] as const);
  const services = objects.map(([object]) => object);
  const slices = objects.map(([, object]) => object);
  const rows: Row[] = [];
  const add = (name: string, unit: string, value: number) =>
    rows.push(row(`proxy, 5,000 Services × 10, ${name}`, unit, value, false));

  const ports = () => servicePorts(services, slices, 'IPv4', node);
  const whole = {
    iptables: () => restoreInput(iptablesRules(ports(), config)),
    nftables: () => nftCommands(nftablesRules(ports(), config)).join('\n'),
  };
  const texts = { iptables: '', nftables: '' };
  for (const mode of ['iptables', 'nftables'] as const) {
    const [ms, text] = timed(whole[mode]);
    texts[mode] = text;
    add(`${mode}: all rules made`, 'ms', ms);
  }
  const loads: Record<string, readonly [full: RuleTransaction, change: RuleTransaction]> = {};
  for (const [mode, make] of Object.entries(modes)) {
    const tracker = new ServiceTracker('IPv4', node);
    const sync = make();
    const [ms, full] = timed(() => {
      for (const object of services) tracker.setService(object);
      for (const object of slices) tracker.setSlice(object);
      sync.update(tracker.take(), tracker);
      return sync.full();
    });
    const title = mode === iptablesNft ? 'iptables (for iptables-nft)' : mode;
    const changed = (moved: KubeObject) =>
      timed(() => {
        tracker.setSlice(moved);
        return sync.update(tracker.take(), tracker);
      });
    const figures = (what: string, changes: readonly (readonly [number, RuleTransaction])[]) => {
      add(`${title}: ${what}, median of ${changes.length}`, 'ms', median(changes.map(([time]) => time)));
      add(`${title}: ${what}, worst`, 'ms', Math.max(...changes.map(([time]) => time)));
      add(`${title}: ${what}`, 'bytes', median(changes.map(([, change]) => bytesWritten(change))));
    };
    add(`${title}: first full sync`, 'ms', ms);
    add(`${title}: first full sync`, 'MB', bytesWritten(full) / 1e6);
    const moves = Array.from({ length: changeCount }, (_, i) => changed(slice((i * 97) % serviceCount, 1 + (i & 1))));
    figures('one endpoint changed', moves);
    // Each goes and comes: the chains of all Services change with it.
    for (let i = 0; i < changeCount; i++) changed({ ...slice(i * 7), endpoints: [] });
    figures(
      'the first endpoint of a Service',
      Array.from({ length: changeCount }, (_, i) => changed(slice(i * 7))),
    );
    loads[mode] = [full, moves[0]![1]];
  }
  if (process.geteuid?.() === 0) for (const name of Object.keys(loaders)) rows.push(...loadTimes(name, loads, texts));
  return rows;
}

/** A loader that takes longer is stopped, and named as not measured. */
const loadLimitMs = 60_000;

/** Milliseconds that the kernel's loader takes, in namespaces that go afterwards. */
function loadTimes(
  name: string,
  loads: Readonly<Record<string, readonly [full: RuleTransaction, change: RuleTransaction]>>,
  texts: Readonly<{ iptables: string; nftables: string }>,
): Row[] {
  const { mode, load, dump, loadDump } = loaders[name]!;
  const space = `klabbench${process.pid}`;
  const within = (words: readonly string[], input: string) =>
    execFileSync('ip', ['netns', 'exec', space, ...words], {
      input,
      stdio: 'pipe',
      timeout: loadLimitMs,
      maxBuffer: 2 ** 28,
    });
  const inSpace = <T>(act: () => T): T => {
    execFileSync('ip', ['netns', 'add', space]);
    try {
      return act();
    } finally {
      execFileSync('ip', ['netns', 'del', space]);
    }
  };
  const inputOf = (transaction: RuleTransaction) => transaction.steps.map((step) => step.input).join('');
  const title = `proxy, 5,000 Services × 10, ${name}: the kernel's loader,`;
  const [full, change] = loads[mode]!;
  const measured: Row[] = [];
  /** What takes too long, or fails, is said and left out. */
  const attempt = <T>(what: string, act: () => T): T | undefined => {
    try {
      return act();
    } catch (error) {
      process.stderr.write(`${name}, ${what}: not measured: ${(error as Error).message.split('\n')[0]}\n`);
      return undefined;
    }
  };
  const upstream = attempt("the generator's whole dump", () =>
    inSpace(() => timed(() => within(load, texts[mode === 'nftables' ? 'nftables' : 'iptables']))[0]),
  );
  const own = attempt('everything', () =>
    inSpace(() => {
      const [everything] = timed(() => within(load, inputOf(full)));
      const printed = within(dump, '').toString();
      const [one] = timed(() => within(load, inputOf(change)));
      return { everything, one, printed };
    }),
  );
  if (!own) return measured;
  const peer = (value: number, peerName: string) => ({ name: peerName, value });
  const asFed = upstream === undefined ? undefined : peer(upstream, 'in one transaction, as upstream feeds it');
  measured.push(row(`${title} everything`, 'ms', own.everything, false, asFed));
  const printed = attempt('the dump', () => inSpace(() => timed(() => within(loadDump, own.printed))[0]));
  if (printed !== undefined) {
    const asPrinted = peer(printed, `what ${dump.join(' ')} printed`);
    measured.push(row(`${title} everything, beside the dump`, 'ms', own.everything, false, asPrinted));
  }
  measured.push(row(`${title} one endpoint changed`, 'ms', own.one, false, asFed));
  return measured;
}
