/** `klab etcd status|member list|env`. Upstream: etcdctl endpoint status, member list. */
import { humanBytes } from '../cluster.ts';
import { printData, renderTable } from '../output.ts';
import { connectEtcd, type EtcdAddress } from './connection.ts';

const hex = (id: bigint): string => id.toString(16);

/** One row an endpoint; one that cannot be reached says so and does not hide the others. */
export async function etcdStatus(
  address: EtcdAddress,
  output: string | undefined,
  signal?: AbortSignal,
): Promise<string> {
  const rows = await Promise.all(
    address.endpoints.map(async (endpoint) => {
      const kv = await connectEtcd({ ...address, endpoints: [endpoint] });
      try {
        const status = await kv.status({ signal });
        return {
          endpoint,
          id: hex(status.header.memberId),
          version: status.version,
          dbSize: status.dbSize,
          dbSizeInUse: status.dbSizeInUse,
          isLeader: status.leader === status.header.memberId,
          isLearner: status.isLearner,
          revision: status.header.revision,
          raftTerm: status.raftTerm,
          raftIndex: status.raftIndex,
          raftAppliedIndex: status.raftAppliedIndex,
          errors: status.errors,
        };
      } catch (error) {
        signal?.throwIfAborted();
        return { endpoint, error: (error as Error).message };
      } finally {
        kv.close();
      }
    }),
  );
  if (output === 'json' || output === 'yaml') return printData(rows, output);
  const columns = ['ENDPOINT', 'ID', 'VERSION', 'DB SIZE', 'LEADER', 'REVISION', 'TERM', 'INDEX', 'APPLIED', 'ERRORS'];
  return renderTable(
    columns,
    rows.map((row) =>
      'error' in row
        ? [row.endpoint, '-', '-', '-', '-', '-', '-', '-', '-', row.error!]
        : [
            row.endpoint,
            row.id,
            row.version,
            humanBytes(row.dbSize),
            String(row.isLeader),
            String(row.revision),
            String(row.raftTerm),
            String(row.raftIndex),
            String(row.raftAppliedIndex),
            row.errors.join(', '),
          ],
    ),
  );
}

export async function etcdMembers(
  address: EtcdAddress,
  output: string | undefined,
  signal?: AbortSignal,
): Promise<string> {
  const kv = await connectEtcd(address);
  try {
    const { members } = await kv.memberList({ signal });
    if (output === 'json' || output === 'yaml') {
      return printData(
        members.map(({ id, ...member }) => ({ id: hex(id), ...member })),
        output,
      );
    }
    const rows = members.map(({ id, name, peerUrls, clientUrls, isLearner }) => [
      hex(id),
      name === '' ? 'unstarted' : 'started',
      name,
      peerUrls.join(','),
      clientUrls.join(','),
      String(isLearner),
    ]);
    return renderTable(['ID', 'STATUS', 'NAME', 'PEER ADDRS', 'CLIENT ADDRS', 'IS LEARNER'], rows);
  } finally {
    kv.close();
  }
}

/** Lines for `eval "$(klab etcd env)"`: plain etcdctl then speaks to the cluster. */
export function etcdEnv({ endpoints, cacert, cert, key }: EtcdAddress): string {
  const quote = (text: string) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
  const entries: [string, string | undefined][] = [
    ['API', '3'],
    ['ENDPOINTS', endpoints.join(',')],
    ['CACERT', cacert],
    ['CERT', cert],
    ['KEY', key],
  ];
  return entries
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `export ETCDCTL_${name}=${quote(value!)}`)
    .join('\n');
}
