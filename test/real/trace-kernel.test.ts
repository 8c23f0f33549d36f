/** The tracer and the kernel are asked about the same packets: what `klab proxy trace` says is what happens. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NetworkPolicy } from '../../src/api/index.ts';
import { type IpFamily, policyRules, policyScript } from '../../src/net/index.ts';
import { nodeView, type Outcome, parseRuleDump, proxyScript, type TraceConfig, Tracer } from '../../src/proxy/index.ts';
import { NetMachine } from '../helpers/netlab.ts';
import type { Seen } from '../helpers/netlab-agent.ts';
import { canMakeNamespaces, missing } from '../helpers/real.ts';
import {
  addressesOf,
  dnsPort,
  type Flow,
  flowsOf,
  labConfig,
  nodePorts,
  type Sender,
  targetPort,
  traceWorld,
} from './trace-world.ts';

const able =
  missing('iptables-nft', 'iptables-legacy', 'nft', 'ip', 'unshare', 'nsenter').length === 0 && canMakeNamespaces();
const families = ['IPv4', 'IPv6'] as const;

/** A chance of missing one of k ways in this many tries is below 1e-9 for k up to 4. */
const mostTries = 96;
/**
 * Silence, where other ends are possible, ms: less than the second after which TCP sends its SYN again. No connection was
 * confirmed by a packet that is dropped, so that one may take another way.
 */
const firstPacketOnly = 900;

interface Lab {
  readonly node: NetMachine;
  readonly client: NetMachine;
  readonly web1: NetMachine;
  readonly web2: NetMachine;
  readonly outside: NetMachine;
}

let lab: Lab;
const folder = mkdtempSync(join(tmpdir(), 'klab-trace-'));
const machines: NetMachine[] = [];

async function startLab(): Promise<Lab> {
  const start = async () => {
    const machine = await NetMachine.start();
    machines.push(machine);
    return machine;
  };
  const [node, client, web1, web2, outside] = await Promise.all([start(), start(), start(), start(), start()]);
  const quiet =
    'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $f; done; sysctl -qw net.ipv6.conf.all.forwarding=0 net.ipv6.ip_nonlocal_bind=1';
  for (const machine of machines) machine.run(quiet);
  node.run('sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.route_localnet=1');
  // Else a kernel tells one sender only so often that it was rejected, and the rest wait.
  node.run('sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0');
  const link = (name: string, to: NetMachine) =>
    node.run(`ip link add ${name} type veth peer name eth0 netns ${to.pid}; ip link set ${name} up`);
  link('wan0', outside);
  for (const [name, machine] of Object.entries({ client, web1, web2 })) link(name, machine);
  for (const family of families) {
    const a = addressesOf(family);
    const ip = family === 'IPv4' ? 'ip' : 'ip -6';
    const all = family === 'IPv4' ? 32 : 128;
    const nodad = family === 'IPv4' ? '' : 'nodad';
    node.run(`${ip} addr add ${a.n1}/${family === 'IPv4' ? 24 : 64} dev wan0 ${nodad}`);
    outside.run(`
      ip link set eth0 up
      ${ip} addr add ${a.n2}/${family === 'IPv4' ? 24 : 64} dev eth0 ${nodad}
      for own in ${a.n2Pods} ${a.outside} ${a.stranger} ${a.world}; do ${ip} route add local $own dev lo; done
      for there in ${a.n1Pods} ${a.vips} ${a.serviceCIDR}; do ${ip} route add $there via ${a.n1}; done
      ${ip} route add blackhole default`);
    // Routed, as the ptp plugin does it: the node's end of each pod's link has the gateway's address.
    for (const [name, machine, own] of [
      ['client', client, a.client],
      ['web1', web1, a.web1],
      ['web2', web2, a.web2],
    ] as const) {
      node.run(
        `${ip} addr add ${a.gateway}/${all} dev ${name} ${nodad}; ${ip} route add ${own}/${all} dev ${name} src ${a.gateway}`,
      );
      machine.run(`
        ip link set eth0 up
        ${ip} addr add ${own}/${all} dev eth0 ${nodad}
        ${ip} route add ${a.gateway}/${all} dev eth0 src ${own}
        ${ip} route add default via ${a.gateway} dev eth0 src ${own}`);
    }
    node.run(
      `${ip} route add ${a.clients} via ${a.client} dev client src ${a.gateway}; ${ip} route add default via ${a.n2} src ${a.n1}`,
    );
    client.run(`${ip} route add local ${a.clients} dev lo`);
  }
  const names = (...ips: string[]) => ips.map((ip) => [ip, dnsPort] as const);
  const both = (which: 'web1' | 'web2' | 'far1' | 'far2') => families.map((family) => addressesOf(family)[which]);
  await Promise.all([
    web1.serve([targetPort], names(...both('web1'))),
    web2.serve([targetPort], names(...both('web2'))),
    node.serve(
      nodePorts,
      families.map((family) => [addressesOf(family).n1, 30_053] as const),
    ),
    outside.serve([targetPort, 443], names(...both('far1'), ...both('far2'))),
  ]);
  return { node, client, web1, web2, outside };
}

