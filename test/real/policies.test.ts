/** NetworkPolicies as nftables rules in a real kernel: it takes them, lists them as they were meant, and acts on them. */
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NetworkPolicy } from '../../src/api/index.ts';
import { Prng, wallClock } from '../../src/base/index.ts';
import {
  networkPolicyVerdict,
  type PolicyEnd,
  type PolicyPod,
  type PolicyWorld,
  parseNftRuleset,
  policyRules,
  policyScript,
  policyUpdate,
} from '../../src/net/index.ts';
import { compareRuleSets, kernelHost, NodeProxy, nftTableRuleSet } from '../../src/proxy/index.ts';
import { PacketLab, PacketNamespaces } from '../helpers/packet-lab.ts';
import { canMakeNamespaces, missing } from '../helpers/real.ts';
import { randomWorld } from '../net/policy-rules/random-world.ts';
import { service, slice } from '../proxy/objects.ts';

const able = missing('nft', 'ip', 'nsenter').length === 0 && canMakeNamespaces();

describe.skipIf(!able)('policy rules in the kernel', () => {
  const space = new PacketNamespaces('pol');
  beforeAll(() => space.add('n'));
  afterAll(() => space.dispose());

  const listed = () =>
    parseNftRuleset(space.run('n', 'nft', ['list', 'ruleset'])).find(({ name }) => name === 'klab-policies')!;

  test('are listed as they were written, sentences and all; updates leave what a full load leaves', () => {
    const prng = new Prng('kernel');
    let before = policyRules(randomWorld(prng), 'n1');
    space.run('n', 'nft', ['-f', '-'], policyScript(before, { node: 'n1', explain: true }));
    for (let i = 0; i < 40; i++) {
      expect(compareRuleSets(nftTableRuleSet(before), nftTableRuleSet(listed()))).toEqual([]);
      const next = policyRules(randomWorld(prng), 'n1');
      space.run('n', 'nft', ['-f', '-'], `${policyUpdate(before, next).join('\n')}\n`);
      before = next;
    }
    const again = policyScript(before, { node: 'n1' });
    space.run('n', 'nft', ['-f', '-'], again);
    expect(compareRuleSets(nftTableRuleSet(before), nftTableRuleSet(listed()))).toEqual([]);
  });
});

const policies = [
  {
    metadata: { namespace: 'lab', name: 'doors' },
    spec: {
      podSelector: { matchLabels: { role: 'server' } },
      ingress: [
        { from: [{ podSelector: { matchLabels: { app: 'p3' } } }], ports: [{ port: 'http' }] },
        {
          from: [
            { ipBlock: { cidr: '192.168.77.0/24', except: ['192.168.77.3/32'] } },
            { ipBlock: { cidr: 'fd00:77::/64', except: ['fd00:77::3/128'] } },
          ],
          ports: [
            { port: 8000, endPort: 8100 },
            { protocol: 'UDP', port: 5353 },
          ],
        },
      ],
    },
  },
  {
    metadata: { namespace: 'lab', name: 'ways' },
    spec: {
      podSelector: { matchLabels: { app: 'p2' } },
      policyTypes: ['Egress'],
      egress: [
        { to: [{ namespaceSelector: {}, podSelector: { matchLabels: { app: 'p1' } } }], ports: [{ protocol: 'UDP' }] },
      ],
    },
  },
] as unknown as NetworkPolicy[];

/** Only pods may come in. */
const locked = [
  {
    metadata: { namespace: 'lab', name: 'locked' },
    spec: { podSelector: {}, ingress: [{ from: [{ podSelector: {} }] }] },
  } as unknown as NetworkPolicy,
];

/** The same, and p2 may come in. */
const opened = [
  ...policies,
  {
    metadata: { namespace: 'lab', name: 'friend' },
    spec: {
      podSelector: { matchLabels: { app: 'p1' } },
      ingress: [{ from: [{ podSelector: { matchLabels: { app: 'p2' } } }] }],
    },
  } as unknown as NetworkPolicy,
];

