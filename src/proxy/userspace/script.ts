/** The portal rules as a shell script, and in words what the process behind them does. */
import { comment, quoteToken, tableText } from '../../net/index.ts';
import type { ResolvedProxyConfig } from '../config.ts';
import { jumpCommands } from '../jump-commands.ts';
import type { ProxyListener, UserspaceRules } from './rules.ts';

/** One line a listener. The process knew ready endpoints only, and none of the traffic policies. */
function listenerText({ port, service }: ProxyListener): string {
  const ready = service.endpoints.filter((endpoint) => endpoint.ready).map(({ address }) => address);
  const to = ready.length === 0 ? 'nobody: connections are accepted and closed' : `${ready.join(', ')} in turn`;
  const seconds = service.sessionAffinitySeconds;
  const sticky = seconds === undefined ? '' : `; a client stays with its endpoint until it was away for ${seconds} s`;
  return `#   ${port}/${service.protocol.toLowerCase()}  ${service.name} -> ${to}${sticky}`;
}

export function userspaceScript(rules: UserspaceRules, config: ResolvedProxyConfig): string {
  const iptables = config.family === 'IPv4' ? 'iptables' : 'ip6tables';
  return `${[
    '#!/bin/sh',
    `# kube-proxy rules (userspace mode, until 1.25; ${config.family}) for node ${config.node.name}. Run as root, or in a namespace of your own.`,
    '# They lead to these ports, on which kube-proxy itself would listen and pass on what comes, by a connection of its own:',
    ...rules.listeners.map(listenerText),
    ...rules.unsupported.map(({ name }) => `#   none: ${name} is SCTP, which this mode does not know`),
    'set -e',
    ...jumpCommands(rules.jumps, iptables),
    `ensure_last() { t=$1; c=$2; shift 2; ${iptables} -w 5 -t "$t" -C "$c" "$@" 2>/dev/null || ${iptables} -w 5 -t "$t" -A "$c" "$@"; }`,
    ...rules.lastJumps.flatMap(({ table, from, to, match, comment: text }) => [
      `${iptables} -w 5 -t ${table} -N ${to} 2>/dev/null || true`,
      `ensure_last ${table} ${from} ${[...match, ...comment(text), '-j', to].map(quoteToken).join(' ')}`,
    ]),
    `${iptables}-restore -w 5 --noflush --counters <<'RULES'`,
    tableText(rules.filter),
    tableText(rules.nat),
    'RULES',
  ].join('\n')}\n`;
}
