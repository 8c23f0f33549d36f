/** The table as input of `nft -f`, whole or as a transaction from one state to the next. */
import type { PolicyChain, PolicyElement, PolicyRule, PolicySet, PolicyTable } from './model.ts';

interface Line {
  readonly line: string;
  readonly why?: string;
}

const quoted = (text: string | undefined): string => (text === undefined ? '' : ` comment "${text}"`);

const chainLine = (table: string, { name, base }: PolicyChain): string =>
  `add chain ${table} ${name}${base === undefined ? '' : ` { ${base} ; policy accept ; }`}`;
const setLine = (table: string, { kind, name, type }: PolicySet): string =>
  `add ${kind} ${table} ${name} { type ${type} ; }`;
const ruleLine = (table: string, { chain, rule, comment }: PolicyRule): string =>
  `add rule ${table} ${chain} ${rule}${quoted(comment)}`;
const elementText = ({ key, comment, value }: PolicyElement): string =>
  `${key.join(' . ')}${quoted(comment)}${value === undefined ? '' : ` : ${value}`}`;
const elementLine = (table: string, element: PolicyElement): string =>
  `add element ${table} ${element.set} { ${elementText(element)} }`;

const nameOf = ({ family, name }: PolicyTable): string => `${family} ${name}`;

function lines(rules: PolicyTable): Line[] {
  const table = nameOf(rules);
  return [
    { line: `add table ${table}`, why: 'A table of both families, so one rule can be for IPv4 and IPv6.' },
    ...rules.chains.map((chain) => ({ line: chainLine(table, chain), why: chain.why })),
    ...rules.sets.map((set) => ({ line: setLine(table, set), why: set.why })),
    ...rules.rules.map((rule) => ({ line: ruleLine(table, rule), why: rule.why })),
    ...rules.elements.map((element) => ({ line: elementLine(table, element) })),
  ];
}

const guide = [
  'How to read this: a packet that goes through the node meets the base chains at their hooks, in order of priority.',
  'PREROUTING: kube-proxy has put a pod in the place of a Service by now. FORWARD (this table): egress of the pod that sends,',
  'then ingress of the pod that receives, when they are of this node. POSTROUTING: masquerading, behind this table.',
  'Pods of one node that hang on a bridge pass FORWARD only with br_netfilter (net.bridge.bridge-nf-call-iptables=1 and',
  'bridge-nf-call-ip6tables=1); pods that are routed (ptp, host-gw between nodes) always do.',
];

export interface PolicyScriptOptions {
  readonly node: string;
  /** A sentence above each line, as a comment that loads. */
  readonly explain?: boolean;
}

/** One transaction that replaces what stood there; may be loaded again and again. */
export function policyScript(rules: PolicyTable, { node, explain = false }: PolicyScriptOptions): string {
  const table = nameOf(rules);
  const out = [
    '#!/usr/sbin/nft -f',
    `# NetworkPolicies of node ${node} (table ${table}). Load with: nft -f FILE`,
    ...(explain ? guide.map((line) => `# ${line}`) : []),
    // Adding before deleting makes the deletion work whether or not the table stands.
    `add table ${table}`,
    `delete table ${table}`,
  ];
  let last: string | undefined;
  for (const { line, why } of lines(rules)) {
    if (explain && why !== undefined && why !== last) out.push(`# ${why}`);
    last = why;
    out.push(line);
  }
  return [...out, ''].join('\n');
}

/** Each line of the script with its sentence, for printing as data. */
export const policyLines = (rules: PolicyTable): { readonly line: string; readonly explanation?: string }[] =>
  lines(rules).map(({ line, why }) => (why === undefined ? { line } : { line, explanation: why }));

/**
 * Commands that make `after` of a kernel that has `before`, in nft's order: what rules and elements name stands before
 * them, and goes after them. Empty when nothing changes. A change of one pod's address is a line or two.
 */
export function policyUpdate(before: PolicyTable, after: PolicyTable): string[] {
  const table = nameOf(after);
  const names = (pieces: readonly { readonly name: string }[]) => new Set(pieces.map(({ name }) => name));
  const [oldChains, newChains] = [names(before.chains), names(after.chains)];
  const [oldSets, newSets] = [names(before.sets), names(after.sets)];
  const out = after.chains.filter(({ name }) => !oldChains.has(name)).map((chain) => chainLine(table, chain));
  for (const set of after.sets) if (!oldSets.has(set.name)) out.push(setLine(table, set));

  const [then, now] = [before, after].map(
    ({ elements }) => new Map(elements.map((element) => [`${element.set} ${elementText(element)}`, element])),
  ) as [Map<string, PolicyElement>, Map<string, PolicyElement>];
  for (const [key, { set, key: parts }] of then) {
    if (!now.has(key) && newSets.has(set)) out.push(`delete element ${table} ${set} { ${parts.join(' . ')} }`);
  }
  for (const [key, element] of now) if (!then.has(key)) out.push(elementLine(table, element));

  const [oldRules, newRules] = [rulesByChain(table, before), rulesByChain(table, after)];
  for (const chain of oldChains) {
    const rules = newRules.get(chain) ?? [];
    if (rules.join('\n') === (oldRules.get(chain) ?? []).join('\n')) continue;
    out.push(`flush chain ${table} ${chain}`, ...rules);
  }
  for (const { name } of after.chains) if (!oldChains.has(name)) out.push(...(newRules.get(name) ?? []));
  for (const { name } of before.chains) if (!newChains.has(name)) out.push(`delete chain ${table} ${name}`);
  for (const { kind, name } of before.sets) if (!newSets.has(name)) out.push(`delete ${kind} ${table} ${name}`);
  return out;
}

function rulesByChain(table: string, { rules }: PolicyTable): Map<string, string[]> {
  const out = new Map<string, string[]>();
  for (const rule of rules) out.set(rule.chain, [...(out.get(rule.chain) ?? []), ruleLine(table, rule)]);
  return out;
}
