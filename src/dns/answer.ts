/** Packets in, packets out: the records of ClusterDns as a name server gives them. Upstream: CoreDNS' kubernetes plugin. */
import {
  type Answer,
  AUTHORITATIVE_ANSWER,
  type Packet,
  type Question,
  RECURSION_AVAILABLE,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
} from 'dns-packet';
import type { ClusterDns, DnsRecord, DnsType } from './records.ts';

/** RFC 1035 4.1.1. */
export const responseCode = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
};

/** Bytes of a UDP answer for a client that says nothing of its buffer. */
export const plainUdpSize = 512;
/** What this server says of its own buffer, and the most it sends at once: fits every network's frames. */
export const ednsUdpSize = 1232;

const served: ReadonlySet<string> = new Set<DnsType>(['A', 'AAAA', 'CNAME', 'PTR', 'SRV']);
const queryOpcode = 'QUERY';
/** CNAMEs of cluster names that point at cluster names: longer chains are circles. */
const longestChain = 8;

export interface AnswerOptions {
  /** Default `cluster.local`. */
  readonly domain?: string;
  /** Seconds that a negative answer may be kept; also the SOA's. Default 30. */
  readonly ttl?: number;
}

/** What the cluster can say itself. */
export interface Answered {
  readonly packet: Packet;
  /** A name outside the cluster that the answer's CNAME points at, for whoever can resolve it. */
  readonly elsewhere?: { readonly name: string; readonly type: string };
}

/** The answer from the cluster's own records, or undefined when the name is not the cluster's. */
export function answer(dns: ClusterDns, query: Packet, options: AnswerOptions = {}): Answered | undefined {
  const question = query.questions?.[0];
  if (!question || query.questions!.length !== 1) return { packet: failure(query, responseCode.formatError) };
  const { opcode = queryOpcode } = query as { opcode?: string };
  if (opcode !== queryOpcode) return { packet: failure(query, responseCode.notImplemented) };
  if (question.class !== undefined && question.class !== 'IN') return { packet: failure(query, responseCode.refused) };
  const name = bare(question.name);
  if (!dns.owns(name)) return undefined;
  const found = resolve(dns, name, question);
  // A reverse name of an address that is nobody's here: somebody else may know it.
  if (found.code === 'NXDOMAIN' && name.toLowerCase().endsWith('.arpa')) return undefined;
  const answers = found.records.map((record) => recordOf(record, question));
  const additionals = glue(dns, found.records);
  const { domain = 'cluster.local', ttl = 30 } = options;
  return {
    packet: {
      ...response(query, found.code === 'NXDOMAIN' ? responseCode.nameError : responseCode.noError),
      answers,
      additionals,
      authorities: answers.length === 0 ? [startOfAuthority(domain, ttl)] : [],
    },
    ...(found.elsewhere === undefined ? {} : { elsewhere: { name: found.elsewhere, type: question.type } }),
  };
}

interface Resolved {
  readonly code: 'NOERROR' | 'NXDOMAIN';
  readonly records: readonly DnsRecord[];
  readonly elsewhere?: string;
}

/** The records of a name; an alias brings those of its target. */
function resolve(dns: ClusterDns, name: string, { type }: Question): Resolved {
  const records: DnsRecord[] = [];
  let current = name;
  for (let i = 0; i < longestChain; i++) {
    const found = dns.query(current, served.has(type) ? (type as DnsType) : 'A');
    if (found.code === 'NXDOMAIN')
      return records.length > 0 ? { code: 'NOERROR', records } : { code: 'NXDOMAIN', records };
    const alias = found.records.find((record) => record.type === 'CNAME');
    if (alias) records.push(alias);
    else if (served.has(type)) records.push(...found.records);
    if (!alias || !('target' in alias) || (type !== 'A' && type !== 'AAAA')) return { code: 'NOERROR', records };
    if (!dns.owns(alias.target)) return { code: 'NOERROR', records, elsewhere: alias.target };
    current = alias.target;
  }
  return { code: 'NOERROR', records };
}

/** Addresses of what SRV records point at, so that clients need not ask again. */
function glue(dns: ClusterDns, records: readonly DnsRecord[]): Answer[] {
  const targets = new Set(records.flatMap((record) => (record.type === 'SRV' ? [record.target] : [])));
  return [...targets].flatMap((target) =>
    (['A', 'AAAA'] as const).flatMap((type) => dns.query(target, type).records.map((record) => recordOf(record))),
  );
}

function recordOf(record: DnsRecord, question?: Question): Answer {
  // As it was asked for: clients compare names letter by letter to see that the answer is theirs.
  const name = question && record.name === bare(question.name).toLowerCase() ? question.name : record.name;
  const base = { name, ttl: record.ttl, class: 'IN' as const };
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return { ...base, type: record.type, data: record.address };
    case 'CNAME':
    case 'PTR':
      return { ...base, type: record.type, data: record.target };
    case 'SRV': {
      const { target, port, priority, weight } = record;
      return { ...base, type: 'SRV', data: { target, port, priority, weight } };
    }
  }
}

function startOfAuthority(domain: string, ttl: number): Answer {
  return {
    type: 'SOA',
    name: domain,
    ttl,
    class: 'IN',
    data: {
      mname: `ns.dns.${domain}`,
      rname: `hostmaster.${domain}`,
      serial: 1,
      refresh: 7200,
      retry: 1800,
      expire: 86_400,
      minimum: ttl,
    },
  };
}

function response(query: Packet, code: number, more = 0): Packet {
  const desired = (query.flags ?? 0) & RECURSION_DESIRED;
  return {
    type: 'response',
    id: query.id,
    flags: AUTHORITATIVE_ANSWER | desired | more | code,
    questions: query.questions ?? [],
  };
}

/** An answer without records. */
export function failure(query: Packet, code: number): Packet {
  const packet = response(query, code);
  return {
    ...packet,
    flags: (packet.flags! & ~AUTHORITATIVE_ANSWER) | (code === responseCode.noError ? RECURSION_AVAILABLE : 0),
  };
}

/** The size of UDP answers that the client takes, from its EDNS record. */
export function udpSizeOf(query: Packet): number {
  const edns = query.additionals?.find((record) => record.type === 'OPT');
  if (!edns || !('udpPayloadSize' in edns)) return plainUdpSize;
  return Math.min(Math.max(edns.udpPayloadSize, plainUdpSize), ednsUdpSize);
}

/** A query that speaks EDNS is answered in EDNS. */
export function withEdns(query: Packet, packet: Packet): Packet {
  if (!query.additionals?.some((record) => record.type === 'OPT')) return packet;
  const own = { type: 'OPT', name: '.', udpPayloadSize: ednsUdpSize, flags: 0, options: [] } as unknown as Answer;
  return { ...packet, additionals: [...(packet.additionals ?? []), own] };
}

/** Too large for the client's buffer: it asks again over TCP. */
export function truncated(query: Packet, packet: Packet): Packet {
  return withEdns(query, {
    ...packet,
    flags: (packet.flags ?? 0) | TRUNCATED_RESPONSE,
    answers: [],
    authorities: [],
    additionals: [],
  });
}

function bare(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name;
}
