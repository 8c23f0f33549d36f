/** One loader a mode: what surrounds the transactions, and how one sees that somebody else has removed the rules. */
import type { Jump } from '../../net/index.ts';
import type { ProxyConfig } from '../config.ts';
import { timeoutArguments } from '../ipvs/script.ts';
import { jumpCommands } from '../jump-commands.ts';
import { type ProxyMode, withModeDefaults } from '../modes.ts';
import { IptablesSync, nftChainsPerCommit, readSave } from '../sync/iptables-sync.ts';
import { IpvsSync } from '../sync/ipvs-sync.ts';
import { NftablesSync } from '../sync/nftables-sync.ts';
import type { RuleSync } from '../sync/rule-sync.ts';
import type { RuleTransaction } from '../sync/transaction.ts';
import { isNftBackend, type KernelHost, load, must, type Programs, said } from './host.ts';
import { ProxyError } from './proxy-error.ts';

export interface RuleLoader {
  readonly sync: RuleSync;
  /** Everything, over whatever stands. */
  loadAll(): Promise<void>;
  /** False when the rules are gone, as after `iptables -F`. */
  standing(): Promise<boolean>;
  /** What `loadAll` feeds to the loaders of an empty namespace. */
  preview(): RuleTransaction;
}

/** Chains that only say, by being there, that nobody has flushed the tables. Upstream: iptables.Monitor. */
const canary = 'KUBE-PROXY-CANARY';
const canaryTables = ['mangle', 'nat', 'filter'] as const;

async function ensureJumps(host: KernelHost, programs: Programs, jumps: readonly Jump[]): Promise<void> {
  const canaries = canaryTables.map(
    (table) => `${programs.iptables} -w 5 -t ${table} -N ${canary} 2>/dev/null || true`,
  );
  await must(host, 'sh', ['-e'], [...jumpCommands(jumps, programs.iptables), ...canaries, ''].join('\n'));
}

async function canariesStand(host: KernelHost, programs: Programs): Promise<boolean> {
  for (const table of canaryTables) {
    const { code } = await host.run(programs.iptables, ['-w', '5', '-t', table, '-S', canary, '1']);
    if (code !== 0) return false;
  }
  return true;
}

/** What the modes' loaders have in common. */
abstract class KernelLoader<S extends RuleSync> implements RuleLoader {
  readonly sync: S;
  protected readonly host: KernelHost;
  protected readonly programs: Programs;

  constructor(host: KernelHost, programs: Programs, sync: S) {
    this.host = host;
    this.programs = programs;
    this.sync = sync;
  }

  async loadAll(): Promise<void> {
    for (const [key, value] of Object.entries(this.sync.config.conntrackSysctls)) await sysctl(this.host, key, value);
    await this.loadRules();
  }

  protected abstract loadRules(): Promise<void>;

  standing(): Promise<boolean> {
    return canariesStand(this.host, this.programs);
  }

  preview(): RuleTransaction {
    return this.sync.full();
  }
}

class IptablesLoader extends KernelLoader<IptablesSync> {
  constructor(host: KernelHost, programs: Programs, config: ProxyConfig) {
    super(host, programs, new IptablesSync(withModeDefaults('iptables', config)));
  }

  protected override async loadRules(): Promise<void> {
    const { localhostNodePorts, family } = this.sync.config;
    if (localhostNodePorts && family === 'IPv4') await sysctl(this.host, 'net/ipv4/conf/all/route_localnet', '1');
    await ensureJumps(this.host, this.programs, this.sync.jumps);
    if (await isNftBackend(this.host, this.programs)) this.sync.chainsPerCommit = nftChainsPerCommit;
    const saved = [];
    for (const table of ['filter', 'nat']) saved.push(await must(this.host, this.programs.save, ['-t', table]));
    await load(this.host, this.programs, this.sync.full(readSave(saved.join('\n'))));
  }
}

class NftablesLoader extends KernelLoader<NftablesSync> {
  constructor(host: KernelHost, programs: Programs, config: ProxyConfig) {
    super(host, programs, new NftablesSync(withModeDefaults('nftables', config)));
  }

  protected override loadRules(): Promise<void> {
    return load(this.host, this.programs, this.sync.full());
  }

  override async standing(): Promise<boolean> {
    const { code } = await this.host.run('nft', ['list', 'chain', ...this.sync.table.split(' '), 'services']);
    return code === 0;
  }
}

/** Upstream: the same, with --ipvs-strict-arp. */
const strictArpSysctls = { 'net/ipv4/conf/all/arp_ignore': '1', 'net/ipv4/conf/all/arp_announce': '2' } as const;

/** What ipvs mode asks of the kernel. Upstream: pkg/proxy/ipvs/proxier.go NewProxier. */
const ipvsSysctls = {
  'net/ipv4/vs/conntrack': '1',
  'net/ipv4/vs/conn_reuse_mode': '0',
  'net/ipv4/vs/expire_nodest_conn': '1',
  'net/ipv4/vs/expire_quiescent_template': '1',
  'net/ipv4/ip_forward': '1',
} as const;

class IpvsLoader extends KernelLoader<IpvsSync> {
  constructor(host: KernelHost, programs: Programs, config: ProxyConfig) {
    super(host, programs, new IpvsSync(withModeDefaults('ipvs', config)));
  }

  protected override async loadRules(): Promise<void> {
    const probe = await this.host.run('ipvsadm', ['-L', '-n']);
    if (probe.code !== 0)
      throw new ProxyError('NotSupported', `this kernel has no IPVS (module ip_vs): ${said(probe)}`);
    const { ipvsStrictARP, ipvsTimeouts, ipvsExcludeCIDRs } = this.sync.config;
    const wanted = { ...ipvsSysctls, ...(ipvsStrictARP && strictArpSysctls) };
    for (const [key, value] of Object.entries(wanted)) await sysctl(this.host, key, value);
    if (ipvsTimeouts) await must(this.host, 'ipvsadm', timeoutArguments(ipvsTimeouts));
    const device = await this.host.run('ip', ['link', 'show', 'kube-ipvs0']);
    if (device.code !== 0) await must(this.host, 'ip', ['link', 'add', 'kube-ipvs0', 'type', 'dummy']);
    const standing = ipvsExcludeCIDRs.length === 0 ? undefined : await must(this.host, 'ipvsadm', ['-S', '-n']);
    await load(this.host, this.programs, this.sync.full(standing));
    // The jumps come last: the chains refer to sets, which must be there.
    await ensureJumps(this.host, this.programs, this.sync.jumps);
  }
}

async function sysctl(host: KernelHost, key: string, value: string): Promise<void> {
  await must(host, 'sh', ['-c', `test "$(cat /proc/sys/${key})" = ${value} || echo ${value} > /proc/sys/${key}`]);
}

/** One line a mode. */
export const ruleLoaders: Readonly<
  Record<ProxyMode, new (host: KernelHost, programs: Programs, config: ProxyConfig) => RuleLoader>
> = { iptables: IptablesLoader, ipvs: IpvsLoader, nftables: NftablesLoader };
