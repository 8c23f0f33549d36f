/** `klab etcd txn`: etcdctl's transactions from stdin. Upstream: etcdctl/ctlv3/command/txn_command.go. */
import type { Compare, RemoteKV, RequestOp, TxnRequest, TxnResponse } from '../../etcd/index.ts';
import { UserError } from '../exit-codes.ts';
import { printData } from '../output.ts';
import { prefixEnd } from './connection.ts';
import type { EtcdIo, EtcdOutput } from './keys.ts';
import { parseLease } from './lease-id.ts';
import { type DecodeOptions, decodeStored, protobufFor, storedData, storedText } from './value.ts';

const results = { '=': 'equal', '!=': 'notEqual', '>': 'greater', '<': 'less' } as const;

/** Three parts, each ended by an empty line or the end of the input. @throws UserError with the line's number */
export function parseTxn(text: string): TxnRequest {
  const parts: { readonly line: number; readonly text: string }[][] = [[], [], []];
  let part = 0;
  text.split(/\r?\n/).forEach((line, i) => {
    if (line.trim() === '') part++;
    else if (part > 2)
      throw new UserError(`stdin:${i + 1}: after compares, success and failure requests nothing may follow`, 2);
    else parts[part]!.push({ line: i + 1, text: line.trim() });
  });
  const each = <T>(at: number, read: (text: string) => T): T[] =>
    parts[at]!.map(({ line, text }) => {
      try {
        return read(text);
      } catch (error) {
        throw new UserError(`stdin:${line}: ${(error as Error).message}`, 2);
      }
    });
  return { compare: each(0, parseCompare), success: each(1, parseRequest), failure: each(2, parseRequest) };
}

/** `mod("key1") > "0"`. */
export function parseCompare(line: string): Compare {
  const match = /^(\w+)\(("(?:[^"\\]|\\.)*")\)\s*(=|!=|>|<)\s*("(?:[^"\\]|\\.)*"|\S+)$/.exec(line);
  if (!match) throw new Error(`malformed comparison: ${line}; got to be like mod("key") > "0"`);
  const [, target, quotedKey, sign, operand] = match;
  const key = Buffer.from(unquote(quotedKey!));
  const result = results[sign as keyof typeof results];
  const value = unquote(operand!);
  const number = () => {
    if (!/^\d+$/.test(value)) throw new Error(`malformed comparison: ${line}; ${JSON.stringify(value)} is no number`);
    return Number(value);
  };
  switch (target) {
    case 'ver':
    case 'version':
      return { target: 'version', version: number(), key, result };
    case 'c':
    case 'create':
      return { target: 'create', createRevision: number(), key, result };
    case 'm':
    case 'mod':
      return { target: 'mod', modRevision: number(), key, result };
    case 'val':
    case 'value':
      return { target: 'value', value: Buffer.from(value), key, result };
    case 'lease':
      return { target: 'lease', lease: parseLease(value), key, result };
    default:
      throw new Error(
        `malformed comparison: ${line} (unknown target ${target}; there are value, mod, create, version, lease)`,
      );
  }
}

/** `put key "a value" --lease=12ab`, `get --prefix dir/`, `del key`. */
export function parseRequest(line: string): RequestOp {
  const { words, flags } = argvOf(line);
  const [command, key, ...rest] = words;
  const allowed: Readonly<Record<string, readonly string[]>> = {
    get: ['prefix', 'from-key', 'limit', 'rev', 'keys-only'],
    put: ['lease', 'prev-kv', 'ignore-value', 'ignore-lease'],
    del: ['prefix', 'from-key', 'prev-kv'],
  };
  const known = allowed[command ?? ''];
  if (!known) throw new Error(`invalid txn request: ${line}; there are get, put and del`);
  if (key === undefined) throw new Error(`${command} needs a key`);
  for (const name of flags.keys()) if (!known.includes(name)) throw new Error(`${command} has no flag --${name}`);
  const bytes = Buffer.from(key);
  if (command === 'put') {
    const [value, extra] = rest;
    const ignoreValue = flags.has('ignore-value');
    if ((value === undefined) !== ignoreValue || extra !== undefined) throw new Error('put needs a key and a value');
    const lease = flags.get('lease');
    const put = {
      key: bytes,
      value: Buffer.from(value ?? ''),
      ...(lease !== undefined && { lease: parseLease(lease) }),
      ...(flags.has('prev-kv') && { prevKv: true }),
      ...(ignoreValue && { ignoreValue }),
      ...(flags.has('ignore-lease') && { ignoreLease: true }),
    };
    return { op: 'put', put };
  }
  const [end, extra] = rest;
  if (extra !== undefined) throw new Error(`${command} takes a key and at most the end of a range`);
  const rangeEnd = flags.has('prefix')
    ? prefixEnd(bytes)
    : flags.has('from-key')
      ? Uint8Array.of(0)
      : end === undefined
        ? undefined
        : Buffer.from(end);
  const range = { key: bytes.length === 0 ? Uint8Array.of(0) : bytes, ...(rangeEnd && { rangeEnd }) };
  if (command === 'del') return { op: 'deleteRange', deleteRange: { ...range, prevKv: flags.has('prev-kv') } };
  const number = (name: string) =>
    flags.has(name) ? { [name === 'rev' ? 'revision' : name]: Number(flags.get(name)) } : {};
  const keysOnly = flags.has('keys-only') ? { keysOnly: true } : {};
  return { op: 'range', range: { ...range, ...number('limit'), ...number('rev'), ...keysOnly } };
}

/** Words in double quotes may hold spaces and Go's escapes. */
function argvOf(line: string): { readonly words: string[]; readonly flags: Map<string, string> } {
  const words: string[] = [];
  const flags = new Map<string, string>();
  const tokens = line.match(/(?:"(?:[^"\\]|\\.)*"|[^\s"])+/g) ?? [];
  if (tokens.join('').replace(/\s/g, '').length < line.replace(/\s/g, '').length)
    throw new Error(`a quote is not closed: ${line}`);
  const valued = new Set(['lease', 'limit', 'rev']);
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    if (!token.startsWith('--') || token === '--') {
      words.push(unquote(token));
      continue;
    }
    const [name, value] = token.slice(2).split('=', 2) as [string, string | undefined];
    flags.set(name, value === undefined ? (valued.has(name) ? unquote(tokens[++i] ?? '') : 'true') : unquote(value));
  }
  return { words, flags };
}

