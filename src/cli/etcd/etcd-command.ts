/** The base of commands that speak etcd's own protocol, to the cluster's members or to any other etcd. */
import { boolean, option } from '@oclif/core/flags';
import { BaseCommand, clusterFlags } from '../base-command.ts';
import { type EtcdAddress, type EtcdFlags, etcdAddress, etcdFlags, withEtcd } from './connection.ts';
import { wholeCluster } from './endpoints.ts';
import type { EtcdIo } from './keys.ts';

export const etcdOutput = {
  output: option({
    char: 'o',
    summary: 'output format',
    options: ['simple', 'json', 'yaml'] as const,
    default: 'simple',
  })(),
};

/** For commands that mean a key, or those that begin so, or all from it on. */
export const keyRangeFlags = {
  prefix: boolean({ summary: 'all keys that begin so' }),
  'from-key': boolean({ summary: 'all keys from this one on' }),
};

/** For commands that ask members one by one. */
export const wholeClusterFlag = {
  cluster: boolean({ summary: 'all members that the cluster knows, instead of the endpoints given' }),
};

export abstract class EtcdCommand extends BaseCommand {
  static override baseFlags = {
    ...clusterFlags,
    boot: boolean({
      summary: 'start the klab cluster when it is not running',
      default: true,
      allowNo: true,
      helpGroup: 'GLOBAL',
    }),
    ...etcdFlags,
  };

  protected get io(): EtcdIo {
    return {
      print: (text) => this.print(text),
      say: (text) => this.say(text),
      write: (bytes) => process.stdout.write(bytes),
      signal: this.signal,
    };
  }

  protected withEtcd<T>(flags: EtcdFlags, work: Parameters<typeof withEtcd<T>>[2]): Promise<T> {
    return withEtcd(flags, this.io, work);
  }

  /** What of the flags is asked one by one: the endpoints given, or with --cluster all that the cluster knows. */
  protected async endpoints(flags: EtcdFlags & { readonly cluster?: boolean }): Promise<EtcdAddress> {
    const { address } = await etcdAddress(flags, this.io);
    return flags.cluster ? wholeCluster(address, this.signal) : address;
  }
}
