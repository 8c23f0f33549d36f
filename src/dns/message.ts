/**
 * DNS messages as bytes: queries read, replies written with compressed names, foreign answers taken apart. RFC 1035,
 * EDNS by RFC 6891. Ours, since a server of 500 endpoints needs compression and its speed.
 */
import type { DnsRecord } from './records.ts';

/** RFC 1035 4.1.1. */
export const responseCode = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
  /** RFC 6891 6.1.3: its upper bits are in the OPT record. */
  badVersion: 16,
} as const;

export const typeNumber = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  DNAME: 39,
  OPT: 41,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
} as const;

const typeNames = new Map<number, string>(Object.entries(typeNumber).map(([name, number]) => [number, name]));
const codeNames = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];

export const typeName = (type: number): string => typeNames.get(type) ?? `TYPE${type}`;
export const codeName = (code: number): string =>
  codeNames[code] ?? (code === responseCode.badVersion ? 'BADVERS' : `RCODE${code}`);

export const flag = {
  response: 0x8000,
  authoritative: 0x0400,
  truncated: 0x0200,
  desired: 0x0100,
  available: 0x0080,
  checkingDisabled: 0x0010,
};

export const headerBytes = 12;
/** Bytes of a UDP answer for a client that says nothing of its buffer. */
export const plainUdpSize = 512;
/** What this server says of its own buffer, and the most it sends at once: fits every network's frames. */
export const ednsUdpSize = 1232;
const mostBytes = 65_535;
const optBytes = 11;

export interface DnsQuery {
  readonly id: number;
  readonly opcode: number;
  /** RD and CD as the client set them: an answer repeats them. */
  readonly flags: number;
  /** In the client's case, without its last dot. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** Where the question ends. */
  readonly end: number;
  readonly edns?: { readonly udpSize: number; readonly version: number; readonly dnssecOk: boolean };
}

/** `answer`: somebody's reply, to which nobody replies. `malformed`: has a header and no question one can read. */
export function readQuery(bytes: Buffer): DnsQuery | 'answer' | 'malformed' | 'short' {
  if (bytes.length < headerBytes) return 'short';
  const flags = bytes.readUInt16BE(2);
  if ((flags & flag.response) !== 0) return 'answer';
  if (bytes.readUInt16BE(4) !== 1) return 'malformed';
  const named = readName(bytes, headerBytes);
  if (!named || named.end + 4 > bytes.length) return 'malformed';
  const end = named.end + 4;
  const query = {
    id: bytes.readUInt16BE(0),
    opcode: (flags >> 11) & 15,
    flags: flags & (flag.desired | flag.checkingDisabled),
    name: named.name,
    type: bytes.readUInt16BE(named.end),
    class: bytes.readUInt16BE(named.end + 2),
    end,
  };
  let edns: DnsQuery['edns'];
  const records = bytes.readUInt16BE(6) + bytes.readUInt16BE(8) + bytes.readUInt16BE(10);
  for (let i = 0, at = end; i < records; i++) {
    const owner = skipName(bytes, at);
    if (owner < 0 || owner + 10 > bytes.length) return 'malformed';
    const next = owner + 10 + bytes.readUInt16BE(owner + 8);
    if (next > bytes.length) return 'malformed';
    if (bytes.readUInt16BE(owner) === typeNumber.OPT) {
      if (edns) return 'malformed';
      const ttl = bytes.readUInt32BE(owner + 4);
      edns = {
        udpSize: bytes.readUInt16BE(owner + 2),
        version: (ttl >> 16) & 255,
        dnssecOk: (ttl & 0x8000) !== 0,
      };
    }
    at = next;
  }
  return edns ? { ...query, edns } : query;
}

/** Where the name at `at` ends; -1 for none. */
export function skipName(bytes: Buffer, at: number): number {
  for (let here = at; here < bytes.length; ) {
    const length = bytes[here]!;
    if (length === 0) return here + 1;
    if ((length & 0xc0) === 0xc0) return here + 2 <= bytes.length ? here + 2 : -1;
    if ((length & 0xc0) !== 0) return -1;
    here += 1 + length;
  }
  return -1;
}

