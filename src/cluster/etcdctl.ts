/**
 * `etcdctl` in the etcd pod: tutorials exec it there. It speaks to the cluster's real store, in process; endpoints and
 * certificates are accepted and not needed. Upstream: etcdctl/ctlv3 3.5, its flags, outputs and exit codes.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rfc3339 } from '../base/index.ts';
import { EtcdError, type EtcdServerApi, type KeyValue, type RangeRequest } from '../etcd/index.ts';
import { decodeBytes, encodeText, type Program } from '../kubelet/index.ts';
import { asciiTable, humanBytes } from './etcdctl-table.ts';

type Process = Parameters<Program>[0];

interface Call {
  readonly process: Process;
  readonly members: readonly EtcdServerApi[];
  readonly member: EtcdServerApi;
  readonly words: readonly string[];
  readonly flags: ReadonlyMap<string, string>;
  readonly format: string;
  readonly endpoint: string;
}

/** Flags that are followed by a value; the others stand alone. */
const valued = new Set(
  (
    'endpoints cacert cert key user password dial-timeout command-timeout keepalive-time keepalive-timeout write-out ' +
    'limit rev order sort-by consistency lease max-txn-ops rev'
  ).split(' '),
);
const short: Readonly<Record<string, string>> = { w: 'write-out' };

class UsageError extends Error {}

export function etcdctl(members: readonly EtcdServerApi[]): Program {
  return async (process, args) => {
    const { words, flags } = parse(args, process.env);
    const endpoint = (flags.get('endpoints') ?? '127.0.0.1:2379').split(',')[0]!;
    const format = flags.get('write-out') ?? 'simple';
    const member = members[0]!;
    const call: Call = { process, members, member, words: words.slice(1), flags, format, endpoint };
    const command = commands[words[0] ?? ''];
    if (!command) {
      await process.complain(`Error: unknown command ${JSON.stringify(words[0] ?? '')} for "etcdctl"`);
      return 1;
    }
    try {
      return await command(call);
    } catch (error) {
      if (error instanceof UsageError) {
        await process.complain(`Error: ${error.message}`);
        return 128;
      }
      if (!(error instanceof EtcdError)) throw error;
      await process.complain(`Error: ${error.message}`);
      return 1;
    }
  };
}

function parse(args: readonly string[], env: ReadonlyMap<string, string>) {
  const words: string[] = [];
  const flags = new Map<string, string>();
  for (const name of ['endpoints', 'write-out']) {
    const value = env.get(`ETCDCTL_${name.replace('-', '_').toUpperCase()}`);
    if (value) flags.set(name, value);
  }
  for (let i = 0; i < args.length; i++) {
    const match = /^(?:--([\w-]+)|-(\w))(?:=(.*))?$/s.exec(args[i]!);
    if (!match) {
      words.push(args[i]!);
      continue;
    }
    const name = match[1] ?? short[match[2]!] ?? match[2]!;
    flags.set(name, match[3] ?? (valued.has(name) ? (args[++i] ?? '') : 'true'));
  }
  return { words, flags };
}

const commands: Readonly<Record<string, (call: Call) => Promise<number>>> = {
  get,
  put,
  del,
  watch,
  member: (call) => below(call, { list: memberList }),
  endpoint: (call) => below(call, { health: endpointHealth, status: endpointStatus, hashkv: endpointHash }),
  snapshot: (call) => below(call, { save: snapshotSave, status: snapshotStatus }),
  alarm: (call) => below(call, { list: alarmList }),
  version: async ({ process, member }) => {
    const { version } = await member.status();
    return said(process, `etcdctl version: ${version}\nAPI version: ${version.split('.').slice(0, 2).join('.')}\n`);
  },
};

function below(call: Call, names: Readonly<Record<string, (call: Call) => Promise<number>>>): Promise<number> {
  const command = names[call.words[0] ?? ''];
  if (!command) throw new UsageError(`unknown command; there are ${Object.keys(names).join(', ')}`);
  return command({ ...call, words: call.words.slice(1) });
}

