/** Answers kept for their time, as bytes. Upstream: plugin/cache (coredns 1.13), RFC 2308 for denials. */
import type { CacheSettings } from './corefile/settings.ts';
import { zoneOf } from './corefile/settings.ts';
import { flag, headerBytes, responseCode, skipName, typeNumber } from './message.ts';

interface Entry {
  readonly bytes: Buffer;
  /** Where the records' TTLs are. */
  readonly ttlAt: readonly number[];
  readonly storedAt: number;
  /** Seconds. */
  readonly ttl: number;
}

/** What CoreDNS takes for an answer without any record. */
const leastTtl = 5;

export interface Kept {
  /** With the TTL that is left. */
  readonly bytes: Buffer;
  /** Its time is over, and serve_stale lets it be given. */
  readonly stale: boolean;
}

export class AnswerCache {
  readonly settings: CacheSettings;
  readonly #now: () => number;
  readonly #success = new Map<string, Entry>();
  readonly #denial = new Map<string, Entry>();

  /** `now` in milliseconds. */
  constructor(settings: CacheSettings, now: () => number) {
    this.settings = settings;
    this.#now = now;
  }

  get size(): number {
    return this.#success.size + this.#denial.size;
  }

  get(key: string): Kept | undefined {
    const entry = this.#success.get(key) ?? this.#denial.get(key);
    if (!entry) return undefined;
    const left = entry.ttl - (this.#now() - entry.storedAt) / 1000;
    if (left > 0)
      return { bytes: this.settings.keepTtl ? Buffer.from(entry.bytes) : withTtl(entry, left), stale: false };
    if (left > -this.settings.serveStale && this.#success.has(key)) return { bytes: withTtl(entry, 0), stale: true };
    this.#success.delete(key);
    this.#denial.delete(key);
    return undefined;
  }

  /** Keeps an answer if it may be kept. Gives it back with the TTL it is kept for. */
  put(key: string, name: string, bytes: Buffer): Buffer {
    const read = measure(bytes);
    if (!read) return bytes;
    const { kind, ttlAt, least } = read;
    const { success, denial, servfail } = this.settings;
    const part = kind === 'success' ? success : denial;
    if (part.disabledFor.length > 0 && zoneOf(name, part.disabledFor) !== undefined) return bytes;
    const ttl = kind === 'failure' ? servfail : Math.min(Math.max(least, part.least), part.most);
    const into = kind === 'success' ? this.#success : this.#denial;
    this.#success.delete(key);
    this.#denial.delete(key);
    if (ttl <= 0 || part.capacity <= 0) return bytes;
    if (into.size >= part.capacity) into.delete(into.keys().next().value!);
    const entry = { bytes, ttlAt, storedAt: this.#now(), ttl };
    into.set(key, entry);
    return this.settings.keepTtl ? bytes : withTtl(entry, ttl);
  }
}

function withTtl({ bytes, ttlAt }: Entry, seconds: number): Buffer {
  const copy = Buffer.from(bytes);
  const ttl = Math.floor(seconds);
  for (const at of ttlAt) copy.writeUInt32BE(ttl, at);
  return copy;
}

/** What kind of answer it is, and the least TTL in it; undefined for what is not kept. */
function measure(
  bytes: Buffer,
): { kind: 'success' | 'denial' | 'failure'; ttlAt: number[]; least: number } | undefined {
  if (bytes.length < headerBytes) return undefined;
  const flags = bytes.readUInt16BE(2);
  if ((flags & flag.truncated) !== 0) return undefined;
  const code = flags & 15;
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) => bytes.readUInt16BE(at)) as [
    number,
    number,
    number,
    number,
  ];
  let at = headerBytes;
  for (let i = 0; i < questions; i++) {
    at = skipName(bytes, at);
    if (at < 0) return undefined;
    at += 4;
  }
  const ttlAt: number[] = [];
  let least = Number.POSITIVE_INFINITY;
  let authority = false;
  for (let i = 0; i < answers + authorities + additionals; i++) {
    const owner = skipName(bytes, at);
    if (owner < 0 || owner + 10 > bytes.length) return undefined;
    const end = owner + 10 + bytes.readUInt16BE(owner + 8);
    if (end > bytes.length) return undefined;
    const type = bytes.readUInt16BE(owner);
    if (type !== typeNumber.OPT) {
      ttlAt.push(owner + 4);
      least = Math.min(least, bytes.readUInt32BE(owner + 4));
      if (type === typeNumber.SOA && i >= answers) {
        authority = true;
        least = Math.min(least, bytes.readUInt32BE(end - 4));
      }
    }
    at = end;
  }
  if (least === Number.POSITIVE_INFINITY) least = leastTtl;
  if (code === responseCode.serverFailure) return { kind: 'failure', ttlAt, least };
  if (code === responseCode.nameError) return { kind: 'denial', ttlAt, least };
  if (code !== responseCode.noError) return undefined;
  return { kind: answers === 0 && authority ? 'denial' : 'success', ttlAt, least };
}
