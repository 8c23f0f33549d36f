import { describe, expect, it } from 'vitest';
import type { NetworkPolicy } from '../../src/api/index.ts';
import { explainVerdict, networkPolicyVerdict, type PolicyEnd, type PolicySource } from '../../src/net/index.ts';

const namespaces: Record<string, Record<string, string>> = {
  shop: { team: 'shop', 'kubernetes.io/metadata.name': 'shop' },
  ops: { team: 'ops', 'kubernetes.io/metadata.name': 'ops' },
};
const pod = (
  namespace: string,
  name: string,
  ip: string,
  more: Partial<NonNullable<PolicyEnd['pod']>> = {},
): PolicyEnd => ({
  ip,
  pod: { namespace, name, labels: { app: name }, node: 'node-1', ...more },
});
const web = pod('shop', 'web', '10.244.0.5', { namedPorts: [{ name: 'http', port: 8080, protocol: 'TCP' }] });
const db = pod('shop', 'db', '10.244.1.6', { node: 'node-2' });
const monitor = pod('ops', 'monitor', '10.244.2.7');
const outside: PolicyEnd = { ip: '203.0.113.9' };
const node1: PolicyEnd = { ip: '10.0.0.1', node: 'node-1' };
const node2: PolicyEnd = { ip: '10.0.0.2', node: 'node-2' };

function policy(name: string, spec: NetworkPolicy['spec'], namespace = 'shop'): NetworkPolicy {
  return { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name, namespace }, spec };
}

function ask(policies: readonly NetworkPolicy[], from: PolicyEnd, to: PolicyEnd, port = 8080, protocol = 'TCP') {
  const source: PolicySource = {
    policies: (namespace) => policies.filter(({ metadata }) => metadata.namespace === namespace),
    namespaceLabels: (name) => namespaces[name] ?? {},
  };
  return networkPolicyVerdict(source, { from, to, port, protocol });
}

const selectWeb = { matchLabels: { app: 'web' } };
const denyWeb = policy('deny', { podSelector: selectWeb });
const rule = (ingress: NonNullable<NonNullable<NetworkPolicy['spec']>['ingress']>) =>
  policy('rule', { podSelector: selectWeb, ingress });