async function said(process: Process, text: string): Promise<number> {
  return (await process.print(text)) ? 0 : 141;
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
/** IDs are unsigned 64-bit numbers, which JSON.stringify does not know. */
const json = (value: unknown) =>
  `${JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? `#${item}#` : item)).replace(/"#(\d+)#"/g, '$1')}\n`;

function header(from: { clusterId: bigint; memberId: bigint; revision: number; raftTerm: number }) {
  return { cluster_id: from.clusterId, member_id: from.memberId, revision: from.revision, raft_term: from.raftTerm };
}

function jsonOf({ key, createRevision, modRevision, version, value, lease }: KeyValue, keysOnly = false): object {
  return {
    key: base64(key),
    create_revision: createRevision,
    mod_revision: modRevision,
    version,
    ...(keysOnly ? {} : { value: base64(value) }),
    ...(lease !== 0 && { lease }),
  };
}

/** The keys that KEY [RANGE_END], --prefix and --from-key name. */
function rangeOf({ words: [first = '', end], flags }: Call): { key: Uint8Array; rangeEnd?: Uint8Array } {
  const key = encodeText(first);
  const zero = Uint8Array.of(0);
  if (flags.has('prefix')) return first === '' ? { key: zero, rangeEnd: zero } : { key, rangeEnd: prefixEnd(key) };
  if (flags.has('from-key')) return { key: first === '' ? zero : key, rangeEnd: zero };
  return end === undefined ? { key } : { key, rangeEnd: encodeText(end) };
}

function prefixEnd(prefix: Uint8Array): Uint8Array {
  for (let i = prefix.length - 1; i >= 0; i--) {
    if (prefix[i]! < 0xff) return Uint8Array.of(...prefix.subarray(0, i), prefix[i]! + 1);
  }
  return Uint8Array.of(0);
}

function numberOf(flags: ReadonlyMap<string, string>, name: string): number | undefined {
  const text = flags.get(name);
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text)) throw new UsageError(`invalid argument ${JSON.stringify(text)} for "--${name}" flag`);
  return Number(text);
}

async function get(call: Call): Promise<number> {
  const { process, member, words, flags, format } = call;
  if (words.length === 0 && !flags.has('prefix') && !flags.has('from-key')) {
    throw new UsageError('get command needs one argument as key and an optional argument as range_end');
  }
  const keysOnly = flags.has('keys-only');
  const order = flags.get('order')?.toLowerCase();
  const sortBy = flags.get('sort-by')?.toLowerCase();
  const limit = numberOf(flags, 'limit');
  const revision = numberOf(flags, 'rev');
  const request: RangeRequest = {
    ...rangeOf(call),
    ...(limit !== undefined && { limit }),
    ...(revision !== undefined && { revision }),
    ...(keysOnly && { keysOnly }),
    ...(flags.has('count-only') && { countOnly: true }),
    ...(flags.get('consistency') === 's' && { serializable: true }),
    ...((order || sortBy) && { sortOrder: order === 'descend' ? 'descend' : 'ascend' }),
    ...(sortBy && { sortTarget: sortBy as never }),
  };
  const found = await process.until(member.range(request));
  if (format === 'json') {
    const kvs = found.kvs.map((kv) => jsonOf(kv, keysOnly));
    return said(process, json({ header: header(found.header), ...(kvs.length > 0 && { kvs }), count: found.count }));
  }
  if (format === 'fields') {
    const { clusterId, memberId, revision: at, raftTerm } = found.header;
    let text = `"ClusterID" : ${clusterId}\n"MemberID" : ${memberId}\n"Revision" : ${at}\n"RaftTerm" : ${raftTerm}\n`;
    for (const kv of found.kvs) {
      text += `"Key" : ${JSON.stringify(decodeBytes(kv.key))}\n"CreateRevision" : ${kv.createRevision}\n"ModRevision" : ${kv.modRevision}\n"Version" : ${kv.version}\n"Value" : ${JSON.stringify(decodeBytes(kv.value))}\n"Lease" : ${kv.lease}\n`;
    }
    return said(process, `${text}"More" : ${found.more}\n"Count" : ${found.count}\n`);
  }
  const valueOnly = flags.has('print-value-only');
  // A line a time would be a write a key; all at once is a long text: pieces of some hundred keys.
  for (let from = 0; from < found.kvs.length; from += 256) {
    let text = '';
    for (const { key, value } of found.kvs.slice(from, from + 256)) {
      if (!valueOnly) text += `${decodeBytes(key)}\n`;
      text += `${decodeBytes(value)}\n`;
    }
    if (!(await process.print(text))) return 141;
  }
  return 0;
}

async function put(call: Call): Promise<number> {
  const { process, member, words, format } = call;
  const [key, given] = words;
  if (key === undefined) throw new UsageError('put command needs 1 argument and input from stdin or 2 arguments');
  const value = given ?? (await process.readAll());
  const done = await process.until(member.put({ key: encodeText(key), value: encodeText(value) }));
  return said(process, format === 'json' ? json({ header: header(done.header) }) : 'OK\n');
}

