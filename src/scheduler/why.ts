/**
 * A decision in one paragraph: `0 of 12 nodes fit: 7 lack cpu (nearest node-4 is short by 300m), 3 tainted
 * gpu=true:NoSchedule, 2 fail zone spread (skew would be 2, max 1).` Pure.
 */
import { milliValueOf } from '../apimachinery/index.ts';
import type { NodeDecision, PluginVerdict } from './decision/columns.ts';
import type { Decision } from './decision/record.ts';
import { unseenBecause } from './decision/unseen.ts';

export interface WhyGroup {
  readonly count: number;
  readonly plugin: string;
  readonly reasons: readonly string[];
  /** `lack cpu (nearest node-4 is short by 300m)` */
  readonly text: string;
  /** The node that lacks least. */
  readonly nearest?: { readonly node: string; readonly short: Readonly<Record<string, string>> };
  /** Names of the nodes, in their order. */
  readonly nodes: readonly string[];
}

export interface Why {
  readonly pod: Decision['pod'];
  readonly result: Decision['result'];
  readonly attempt: number;
  readonly node?: string;
  readonly nodes: number;
  readonly feasible: number;
  readonly notLookedAt: number;
  readonly groups: readonly WhyGroup[];
  /** All of it in words. */
  readonly sentence: string;
  /** The scheduler's own message. */
  readonly message: string;
}

/** `short by` of each resource in the words of the resource filter's detail. */
function shortagesOf(detail: string | undefined): Record<string, string> {
  const out: Record<string, string> = {};
  for (const part of detail?.split('; ') ?? []) {
    const match = /^(\S+): .*short by (\S+)$/.exec(part);
    if (match) out[match[1]!] = match[2]!;
  }
  return out;
}

function insufficient(reasons: readonly string[]): string[] {
  return reasons.filter((reason) => reason.startsWith('Insufficient ')).map((reason) => reason.slice(13));
}

const listed = (words: readonly string[]): string =>
  words.length <= 1 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;

interface Phrase {
  /** Nodes with the same are one group. */
  readonly key: string;
  text(count: number): string;
}

const shortKey = (label: string): string => label.slice(label.lastIndexOf('/') + 1);

/** What a verdict says of nodes, with a verb that fits their number. */
function phraseOf({ plugin, reasons, detail }: PluginVerdict): Phrase {
  const words = (key: string, one: string, many: string): Phrase => ({
    key: `${plugin}/${key}`,
    text: (count) => (count === 1 ? one : many),
  });
  switch (plugin) {
    case 'NodeResourcesFit': {
      const what = insufficient(reasons);
      if (what.length === 0) return words('full', 'has no room for one more pod', 'have no room for one more pod');
      const full = reasons.includes('Too many pods') ? ' and room for one more pod' : '';
      const lacks = `${listed(what)}${full}`;
      return words(lacks, `lacks ${lacks}`, `lack ${lacks}`);
    }
    case 'TaintToleration': {
      const taint = detail?.replace(/^taint /, '') ?? 'with what it does not tolerate';
      return words(taint, `tainted ${taint}`, `tainted ${taint}`);
    }
    case 'NodeUnschedulable':
      return words('', 'cordoned', 'cordoned');
    case 'PodTopologySpread': {
      const label = /^the node has no label (\S+)$/.exec(detail ?? '');
      if (label) return words(`no ${label[1]}`, `has no label ${label[1]}`, `have no label ${label[1]}`);
      const skew = /^([^=]+)=.*(skew would be \d+, max \d+)$/.exec(detail ?? '');
      const rest = skew ? ` ${shortKey(skew[1]!)} spread (${skew[2]})` : ' topology spread';
      return words(rest, `fails${rest}`, `fail${rest}`);
    }
    case 'NodeAffinity': {
      const pair = /^nodeSelector (\S+=\S*), /.exec(detail ?? '');
      const what = pair ? `nodeSelector ${pair[1]}` : 'its node affinity';
      if (detail?.startsWith('the pod is pinned'))
        return words('pin', 'not the one it is pinned to', 'not those it is pinned to');
      return words(what, `does not match ${what}`, `do not match ${what}`);
    }
    case 'NodePorts': {
      const port = /^(\S+ port \d+) is taken/.exec(detail ?? '')?.[1] ?? 'a host port';
      return words(port, `has ${port} taken`, `have ${port} taken`);
    }
    case 'VolumeBinding': {
      const away = /^(volume \S+ of claim \S+) is elsewhere$/.exec(detail ?? '')?.[1];
      if (away) return words(away, `is out of reach of ${away}`, `are out of reach of ${away}`);
      break;
    }
    case 'VolumeZone': {
      const away = /^(volume \S+ is in .*), the node in /.exec(detail ?? '')?.[1];
      if (away) return words(away, `is in another zone (${away})`, `are in other zones (${away})`);
      break;
    }
    case 'InterPodAffinity': {
      const near = /^no matching pod in ([^=]+)=/.exec(detail ?? '');
      if (near)
        return words(
          `near ${near[1]}`,
          `has no pod to be near in its ${shortKey(near[1]!)}`,
          `have no pod to be near in their ${shortKey(near[1]!)}`,
        );
      const not = /^a pod (?:it must not be near is )?in ([^=]+)=.*?( must not be near it)?$/.exec(detail ?? '');
      if (not) {
        const place = shortKey(not[1]!);
        return not[2]
          ? words(
              `repels ${place}`,
              `has a pod in its ${place} that refuses it`,
              `have a pod in their ${place} that refuses it`,
            )
          : words(
              `apart ${place}`,
              `has a pod in its ${place} that it must not be near`,
              `have a pod in their ${place} that it must not be near`,
            );
      }
      break;
    }
    case 'DynamicResources': {
      const provided = /extended resource (\S+) is provided by DeviceClass (\S+): /.exec(detail ?? '');
      if (!provided) break;
      const what = `too few free devices for ${provided[1]} (DeviceClass ${provided[2]})`;
      return words(`devices ${provided[1]}`, `has ${what}`, `have ${what}`);
    }
  }
  const text = reasons.map((reason) => reason.replace(/^node\(s\) /, '')).join(', ');
  return words(text, `refused by ${plugin}: ${text}`, `refused by ${plugin}: ${text}`);
}

