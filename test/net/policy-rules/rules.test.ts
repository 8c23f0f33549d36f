/** A node's policy rules, walked as the kernel walks them, say what networkPolicyVerdict says. */
import { describe, expect, it } from 'vitest';
import type { NetworkPolicy } from '../../../src/api/index.ts';
import { Prng } from '../../../src/base/index.ts';
import {
  NftWalk,
  networkPolicyVerdict,
  type PolicyConnection,
  type PolicyTable,
  type PolicyWorld,
  policyLines,
  policyRules,
  policyScript,
  policyUpdate,
  startBranch,
  stepsOf,
  type TracedPacket,
} from '../../../src/net/index.ts';
import { nodes, randomConnection, randomWorld } from './random-world.ts';

const machine = { isLocal: () => false, remembers: () => false, masqueradeAddress: () => '' };

/** Hooks that a packet passes on its way, node by node. */
function hooksOf({ from, to }: PolicyConnection): (readonly [node: string, hook: 'forward' | 'input' | 'output'])[] {
  const start = from.pod?.node ?? from.node;
  const end = to.pod?.node ?? to.node;
  const last = end === undefined ? [] : [[end, to.pod ? 'forward' : 'input'] as const];
  if (start === undefined) return last;
  if (from.pod === undefined) return [[start, 'output'], ...(start === end ? [] : last)];
  return start === end ? last : [[start, 'forward'], ...last];
}

function packetOf({ from, to, port, protocol }: PolicyConnection): TracedPacket {
  return {
    protocol: protocol.toLowerCase() as 'tcp',
    source: from.ip,
    sourcePort: 40_000,
    destination: to.ip,
    destinationPort: port,
    mark: 0,
    state: 'NEW',
    translated: false,
  };
}

function walked(tables: ReadonlyMap<string, NftWalk>, connection: PolicyConnection) {
  let branch = startBranch(packetOf(connection));
  for (const [node, hook] of hooksOf(connection)) {
    [branch] = tables.get(node)!.run([branch], hook) as [typeof branch];
    if (branch.verdict) break;
  }
  return branch;
}

const tablesOf = (world: PolicyWorld) =>
  new Map(nodes.map(({ name }) => [name, new NftWalk(policyRules(world, name), machine)]));

const sourceOf = ({ policies, namespaceLabels }: PolicyWorld) => ({
  policies: (namespace: string) => policies.filter(({ metadata }) => metadata?.namespace === namespace),
  namespaceLabels,
});

const rulesText = (table: PolicyTable) => table.rules.map(({ chain, rule }) => `${chain}: ${rule}`);

