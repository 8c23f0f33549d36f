import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  annotatedScript,
  compareRuleSets,
  expectedRules,
  explainScript,
  ipsetRestoreInput,
  ipvsRules,
  proxyScript,
  readDump,
  resolveConfig,
  servicePorts,
} from '../../src/proxy/index.ts';
import { canMakeNamespaces, missing } from '../helpers/real.ts';
import { config, everything, service, slice } from '../proxy/objects.ts';

const able = missing('iptables-nft', 'iptables-legacy', 'nft', 'ipset', 'unshare').length === 0 && canMakeNamespaces();
const folder = mkdtempSync(join(tmpdir(), 'klab-rules-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a script in a network namespace of its own, then prints what the kernel holds. */
function inNamespace(script: string): string {
  return execFileSync('unshare', ['-n', 'sh', '-ec', script], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

describe.skipIf(!able)('rules in a real kernel', () => {
  for (const backend of ['nft', 'legacy']) {
    it(`iptables-${backend} loads the script twice and keeps one copy`, () => {
      const file = join(folder, `iptables-${backend}.sh`);
      const script = proxyScript('iptables', everything, config)
        .replaceAll('iptables-restore', `iptables-${backend}-restore`)
        .replaceAll(/\biptables -w/g, `iptables-${backend} -w`);
      writeFileSync(file, script);
      const once = inNamespace(`sh ${file}; iptables-${backend}-save -t nat`);
      expect(once).toContain('-j DNAT --to-destination 10.180.0.1:80');
      expect(once).toContain('-m statistic --mode random --probability 0.33333333');
      expect(once).toMatch(/-A PREROUTING .*-j KUBE-SERVICES/);
      const twice = inNamespace(`sh ${file}; sh ${file}; iptables-${backend}-save -t nat`);
      const rules = (text: string) => text.split('\n').filter((line) => line.startsWith('-A'));
      expect(rules(twice)).toEqual(rules(once));
    });
  }

  it('nft loads the table, twice', () => {
    const file = join(folder, 'rules.nft');
    writeFileSync(file, proxyScript('nftables', everything, config));
    const listed = inNamespace(`nft -f ${file}; nft -f ${file}; nft list table ip kube-proxy`);
    expect(listed).toContain('numgen random mod 1 map { 0 : 10.180.0.1 . 80 }');
    expect(listed).toContain('masquerade fully-random');
  });

  it('ipset restores every set', () => {
    const resolved = resolveConfig(config);
    const rules = ipvsRules(
      servicePorts(everything.services, everything.endpointSlices, 'IPv4', config.node),
      resolved,
    );
    const file = join(folder, 'sets');
    writeFileSync(file, ipsetRestoreInput(rules, resolved));
    const saved = inNamespace(`ipset restore < ${file}; ipset save`);
    for (const set of rules.sets) expect(saved).toContain(`create ${set.name} ${set.type} `);
    expect(saved).toContain('add KUBE-LOAD-BALANCER-SOURCE-CIDR 1.2.3.4,tcp:80,203.0.113.0/25');
  });
});

describe.skipIf(!able)('what loads, besides the plain rules', () => {
  const load = (mode: 'iptables' | 'nftables', script: string, then: string) => {
    const file = join(folder, 'more');
    writeFileSync(file, script);
    return inNamespace(`${mode === 'iptables' ? 'sh' : 'nft -f'} ${file}; ${then}`);
  };
  const ports = servicePorts(everything.services, everything.endpointSlices, 'IPv4', config.node);
  const kept = { iptables: 'iptables-save', nftables: 'nft list ruleset' } as const;
  const stable = (saved: string) => saved.replaceAll(/^#.*\n/gm, '').replaceAll(/\[\d+:\d+\]/g, '');

  it.each(['iptables', 'nftables'] as const)('explained rules, in mode %s', (mode) => {
    const script = proxyScript(mode, everything, config);
    const explained = annotatedScript(explainScript(script, ports));
    expect(explained.length).toBeGreaterThan(script.length * 1.5);
    expect(stable(load(mode, explained, kept[mode]))).toBe(stable(load(mode, script, kept[mode])));
  });

  it('sets with their sentences', () => {
    const lines = explainScript(proxyScript('ipvs', everything, config), ports);
    const start = lines.findIndex(({ line }) => line === "ipset restore <<'SETS'");
    const end = lines.findIndex(({ line }) => line === 'SETS');
    const text = annotatedScript(lines.slice(start, end + 1));
    expect(text).toContain('# Cluster IPs with their ports.');
    const file = join(folder, 'explained-sets.sh');
    writeFileSync(file, text);
    expect(inNamespace(`sh ${file}; ipset save`)).toContain('add KUBE-CLUSTER-IP 172.30.0.41,tcp:80');
  });

  it.each([
    { by: 'interface', name: 'cbr0' },
    { by: 'interface-prefix', prefix: 'veth' },
  ] as const)('local traffic told by %o', (localDetector) => {
    for (const mode of ['iptables', 'nftables'] as const) {
      const saved = load(mode, proxyScript(mode, everything, { ...config, localDetector }), kept[mode]);
      expect(saved).toMatch(/(! -i|iifname !=) "?(cbr0|veth[+*])/);
    }
  });

  it('source ranges that lie in one another, and two thousand of them', () => {
    const [, balanced, ...rest] = everything.services;
    const ranges = ['10.0.0.0/8', '10.1.0.0/16', '10.1.0.0/16'];
    for (let i = 0; i < 2000; i++) ranges.push(`20.${i >> 7}.${(i & 127) * 2}.0/24`);
    const wide = { ...balanced!, spec: { ...balanced!['spec'], loadBalancerSourceRanges: ranges } };
    const input = { ...everything, services: [wide, ...rest] };
    for (const mode of ['iptables', 'nftables'] as const) {
      expect(load(mode, proxyScript(mode, input, config), kept[mode])).toContain('20.15.158.0/24');
    }
  });

  it('names at their longest', () => {
    const long = (letter: string) => letter.repeat(63);
    const spec = { clusterIP: '172.30.0.9', sessionAffinity: 'ClientIP', ports: [{ name: 'p'.repeat(15), port: 80 }] };
    const input = {
      services: [service(long('n'), long('s'), spec)],
      endpointSlices: [slice(long('n'), long('s'), [['p'.repeat(15), 80]], [{ ip: '10.180.0.1' }])],
    };
    for (const mode of ['iptables', 'nftables'] as const) {
      expect(load(mode, proxyScript(mode, input, config), kept[mode])).toContain('10.180.0.1');
    }
  });

  it('nothing is missing or too much in what the kernel holds afterwards', () => {
    const six: typeof config = {
      ...config,
      family: 'IPv6',
      node: { ...config.node, ips: ['fd00:1::2'] },
      clusterCIDR: 'fd00:2::/64',
      serviceCIDRs: ['fd00:3::/112'],
    };
    const dual = {
      services: [
        service(
          'a',
          'web',
          {
            type: 'LoadBalancer',
            clusterIP: 'fd00:3::1',
            loadBalancerSourceRanges: ['2001:db8::/33', '2001:db8:8000::/33', 'fd00:1::/64'],
            sessionAffinity: 'ClientIP',
            ports: [{ name: 'p', port: 80, nodePort: 30080 }],
          },
          { loadBalancer: { ingress: [{ ip: 'fd00:4::1' }] } },
        ),
      ],
      endpointSlices: [
        { ...slice('a', 'web', [['p', 8080]], [{ ip: 'fd00:2::5', node: 'test-node' }]), addressType: 'IPv6' },
      ],
    };
    for (const [input, settings] of [
      [everything, config],
      [dual, six],
    ] as const) {
      const save = settings.family === 'IPv4' ? 'iptables-save' : 'ip6tables-save';
      const differences = (mode: 'iptables' | 'nftables' | 'userspace') => {
        const nft = mode === 'nftables';
        const kind = nft ? 'nft list ruleset' : 'iptables-save';
        const saved = load(nft ? 'nftables' : 'iptables', proxyScript(mode, input, settings), nft ? kind : save);
        return compareRuleSets(expectedRules(mode, input, settings, kind), readDump(saved, kind, settings.family));
      };
      for (const mode of ['iptables', 'nftables', 'userspace'] as const) expect(differences(mode), mode).toEqual([]);
    }
  });
});
