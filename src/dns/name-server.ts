/**
 * The name server that a Corefile describes: bytes in, bytes out. What is in memory is answered at once, without a
 * promise; only names that are forwarded take time. Upstream: core/dnsserver (coredns 1.13).
 */
import { isAbort, type Prng, wallClock } from '../base/index.ts';
import type { Corefile, LogSettings } from './corefile/settings.ts';
import { isBelow, zoneOf } from './corefile/settings.ts';
import { TooManyQuestions } from './forward.ts';
import { LoopGuard } from './loop.ts';
import {
  bareFailure,
  codeName,
  type DnsQuery,
  ednsUdpSize,
  flag,
  type Reply,
  type ReplyRecord,
  readQuery,
  readRecords,
  responseCode,
  sizeFor,
  typeName,
  typeNumber,
  writeQuery,
  writeReply,
} from './message.ts';
import { dnsRecord } from './raw-record.ts';
import type { DnsRecord, DnsSource, DnsType } from './records.ts';
import { type Rewritten, rewriteQuestion } from './rewrite.ts';
import { ZoneServer } from './zone-server.ts';

export interface DnsClient {
  readonly address: string;
  readonly port: number;
}

export interface NameServerDeps {
  readonly source: DnsSource;
  readonly prng: Prng;
  /** Milliseconds, for what is kept in caches. Default the wall clock's. */
  readonly now?: () => number;
  /** What plugins `log` and `errors` write: whole lines as CoreDNS writes them. */
  readonly write?: (line: string) => void;
  /** Told once that forwarded questions come back, in plugin loop's words. */
  readonly onLoop?: (problem: string) => void;
}

/** What the Corefile makes of a question, without asking anybody. */
export interface DnsLookup {
  /** NOERROR, NXDOMAIN, SERVFAIL, REFUSED; absent when it is others' to say. */
  readonly code?: string;
  /** As far as they are known here: of an alias to elsewhere, the alias. */
  readonly records: readonly DnsRecord[];
  /** What the question was rewritten to. */
  readonly rewrittenTo?: { readonly name: string; readonly type: string };
  /** Who is asked, for the name or for what its alias points at: `10.0.0.1:53`. */
  readonly forwardedTo?: readonly string[];
}

type Answered = Buffer | Promise<Buffer>;
type Transport = 'udp' | 'tcp';

const queryOpcode = 0;
const internet = 1;
/** ExternalNames that point at ExternalNames. */
const longestChain = 8;

export class NameServer {
  readonly #zones = new Map<string, ZoneServer>();
  readonly #guards = new Map<ZoneServer, LoopGuard>();
  readonly #write: (line: string) => void;
  readonly #end = new AbortController();

  constructor(deps: NameServerDeps, corefile: Corefile) {
    this.#write = deps.write ?? (() => {});
    const now = deps.now ?? (() => wallClock.monotonic());
    const found = (problem: string) => {
      this.#write(`[FATAL] ${problem}`);
      deps.onLoop?.(problem);
    };
    for (const block of corefile.blocks) {
      const server = new ZoneServer(block, deps.source, { prng: deps.prng, now });
      for (const zone of block.zones) this.#zones.set(zone, server);
      if (block.loop)
        this.#guards.set(server, new LoopGuard(block.zones[0]!, { prng: deps.prng.fork('loop'), now, found }));
    }
  }

  /** Questions under way to other servers end. */
  close(): void {
    this.#end.abort();
  }