const modes = [
  ['iptables', 'iptables-nft'],
  ['iptables', 'iptables-legacy'],
  ['nftables', 'nft'],
] as const;

function load(mode: (typeof modes)[number][0], loader: string, family: IpFamily, config: TraceConfig): void {
  const [n1] = traceWorld(family).nodes;
  const script = proxyScript(mode, traceWorld(family), { ...config, node: nodeView(n1!) });
  const file = join(folder, `${loader}-${family}`);
  const name = loader.replace('iptables', family === 'IPv4' ? 'iptables' : 'ip6tables');
  writeFileSync(
    file,
    script.replaceAll(/\b(ip6?tables)(-restore)? -w/g, (_all, _tool, restore = '') => `${name}${restore} -w`),
  );
  lab.node.run(mode === 'nftables' ? `nft -f ${file}` : `sh ${file}`);
}

function saved(loader: string, family: IpFamily): string {
  const name = loader.replace('iptables', family === 'IPv4' ? 'iptables' : 'ip6tables');
  return lab.node.run(loader === 'nft' ? 'nft list ruleset' : `${name}-save`);
}

function unload(): void {
  lab.node.run(`
    for t in iptables-legacy ip6tables-legacy; do for table in nat filter; do $t -w 5 -t $table -F; $t -w 5 -t $table -X; done; done
    nft flush ruleset`);
}

beforeAll(async () => {
  if (able) lab = await startLab();
}, 60_000);
afterAll(async () => {
  await Promise.all(machines.map((machine) => machine.stop()));
  rmSync(folder, { recursive: true, force: true });
});

/** What the tracer says a client sees: `10.244.1.2:8080 from 10.244.1.9`, `refused`, `silence`. */
function toldBy({ end, destination, source }: Outcome): string {
  switch (end.kind) {
    case 'rejected':
      return 'refused';
    case 'dropped':
    case 'lost':
      return 'silence';
    default:
      return `${destination} from ${source}`;
  }
}

const seenAs = (seen: Seen): string =>
  seen.kind === 'answer' ? `${seen.to} from ${seen.from}` : seen.kind === 'error' ? `error ${seen.code}` : seen.kind;

const originOf = (by: Sender) =>
  ({ kind: by === 'node' ? 'node' : by === 'outside' ? 'outside' : 'pod', node: 'n1' }) as const;

/** All that a tracer says of a flow, odds included. */
function ends(tracer: Tracer, mode: 'iptables' | 'nftables', family: IpFamily, flow: Flow): string[] {
  const source = flow.from ?? (flow.by === 'node' ? addressesOf(family).n1 : addressesOf(family).clientAt(0));
  const connection = {
    source,
    destination: flow.to,
    destinationPort: flow.port,
    protocol: flow.udp ? 'udp' : 'tcp',
  } as const;
  const { outcomes } = tracer.trace(mode, connection, originOf(flow.by));
  return outcomes.map((outcome) => `${outcome.odds.toFixed(4)} ${outcome.end.kind} ${toldBy(outcome)}`).sort();
}

