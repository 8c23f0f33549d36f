/** A pasted dump that is not what it claims to be; `line` counts from one. */
export class DumpError extends Error {
  readonly line: number;

  constructor(line: number, what: string) {
    super(`line ${line}: ${what}`);
    this.name = 'DumpError';
    this.line = line;
  }
}

export type DumpKind = 'iptables-save' | 'nft' | 'ipvsadm-save' | 'ipset-save';

/** What wrote a dump, told by its first line that says something; undefined when it is none of these. */
export function dumpKind(text: string): DumpKind | undefined {
  for (const line of text.split('\n')) {
    const words = line.trim();
    if (words === '' || words.startsWith('#')) continue;
    if (/^\*[a-z]+$/.test(words)) return 'iptables-save';
    if (/^table (ip|ip6|inet|arp|bridge|netdev) \S+ \{/.test(words)) return 'nft';
    if (/^-A (-t|-u|-f|--sctp-service) /.test(words)) return 'ipvsadm-save';
    if (/^create \S+ (hash|bitmap|list):/.test(words)) return 'ipset-save';
    return undefined;
  }
  return undefined;
}
