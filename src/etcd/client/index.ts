/**
 * etcd/client: the KV interface on any etcd v3 over gRPC, without the server's half of the room. For the CLI's offline
 * commands and for `--etcd-servers`.
 */

export { underPrefix } from './prefixed-kv.ts';
export { RemoteHistory, type WrittenBy } from './remote-history.ts';
export { RemoteKV, type RemoteKVOptions } from './remote-kv.ts';