async function del(call: Call): Promise<number> {
  const { process, member, words, flags, format } = call;
  if (words.length === 0 && !flags.has('prefix') && !flags.has('from-key')) {
    throw new UsageError('del command needs one argument as key and an optional argument as range_end');
  }
  const done = await process.until(member.deleteRange({ ...rangeOf(call), prevKv: flags.has('prev-kv') }));
  if (format === 'json') return said(process, json({ header: header(done.header), deleted: done.deleted }));
  const before = done.prevKvs.map(({ key, value }) => `${decodeBytes(key)}\n${decodeBytes(value)}\n`);
  return said(process, `${done.deleted}\n${before.join('')}`);
}

async function watch(call: Call): Promise<number> {
  const { process, member, words, flags, format } = call;
  if (words.length === 0 && !flags.has('prefix')) throw new UsageError('watch is missing its key');
  const startRevision = numberOf(flags, 'rev');
  const stream = member.watch({ ...rangeOf(call), ...(startRevision !== undefined && { startRevision }) });
  const cancel = () => stream.cancel();
  process.abortSignal.addEventListener('abort', cancel, { once: true });
  try {
    for await (const { events, revision, canceled, cancelReason } of stream) {
      process.abortSignal.throwIfAborted();
      if (canceled) {
        await process.complain(`watch was canceled (${cancelReason ?? ''})`);
        return 1;
      }
      if (events.length === 0) continue;
      const text =
        format === 'json'
          ? json({
              Header: header({ ...member.header(), revision }),
              Events: events.map(({ type, kv }) => ({ ...(type === 'delete' && { type: 1 }), kv: jsonOf(kv) })),
            })
          : events
              .map(({ type, kv }) => `${type.toUpperCase()}\n${decodeBytes(kv.key)}\n${decodeBytes(kv.value)}\n`)
              .join('');
      if (!(await process.print(text))) return 141;
    }
    process.abortSignal.throwIfAborted();
    return 0;
  } finally {
    process.abortSignal.removeEventListener('abort', cancel);
    stream.cancel();
  }
}

async function memberList({ process, member, format }: Call): Promise<number> {
  const found = await process.until(member.memberList());
  if (format === 'json') {
    const members = found.members.map(({ id, name, peerUrls, clientUrls }) => ({
      ID: id,
      name,
      peerURLs: peerUrls,
      clientURLs: clientUrls,
    }));
    return said(process, json({ header: header(found.header), members }));
  }
  const rows = found.members.map(({ id, name, peerUrls, clientUrls, isLearner }) => [
    id.toString(16),
    'started',
    name,
    peerUrls.join(','),
    clientUrls.join(','),
    String(isLearner),
  ]);
  const columns = ['ID', 'STATUS', 'NAME', 'PEER ADDRS', 'CLIENT ADDRS', 'IS LEARNER'];
  return said(process, shown(format, columns, rows));
}

function shown(format: string, columns: readonly string[], rows: readonly (readonly string[])[]): string {
  return format === 'table' ? asciiTable(columns, rows) : rows.map((row) => `${row.join(', ')}\n`).join('');
}

/** `--cluster`: all members, by their client addresses. */
function endpoints({ flags, members, member, endpoint }: Call): readonly (readonly [string, EtcdServerApi])[] {
  return flags.has('cluster') ? members.map((each) => [each.name, each] as const) : [[endpoint, member] as const];
}

async function endpointHealth(call: Call): Promise<number> {
  const { process, format } = call;
  const { clock } = process.world;
  const results: { endpoint: string; health: boolean; took: string; error?: string }[] = [];
  for (const [endpoint, member] of endpoints(call)) {
    const before = clock.monotonic();
    let error: string | undefined;
    try {
      await process.until(member.range({ key: encodeText('health') }));
    } catch (thrown) {
      if (!(thrown instanceof EtcdError)) throw thrown;
      error = thrown.message;
    }
    const took = `${clock.monotonic() - before}ms`;
    results.push({ endpoint, health: error === undefined, took, ...(error !== undefined && { error }) });
  }
  const status = results.every(({ health }) => health) ? 0 : 1;
  if (format === 'json') return (await said(process, json(results))) || status;
  if (format === 'table') {
    const rows = results.map(({ endpoint, health, took, error = '' }) => [endpoint, String(health), took, error]);
    return (await said(process, asciiTable(['ENDPOINT', 'HEALTH', 'TOOK', 'ERROR'], rows))) || status;
  }
  for (const { endpoint, health, took, error } of results) {
    if (health) await process.print(`${endpoint} is healthy: successfully committed proposal: took = ${took}\n`);
    else await process.complain(`${endpoint} is unhealthy: failed to commit proposal: ${error}`);
  }
  if (status !== 0) await process.complain('Error: unhealthy cluster');
  return status;
}

