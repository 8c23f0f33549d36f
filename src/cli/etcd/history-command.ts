/** The base of commands that read the past: of the klab cluster, or with --endpoints of any etcd. */
import { boolean } from '@oclif/core/flags';
import { ApiCommand } from '../api-command.ts';
import type { SessionRequest } from '../session.ts';
import { connectEtcd, type EtcdFlags, etcdAddress, etcdFlags } from './connection.ts';
import { type HistorySource, remoteHistory, sessionHistory } from './history-source.ts';

export const valueFlags = {
  'show-secrets': boolean({ summary: 'show the values of Secrets' }),
  raw: boolean({ summary: 'values as they are stored: text as it is, other bytes in base64' }),
};

export abstract class EtcdHistoryCommand extends ApiCommand {
  static override baseFlags = { ...ApiCommand.baseFlags, ...etcdFlags };

  protected async withHistory<T>(
    flags: SessionRequest & EtcdFlags,
    work: (source: HistorySource) => Promise<T>,
  ): Promise<T> {
    const { endpoints, cacert, cert, key, user } = flags;
    if (!endpoints?.length && !cacert && !cert && !key && !user) return work(sessionHistory(await this.session(flags)));
    const { address } = await etcdAddress(flags, { say: (text) => this.say(text), signal: this.signal });
    const kv = await connectEtcd(address);
    try {
      return await work(await remoteHistory(kv));
    } finally {
      kv.close();
    }
  }
}
