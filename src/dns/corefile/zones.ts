/** Names of zones as a Corefile writes them, and the files it may name. */
import { CorefileError, type Token } from './tokens.ts';

export interface CorefileFiles {
  /** The text of a file that the Corefile names, such as another key of its ConfigMap. */
  read?(path: string): string | undefined;
  /** Texts of files that `import` names. */
  imports?(pattern: string): readonly string[];
  /** The name servers of `/etc/resolv.conf`. */
  readonly resolvers?: readonly { readonly address: string; readonly port?: number }[];
}

/** `example.org.` → `example.org`; `10.0.0.0/8` → the reverse zone. */
export function normalZones(name: string, place: Token): string[] {
  const slash = name.indexOf('/');
  if (slash > 0) {
    const reverse = reverseZone(name);
    if (reverse === undefined) throw new CorefileError(place, `"${name}" is not a valid domain name or CIDR`);
    return [reverse];
  }
  const bare = name.toLowerCase().replace(/\.$/, '');
  if (bare !== '' && !/^(?!.*\.\.)[^\s/]{1,253}$/.test(bare)) {
    throw new CorefileError(place, `"${name}" is not a valid domain name`);
  }
  return [bare];
}

/** Of prefixes on byte boundaries (IPv4) and nibble boundaries (IPv6); others are widened to the next. */
function reverseZone(cidr: string): string | undefined {
  const v4 = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(cidr);
  if (v4) {
    const bytes = Math.floor(Number(v4[5]) / 8);
    if (Number(v4[5]) > 32 || v4.slice(1, 5).some((byte) => Number(byte) > 255)) return undefined;
    return [...v4.slice(1, 1 + bytes).reverse(), 'in-addr', 'arpa'].join('.');
  }
  const [address = '', prefix] = cidr.split('/');
  if (!/^[0-9a-f:]+$/i.test(address) || !address.includes(':') || !/^\d+$/.test(prefix!)) return undefined;
  const [head = '', tail] = address.toLowerCase().split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const [left, right] = [groups(head), groups(tail ?? '')];
  const middle = tail === undefined ? [] : Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0');
  const digits = [...left, ...middle, ...right].map((group) => group.padStart(4, '0')).join('');
  if (digits.length !== 32 || Number(prefix) > 128) return undefined;
  return [...[...digits.slice(0, Math.floor(Number(prefix) / 4))].reverse(), 'ip6', 'arpa'].join('.');
}
