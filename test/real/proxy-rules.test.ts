import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ipsetRestoreInput, ipvsRules, proxyScript, resolveConfig, servicePorts } from '../../src/proxy/index.ts';
import { canMakeNamespaces, missing } from '../helpers/real.ts';
import { config, everything } from '../proxy/objects.ts';

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
