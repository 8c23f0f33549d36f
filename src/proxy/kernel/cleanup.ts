/**
 * Removes what kube-proxy made, in every mode, and nothing else. Upstream: pkg/proxy/{iptables,ipvs,nftables}/cleanup.go (1.36):
 * KUBE-FIREWALL and the kubelet's canaries are the kubelet's, and stay.
 */

import { comment, quoteToken } from '../../net/index.ts';
import { type ProxyConfig, resolveConfig } from '../config.ts';
import { iptablesRules } from '../iptables/rules.ts';
import { ipvsRules } from '../ipvs/rules.ts';
import { chainsInput, isServiceChain, nftChainsPerCommit, readSave } from '../sync/iptables-sync.ts';
import { findProgram, isNftBackend, type KernelHost, must, type Programs, programsOf } from './host.ts';
import { ProxyError } from './proxy-error.ts';

const families = ['IPv4', 'IPv6'] as const;
const kubelets = new Set(['KUBE-FIREWALL']);

function installed(program: string): boolean {
  try {
    findProgram(program);
    return true;
  } catch (error) {
    if (error instanceof ProxyError) return false;
    throw error;
  }
}

/** @returns a line for each thing removed. @throws ProxyError when something could not be. */
export async function cleanUp(
  host: KernelHost,
  backends: readonly ('nft' | 'legacy' | undefined)[] = [undefined],
): Promise<string[]> {
  const removed: string[] = [];
  for (const family of families) {
    if (installed('nft')) removed.push(...(await cleanNftables(host, family)));
    for (const backend of backends) {
      const programs = programsOf(family, backend);
      if (installed(programs.iptables)) removed.push(...(await cleanIptables(host, programs, family)));
    }
    // Rules refer to the sets: these go after them.
    if (installed('ipset')) removed.push(...(await cleanIpsets(host, family)));
  }
  if (installed('ip') && (await host.run('ip', ['link', 'show', 'kube-ipvs0'])).code === 0) {
    await must(host, 'ip', ['link', 'del', 'kube-ipvs0']);
    removed.push('device kube-ipvs0');
    // Upstream flushes the virtual servers too: they are of no use without the device.
    if (installed('ipvsadm')) await host.run('ipvsadm', ['-C']);
  }
  return removed;
}

async function cleanNftables(host: KernelHost, family: 'IPv4' | 'IPv6'): Promise<string[]> {
  const table = [family === 'IPv4' ? 'ip' : 'ip6', 'kube-proxy'];
  const { code, stdout } = await host.run('nft', ['list', 'tables']);
  if (code !== 0 || !stdout.split('\n').includes(`table ${table.join(' ')}`)) return [];
  await must(host, 'nft', ['delete', 'table', ...table]);
  return [`nftables table ${table.join(' ')}`];
}

async function cleanIptables(host: KernelHost, programs: Programs, family: 'IPv4' | 'IPv6'): Promise<string[]> {
  const config = resolveConfig({ family, node: { name: '', labels: {}, ips: [] } } satisfies ProxyConfig);
  const models = [iptablesRules([], config), ipvsRules([], config)];
  const fixed = new Set(
    models.flatMap(({ filter, nat }) =>
      [filter, nat].flatMap(({ name, chains }) => chains.map((chain) => `${name} ${chain}`)),
    ),
  );
  for (const table of ['filter', 'nat', 'mangle']) fixed.add(`${table} KUBE-PROXY-CANARY`);
  const save = (await must(host, programs.save, [])) ?? '';
  const ours = [...readSave(save).keys()].filter((at) => {
    const chain = at.slice(at.indexOf(' ') + 1);
    return !kubelets.has(chain) && (fixed.has(at) || (at.startsWith('nat ') && isServiceChain(chain)));
  });
  if (ours.length === 0) return [];
  const unlink = models
    .flatMap(({ jumps }) => jumps)
    .flatMap((jump) => {
      if (kubelets.has(jump.to)) return [];
      const words = [...jump.match, ...(jump.comment === '' ? [] : comment(jump.comment)), '-j', jump.to];
      // Until there is none: an interrupted load may have left two.
      return [
        `while ${programs.iptables} -w 5 -t ${jump.table} -D ${jump.from} ${words.map(quoteToken).join(' ')} 2>/dev/null; do :; done`,
      ];
    });
  await must(host, 'sh', ['-e'], `${unlink.join('\n')}\n`);
  const input = chainsInput(
    ours.map((at) => [at, undefined]),
    (await isNftBackend(host, programs)) ? nftChainsPerCommit : undefined,
  );
  await must(host, programs.restore, ['-w', '5', '--noflush', '--counters'], `${input.join('\n')}\n`);
  if (ours.includes('mangle KUBE-PROXY-CANARY')) {
    await must(host, programs.iptables, ['-w', '5', '-t', 'mangle', '-X', 'KUBE-PROXY-CANARY']);
  }
  return [`${ours.length} chains of ${programs.iptables}`];
}

async function cleanIpsets(host: KernelHost, family: 'IPv4' | 'IPv6'): Promise<string[]> {
  const config = resolveConfig({ family, node: { name: '', labels: {}, ips: [] } });
  const names = new Set(ipvsRules([], config).sets.map(({ name }) => name));
  const { stdout } = await host.run('ipset', ['list', '-n']);
  const ours = stdout.split('\n').filter((name) => names.has(name));
  if (ours.length === 0) return [];
  await must(host, 'ipset', ['restore'], `${ours.map((name) => `destroy ${name}`).join('\n')}\n`);
  return [`${ours.length} ipsets (${family})`];
}