/** A name without its last dot; dots and backslashes within a label are escaped. Undefined for none. */
export function readName(bytes: Buffer, at: number): { readonly name: string; readonly end: number } | undefined {
  const labels: string[] = [];
  let end = -1;
  let total = 0;
  let before = at;
  for (let here = at; here < bytes.length; ) {
    const length = bytes[here]!;
    if (length === 0) return { name: labels.join('.'), end: end < 0 ? here + 1 : end };
    if ((length & 0xc0) === 0xc0) {
      if (here + 1 >= bytes.length) return undefined;
      const to = ((length & 0x3f) << 8) | bytes[here + 1]!;
      // Pointers go back only: anything else could go round for ever.
      if (to >= before) return undefined;
      if (end < 0) end = here + 2;
      before = to;
      here = to;
      continue;
    }
    total += length + 1;
    if ((length & 0xc0) !== 0 || total > 254 || here + 1 + length > bytes.length) return undefined;
    const label = bytes.toString('latin1', here + 1, here + 1 + length);
    labels.push(/[.\\]/.test(label) ? label.replace(/[.\\]/g, '\\$&') : label);
    here += 1 + length;
  }
  return undefined;
}

/** A record of whatever type; names in `data` are whole. */
export interface RawRecord {
  readonly name: string;
  readonly type: number;
  readonly class: number;
  readonly ttl: number;
  readonly data: Buffer;
}

/** The records of an answer, section by section. @throws RangeError for what is none */
export function readRecords(bytes: Buffer): {
  readonly code: number;
  readonly flags: number;
  readonly answers: RawRecord[];
  readonly authorities: RawRecord[];
  readonly additionals: RawRecord[];
} {
  let at = questionEnd(bytes);
  const section = (count: number): RawRecord[] => {
    const records: RawRecord[] = [];
    for (let i = 0; i < count; i++) {
      const owner = readName(bytes, at);
      if (!owner) throw new RangeError('a name of the answer cannot be read');
      const fixed = owner.end;
      const start = fixed + 10;
      const end = start + bytes.readUInt16BE(fixed + 8);
      if (end > bytes.length) throw new RangeError('the answer ends within a record');
      const type = bytes.readUInt16BE(fixed);
      records.push({
        name: owner.name,
        type,
        class: bytes.readUInt16BE(fixed + 2),
        ttl: bytes.readUInt32BE(fixed + 4),
        data: wholeData(bytes, type, start, end),
      });
      at = end;
    }
    return records;
  };
  const flags = bytes.readUInt16BE(2);
  return {
    code: flags & 15,
    flags,
    answers: section(bytes.readUInt16BE(6)),
    authorities: section(bytes.readUInt16BE(8)),
    additionals: section(bytes.readUInt16BE(10)).filter(({ type }) => type !== typeNumber.OPT),
  };
}

function questionEnd(bytes: Buffer): number {
  let at = headerBytes;
  for (let i = bytes.readUInt16BE(4); i > 0; i--) {
    const name = skipName(bytes, at);
    if (name < 0) throw new RangeError('the question of the answer cannot be read');
    at = name + 4;
  }
  return at;
}

/** Bytes before the names, and how many names, of types that may point back into the message. */
const namesIn: ReadonlyMap<number, readonly [before: number, names: number]> = new Map([
  [typeNumber.NS, [0, 1]],
  [typeNumber.CNAME, [0, 1]],
  [typeNumber.PTR, [0, 1]],
  [typeNumber.DNAME, [0, 1]],
  [typeNumber.MX, [2, 1]],
  [typeNumber.SRV, [6, 1]],
  [typeNumber.SOA, [0, 2]],
]);

function wholeData(bytes: Buffer, type: number, start: number, end: number): Buffer {
  const [before, names] = namesIn.get(type) ?? [0, 0];
  if (names === 0) return Buffer.from(bytes.subarray(start, end));
  const parts = [bytes.subarray(start, start + before)];
  let at = start + before;
  for (let i = 0; i < names; i++) {
    const named = readName(bytes, at);
    if (!named || named.end > end) throw new RangeError('a name of the answer cannot be read');
    parts.push(nameBytes(named.name));
    at = named.end;
  }
  return Buffer.concat([...parts, bytes.subarray(at, end)]);
}

/** The name that a record of an alias, a pointer or a service points at. */
export function targetOf({ type, data }: RawRecord): string | undefined {
  const [before, names] = namesIn.get(type) ?? [0, 0];
  return names === 1 ? readName(data, before)?.name : undefined;
}

/** The same record pointing at another name. */
export function withTarget(record: RawRecord, name: string): RawRecord {
  const [before] = namesIn.get(record.type)!;
  return { ...record, data: Buffer.concat([record.data.subarray(0, before), nameBytes(name)]) };
}

function labelsOf(name: string): string[] {
  if (name === '') return [];
  if (!name.includes('\\')) return name.split('.');
  return [...name.matchAll(/((?:\\.|[^.\\])+)/g)].map(([label]) => label.replace(/\\(.)/g, '$1'));
}

export function nameBytes(name: string): Buffer {
  return Buffer.concat([
    ...labelsOf(name).map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')])),
    Buffer.from([0]),
  ]);
}

