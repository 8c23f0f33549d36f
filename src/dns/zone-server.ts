/** One server block at work: its plugins in CoreDNS' order, for one question. Everything here is known in memory. */
import type { Prng } from '../base/index.ts';
import { AnswerCache } from './cache.ts';
import { fallsThrough, isBelow, type ServerBlock, zoneOf } from './corefile/settings.ts';
import { Forwarder } from './forward.ts';
import { HostsTable } from './hosts.ts';
import { flag, type Reply, type ReplyRecord, responseCode, targetOf, typeName, typeNumber } from './message.ts';
import { ClusterDns, type DnsRecord, type DnsSource, type DnsType } from './records.ts';
import { templateReply } from './template.ts';

/** What a block can say by itself. */
export type LocalAnswer =
  | {
      readonly kind: 'reply';
      readonly reply: Reply;
      /** A name outside that an alias of the answer points at. */
      readonly elsewhere?: string;
    }
  | { readonly kind: 'forward'; readonly forwarder: Forwarder };

/** CNAMEs of cluster names that point at cluster names: longer chains are circles. */
const longestChain = 8;
const served: ReadonlySet<string> = new Set<DnsType>(['A', 'AAAA', 'CNAME', 'PTR', 'SRV', 'NS', 'TXT']);
const failed: LocalAnswer = {
  kind: 'reply',
  reply: { code: responseCode.serverFailure, flags: 0, answers: [] },
};

export class ZoneServer {
  readonly block: ServerBlock;
  readonly cache: AnswerCache | undefined;
  readonly #cluster: ClusterDns | undefined;
  readonly #hosts: HostsTable | undefined;
  readonly #forwarders: readonly Forwarder[];
  readonly #prng: Prng;