function unquote(text: string): string {
  if (!text.startsWith('"')) return text;
  if (text.length < 2 || !text.endsWith('"')) throw new Error(`a quote is not closed: ${text}`);
  const escapes: Readonly<Record<string, string>> = {
    n: '\n',
    t: '\t',
    r: '\r',
    '\\': '\\',
    '"': '"',
    a: '\x07',
    b: '\b',
    f: '\f',
    v: '\v',
  };
  return text.slice(1, -1).replace(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)/g, (all, code: string) => {
    if (code.length > 1) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    const plain = escapes[code];
    if (plain === undefined) throw new Error(`${all} is no escape`);
    return plain;
  });
}

export async function etcdTxn(
  kv: RemoteKV,
  input: string,
  options: { readonly output: EtcdOutput; readonly showSecrets: boolean },
  io: EtcdIo,
): Promise<void> {
  const answer = await kv.txn(parseTxn(input), { signal: io.signal });
  const values = answer.responses.flatMap((one) => (one.op === 'range' ? one.range.kvs.map(({ value }) => value) : []));
  const decode: DecodeOptions = { showSecrets: options.showSecrets, protobuf: await protobufFor(values) };
  if (options.output === 'simple') io.print(txnText(answer, decode));
  else io.print(printData(txnData(answer, decode), options.output));
}

const name = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

/** SUCCESS or FAILURE, then each answer behind an empty line, as etcdctl. */
function txnText({ succeeded, responses }: TxnResponse, decode: DecodeOptions): string {
  const lines = [succeeded ? 'SUCCESS' : 'FAILURE'];
  for (const one of responses) {
    lines.push('');
    if (one.op === 'put') lines.push('OK');
    else if (one.op === 'deleteRange') lines.push(String(one.deleteRange.deleted));
    else if (one.op === 'range')
      for (const pair of one.range.kvs) lines.push(name(pair.key), storedText(decodeStored(pair.value, decode)));
  }
  return lines.join('\n');
}

function txnData({ header, succeeded, responses }: TxnResponse, decode: DecodeOptions): object {
  return {
    revision: header.revision,
    succeeded,
    responses: responses.map((one) => {
      if (one.op === 'put') return { put: {} };
      if (one.op === 'deleteRange') return { del: { deleted: one.deleteRange.deleted } };
      if (one.op !== 'range') return {};
      const kvs = one.range.kvs.map(({ key, modRevision, version, value }) => ({
        key: name(key),
        modRevision,
        version,
        value: storedData(decodeStored(value, decode)),
      }));
      return { get: { count: one.range.count, kvs } };
    }),
  };
}
