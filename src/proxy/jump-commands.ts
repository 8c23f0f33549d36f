import { comment, type Jump, quoteToken } from '../net/index.ts';

/** Shell lines that make the chains and put the jumps to them first, once. */
export function jumpCommands(jumps: readonly Jump[], iptables: string): string[] {
  const lines = [
    `ensure() { t=$1; c=$2; shift 2; ${iptables} -w 5 -t "$t" -C "$c" "$@" 2>/dev/null || ${iptables} -w 5 -t "$t" -I "$c" "$@"; }`,
  ];
  for (const chain of new Set(jumps.map((jump) => `${jump.table} -N ${jump.to}`))) {
    lines.push(`${iptables} -w 5 -t ${chain} 2>/dev/null || true`);
  }
  for (const jump of jumps) {
    const words = [...jump.match, ...(jump.comment === '' ? [] : comment(jump.comment)), '-j', jump.to];
    lines.push(`ensure ${jump.table} ${jump.from} ${words.map(quoteToken).join(' ')}`);
  }
  return lines;
}