  constructor(block: ServerBlock, source: DnsSource, deps: { readonly prng: Prng; readonly now: () => number }) {
    this.block = block;
    this.#prng = deps.prng;
    this.cache = block.cache && new AnswerCache(block.cache, deps.now);
    this.#hosts = block.hosts && new HostsTable(block.hosts);
    this.#forwarders = block.forwards.map((settings) => new Forwarder(settings, deps.prng));
    const { kubernetes } = block;
    if (!kubernetes) return;
    const isReverse = (zone: string) => zone === 'arpa' || zone.endsWith('.arpa');
    this.#cluster = new ClusterDns(source, {
      domain: kubernetes.zones.find((zone) => !isReverse(zone))!,
      reverse: kubernetes.zones.filter(isReverse),
      ttl: kubernetes.ttl,
      pods: kubernetes.pods,
      noEndpoints: kubernetes.noEndpoints,
      endpointPodNames: kubernetes.endpointPodNames,
      ignoreEmptyService: kubernetes.ignoreEmptyService,
      ...(kubernetes.namespaces && { namespaces: kubernetes.namespaces }),
    });
  }

  /** `name` in lower case, without its last dot. */
  answer(name: string, type: number): LocalAnswer {
    const word = typeName(type);
    if (this.block.any && type === typeNumber.ANY && zoneOf(name, this.block.any) !== undefined) {
      const record = { type: 'HINFO', name, ttl: 8482, cpu: 'ANY obsoleted', os: 'See RFC 8482' } as const;
      return { kind: 'reply', reply: { code: responseCode.noError, flags: flag.authoritative, answers: [record] } };
    }
    const made = this.block.templates.length === 0 ? undefined : templateReply(this.block.templates, name, type);
    if (made) return withElsewhere(made, type);
    const fromHosts = this.#hosts?.query(name, word) ?? 'next';
    if (fromHosts === 'failure') return failed;
    if (fromHosts !== 'next') return this.#reply(fromHosts);
    const fromCluster = this.#fromCluster(name, word);
    if (fromCluster) return fromCluster;
    const forwarder = this.#forwarders.find((each) => each.takes(name));
    // No plugin is left: CoreDNS answers SERVFAIL.
    return forwarder && forwarder.settings.upstreams.length > 0 ? { kind: 'forward', forwarder } : noOne(forwarder);
  }

  #fromCluster(name: string, word: string): LocalAnswer | undefined {
    const cluster = this.#cluster;
    if (!cluster?.owns(name)) return undefined;
    const { domain, ttl } = cluster;
    if (word === 'AXFR' || word === 'IXFR') {
      return { kind: 'reply', reply: { code: responseCode.refused, flags: 0, answers: [] } };
    }
    if (word === 'SOA' && name === domain) return this.#reply([startOfAuthority(domain, ttl)]);
    const found = this.#chain(cluster, name, word);
    if (found.code === 'NXDOMAIN' && fallsThrough(name, this.block.kubernetes!.fallthrough)) return undefined;
    const authority = name.endsWith('.arpa') ? (zoneOf(name, this.block.kubernetes!.zones) ?? domain) : domain;
    return {
      kind: 'reply',
      reply: {
        code: found.code === 'NXDOMAIN' ? responseCode.nameError : responseCode.noError,
        flags: flag.authoritative,
        answers: this.#balanced(found.records),
        authorities: found.records.length === 0 ? [startOfAuthority(authority, ttl)] : [],
        additionals: glue(cluster, found.records),
      },
      ...(found.elsewhere !== undefined && { elsewhere: found.elsewhere }),
    };
  }

  /** The records of a name; an alias brings those of its target. */
  #chain(
    cluster: ClusterDns,
    name: string,
    type: string,
  ): { readonly code: 'NOERROR' | 'NXDOMAIN'; readonly records: readonly DnsRecord[]; readonly elsewhere?: string } {
    const records: DnsRecord[] = [];
    let current = name;
    for (let i = 0; i < longestChain; i++) {
      const found = cluster.query(current, served.has(type) ? (type as DnsType) : 'A');
      if (found.code === 'NXDOMAIN') {
        return records.length > 0 ? { code: 'NOERROR', records } : { code: 'NXDOMAIN', records };
      }
      const alias = found.records.find((record) => record.type === 'CNAME');
      if (alias) records.push(alias);
      else if (served.has(type)) records.push(...found.records);
      if (!alias || !('target' in alias) || (type !== 'A' && type !== 'AAAA')) return { code: 'NOERROR', records };
      const target = alias.target.toLowerCase().replace(/\.$/, '');
      if (!isBelow(target, cluster.domain)) return { code: 'NOERROR', records, elsewhere: target };
      current = target;
    }
    return { code: 'NOERROR', records };
  }

  #reply(answers: readonly ReplyRecord[]): LocalAnswer {
    return { kind: 'reply', reply: { code: responseCode.noError, flags: flag.authoritative, answers } };
  }

  /** Addresses in another order each time, behind the aliases. */
  #balanced(records: readonly DnsRecord[]): readonly DnsRecord[] {
    if (!this.block.loadBalance || records.length < 2) return records;
    const addresses = records.filter(({ type }) => type === 'A' || type === 'AAAA');
    if (addresses.length < 2) return records;
    return [...records.filter(({ type }) => type !== 'A' && type !== 'AAAA'), ...this.#prng.shuffle(addresses)];
  }
}

/** An alias that a template makes is followed. */
function withElsewhere(reply: Reply, type: number): LocalAnswer {
  const [first] = reply.answers;
  const asksAddress = type === typeNumber.A || type === typeNumber.AAAA;
  const alias =
    asksAddress && first && 'data' in first && first.type === typeNumber.CNAME ? targetOf(first) : undefined;
  const elsewhere = reply.answers.length === 1 ? alias?.toLowerCase() : undefined;
  return { kind: 'reply', reply, ...(elsewhere !== undefined && { elsewhere }) };
}

function noOne(forwarder: Forwarder | undefined): LocalAnswer {
  if (!forwarder) return failed;
  // A forward without servers: the machine knows none.
  return { kind: 'reply', reply: { code: responseCode.refused, flags: 0, answers: [] } };
}

/** Addresses of what SRV records point at, so that clients need not ask again. */
function glue(cluster: ClusterDns, records: readonly DnsRecord[]): readonly DnsRecord[] {
  const targets = new Set(
    records.flatMap((record) => (record.type === 'SRV' || record.type === 'NS' ? [record.target] : [])),
  );
  return [...targets].flatMap((target) =>
    (['A', 'AAAA'] as const).flatMap((type) => cluster.query(target, type).records),
  );
}

function startOfAuthority(zone: string, ttl: number): ReplyRecord {
  return {
    type: 'SOA',
    name: zone,
    ttl,
    server: `ns.dns.${zone}`,
    mailbox: `hostmaster.${zone}`,
    serial: 1,
    minimum: ttl,
  };
}