type Who = 'p1' | 'p2' | 'p3' | 'node' | 'ext';

/** What each network has. The node and ext ask with the addresses that their routes give them. */
const sixOf: Readonly<Record<Who, string>> = {
  p1: 'fd00:10:244::2',
  p2: 'fd00:10:244::3',
  p3: 'fd00:10:244::4',
  node: 'fd00:10:244::1',
  ext: 'fd00:77::2',
};

const flows = [
  ['p3 to p1, by the name of the port', 'p3', 'p1', 'tcp', 8080],
  ['p3 to p1, UDP, which no rule of its allows', 'p3', 'p1', 'udp', 5353],
  ['p2 to p1, whom no rule allows', 'p2', 'p1', 'tcp', 8080],
  ['p2 to p1, UDP, which only its egress allows', 'p2', 'p1', 'udp', 5353],
  ['p2 to p3, which its egress forbids', 'p2', 'p3', 'tcp', 8080],
  ['p1 to p2, isolated for ingress', 'p1', 'p2', 'tcp', 8080],
  ['from outside to p1, in the block and the range of ports', 'ext', 'p1', 'tcp', 8080],
  ['from outside to p1, UDP', 'ext', 'p1', 'udp', 5353],
  ['from outside to p2, by the address that the block excepts', 'ext', 'p2', 'tcp', 8080],
  ['the node to p2, which it runs', 'node', 'p2', 'tcp', 8080],
  ['p2 to the node, which its egress forbids', 'p2', 'node', 'tcp', 8080],
] as const satisfies readonly (readonly [string, Who, Who, 'tcp' | 'udp', number])[];

const hasPtp = existsSync('/usr/lib/cni/ptp');