describe('network policies', () => {
  it('say nothing of pods that none selects', () => {
    expect(ask([], db, web).allowed).toBe(true);
    expect(ask([policy('other', { podSelector: { matchLabels: { app: 'other' } } })], db, web).allowed).toBe(true);
    expect(ask([policy('elsewhere', { podSelector: {} }, 'ops')], db, web).allowed).toBe(true);
  });

  it('isolate the pods they select, for the directions they name', () => {
    expect(ask([denyWeb], db, web)).toMatchObject({
      allowed: false,
      ingress: { allowed: false, isolatedBy: ['shop/deny'] },
      egress: { allowed: true, isolatedBy: [] },
    });
    expect(ask([denyWeb], web, db).allowed).toBe(true);
    const egress = policy('egress', { podSelector: selectWeb, policyTypes: ['Egress'] });
    expect(ask([egress], web, db)).toMatchObject({ allowed: false, egress: { allowed: false } });
    expect(ask([egress], db, web).allowed).toBe(true);
    const both = policy('both', { podSelector: selectWeb, egress: [{ to: [{ podSelector: {} }] }] });
    expect(ask([both], db, web).allowed).toBe(false);
    expect(ask([both], web, db).allowed).toBe(true);
  });

  it.each([
    ['an empty rule', [{}], outside, true],
    ['no rule', [], db, false],
    ['pods of the own namespace', [{ from: [{ podSelector: { matchLabels: { app: 'db' } } }] }], db, true],
    [
      'pods of the own namespace only',
      [{ from: [{ podSelector: { matchLabels: { app: 'monitor' } } }] }],
      monitor,
      false,
    ],
    ['a namespace', [{ from: [{ namespaceSelector: { matchLabels: { team: 'ops' } } }] }], monitor, true],
    ['a namespace, not that one', [{ from: [{ namespaceSelector: { matchLabels: { team: 'ops' } } }] }], db, false],
    ['all namespaces', [{ from: [{ namespaceSelector: {} }] }], monitor, true],
    [
      'both in one peer: and',
      [
        {
          from: [{ namespaceSelector: { matchLabels: { team: 'ops' } }, podSelector: { matchLabels: { app: 'db' } } }],
        },
      ],
      monitor,
      false,
    ],
    [
      'each in a peer of its own: or',
      [
        {
          from: [
            { namespaceSelector: { matchLabels: { team: 'ops' } } },
            { podSelector: { matchLabels: { app: 'db' } } },
          ],
        },
      ],
      monitor,
      true,
    ],
    ['a block of addresses', [{ from: [{ ipBlock: { cidr: '203.0.113.0/24' } }] }], outside, true],
    [
      'a block with a hole',
      [{ from: [{ ipBlock: { cidr: '203.0.113.0/24', except: ['203.0.113.8/29'] } }] }],
      outside,
      false,
    ],
    ['a block of the other family', [{ from: [{ ipBlock: { cidr: '2001:db8::/32' } }] }], outside, false],
    ['selectors do not select what is no pod', [{ from: [{ namespaceSelector: {} }] }], outside, false],
    ['a port', [{ ports: [{ port: 8080 }] }], db, true],
    ['another port', [{ ports: [{ port: 80 }] }], db, false],
    ['a port of another protocol', [{ ports: [{ port: 8080, protocol: 'UDP' as const }] }], db, false],
    ['all ports of a protocol', [{ ports: [{ protocol: 'TCP' as const }] }], db, true],
    ['a range of ports', [{ ports: [{ port: 8000, endPort: 8100 }] }], db, true],
    ['a range that ends before', [{ ports: [{ port: 8000, endPort: 8079 }] }], db, false],
    ['a named port of the destination', [{ ports: [{ port: 'http' }] }], db, true],
    ['a name the destination has not', [{ ports: [{ port: 'metrics' }] }], db, false],
    [
      'peer and port of different rules',
      [
        { from: [{ podSelector: {} }], ports: [{ port: 1 }] },
        { from: [], ports: [{ port: 1 }] },
      ],
      db,
      false,
    ],
  ] as const)('rules: %s', (_, ingress, from, allowed) => {
    expect(ask([rule(structuredClone(ingress) as never)], from, web).allowed).toBe(allowed);
  });

  it('add up: what one allows no other takes away', () => {
    const allow = rule([{ from: [{ podSelector: {} }] }]);
    const verdict = ask([denyWeb, allow], db, web);
    expect(verdict).toMatchObject({
      allowed: true,
      ingress: { isolatedBy: ['shop/deny', 'shop/rule'], by: { policy: 'shop/rule', rule: 0, peer: 0 } },
    });
    expect(explainVerdict(verdict)).toBe('allowed by shop/rule ingress[0]');
  });

  it('need both ends to agree', () => {
    const out = policy('out', {
      podSelector: { matchLabels: { app: 'db' } },
      policyTypes: ['Egress'],
      egress: [{ ports: [{ port: 8080 }] }],
    });
    expect(ask([out], db, web).allowed).toBe(true);
    expect(ask([out, denyWeb], db, web).allowed).toBe(false);
    expect(ask([out], db, web, 9090).allowed).toBe(false);
  });

  it('never keep a pod from itself, nor from its own node', () => {
    expect(ask([denyWeb], web, web)).toMatchObject({ allowed: true, exempt: 'itself' });
    expect(ask([denyWeb], node1, web)).toMatchObject({ allowed: true, exempt: 'own node' });
    expect(ask([denyWeb], node2, web).allowed).toBe(false);
  });

  it('are explained in one sentence', () => {
    expect(explainVerdict(ask([], db, web))).toBe('allowed: no policy selects either end');
    expect(explainVerdict(ask([denyWeb], db, web))).toBe(
      'denied: shop/deny isolates the destination for ingress and no rule allows this',
    );
  });
});
