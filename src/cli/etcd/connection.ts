/** Which etcd the `klab etcd` commands speak to: the cluster's own members, or any other with --endpoints. */
import { readFileSync } from 'node:fs';
import { string } from '@oclif/core/flags';
import type { RemoteKV } from '../../etcd/index.ts';
import { ensureServer, type ServerInfo } from '../cluster.ts';
import { UserError } from '../exit-codes.ts';

/** etcdctl's names. */
export const etcdFlags = {
  endpoints: string({
    summary: 'another etcd: its endpoints',
    multiple: true,
    multipleNonGreedy: true,
    delimiter: ',',
    helpGroup: 'ETCD',
    helpValue: 'HOST:PORT',
  }),
  cacert: string({ summary: 'CA certificate of that etcd', helpGroup: 'ETCD', helpValue: 'FILE' }),
  cert: string({ summary: 'client certificate for it', helpGroup: 'ETCD', helpValue: 'FILE' }),
  key: string({ summary: 'key of the client certificate', helpGroup: 'ETCD', helpValue: 'FILE' }),
  user: string({ summary: 'account of that etcd', helpGroup: 'ETCD', helpValue: 'NAME[:PASSWORD]' }),
  password: string({ summary: 'its password, when it is not in --user', helpGroup: 'ETCD', env: 'ETCDCTL_PASSWORD' }),
};

export interface EtcdFlags {
  readonly name: string;
  readonly boot?: boolean;
  readonly endpoints?: readonly string[];
  readonly cacert?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly user?: string;
  readonly password?: string;
}

export interface EtcdAddress {
  readonly endpoints: readonly string[];
  readonly cacert?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly user?: { readonly name: string; readonly password: string };
}

export interface EtcdDeps {
  readonly say: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** The cluster's own server, or the etcd of the flags. */
export async function etcdAddress(
  flags: EtcdFlags,
  deps: EtcdDeps,
): Promise<{ address: EtcdAddress; server?: ServerInfo }> {
  const { endpoints, cacert, cert, key } = flags;
  const user = account(flags);
  if (endpoints?.length) return { address: { endpoints, cacert, cert, key, ...(user && { user }) } };
  if (cacert || cert || key) throw new UserError('--cacert, --cert and --key belong to --endpoints', 2);
  const server = await ensureServer(flags.name, { boot: flags.boot ?? true, ...deps });
  return { address: { ...server.etcd, ...(user && { user }) }, server };
}

/** Upstream: etcdctl's --user and --password. */
function account({ user, password }: EtcdFlags): EtcdAddress['user'] {
  if (user === undefined) return undefined;
  const colon = user.indexOf(':');
  if (password !== undefined) return { name: user, password };
  if (colon < 0)
    throw new UserError('--user needs a password: --user NAME:PASSWORD, --password, or ETCDCTL_PASSWORD', 2);
  return { name: user.slice(0, colon), password: user.slice(colon + 1) };
}

/** A client; close it when done. */
export async function connectEtcd({ endpoints, cacert, cert, key, user }: EtcdAddress): Promise<RemoteKV> {
  const { RemoteKV } = await import('../../etcd/index.ts');
  const read = (file: string | undefined) => {
    if (file === undefined) return undefined;
    try {
      return readFileSync(file, 'utf8');
    } catch (error) {
      throw new UserError(`cannot read ${file}: ${(error as Error).message}`);
    }
  };
  const secure =
    cacert !== undefined || cert !== undefined || endpoints.some((endpoint) => endpoint.startsWith('https://'));
  const tls = secure ? { ca: read(cacert), cert: read(cert), key: read(key) } : undefined;
  return new RemoteKV({
    endpoints: [...endpoints],
    ...(tls && { tls: tls as never }),
    ...(user && { user }),
    userAgent: 'klab',
  });
}

/** Opens, works, closes. */
export async function withEtcd<T>(
  flags: EtcdFlags,
  deps: EtcdDeps,
  work: (kv: RemoteKV, address: EtcdAddress) => Promise<T>,
): Promise<T> {
  const { address } = await etcdAddress(flags, deps);
  const kv = await connectEtcd(address);
  try {
    return await work(kv, address);
  } finally {
    kv.close();
  }
}

/** First key after all keys with the prefix; `\0` for the empty prefix, as etcd has it. */
export function prefixEnd(prefix: Uint8Array): Uint8Array {
  const end = Uint8Array.from(prefix);
  for (let i = end.length - 1; i >= 0; i--) {
    if (end[i]! < 0xff) {
      end[i] = end[i]! + 1;
      return end.slice(0, i + 1);
    }
  }
  return Uint8Array.of(0);
}
