/** One loader a mode: what surrounds the transactions, and how one sees that somebody else has removed the rules. */
import type { Jump } from '../../net/index.ts';
import type { ProxyConfig } from '../config.ts';
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

class IptablesLoader implements RuleLoader {
  readonly sync: IptablesSync;
  readonly #host: KernelHost;
  readonly #programs: Programs;

  constructor(host: KernelHost, programs: Programs, config: ProxyConfig) {
    this.#host = host;
    this.#programs = programs;
    this.sync = new IptablesSync(withModeDefaults('iptables', config));
  }

  async loadAll(): Promise<void> {
    const { localhostNodePorts, family } = this.sync.config;
    if (localhostNodePorts && family === 'IPv4') await sysctl(this.#host, 'net/ipv4/conf/all/route_localnet', '1');
    await ensureJumps(this.#host, this.#programs, this.sync.jumps);
    if (await isNftBackend(this.#host, this.#programs)) this.sync.chainsPerCommit = nftChainsPerCommit;
    const saved = [];
    for (const table of ['filter', 'nat']) saved.push(await must(this.#host, this.#programs.save, ['-t', table]));
    await load(this.#host, this.#programs, this.sync.full(readSave(saved.join('\n'))));
  }

  standing(): Promise<boolean> {
    return canariesStand(this.#host, this.#programs);
  }

  preview(): RuleTransaction {
    return this.sync.full();
  }
}

class NftablesLoader implements RuleLoader {
  readonly sync: NftablesSync;
  readonly #host: KernelHost;
  readonly #programs: Programs;

  constructor(host: KernelHost, programs: Programs, config: ProxyConfig) {
    this.#host = host;
    this.#programs = programs;
    this.sync = new NftablesSync(withModeDefaults('nftables', config));
  }

  loadAll(): Promise<void> {
    return load(this.#host, this.#programs, this.sync.full());
  }

  async standing(): Promise<boolean> {
    const { code } = await this.#host.run('nft', ['list', 'chain', ...this.sync.table.split(' '), 'services']);
    return code === 0;
  }

  preview(): RuleTransaction {
    return this.sync.full();
  }
}

/** What ipvs mode asks of the kernel. Upstream: pkg/proxy/ipvs/proxier.go NewProxier. */
const ipvsSysctls = {
  'net/ipv4/vs/conntrack': '1',
  'net/ipv4/vs/conn_reuse_mode': '0',
  'net/ipv4/vs/expire_nodest_conn': '1',
  'net/ipv4/vs/expire_quiescent_template': '1',
  'net/ipv4/ip_forward': '1',
} as const;

class IpvsLoader implements RuleLoader {
  readonly sync: IpvsSync;
  readonly #host: KernelHost;
  readonly #programs: Programs;

  constructor(host: KernelHost, programs: Programs, config: ProxyConfig) {
    this.#host = host;
    this.#programs = programs;
    this.sync = new IpvsSync(withModeDefaults('ipvs', config));
  }

  async loadAll(): Promise<void> {
    const probe = await this.#host.run('ipvsadm', ['-L', '-n']);
    if (probe.code !== 0)
      throw new ProxyError('NotSupported', `this kernel has no IPVS (module ip_vs): ${said(probe)}`);
    for (const [key, value] of Object.entries(ipvsSysctls)) await sysctl(this.#host, key, value);
    const device = await this.#host.run('ip', ['link', 'show', 'kube-ipvs0']);
    if (device.code !== 0) await must(this.#host, 'ip', ['link', 'add', 'kube-ipvs0', 'type', 'dummy']);
    await load(this.#host, this.#programs, this.preview());
    // The jumps come last: the chains refer to sets, which must be there.
    await ensureJumps(this.#host, this.#programs, this.sync.jumps);
  }

  standing(): Promise<boolean> {
    return canariesStand(this.#host, this.#programs);
  }

  preview(): RuleTransaction {
    return this.sync.full();
  }
}

async function sysctl(host: KernelHost, key: string, value: string): Promise<void> {
  await must(host, 'sh', ['-c', `test "$(cat /proc/sys/${key})" = ${value} || echo ${value} > /proc/sys/${key}`]);
}

/** One line a mode. */
export const ruleLoaders: Readonly<
  Record<ProxyMode, new (host: KernelHost, programs: Programs, config: ProxyConfig) => RuleLoader>
> = { iptables: IptablesLoader, ipvs: IpvsLoader, nftables: NftablesLoader };
