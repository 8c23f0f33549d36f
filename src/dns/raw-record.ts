/** Records of others, or rewritten ones, as the records that klab itself writes. */
import { canonicalIp } from '../net/index.ts';
import { type RawRecord, type ReplyRecord, targetOf, typeName } from './message.ts';
import type { DnsRecord } from './records.ts';

/** Undefined for types that cluster DNS does not have. */
export function dnsRecord(record: ReplyRecord): DnsRecord | undefined {
  if (!('data' in record)) return record.type === 'SOA' ? undefined : record;
  const { name, ttl, data } = record;
  const base = { name, ttl };
  const type = typeName(record.type);
  switch (type) {
    case 'A':
      return { ...base, type, address: data.join('.') };
    case 'AAAA':
      return { ...base, type, address: canonicalIp(data.toString('hex').match(/.{4}/g)!.join(':')) };
    case 'CNAME':
    case 'PTR':
    case 'NS':
      return { ...base, type, target: targetOf(record)! };
    case 'SRV': {
      const [priority, weight, port] = [0, 2, 4].map((at) => data.readUInt16BE(at)) as [number, number, number];
      return { ...base, type, priority, weight, port, target: targetOf(record)! };
    }
    case 'TXT':
      return { ...base, type, text: texts(record).join('') };
    case 'HINFO': {
      const [cpu = '', os = ''] = texts(record);
      return { ...base, type, cpu, os };
    }
    default:
      return undefined;
  }
}

function texts({ data }: RawRecord): string[] {
  const found: string[] = [];
  for (let at = 0; at < data.length; at += 1 + data[at]!) {
    found.push(data.toString('latin1', at + 1, at + 1 + data[at]!));
  }
  return found;
}