async function endpointStatus(call: Call): Promise<number> {
  const { process, format } = call;
  const all = await Promise.all(
    endpoints(call).map(async ([endpoint, member]) => ({ endpoint, status: await process.until(member.status()) })),
  );
  if (format === 'json') {
    const items = all.map(({ endpoint, status }) => ({
      Endpoint: endpoint,
      Status: {
        header: header(status.header),
        version: status.version,
        dbSize: status.dbSize,
        leader: status.leader,
        raftIndex: status.raftIndex,
        raftTerm: status.raftTerm,
        raftAppliedIndex: status.raftAppliedIndex,
        dbSizeInUse: status.dbSizeInUse,
      },
    }));
    return said(process, json(items));
  }
  const rows = all.map(({ endpoint, status }) => [
    endpoint,
    status.header.memberId.toString(16),
    status.version,
    humanBytes(status.dbSize),
    String(status.leader === status.header.memberId),
    String(status.isLearner),
    String(status.raftTerm),
    String(status.raftIndex),
    String(status.raftAppliedIndex),
    status.errors.join(', '),
  ]);
  const columns = ['ENDPOINT', 'ID', 'VERSION', 'DB SIZE', 'IS LEADER', 'IS LEARNER', 'RAFT TERM', 'RAFT INDEX'];
  return said(process, shown(format, [...columns, 'RAFT APPLIED INDEX', 'ERRORS'], rows));
}

async function endpointHash(call: Call): Promise<number> {
  const { process, format, flags } = call;
  const rows: string[][] = [];
  for (const [endpoint, member] of endpoints(call)) {
    const { hash } = await process.until(member.hashKV(numberOf(flags, 'rev') ?? 0));
    rows.push([endpoint, String(hash)]);
  }
  return said(process, shown(format, ['ENDPOINT', 'HASH'], rows));
}

async function alarmList({ process, member }: Call): Promise<number> {
  const { alarms } = await process.until(member.alarm({ action: 'get', memberId: 0n, alarm: 'none' }));
  return said(
    process,
    alarms.map(({ memberId, alarm }) => `memberID:${memberId} alarm:${alarm.toUpperCase()} \n`).join(''),
  );
}

/** What `snapshot status` says of a file. */
interface Snapshot {
  readonly hash: number;
  readonly revision: number;
  readonly keys: number;
}

/** Of snapshots saved here, by the digest of their bytes: a copy of the file is known too. */
const snapshots = new Map<string, Snapshot>();
const maxRemembered = 32;
const digestOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** A real snapshot, as far as it fits into the container's files. */
async function snapshotSave({ process, member, words: [file], endpoint }: Call): Promise<number> {
  if (!file) throw new UsageError('snapshot save expects one argument');
  const line = (msg: string, more: object) =>
    process.complain(JSON.stringify({ level: 'info', ts: rfc3339(process.world.clock.now()), msg, ...more }));
  await line('fetching snapshot', { endpoint });
  const folder = mkdtempSync(join(tmpdir(), 'klab-etcdctl-'));
  try {
    const path = join(folder, 'snapshot.db');
    const { revision } = await process.until(member.saveSnapshot(path));
    const bytes = readFileSync(path);
    process.world.fs.write(absolute(process, file), decodeBytes(bytes));
    const zero = Uint8Array.of(0);
    const { count } = await process.until(member.range({ key: zero, rangeEnd: zero, countOnly: true, revision }));
    const { hash } = await process.until(member.hash());
    snapshots.set(digestOf(bytes), { hash, revision, keys: count });
    if (snapshots.size > maxRemembered) snapshots.delete(snapshots.keys().next().value!);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  await line('saved', { path: file });
  return said(process, `Snapshot saved at ${file}\n`);
}

async function snapshotStatus({ process, words: [file], format }: Call): Promise<number> {
  if (!file) throw new UsageError('snapshot status requires exactly one argument');
  const bytes = encodeText(await process.world.fs.read(absolute(process, file)));
  const found = snapshots.get(digestOf(bytes));
  if (!found) throw new UsageError(`${file}: no snapshot that was saved in this cluster's etcd pod`);
  const { hash, revision, keys } = found;
  if (format === 'json') return said(process, json({ hash, revision, totalKey: keys, totalSize: bytes.length }));
  const row = [hash.toString(16), String(revision), String(keys), humanBytes(bytes.length)];
  return said(process, shown(format, ['HASH', 'REVISION', 'TOTAL KEYS', 'TOTAL SIZE'], [row]));
}

const absolute = (process: Process, file: string) =>
  file.startsWith('/') ? file : `${process.cwd === '/' ? '' : process.cwd}/${file}`;