/** @returns nothing where they agree, else who says what. */
async function disagreement(
  tracer: Tracer,
  mode: 'iptables' | 'nftables',
  family: IpFamily,
  flow: Flow,
): Promise<string | undefined> {
  const a = addressesOf(family);
  const machine = { client: lab.client, web1: lab.web1, node: lab.node, outside: lab.outside }[flow.by];
  const protocol = flow.udp ? 'udp' : 'tcp';
  const sourceAt = (i: number) => flow.from ?? (flow.by === 'client' ? a.clientAt(i) : undefined);
  const tell = (source: string, remembered?: string) =>
    tracer.trace(
      mode,
      {
        source,
        destination: flow.to,
        destinationPort: flow.port,
        protocol,
        ...(remembered === undefined ? {} : { remembered }),
      },
      originOf(flow.by),
    ).outcomes;
  const ask = async (i: number, timeoutMs: number): Promise<string> => {
    const source = sourceAt(i);
    const probe = { protocol, destination: flow.to, port: flow.port, timeoutMs } as const;
    return seenAs((await machine.ask([source === undefined ? probe : { ...probe, source }]))[0]!);
  };
  const problem = (expected: ReadonlySet<string>, seen: string | readonly string[]) =>
    `${flow.what}: the tracer says ${[...expected].join(' | ')}, the kernel ${[seen].flat().join(' | ')}`;

  const source = (i: number) => sourceAt(i) ?? a.n1;
  const expectedAt = (i: number) => new Set(tell(source(i)).map(toldBy));
  if (flow.again) {
    const first = await ask(0, 3000);
    if (!expectedAt(0).has(first)) return problem(expectedAt(0), first);
    // It is kept at an endpoint that a policy closes to it, and stays there.
    if (first === 'silence') {
      for (let i = 0; i < 4; i++) {
        const next = await ask(0, 250);
        if (next !== first) return problem(new Set([first]), next);
      }
      return undefined;
    }
    const remembered = first.split(' from ')[0]!;
    const expected = new Set(tell(source(0), remembered).map(toldBy));
    for (let i = 0; i < 12; i++) {
      const next = await ask(0, 3000);
      if (expected.size !== 1 || !expected.has(next)) return problem(expected, next);
    }
    return undefined;
  }
  const quiet = [...expectedAt(0)].every((each) => each === 'silence');
  // Each source has its own words for the same way: what is covered is where packets arrive.
  const arrivals = new Set([...expectedAt(0)].map((each) => each.split(' from ')[0]));
  for (let i = 0; i < mostTries; i++) {
    const expected = expectedAt(i);
    const seen = await ask(i, quiet ? 250 : expected.has('silence') ? firstPacketOnly : 3000);
    if (!expected.has(seen)) return problem(expected, seen);
    arrivals.delete(seen.split(' from ')[0]);
    if (arrivals.size === 0 && i > 0) return undefined;
  }
  return `${flow.what}: in ${mostTries} tries the kernel never came to ${[...arrivals].join(', ')}`;
}

/** The same senders ask in parallel, each a flow at a time. */
async function disagreements(
  tracer: Tracer,
  mode: 'iptables' | 'nftables',
  family: IpFamily,
  flows: readonly Flow[],
): Promise<string[]> {
  const found = await Promise.all(flows.map((flow) => disagreement(tracer, mode, family, flow)));
  return found.filter((each) => each !== undefined);
}

/** Settings of kube-proxy that change who is masqueraded and which addresses serve node ports. */
const settings: readonly (readonly [what: string, family: IpFamily, change: Partial<TraceConfig>])[] = [
  ['everything masqueraded', 'IPv4', { masqueradeAll: true }],
  ['node ports by one address only', 'IPv4', { nodePortAddresses: [`${addressesOf('IPv4').gateway}/32`] }],
  ['no node ports on the loopback address', 'IPv4', { localhostNodePorts: false }],
  ['another bit for the mark', 'IPv6', { masqueradeBit: 3, randomFully: false }],
];

