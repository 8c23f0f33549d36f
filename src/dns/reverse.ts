import { canonicalIp } from '../net/index.ts';

/** `5.0.244.10.in-addr.arpa` → `10.244.0.5`. */
export function reverseToIp(name: string): string | undefined {
  const v4 = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\.in-addr\.arpa$/.exec(name);
  if (v4) return `${v4[4]}.${v4[3]}.${v4[2]}.${v4[1]}`;
  const v6 = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name);
  if (!v6) return undefined;
  const hex = v6[1]!.split('.').filter(Boolean).reverse().join('');
  return canonicalIp(hex.replace(/(.{4})(?!$)/g, '$1:'));
}
