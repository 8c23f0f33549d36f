/** Objects as nobody should write them: each mode still writes rules that load. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../src/apimachinery/index.ts';
import { type ProxyMode, proxyModes, proxyScript } from '../../src/proxy/index.ts';
import { config, service, slice } from './objects.ts';

interface Input {
  readonly services: readonly KubeObject[];
  readonly endpointSlices: readonly KubeObject[];
}

const scriptOf = (mode: ProxyMode, input: Input) => proxyScript(mode, input, config);
const occurrences = (text: string, what: RegExp) => text.match(new RegExp(what, 'gm'))?.length ?? 0;

describe.each(proxyModes)('mode %s', (mode) => {
  it('has no rules for a Service without ports', () => {
    const bare = service('a', 'bare', { clusterIP: '172.30.0.77' });
    const empty = service('a', 'empty', { clusterIP: '172.30.0.78', ports: [] });
    const text = scriptOf(mode, { services: [bare, empty], endpointSlices: [] });
    expect(text).not.toMatch(/172\.30\.0\.7[78]/);
    expect(text).toBe(scriptOf(mode, { services: [], endpointSlices: [] }));
  });

  it('gives a node port that two Services claim to the first by name', () => {
    const one = (name: string, ip: string) =>
      service('a', name, { type: 'NodePort', clusterIP: ip, ports: [{ port: 80, nodePort: 30080 }] });
    const input = {
      services: [one('second', '172.30.0.2'), one('first', '172.30.0.1')],
      endpointSlices: ['first', 'second'].map((name, i) => slice('a', name, [['', 80]], [{ ip: `10.180.0.${i + 1}` }])),
    };
    const text = scriptOf(mode, input);
    if (mode === 'nftables') {
      expect(text.match(/service-nodeports \{ tcp \. 30080 : goto external-\S+a\/first/g)).toHaveLength(1);
      expect(occurrences(text, /^add element \S+ kube-proxy service-nodeports/)).toBe(1);
    } else if (mode === 'ipvs') {
      expect(occurrences(text, /^-A -t 192\.168\.0\.2:30080 /)).toBe(1);
      expect(text).toContain('-a -t 192.168.0.2:30080 -r 10.180.0.1:80 ');
    } else {
      const rules = text.split('\n').filter((line) => line.startsWith('-A KUBE-NODEPORTS') && line.includes('30080'));
      expect(rules.map((line) => /a\/\w+/.exec(line)?.[0])).toEqual(['a/first', 'a/second']);
    }
  });

  it('leaves out endpoints and addresses of the other family', () => {
    const wide = service('a', 'web', {
      clusterIPs: ['172.30.0.1', 'fd00::1'],
      clusterIP: '172.30.0.1',
      externalIPs: ['fd00::2', '192.0.2.7'],
      ports: [{ port: 80 }],
    });
    const mixed = slice('a', 'web', [['', 80]], [{ ip: '10.180.0.1' }, { ip: 'fd00::5' }, { ip: 'nonsense' }]);
    const text = scriptOf(mode, { services: [wide], endpointSlices: [mixed] });
    expect(text).toContain('10.180.0.1');
    expect(text).toContain('192.0.2.7');
    expect(text).not.toMatch(/fd00|nonsense/);
  });

  it('leaves out endpoints without an address or a port number', () => {
    const web = service('a', 'web', { clusterIP: '172.30.0.1', ports: [{ port: 80 }] });
    const base = slice('a', 'web', [['', 80]], [{ ip: '10.180.0.1' }]);
    const without = { ...base, endpoints: [{ addresses: [] }, ...base['endpoints']] };
    const zero = { ...base, ports: [{ name: '', port: 0 }, { name: '' }] };
    expect(scriptOf(mode, { services: [web], endpointSlices: [without] })).toContain('10.180.0.1');
    expect(scriptOf(mode, { services: [web], endpointSlices: [zero] })).not.toContain('10.180.0.1');
  });

  it('keeps names within what the kernel takes, and apart from one another', () => {
    const long = (end: string) => 'x'.repeat(62) + end;
    const spec = (ip: string) => ({
      type: 'LoadBalancer',
      clusterIP: ip,
      sessionAffinity: 'ClientIP',
      ports: [{ name: 'p'.repeat(15), port: 80, nodePort: 30080 + Number(ip.at(-1)) }],
    });
    const input = {
      services: ['a', 'b'].map((end, i) => service(long('n'), long(end), spec(`172.30.0.${i + 1}`))),
      endpointSlices: ['a', 'b'].map((end, i) =>
        slice(long('n'), long(end), [['p'.repeat(15), 80]], [{ ip: `10.180.0.${i + 1}` }]),
      ),
    };
    const text = scriptOf(mode, input);
    if (mode === 'nftables') {
      const names = [...text.matchAll(/^add (?:chain|set|map) \S+ kube-proxy (\S+)/gm)].map((found) => found[1]!);
      expect(Math.max(...names.map((name) => name.length))).toBeLessThanOrEqual(240);
      expect(new Set(names).size).toBe(names.length);
      expect(names.filter((name) => name.startsWith('endpoint-'))).toHaveLength(2);
    } else {
      const chains = [...text.matchAll(/^:(\S+) /gm)].map((found) => found[1]!);
      // XT_EXTENSION_MAXNAMELEN: a chain's name has at most 28 characters.
      expect(Math.max(...chains.map((name) => name.length))).toBeLessThanOrEqual(28);
      const comments = [...text.matchAll(/--comment ("[^"]*"|\S+)/g)].map((found) => found[1]!.length);
      // The comment match takes 255 characters.
      expect(Math.max(...comments)).toBeLessThanOrEqual(257);
    }
  });

  it('takes thousands of source ranges', () => {
    const ranges = Array.from({ length: 5000 }, (_, i) => `${20 + (i >> 12)}.${(i >> 4) & 255}.${(i & 15) * 16}.0/24`);
    const wide = service(
      'a',
      'web',
      { type: 'LoadBalancer', clusterIP: '172.30.0.1', loadBalancerSourceRanges: ranges, ports: [{ port: 80 }] },
      { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } },
    );
    const input = { services: [wide], endpointSlices: [slice('a', 'web', [['', 80]], [{ ip: '10.180.0.1' }])] };
    const text = scriptOf(mode, input);
    expect(new Set(ranges).size).toBe(5000);
    for (const range of [ranges[0]!, ranges[2500]!, ranges[4999]!]) expect(text).toContain(range);
  });

  it('writes the same text whatever the order of Services, slices, ports and endpoints', () => {
    const ip = fc.integer({ min: 1, max: 12 }).map((n) => `10.180.0.${n}`);
    const endpoint = fc.record({ ip, node: fc.constantFrom('test-node', 'other'), ready: fc.boolean() });
    const port = fc.record({ name: fc.constantFrom('a', 'b', 'c'), port: fc.integer({ min: 80, max: 85 }) });
    const one = fc.record({
      name: fc.constantFrom('s1', 's2', 's3', 's4'),
      type: fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer'),
      local: fc.boolean(),
      sticky: fc.boolean(),
      ports: fc.uniqueArray(port, { minLength: 1, selector: ({ name }) => name }),
      endpoints: fc.uniqueArray(endpoint, { selector: (found) => found.ip }),
    });
    const cluster = fc.uniqueArray(one, { selector: ({ name }) => name });
    fc.assert(
      fc.property(cluster, fc.integer(), (found, turn) => {
        const turned = <T>(list: readonly T[]): T[] => {
          const by = list.length === 0 ? 0 : Math.abs(turn) % list.length;
          return [...list.slice(by), ...list.slice(0, by)].reverse();
        };
        const build = (order: <T>(list: readonly T[]) => T[]): Input => ({
          services: order(found).map(({ name, type, local, sticky, ports }) =>
            service('ns', name, {
              type,
              clusterIP: `172.30.0.${name.at(-1)}`,
              externalTrafficPolicy: local ? 'Local' : 'Cluster',
              sessionAffinity: sticky ? 'ClientIP' : 'None',
              ports: order(ports).map((each) => ({
                ...each,
                ...(type !== 'ClusterIP' && { nodePort: 30_000 + Number(name.at(-1)) * 100 + each.port }),
              })),
            }),
          ),
          endpointSlices: order(found).map(({ name, ports, endpoints }) =>
            slice('ns', name, order(ports.map((each): [string, number] => [each.name, each.port])), order(endpoints)),
          ),
        });
        expect(scriptOf(mode, build(turned))).toBe(
          scriptOf(
            mode,
            build((list) => [...list]),
          ),
        );
      }),
      { numRuns: 60, seed: 1 },
    );
  });
});