/** The largest of the shortages decides which node is nearest; they are compared as shares of the least of each. */
function nearestOf(nodes: readonly NodeDecision[]): WhyGroup['nearest'] {
  const known = nodes.map(({ name, filter }) => {
    const short = shortagesOf(filter!.detail);
    const amounts = Object.entries(short).map(([resource, text]) => [resource, milliValueOf(text)] as const);
    return { name, short, amounts };
  });
  const least = new Map<string, number>();
  for (const { amounts } of known) {
    for (const [resource, amount] of amounts) least.set(resource, Math.min(amount, least.get(resource) ?? amount));
  }
  let best: { readonly name: string; readonly short: Record<string, string>; readonly cost: number } | undefined;
  for (const { name, short, amounts } of known) {
    if (amounts.length === 0) continue;
    const cost = Math.max(...amounts.map(([resource, amount]) => amount / least.get(resource)!));
    if (!best || cost < best.cost) best = { name, short, cost };
  }
  return best && { node: best.name, short: best.short };
}

/** Equal refusals together, the most frequent first. */
export function refusalGroups(nodes: readonly NodeDecision[]): WhyGroup[] {
  const groups = new Map<string, { readonly phrase: Phrase; readonly members: NodeDecision[] }>();
  for (const node of nodes) {
    if (!node.filter) continue;
    const phrase = phraseOf(node.filter);
    const group = groups.get(phrase.key);
    if (group) group.members.push(node);
    else groups.set(phrase.key, { phrase, members: [node] });
  }
  return [...groups.values()]
    .sort((a, b) => b.members.length - a.members.length)
    .map(({ phrase, members }) => {
      const { plugin, reasons } = members[0]!.filter!;
      const nearest = plugin === 'NodeResourcesFit' ? nearestOf(members) : undefined;
      let text = phrase.text(members.length);
      if (nearest) {
        const amounts = Object.entries(nearest.short);
        const short = listed(
          amounts.map(([resource, amount]) => (amounts.length === 1 ? amount : `${amount} ${resource}`)),
        );
        text +=
          members.length === 1
            ? ` (${nearest.node} is short by ${short})`
            : ` (nearest ${nearest.node} is short by ${short})`;
      }
      return {
        count: members.length,
        plugin,
        reasons,
        text,
        ...(nearest && { nearest }),
        nodes: members.map(({ name }) => name),
      };
    });
}

const groupsText = (groups: readonly WhyGroup[]): string =>
  groups.map(({ count, text }) => `${count} ${text}`).join(', ');

function unschedulableSentence(
  decision: Decision,
  total: number,
  skipped: number,
  groups: readonly WhyGroup[],
): string {
  if (total === 0) return 'The cluster has no nodes.';
  const refusal = decision.preFilter.find(({ reasons }) => reasons.length > 0);
  if (refusal && groups.length === 0) {
    const detail = refusal.detail ? ` (${refusal.detail})` : '';
    return `No node was looked at: ${refusal.plugin} says ${refusal.reasons.join(', ')}${detail}.`;
  }
  if (groups.length === 0) return `${decision.message.replace(/\.?$/, '')}.`;
  const rest = skipped > 0 ? `; ${skipped} not looked at` : '';
  return `0 of ${total} nodes fit: ${groupsText(groups)}${rest}.`;
}