describe.each(['bridge', 'ptp'] as const)('policies between pods on %s', (network) => {
  describe.skipIf(!able || (network === 'ptp' && !hasPtp))('in a real kernel', () => {
    let lab: PacketLab;
    let world: PolicyWorld;

    const addressOf = (who: Who, six: boolean): string => {
      if (six) return sixOf[who];
      if (who === 'node') return '192.168.77.1';
      return who === 'ext' ? '192.168.77.2' : lab.ips[who]!;
    };

    const endOf = (who: Who, six: boolean, toward: Who): PolicyEnd => {
      const ip = addressOf(who, six);
      if (who === 'node') return { ip, node: 'node' };
      // Routes of ext: what goes to p2 comes from its second address.
      if (who === 'ext') return { ip: toward === 'p2' ? ip.replace(/2$/, '3') : ip };
      const { namespace, name, labels, namedPorts } = world.pods.find((pod) => pod.name === who)!;
      return { ip, pod: { namespace, name, labels, namedPorts, node: 'node' } };
    };

    const load = (list: readonly NetworkPolicy[]) => {
      world = { ...world, policies: list };
      lab.run('node', 'nft', ['-f', '-'], policyScript(policyRules(world, 'node'), { node: 'node' }));
    };

    const verdict = (from: Who, to: Who, protocol: string, port: number, six: boolean): boolean =>
      networkPolicyVerdict(
        { policies: () => world.policies, namespaceLabels: world.namespaceLabels },
        {
          from: endOf(from, six, to),
          to: endOf(to, six, from),
          port,
          protocol: protocol.toUpperCase(),
        },
      ).allowed;

    beforeAll(async () => {
      lab = await PacketLab.start(`pol${network}`, network);
      const pods = (['p1', 'p2', 'p3'] as const).map(
        (name): PolicyPod => ({
          namespace: 'lab',
          name,
          labels: { app: name, ...(name === 'p3' ? {} : { role: 'server' }) },
          ips: [lab.ips[name]!, ...(network === 'bridge' ? [sixOf[name]] : [])],
          namedPorts: [{ name: 'http', port: 8080, protocol: 'TCP' }],
          node: 'node',
        }),
      );
      world = { pods, policies, namespaceLabels: () => ({}) };
      lab.ip('ext', 'addr add 192.168.77.3/24 dev eth0');
      lab.ip('ext', 'addr add fd00:77::3/64 dev eth0 nodad');
      for (const [pod, own] of [
        ['p1', 2],
        ['p2', 3],
      ] as const) {
        lab.ip('ext', `route add ${lab.ips[pod]}/32 via 192.168.77.1 src 192.168.77.${own}`);
        lab.ip('ext', `-6 route add ${sixOf[pod]}/128 via fd00:77::1 src fd00:77::${own}`);
      }
      load(policies);
    });
    afterAll(() => lab?.[Symbol.asyncDispose]());

    const sixes = network === 'bridge' ? [false, true] : [false];
    const cases = sixes.flatMap((six) =>
      flows.map(([what, ...rest]) => [`${what}${six ? ', IPv6' : ''}`, six, ...rest] as const),
    );

    test.each(cases)('%s', (_, six, from, to, protocol, port) => {
      const [answer = ''] = Object.keys(lab.ask(from, protocol, addressOf(to, six), port));
      const allowed = verdict(from, to, protocol, port, six);
      // Nobody serves on p3 or the node: whoever gets there is refused, whoever does not hears nothing.
      const came = to === 'p1' || to === 'p2' ? answer.startsWith(`${to} `) : answer === 'ECONNREFUSED';
      expect({ answer, came }).toEqual({ answer: came ? answer : 'timeout', came: allowed });
    });

    test('a policy that is added opens its way, and one that goes away closes it', () => {
      expect(lab.ask('p2', 'udp', lab.ips['p1']!, 5353)).toEqual({ timeout: 1 });
      load(opened);
      expect(lab.ask('p2', 'udp', lab.ips['p1']!, 5353)).toEqual({ [`p1 ${lab.ips['p2']}`]: 1 });
      load(policies);
    });

    test('a Service’s client is judged by the pod it is sent to, and a pod reaches itself through its Service', async () => {
      const config = { node: { name: 'node', labels: {}, ips: ['192.168.77.1'] }, family: 'IPv4' } as const;
      const host = kernelHost({ netns: lab.name('node') });
      const proxy = new NodeProxy({ mode: 'nftables', config, host, clock: wallClock });
      proxy.tracker.setService(
        service('lab', 'web', {
          type: 'NodePort',
          clusterIP: '10.96.0.10',
          ports: [{ port: 80, protocol: 'TCP', nodePort: 30_080 }],
        }),
      );
      proxy.tracker.setService(
        service('lab', 'gone', { clusterIP: '10.96.0.11', ports: [{ port: 80, protocol: 'TCP' }] }),
      );
      proxy.tracker.setSlice(slice('lab', 'web', [['', 8080, 'TCP']], [{ ip: lab.ips['p1']!, node: 'node' }]));
      await proxy.sync();
      expect(lab.ask('p3', 'tcp', '10.96.0.10', 80)).toEqual({ [`p1 ${lab.ips['p3']}`]: 1 });
      expect(lab.ask('p2', 'tcp', '10.96.0.10', 80)).toEqual({ timeout: 1 });
      expect(Object.keys(lab.ask('p1', 'tcp', '10.96.0.10', 80))[0]).toMatch(/^p1 /);
      // Masquerading comes behind the policies: they see who asks a node port, the pod does not.
      expect(Object.keys(lab.ask('ext', 'tcp', '192.168.77.1', 30_080))[0]).toMatch(/^p1 (?!192\.168\.77\.2$)/);
      load(locked);
      expect(lab.ask('ext', 'tcp', '192.168.77.1', 30_080)).toEqual({ timeout: 1 });
      load(policies);
      // A Service without endpoints refuses even whom a policy would not let out.
      expect(lab.ask('p2', 'tcp', '10.96.0.11', 80)).toEqual({ ECONNREFUSED: 1 });
    });
  });
});
