/** The rules as a shell script that brings an empty network namespace (or a node) to the state kube-proxy keeps. */
import { tableText } from '../../net/index.ts';
import type { ResolvedProxyConfig } from '../config.ts';
import { jumpCommands } from '../jump-commands.ts';
import type { IptablesRules } from './rules.ts';

/** Exactly what kube-proxy feeds to `iptables-restore --noflush --counters`. */
export function restoreInput(rules: IptablesRules): string {
  return `${tableText(rules.filter)}\n${tableText(rules.nat)}\n`;
}

export function iptablesScript(rules: IptablesRules, config: ResolvedProxyConfig): string {
  const iptables = config.family === 'IPv4' ? 'iptables' : 'ip6tables';
  return `${[
    '#!/bin/sh',
    `# kube-proxy rules (iptables mode, ${config.family}) for node ${config.node.name}. Run as root, or in a namespace of your own.`,
    'set -e',
    ...(rules.nfacctObjects ?? []).map((name) => `nfacct add ${name} 2>/dev/null || nfacct get ${name} >/dev/null`),
    ...jumpCommands(rules.jumps, iptables),
    `${iptables}-restore -w 5 --noflush --counters <<'RULES'`,
    restoreInput(rules).trimEnd(),
    'RULES',
  ].join('\n')}\n`;
}