const preemptionReasons: Readonly<Record<string, string>> = {
  'Preemption is not helpful for scheduling': 'it makes no difference',
  'No preemption victims found for incoming pod': 'there are too few of them',
};

/** What preemption found, in plain words; what it may still do, and what is not known here, in its own. */
function preemptionText(message: string): string {
  const counts = /^0\/\d+ nodes are available: (.*)\.$/.exec(message)?.[1];
  const parts = counts?.split(', ').map((part) => {
    const [, count, reason] = /^(\d+) (.*)$/.exec(part) ?? [];
    return { count: Number(count), text: preemptionReasons[reason ?? ''] };
  });
  if (!parts?.every(({ text }) => text !== undefined)) return `As for preemption: ${message}`;
  const where = parts.map(({ count, text }) =>
    parts.length === 1 ? text : `on ${count} node${count === 1 ? '' : 's'} ${text}`,
  );
  return `Preempting pods of lower priority would not help: ${where.join(', ')}.`;
}

function points(count: number): string {
  return `${count} point${count === 1 ? '' : 's'}`;
}

function scheduledSentence(decision: Decision, nodes: readonly NodeDecision[], groups: readonly WhyGroup[]): string {
  const scored = nodes.filter((node) => node.scores).sort((a, b) => b.total! - a.total!);
  const fit = `${decision.feasible} of ${nodes.length} nodes fit`;
  const others = groups.length > 0 ? ` (${groupsText(groups)})` : '';
  const winner = scored.find(({ name }) => name === decision.node);
  if (!winner) return `It went to ${decision.node}: ${fit}${others}.`;
  if (unseenBecause(decision, nodes) === 'Nominated') {
    return `It went to ${decision.node}: room had been made for the pod on ${decision.node}, so it was tried first and no other node was looked at.`;
  }
  if (decision.feasible === 1)
    return `It went to ${decision.node}, the only one of ${nodes.length} nodes that fits${others}.`;
  if (decision.tiedWith) {
    return `It went to ${decision.node}: ${fit}${others}, ${decision.tiedWith.length} of them share the highest score of ${points(winner.total!)}, and the seeded generator chose.`;
  }
  const second = scored.find(({ name }) => name !== decision.node)!;
  const gains = winner
    .scores!.map(({ plugin, weighted }) => ({
      plugin,
      by: weighted - (second.scores!.find((score) => score.plugin === plugin)?.weighted ?? 0),
    }))
    .filter(({ by }) => by !== 0)
    .sort((a, b) => b.by - a.by)
    .map(({ plugin, by }) => `${plugin} ${by > 0 ? '+' : '−'}${Math.abs(by)}`);
  return `It went to ${decision.node}: ${fit}${others}, and it scored highest with ${points(winner.total!)}, ${winner.total! - second.total!} ahead of ${second.name} (${gains.join(', ')}).`;
}

/** Why a pod is where it is, or nowhere. */
export function whyDecision(decision: Decision): Why {
  const { nodes, pod, result, attempt, message, feasible } = decision;
  const groups = refusalGroups(nodes);
  const notLookedAt = nodes.reduce((count, node) => count + (node.skipped ? 1 : 0), 0);
  let sentence: string;
  if (result === 'Scheduled') sentence = scheduledSentence(decision, nodes, groups);
  else if (decision.node !== undefined) {
    sentence = `${decision.node} was chosen, but the binding failed: ${decision.bindError ?? message}.`;
  } else sentence = unschedulableSentence(decision, nodes.length, notLookedAt, groups);
  const { chosen, candidates = [] } = decision.preemption ?? {};
  const victims = candidates.find(({ node }) => node === chosen)?.victims;
  if (victims && result === 'Unschedulable') {
    const names = victims.slice(0, 3).map(({ namespace, name }) => `${namespace}/${name}`);
    const more = victims.length > names.length ? ` and ${victims.length - names.length} more` : '';
    sentence += ` To make room on ${chosen}, ${names.join(', ')}${more} of lower priority had to leave; it is tried again when they are gone.`;
  }
  const tail = /(?:^|\s)preemption: (.*)$/.exec(message)?.[1];
  if (tail && result === 'Unschedulable') sentence += ` ${preemptionText(tail)}`;
  return {
    pod,
    result,
    attempt,
    ...(decision.node !== undefined && { node: decision.node }),
    nodes: nodes.length,
    feasible,
    notLookedAt,
    groups,
    sentence,
    message,
  };
}