  /** The block that is for a name: that of the longest zone. */
  #serverOf(name: string): ZoneServer | undefined {
    for (let rest = name; ; ) {
      const found = this.#zones.get(rest);
      if (found || rest === '') return found;
      const dot = rest.indexOf('.');
      rest = dot < 0 ? '' : rest.slice(dot + 1);
    }
  }

  /**
   * Addresses of a name as far as they are known here, aliases followed; undefined: it does not exist. For simulated
   * pods: nothing is asked of other servers.
   */
  addresses(name: string): readonly string[] | undefined {
    const all: string[] = [];
    for (const type of ['A', 'AAAA'] as const) {
      const found = this.#addressesOf(name.toLowerCase().replace(/\.$/, ''), type, longestChain);
      if (!found) return undefined;
      all.push(...found);
    }
    return all;
  }

  /** One question as `respond` would answer it, for whoever wants to see how. */
  lookup(name: string, type: DnsType): DnsLookup {
    return this.#lookup(name.toLowerCase().replace(/\.$/, ''), typeNumber[type], longestChain);
  }

  #lookup(name: string, type: number, depth: number): DnsLookup {
    const server = this.#serverOf(name);
    if (!server || depth === 0) return { code: 'REFUSED', records: [] };
    const rewritten = rewriteQuestion(server.block.rewrites, name, type);
    const asked = { name: rewritten?.name ?? name, type: rewritten?.type ?? type };
    const to =
      asked.name === name && asked.type === type
        ? {}
        : { rewrittenTo: { name: asked.name, type: typeName(asked.type) } };
    const answer = server.answer(asked.name, asked.type);
    if (answer.kind === 'forward') {
      const { upstreams } = answer.forwarder.settings;
      const forwardedTo = upstreams.map(({ address, port }) =>
        address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`,
      );
      return { records: [], ...to, forwardedTo };
    }
    const { code, answers } = rewritten ? changed(answer.reply, rewritten) : answer.reply;
    const found = { code: codeName(code), records: answers.flatMap((record) => dnsRecord(record) ?? []), ...to };
    if (answer.elsewhere === undefined) return found;
    const { records, forwardedTo } = this.#lookup(answer.elsewhere, type, depth - 1);
    return { ...found, records: [...found.records, ...records], ...(forwardedTo && { forwardedTo }) };
  }

  #addressesOf(name: string, type: 'A' | 'AAAA', depth: number): readonly string[] | undefined {
    const server = this.#serverOf(name);
    if (!server || depth === 0) return undefined;
    const number = type === 'A' ? 1 : 28;
    const rewritten = rewriteQuestion(server.block.rewrites, name, number);
    const answer = server.answer(rewritten?.name ?? name, rewritten?.type ?? number);
    if (answer.kind === 'forward' || answer.reply.code !== responseCode.noError) return undefined;
    const found = answer.reply.answers.flatMap((each) => {
      const record = dnsRecord(each);
      return record && 'address' in record ? [record.address] : [];
    });
    return answer.elsewhere === undefined
      ? found
      : [...found, ...(this.#addressesOf(answer.elsewhere, type, depth - 1) ?? [])];
  }

  /** Undefined for what nobody answers: other servers' answers, and bytes without a header. */
  respond(bytes: Buffer, transport: Transport, client?: DnsClient): Answered | undefined {
    const query = readQuery(bytes);
    if (query === 'short' || query === 'answer') return undefined;
    if (query === 'malformed') return bareFailure(bytes, responseCode.formatError);
    const fail = (code: number) => writeReply(bytes, query, { code, flags: 0, answers: [] }, sizeFor(query, transport));
    if (query.opcode !== queryOpcode) return fail(responseCode.notImplemented);
    if (query.edns && query.edns.version !== 0) return fail(responseCode.badVersion);
    if (query.class !== internet) return fail(responseCode.refused);
    const name = query.name.toLowerCase();
    const server = this.#serverOf(name);
    if (!server) return fail(responseCode.refused);
    if (query.type === typeNumber.HINFO) {
      const guard = this.#guards.get(server);
      if (guard?.name === name) guard.cameBack(client);
    }
    if (server.block.log.length === 0) return this.#answered(server, bytes, query, name, transport);
    const startedAt = wallClock.monotonic();
    const log = (answer: Buffer) => {
      this.#log(server.block.log, query, bytes.length, answer, transport, client, wallClock.monotonic() - startedAt);
      return answer;
    };
    const answered = this.#answered(server, bytes, query, name, transport);
    return Buffer.isBuffer(answered) ? log(answered) : answered.then(log);
  }

  #answered(server: ZoneServer, bytes: Buffer, query: DnsQuery, name: string, transport: Transport): Answered {
    const { cache, block } = server;
    if (!cache || zoneOf(name, cache.settings.zones) === undefined) {
      return this.#resolved(server, bytes, query, name, transport);
    }
    const edns = query.edns ? (query.edns.dnssecOk ? 'd' : 'e') : '';
    const key = `${query.type} ${name} ${edns} ${query.flags & flag.checkingDisabled}`;
    const kept = cache.get(key);
    const size = sizeFor(query, transport, block.bufferSize ?? ednsUdpSize);
    if (kept && !kept.stale) return own(kept.bytes, bytes, query, size);
    const keep = (answer: Buffer) => cache.put(key, name, answer);
    if (!kept) {
      const answered = this.#resolved(server, bytes, query, name, transport);
      return Buffer.isBuffer(answered) ? keep(answered) : answered.then(keep);
    }
    const fresh = Promise.resolve(this.#resolved(server, bytes, query, name, transport)).then((answer) =>
      codeOf(answer) === responseCode.serverFailure ? undefined : keep(answer),
    );
    const stale = () => own(kept.bytes, bytes, query, size);
    if (cache.settings.staleMode === 'verify') return fresh.then((answer) => answer ?? stale());
    return stale();
  }

  /** Never rejects: what cannot be resolved is SERVFAIL. */
  #resolved(server: ZoneServer, bytes: Buffer, query: DnsQuery, name: string, transport: Transport): Answered {
    const { block } = server;
    const rewritten = block.rewrites.length === 0 ? undefined : rewriteQuestion(block.rewrites, name, query.type);
    const answer = server.answer(rewritten?.name ?? name, rewritten?.type ?? query.type);
    const size = sizeFor(query, transport, block.bufferSize ?? ednsUdpSize);
    const write = (reply: Reply) => writeReply(bytes, query, reply, size);
    if (answer.kind === 'forward') {
      const guard = this.#guards.get(server);
      if (guard?.isLooping) return write({ code: responseCode.serverFailure, flags: 0, answers: [] });
      guard?.check(() => this.#probe(server, guard.name));
      const asked = rewritten ? writeQuery(rewritten.name, rewritten.type, query) : bytes;
      return answer.forwarder.ask(asked, transport, this.#end.signal).then(
        (got) => {
          if (!rewritten) return own(got, bytes, query, size);
          try {
            const records = readRecords(got);
            const { code } = records;
            const flags = records.flags & (flag.authoritative | flag.available);
            return write(changed({ ...records, code, flags }, rewritten));
          } catch {
            return write({ code: responseCode.serverFailure, flags: 0, answers: [] });
          }
        },
        (error: unknown) => {
          if (!isAbort(error)) this.#error(server, query, error);
          const code = error instanceof TooManyQuestions ? responseCode.refused : responseCode.serverFailure;
          return write({ code, flags: 0, answers: [] });
        },
      );
    }
    const reply = rewritten ? answer.reply : asAsked(answer.reply, name, query.name);
    if (answer.elsewhere === undefined) return write(rewritten ? changed(reply, rewritten) : reply);
    return this.#elsewhere(answer.elsewhere, query, transport, longestChain).then((more) => {
      const whole = { ...reply, answers: [...reply.answers, ...more] };
      return write(rewritten ? changed(whole, rewritten) : whole);
    });
  }

  /** A question of our own, sent where the block sends those of others. */
  async #probe(server: ZoneServer, name: string): Promise<void> {
    const answer = server.answer(name, typeNumber.HINFO);
    if (answer.kind !== 'forward') return;
    const id = Math.trunc(wallClock.monotonic()) & 0xffff;
    await answer.forwarder.ask(
      writeQuery(name, typeNumber.HINFO, { id, flags: flag.desired }),
      'udp',
      this.#end.signal,
    );
  }

  /** An ExternalName: the alias is ours, its address is not. Without an answer from there the alias must do. */
  async #elsewhere(
    name: string,
    query: DnsQuery,
    transport: Transport,
    depth: number,
  ): Promise<readonly ReplyRecord[]> {
    const server = this.#serverOf(name);
    if (!server || depth === 0) return [];
    const asked = writeQuery(name, query.type, { id: query.id, flags: flag.desired });
    const inner = readQuery(asked) as DnsQuery;
    try {
      return readRecords(await this.#answered(server, asked, inner, name, transport)).answers;
    } catch {
      return [];
    }
  }

  #error({ block }: ZoneServer, query: DnsQuery, error: unknown): void {
    if (!block.errors) return;
    const reason = error instanceof Error ? error.message : String(error);
    this.#write(`[ERROR] plugin/errors: 2 ${query.name}. ${typeName(query.type)}: ${reason}`);
  }

  #log(
    logs: readonly LogSettings[],
    query: DnsQuery,
    size: number,
    answer: Buffer,
    transport: Transport,
    client: DnsClient | undefined,
    ms: number,
  ): void {
    const code = codeOf(answer);
    const name = query.name.toLowerCase();
    const kind = code === 0 ? (answer.readUInt16BE(6) === 0 ? 'denial' : 'success') : code === 3 ? 'denial' : 'error';
    for (const { zones, classes, format } of logs) {
      if (!zones.some((zone) => isBelow(name, zone)) || !(classes.has('all') || classes.has(kind))) continue;
      const values: Record<string, string | number | boolean> = {
        remote: client?.address.includes(':') ? `[${client.address}]` : (client?.address ?? '-'),
        port: client?.port ?? '-',
        '>id': query.id,
        '>opcode': query.opcode,
        type: typeName(query.type),
        class: 'IN',
        name: `${query.name}.`,
        proto: transport,
        size,
        '>do': query.edns?.dnssecOk ?? false,
        '>bufsize': query.edns?.udpSize ?? 512,
        rcode: codeName(code),
        '>rflags': flagWords(answer.readUInt16BE(2)),
        rsize: answer.length,
        duration: `${(ms / 1000).toFixed(9)}s`,
      };
      const text = formats[format] ?? format;
      const line = text.replace(/\{(>?[a-z]+)\}/g, (whole, word) => String(values[word] ?? whole));
      this.#write(`[INFO] ${line}`);
    }
  }
}

/** Upstream: plugin/log CommonLogFormat, CombinedLogFormat. */
const common =
  '{remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}" {rcode} {>rflags} {rsize} {duration}';
const formats: Readonly<Record<string, string>> = { common, combined: `${common} "{>opcode}"` };

function flagWords(flags: number): string {
  const words: [number, string][] = [
    [flag.response, 'qr'],
    [flag.authoritative, 'aa'],
    [flag.truncated, 'tc'],
    [flag.desired, 'rd'],
    [flag.available, 'ra'],
    [flag.checkingDisabled, 'cd'],
  ];
  return words.flatMap(([bit, word]) => ((flags & bit) === 0 ? [] : [word])).join(',');
}

const codeOf = (answer: Buffer): number => answer[3]! & 15;

/** An answer's bytes as one to this query: its id, the letters of its question, and no more than its buffer takes. */
function own(answer: Buffer, bytes: Buffer, query: DnsQuery, size: number): Buffer {
  if (answer.length < query.end || answer.readUInt16BE(4) !== 1) {
    return writeReply(bytes, query, { code: responseCode.serverFailure, flags: 0, answers: [] }, size);
  }
  if (answer.length > size) {
    const flags = (answer.readUInt16BE(2) & (flag.authoritative | flag.available)) | flag.truncated;
    return writeReply(bytes, query, { code: codeOf(answer), flags, answers: [] }, size);
  }
  answer.writeUInt16BE(query.id, 0);
  answer.writeUInt16BE((answer.readUInt16BE(2) & ~flag.desired) | (query.flags & flag.desired), 2);
  bytes.copy(answer, 12, 12, query.end);
  return answer;
}

/** As it was asked for: clients compare names letter by letter to see that the answer is theirs. */
function asAsked(reply: Reply, name: string, asked: string): Reply {
  if (name === asked) return reply;
  const answers = reply.answers.map((record) => (record.name === name ? { ...record, name: asked } : record));
  return { ...reply, answers };
}

function changed(reply: Reply, { answer }: Rewritten): Reply {
  if (!answer) return reply;
  // Rules speak of records as they come over the wire.
  const asked = { id: 0, opcode: 0, flags: 0, name: '', type: 0, class: 1, end: 17 } satisfies DnsQuery;
  const { answers } = readRecords(
    writeReply(Buffer.alloc(17), asked, { ...reply, authorities: [], additionals: [] }, 65_535),
  );
  return { ...reply, answers: answers.map(answer), additionals: [] };
}