export interface StartOfAuthority {
  readonly type: 'SOA';
  readonly name: string;
  readonly ttl: number;
  readonly server: string;
  readonly mailbox: string;
  readonly serial: number;
  readonly minimum: number;
}

export type ReplyRecord = DnsRecord | StartOfAuthority | RawRecord;

export interface Reply {
  readonly code: number;
  /** AA, RA. */
  readonly flags: number;
  readonly answers: readonly ReplyRecord[];
  readonly authorities?: readonly ReplyRecord[];
  readonly additionals?: readonly ReplyRecord[];
}

/** Bytes of a client's buffer over UDP, `most` at most. */
export function sizeFor(query: DnsQuery, protocol: 'udp' | 'tcp', most: number = ednsUdpSize): number {
  if (protocol === 'tcp') return mostBytes;
  return query.edns ? Math.min(Math.max(query.edns.udpSize, plainUdpSize), most) : plainUdpSize;
}

/** One reply is written at a time, then copied out. */
const page = Buffer.alloc(mostBytes + 1);

/**
 * A reply to `query`, of at most `size` bytes: records that do not fit are left out and TC says so. The question is the
 * client's own bytes, letters and all.
 */
export function writeReply(bytes: Buffer, query: DnsQuery, reply: Reply, size: number): Buffer {
  const writer = new Writer(bytes, query, Math.min(size, mostBytes) - (query.edns ? optBytes : 0));
  const counts = [0, 0, 0];
  let whole = true;
  const sections = [reply.answers, reply.authorities ?? [], reply.additionals ?? []];
  for (let i = 0; i < 3 && whole; i++) {
    for (const record of sections[i]!) {
      if (!writer.record(record)) {
        // What is only a help may be missing without a word.
        whole = i === 2;
        break;
      }
      counts[i]!++;
    }
  }
  if (query.edns) counts[2]!++;
  return writer.finish(reply, whole, counts);
}

class Writer {
  #at: number;
  readonly #query: DnsQuery;
  readonly #limit: number;
  /** Where a name, in lower case, begins. */
  readonly #names = new Map<string, number>();

  constructor(bytes: Buffer, query: DnsQuery, limit: number) {
    this.#query = query;
    this.#limit = limit;
    bytes.copy(page, headerBytes, headerBytes, query.end);
    this.#at = query.end;
    this.#remember(query.name.toLowerCase(), headerBytes);
  }

  /** Each suffix of the name, but for the last `known` letters, which are elsewhere. */
  #remember(name: string, at: number, known = 0): void {
    let here = at;
    for (let rest = name; rest.length > known; ) {
      if (here < 0x4000 && !this.#names.has(rest)) this.#names.set(rest, here);
      const dot = rest.includes('\\') ? -1 : rest.indexOf('.');
      if (dot < 0) return;
      here += dot + 1;
      rest = rest.slice(dot + 1);
    }
  }