const small: PolicyWorld = {
  pods: [
    {
      namespace: 'shop',
      name: 'web',
      labels: { app: 'web' },
      ips: ['10.244.0.5', 'fd00:10::5'],
      namedPorts: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      node: 'n1',
    },
    { namespace: 'shop', name: 'db', labels: { app: 'db' }, ips: ['10.244.1.6'], namedPorts: [], node: 'n2' },
  ],
  namespaceLabels: () => ({}),
  policies: [
    {
      metadata: { namespace: 'shop', name: 'web' },
      spec: {
        podSelector: { matchLabels: { app: 'web' } },
        ingress: [
          {
            from: [
              { podSelector: { matchLabels: { app: 'db' } } },
              { ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16', '10.1.2.0/24', '10.2.0.0/16'] } },
              { ipBlock: { cidr: '0.0.0.0/0' } },
            ],
            ports: [
              { port: 'http' },
              { port: 443 },
              { port: 8000, endPort: 8010 },
              { port: 8011 },
              { protocol: 'UDP' },
            ],
          },
        ],
      },
    } as unknown as NetworkPolicy,
  ],
};

describe('policy rules', () => {
  it('say what the policies say, for thousands of random connections', () => {
    const prng = new Prng('policy-rules');
    const seen = { allowed: 0, denied: 0, six: 0 };
    for (let i = 0; i < 400; i++) {
      const world = randomWorld(prng);
      const tables = tablesOf(world);
      for (let j = 0; j < 25; j++) {
        const connection = randomConnection(prng, world);
        const verdict = networkPolicyVerdict(sourceOf(world), connection);
        const branch = walked(tables, connection);
        const told = () => JSON.stringify({ connection, verdict, steps: stepsOf(branch), ...world }, null, 1);
        if ((branch.verdict === undefined) !== verdict.allowed) expect.fail(`they disagree: ${told()}`);
        seen[verdict.allowed ? 'allowed' : 'denied']++;
        if (connection.from.ip.includes(':')) seen.six++;
      }
    }
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(1500);
  });

  it('let every answer pass, whoever may open a connection', () => {
    const prng = new Prng('answers');
    for (let i = 0; i < 50; i++) {
      const world = randomWorld(prng);
      const tables = tablesOf(world);
      const connection = randomConnection(prng, world);
      for (const [node, hook] of hooksOf(connection)) {
        const packet = { ...packetOf(connection), state: 'ESTABLISHED' as const };
        expect(tables.get(node)!.run([startBranch(packet)], hook)[0]!.verdict).toBeUndefined();
      }
    }
  });

  it('read as the policy does: one rule a peer and protocol, neighbours and holes merged as nft keeps them', () => {
    const table = policyRules(small, 'n1');
    const chain = table.chains.find(({ name }) => /^policy-ingress/.test(name))!.name;
    const set = table.sets.find(({ name }) => name.startsWith('pods-'))!.name;
    const named = table.sets.find(({ name }) => name.startsWith('port-') && name.endsWith('-4'))!.name;
    const rules = table.rules.filter((rule) => rule.chain === chain).map(({ rule }) => rule);
    const block = 'ip saddr 10.0.0.0/8 ip saddr != { 10.1.0.0/16, 10.2.0.0/16 }';
    const each = (peer: string) => [
      `${peer} tcp dport { 443, 8000-8011 } accept`,
      `${peer} meta l4proto udp accept`,
      `${peer} ip daddr . meta l4proto . th dport @${named} accept`,
    ];
    expect(rules.filter((rule) => !rule.startsWith('meta nfproto'))).toEqual([
      ...each(`ip saddr @${set}`),
      ...each(block),
    ]);
    // Any address: the family says it all. A named port has elements of both families.
    expect(rules).toContain('meta nfproto ipv4 meta l4proto udp accept');
    expect(table.elements).toContainEqual({ set: named, key: ['10.244.0.5', 'tcp', '8080'], comment: 'shop/web' });
  });

  it('name the policy, its rule and peer beside each rule, and drop at the end of a pod’s chain', () => {
    const table = policyRules(small, 'n1');
    expect(table.rules.find(({ rule }) => rule.includes('@pods-'))).toMatchObject({
      comment: 'shop/web ingress[0].from[0]',
      why: 'Allowed: from pods with app=db of namespace shop, TCP port 443, 8000-8011.',
    });
    expect(
      rulesText(table)
        .filter((text) => text.startsWith('pod-ingress'))
        .at(-1),
    ).toMatch(/: counter drop$/);
  });

  it('are of the node’s own pods only; a node without isolated pods has empty maps', () => {
    const table = policyRules(small, 'n2');
    expect(table.elements).toEqual([]);
    expect(table.chains.map(({ name }) => name)).toEqual(['forward-egress', 'input-egress', 'forward-ingress']);
  });

  it('are the same text for the same world, in whatever order it is read', () => {
    const world = randomWorld(new Prng('order'));
    const turned = { ...world, pods: [...world.pods].reverse(), policies: [...world.policies].reverse() };
    const options = { node: 'n1' };
    expect(policyScript(policyRules(turned, 'n1'), options)).toBe(policyScript(policyRules(world, 'n1'), options));
  });

  it('have a sentence for every chain, set and rule', () => {
    for (const { line, explanation } of policyLines(policyRules(small, 'n1'))) {
      if (!line.startsWith('add element')) expect(explanation, line).toMatch(/^\p{Lu}.*\.$/u);
    }
    const script = policyScript(policyRules(small, 'n1'), { node: 'n1', explain: true });
    expect(script).toContain('# How to read this');
    const bare = (text: string) => text.split('\n').filter((line) => !line.startsWith('#'));
    expect(bare(script)).toEqual(bare(policyScript(policyRules(small, 'n1'), { node: 'n1' })));
  });

  it('keep names and comments within what nft takes', () => {
    const long = { ...small.pods[0]!, name: 'w'.repeat(253), namespace: 'n'.repeat(63) };
    const policy = structuredClone(small.policies[0]!) as NetworkPolicy;
    Object.assign(policy.metadata!, { name: 'p'.repeat(253), namespace: long.namespace });
    const table = policyRules({ ...small, pods: [long], policies: [policy] }, 'n1');
    for (const { name } of [...table.chains, ...table.sets]) expect(name.length).toBeLessThan(256);
    for (const { comment = '' } of [...table.rules, ...table.elements]) expect(comment.length).toBeLessThan(128);
  });
});

/** What a kernel has after the commands, as far as they matter here. @throws where nft would refuse. */
function applied(before: PolicyTable, commands: readonly string[]): Record<string, unknown> {
  const state = stateOf(before);
  const { chains, sets } = state;
  for (const command of commands) {
    const [, verb, kind, name = '', rest = ''] = /^(\w+) (\w+) inet klab-policies (\S+) ?(.*)$/s.exec(command)!;
    const at = `${verb} ${kind}`;
    if (at === 'add chain') chains[name] = [];
    else if (at === 'add rule') {
      const target = /jump (\S+)/.exec(rest)?.[1];
      if (target !== undefined && !chains[target]) throw new Error(`no chain ${target}`);
      chains[name]!.push(rest);
    } else if (at === 'flush chain') chains[name] = [];
    else if (at === 'delete chain') {
      const used = [...Object.values(chains).flat(), ...Object.values(sets).flat()].some((text) => text.includes(name));
      if (used || chains[name]!.length > 0) throw new Error(`chain ${name} is in use`);
      delete chains[name];
    } else if (at === 'add set' || at === 'add map') sets[name] = [];
    else if (at === 'delete set' || at === 'delete map') {
      if (Object.values(chains).some((rules) => rules.some((text) => text.includes(`@${name} `)))) {
        throw new Error(`set ${name} is in use`);
      }
      delete sets[name];
    } else if (at === 'add element') sets[name] = [...sets[name]!, rest.slice(2, -2)].sort();
    else if (at === 'delete element') {
      const key = rest.slice(2, -2);
      const left = sets[name]!.filter((text) => text !== key && !text.startsWith(`${key} comment`));
      if (left.length !== sets[name]!.length - 1) throw new Error(`no element ${key}`);
      sets[name] = left;
    } else throw new Error(`unknown: ${command}`);
  }
  return state;
}

function stateOf({ chains, rules, sets, elements }: PolicyTable) {
  const quoted = (comment: string | undefined) => (comment === undefined ? '' : ` comment "${comment}"`);
  const inSet = (name: string) =>
    elements
      .filter(({ set }) => set === name)
      .map(
        ({ key, comment, value }) => `${key.join(' . ')}${quoted(comment)}${value === undefined ? '' : ` : ${value}`}`,
      )
      .sort();
  const inChain = (name: string) =>
    rules.filter(({ chain }) => chain === name).map(({ rule, comment }) => `${rule}${quoted(comment)}`);
  return {
    chains: Object.fromEntries(chains.map(({ name }) => [name, inChain(name)])) as Record<string, string[]>,
    sets: Object.fromEntries(sets.map(({ name }) => [name, inSet(name)])) as Record<string, string[]>,
  };
}

describe('updates of policy rules', () => {
  it('leave what a full load leaves, after any change', () => {
    const prng = new Prng('updates');
    let before = policyRules(randomWorld(prng), 'n1');
    for (let i = 0; i < 200; i++) {
      const next = policyRules(randomWorld(prng), 'n1');
      expect(applied(before, policyUpdate(before, next))).toEqual(stateOf(next));
      before = next;
    }
  });

  it('are nothing when nothing changed, and little when one pod got another address', () => {
    const before = policyRules(small, 'n1');
    expect(policyUpdate(before, policyRules(small, 'n1'))).toEqual([]);
    const moved = small.pods.map((pod) => (pod.name === 'db' ? { ...pod, ips: ['10.244.1.7'] } : pod));
    expect(policyUpdate(before, policyRules({ ...small, pods: moved }, 'n1'))).toHaveLength(2);
  });
});