/** Rules of n1 for policies that some flows meet and others do not. */
function policyText(family: IpFamily): string {
  const a = addressesOf(family);
  const app = (name: string) => ({ podSelector: { matchLabels: { app: name } } });
  const policies = [
    {
      metadata: { namespace: 'lab', name: 'web-1' },
      spec: { ...app('web-1'), ingress: [{ from: [app('client'), { ipBlock: { cidr: a.outside } }] }] },
    },
    {
      metadata: { namespace: 'lab', name: 'client' },
      spec: {
        ...app('client'),
        policyTypes: ['Egress'],
        egress: [{ to: [app('web-1'), app('far-1')], ports: [{ port: targetPort }] }],
      },
    },
  ] as unknown as NetworkPolicy[];
  const pods = traceWorld(family).pods.map(({ metadata, ...pod }) => ({
    namespace: 'lab',
    name: metadata.name!,
    labels: { app: metadata.name! },
    ips: [(pod as any).status.podIP as string],
    namedPorts: [],
    node: (pod as any).spec.nodeName as string,
  }));
  const world = { policies, pods, namespaceLabels: () => ({}) };
  return policyScript(policyRules(world, 'n1'), { node: 'n1' });
}

describe.skipIf(!able)('tracer and kernel', () => {
  const agree = async (loader: string, family: IpFamily, mode: 'iptables' | 'nftables', config: TraceConfig) => {
    load(mode, loader, family, config);
    try {
      const flows = flowsOf(family);
      expect(flows.length).toBeGreaterThan(50);
      const tracer = new Tracer(traceWorld(family), config);
      // What the kernel holds, read back: it must lead to the same ends as the rules that were made.
      const dump = parseRuleDump(saved(loader, family));
      const pasted = new Tracer(traceWorld(family), config, { node: 'n1', dump });
      for (const flow of flows)
        expect([flow.what, ...ends(pasted, mode, family, flow)]).toEqual([
          flow.what,
          ...ends(tracer, mode, family, flow),
        ]);
      expect(await disagreements(pasted, mode, family, flows)).toEqual([]);
    } finally {
      unload();
    }
  };
  const cases = families.flatMap((family) => modes.map(([mode, loader]) => [loader, family, mode] as const));
  it.each(cases)('agree on every flow: %s, %s', (loader, family, mode) =>
    agree(loader, family, mode, labConfig(family)),
  );

  it.each(families)('agree where policies stand behind the rules, read back together: nft, %s', async (family) => {
    const config = labConfig(family);
    load('nftables', 'nft', family, config);
    try {
      const file = join(folder, `policies-${family}`);
      writeFileSync(file, policyText(family));
      lab.node.run(`nft -f ${file}`);
      const dump = parseRuleDump(saved('nft', family));
      const tracer = new Tracer(traceWorld(family), config, { node: 'n1', dump });
      const plain = new Tracer(traceWorld(family), config);
      const flows = flowsOf(family);
      const changed = flows.filter(
        (flow) =>
          JSON.stringify(ends(tracer, 'nftables', family, flow)) !==
          JSON.stringify(ends(plain, 'nftables', family, flow)),
      );
      // Some flows are stopped by a policy, others are not.
      expect(changed.length).toBeGreaterThan(5);
      expect(changed.length).toBeLessThan(flows.length - 20);
      expect(await disagreements(tracer, 'nftables', family, flows)).toEqual([]);
    } finally {
      unload();
    }
  });

  it.each(
    settings.flatMap(([what, family, change]) =>
      modes.map(([mode, loader]) => [loader, what, family, mode, change] as const),
    ),
  )('agree with other settings: %s, %s', (loader, _what, family, mode, change) =>
    agree(loader, family, mode, { ...labConfig(family), ...change }),
  );
});
