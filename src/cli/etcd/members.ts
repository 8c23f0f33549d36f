/** `klab etcd status|member|env`. Upstream: etcdctl endpoint status, member list. */
import { humanBytes } from '../cluster.ts';
import { UserError } from '../exit-codes.ts';
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

export type MemberVerb = 'remove' | 'promote' | 'update';

/** A member's ID as etcd writes it. `what` it is on the command line. @throws UserError in etcdctl's words */
export function parseMemberId(text: string, what?: 'member ID arg'): bigint {
  if (/^[0-9a-f]{1,16}$/i.test(text)) return BigInt(`0x${text}`);
  const cause = `strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`;
  throw new UserError(what ? `bad ${what} (${cause}), expecting ID in Hex` : cause, 2);
}

/** Takes a member in. Without addresses it is one of the cluster's own process, which starts at once. */
export async function etcdMemberAdd(
  address: EtcdAddress,
  request: { readonly name: string; readonly peerUrls: readonly string[]; readonly isLearner: boolean },
  output: string | undefined,
  signal?: AbortSignal,
): Promise<string> {
  const { name, peerUrls, isLearner } = request;
  const kv = await connectEtcd(address);
  try {
    const { header, member } = await kv.memberAdd({ peerUrls, isLearner }, { signal });
    const shown = { ...member, name: member.name || name };
    if (output) return printData({ ...shown, id: hex(shown.id) }, output as 'json');
    return `Member ${hex(member.id)} added to cluster ${hex(header.clusterId)}`;
  } finally {
    kv.close();
  }
}

/** `member` is an ID, or a name. */
export async function etcdMemberChange(
  address: EtcdAddress,
  verb: MemberVerb,
  member: string,
  peerUrls: readonly string[] = [],
  signal?: AbortSignal,
): Promise<string> {
  const kv = await connectEtcd(address);
  try {
    const { members } = await kv.memberList({ signal });
    const id = members.find(({ name }) => name !== '' && name === member)?.id ?? parseMemberId(member, 'member ID arg');
    const options = { signal };
    const { header } =
      verb === 'remove'
        ? await kv.memberRemove(id, options)
        : verb === 'promote'
          ? await kv.memberPromote(id, options)
          : await kv.memberUpdate(id, peerUrls, options);
    const done = { remove: 'removed from', promote: 'promoted in', update: 'updated in' }[verb];
    return `Member ${hex(id)} ${done} cluster ${hex(header.clusterId)}`;
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