  /** False when it did not fit, and is not there. */
  record(record: ReplyRecord): boolean {
    const start = this.#at;
    // No record of ours is larger; one of others may be.
    if (start + 600 + ('data' in record ? record.data.length : 0) > mostBytes) return false;
    this.#name(record.name);
    const raw = 'data' in record;
    this.#at = page.writeUInt16BE(raw ? record.type : typeNumber[record.type], this.#at);
    this.#at = page.writeUInt16BE(raw ? record.class : 1, this.#at);
    this.#at = page.writeUInt32BE(record.ttl, this.#at);
    const lengthAt = this.#at;
    this.#at += 2;
    if (raw) this.#at += record.data.copy(page, this.#at);
    else this.#data(record);
    page.writeUInt16BE(this.#at - lengthAt - 2, lengthAt);
    if (this.#at <= this.#limit) return true;
    for (const [name, at] of this.#names) if (at >= start) this.#names.delete(name);
    this.#at = start;
    return false;
  }

  #data(record: DnsRecord | StartOfAuthority): void {
    switch (record.type) {
      case 'A':
        for (const byte of record.address.split('.')) page[this.#at++] = Number(byte);
        break;
      case 'AAAA':
        this.#ipv6(record.address);
        break;
      case 'CNAME':
      case 'PTR':
      case 'NS':
        this.#name(record.target);
        break;
      case 'SRV':
        this.#at = page.writeUInt16BE(record.priority, this.#at);
        this.#at = page.writeUInt16BE(record.weight, this.#at);
        this.#at = page.writeUInt16BE(record.port, this.#at);
        // RFC 2782: not compressed.
        this.#name(record.target, false);
        break;
      case 'TXT':
        this.#text(record.text);
        break;
      case 'HINFO':
        this.#text(record.cpu);
        this.#text(record.os);
        break;
      case 'SOA':
        this.#name(record.server);
        this.#name(record.mailbox);
        for (const each of [record.serial, 7200, 1800, 86_400, record.minimum]) {
          this.#at = page.writeUInt32BE(each >>> 0, this.#at);
        }
    }
  }

  #text(text: string): void {
    const length = page.write(text, this.#at + 1, 255, 'latin1');
    page[this.#at] = length;
    this.#at += 1 + length;
  }

  #ipv6(address: string): void {
    const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
    const hex = (high: string, low: string) => ((Number(high) << 8) | Number(low)).toString(16);
    const text = dotted ? `${dotted[1]}${hex(dotted[2]!, dotted[3]!)}:${hex(dotted[4]!, dotted[5]!)}` : address;
    const [head = '', tail] = text.split('::');
    const left = head === '' ? [] : head.split(':');
    const right = tail === undefined || tail === '' ? [] : tail.split(':');
    page.fill(0, this.#at, this.#at + 16);
    const put = (group: string, i: number) => {
      page.writeUInt16BE(Number.parseInt(group, 16), this.#at + 2 * i);
    };
    left.forEach((group, i) => {
      put(group, i);
    });
    right.forEach((group, i) => {
      put(group, 8 - right.length + i);
    });
    this.#at += 16;
  }

  #name(name: string, mayPoint = true): void {
    const lower = name.toLowerCase();
    const start = this.#at;
    let rest = name;
    for (let key = lower; key !== ''; ) {
      const known = mayPoint ? this.#names.get(key) : undefined;
      if (known !== undefined) {
        this.#at = page.writeUInt16BE(0xc000 | known, this.#at);
        this.#remember(lower, start, key.length);
        return;
      }
      if (rest.includes('\\')) {
        this.#at += nameBytes(rest).copy(page, this.#at);
        return;
      }
      const dot = rest.indexOf('.');
      const label = dot < 0 ? rest : rest.slice(0, dot);
      page[this.#at] = label.length;
      page.write(label, this.#at + 1, 'latin1');
      this.#at += 1 + label.length;
      rest = dot < 0 ? '' : rest.slice(dot + 1);
      key = dot < 0 ? '' : key.slice(dot + 1);
    }
    page[this.#at++] = 0;
    if (mayPoint) this.#remember(lower, start);
  }

  finish({ code, flags }: Reply, whole: boolean, counts: readonly number[]): Buffer {
    const { id, flags: asked, opcode, edns } = this.#query;
    page.writeUInt16BE(id, 0);
    page.writeUInt16BE(flag.response | (opcode << 11) | flags | asked | (whole ? 0 : flag.truncated) | (code & 15), 2);
    page.writeUInt16BE(1, 4);
    for (const [i, count] of counts.entries()) page.writeUInt16BE(count, 6 + 2 * i);
    if (edns) {
      page[this.#at] = 0;
      page.writeUInt16BE(typeNumber.OPT, this.#at + 1);
      page.writeUInt16BE(ednsUdpSize, this.#at + 3);
      page.writeUInt32BE(((code >> 4) << 24) | (edns.dnssecOk ? 0x8000 : 0), this.#at + 5);
      page.writeUInt16BE(0, this.#at + 9);
      this.#at += optBytes;
    }
    return Buffer.from(page.subarray(0, this.#at));
  }
}

/** A header that says what is wrong, for a query whose question cannot be repeated. */
export function bareFailure(bytes: Buffer, code: number): Buffer {
  const reply = Buffer.alloc(headerBytes);
  bytes.copy(reply, 0, 0, 2);
  reply.writeUInt16BE(flag.response | (bytes.readUInt16BE(2) & 0x7900) | code, 2);
  return reply;
}

/** A question as it is sent to other servers. */
export function writeQuery(name: string, type: number, query: Pick<DnsQuery, 'id' | 'flags' | 'edns'>): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt16BE(query.id, 0);
  header.writeUInt16BE(query.flags, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(query.edns ? 1 : 0, 10);
  const question = Buffer.alloc(4);
  question.writeUInt16BE(type, 0);
  question.writeUInt16BE(1, 2);
  const opt = Buffer.alloc(query.edns ? optBytes : 0);
  if (query.edns) {
    opt.writeUInt16BE(typeNumber.OPT, 1);
    opt.writeUInt16BE(query.edns.udpSize, 3);
    opt.writeUInt32BE(query.edns.dnssecOk ? 0x8000 : 0, 5);
  }
  return Buffer.concat([header, nameBytes(name), question, opt]);
}
