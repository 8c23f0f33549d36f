/**
 * kube-proxy's work among 5,000 Services of 10 endpoints: all rules made, one endpoint changed, and, for root, both loaded
 * into a kernel of their own beside the same rules in upstream's form: `iptables-restore` input with every shared chain.
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

const modes = {
  iptables: () => new IptablesSync(config),
  nftables: () => new NftablesSync(config),
  ipvs: () => new IpvsSync(config),
} as const;

/** What loads a mode's inputs; ipvs is left out: few kernels of test machines have it. */
const loaders: Readonly<Record<string, readonly string[]>> = {
  'iptables-nft': ['iptables-nft-restore', '--noflush'],
  'iptables-legacy': ['iptables-legacy-restore', '--noflush'],
  nftables: ['nft', '-f', '-'],
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
  const loads: Record<string, RuleTransaction[]> = {};
  for (const [mode, make] of Object.entries(modes)) {
    const tracker = new ServiceTracker('IPv4', node);
    const sync = make();
    const [ms, full] = timed(() => {
      for (const object of services) tracker.setService(object);
      for (const object of slices) tracker.setSlice(object);
      sync.update(tracker.take(), tracker);
      return sync.full();
    });
    add(`${mode}: first full sync`, 'ms', ms);
    add(`${mode}: first full sync`, 'MB', bytesWritten(full) / 1e6);
    const changes = Array.from({ length: 50 }, (_, i) =>
      timed(() => {
        tracker.setSlice(slice(i * 97, 1));
        return sync.update(tracker.take(), tracker);
      }),
    );
    add(`${mode}: one endpoint changed, median of 50`, 'ms', median(changes.map(([time]) => time)));
    add(`${mode}: one endpoint changed, worst`, 'ms', Math.max(...changes.map(([time]) => time)));
    add(`${mode}: one endpoint changed`, 'bytes', median(changes.map(([, change]) => bytesWritten(change))));
    loads[mode] = [full, changes[0]![1]];
  }
  if (process.geteuid?.() === 0) for (const name of Object.keys(loaders)) rows.push(...loadTimes(name, loads, texts));
  return rows;
}

/** A loader that takes longer is stopped, and named as not measured. */
const loadLimitMs = 60_000;

/** Milliseconds that the kernel's loader takes, in a namespace that goes afterwards. */
function loadTimes(
  name: string,
  loads: Readonly<Record<string, readonly RuleTransaction[]>>,
  texts: Readonly<{ iptables: string; nftables: string }>,
): Row[] {
  const mode = name === 'nftables' ? 'nftables' : 'iptables';
  const space = `klabbench${process.pid}`;
  const feed = (input: string) =>
    timed(() =>
      execFileSync('ip', ['netns', 'exec', space, ...loaders[name]!], { input, stdio: 'pipe', timeout: loadLimitMs }),
    )[0];
  const inSpace = (inputs: readonly string[]) => {
    execFileSync('ip', ['netns', 'add', space]);
    try {
      return inputs.map(feed);
    } finally {
      execFileSync('ip', ['netns', 'del', space]);
    }
  };
  const input = (transaction: RuleTransaction | undefined) => transaction!.steps.map((step) => step.input).join('');
  try {
    const [full = 0, change = 0] = inSpace(loads[mode]!.map(input));
    const [upstreamFull = 0] = inSpace([texts[mode]]);
    const title = `proxy, 5,000 Services × 10, ${name}: the kernel's loader,`;
    const peer = (value: number) => ({ name: "the generator's whole dump", value });
    return [
      row(`${title} everything`, 'ms', full, false, peer(upstreamFull)),
      row(`${title} one endpoint changed`, 'ms', change, false, peer(upstreamFull)),
    ];
  } catch (error) {
    process.stderr.write(`${name} is not measured: ${(error as Error).message.split('\n')[0]}\n`);
    return [];
  }
}
