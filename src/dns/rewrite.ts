/** Questions and answers rewritten by the rules of a server block. Upstream: plugin/rewrite (coredns 1.13). */
import type { RewriteSettings } from './corefile/settings.ts';
import { type RawRecord, targetOf, typeNumber, withTarget } from './message.ts';

export interface Rewritten {
  /** Lower case, without its last dot. */
  readonly name: string;
  readonly type: number;
  /** What is done to each record of the answer; absent: nothing. */
  readonly answer?: (record: RawRecord) => RawRecord;
}

type Change = (record: RawRecord) => RawRecord;

/** `name` in lower case without its last dot. Undefined when no rule is for it. */
export function rewriteQuestion(rules: readonly RewriteSettings[], name: string, type: number): Rewritten | undefined {
  let [nowName, nowType] = [`${name}.`, type];
  const changes: Change[] = [];
  let touched = false;
  for (const rule of rules) {
    if (rule.field === 'type') {
      if (nowType !== (typeNumber as Record<string, number>)[rule.from]) continue;
      nowType = (typeNumber as Record<string, number>)[rule.to] ?? nowType;
    } else {
      const to = replaced(rule, nowName);
      if (to === undefined) continue;
      if (rule.field === 'ttl') changes.push(withTtl(rule.ttl!));
      else {
        const next = to.endsWith('.') ? to : `${to}.`;
        if (rule.autoAnswer) changes.push(back(next.slice(0, -1), nowName.slice(0, -1)));
        for (const answer of rule.answers) changes.push(patterned(answer));
        nowName = next;
      }
    }
    touched = true;
    if (rule.then === 'stop') break;
  }
  if (!touched) return undefined;
  return {
    name: nowName.slice(0, -1),
    type: nowType,
    // The last rewriting is the first to be undone.
    ...(changes.length > 0 && { answer: (record) => changes.reduceRight((now, change) => change(now), record) }),
  };
}

/** What a rule makes of a name with its last dot; undefined when it does not match. */
function replaced({ match, from, to, pattern }: RewriteSettings, name: string): string | undefined {
  switch (match) {
    case 'exact':
      return name === from ? to : undefined;
    case 'prefix':
      return name.startsWith(from) ? to + name.slice(from.length) : undefined;
    case 'suffix': {
      const suffix = to.endsWith('.') ? to : `${to}.`;
      return name.endsWith(from) ? name.slice(0, -from.length) + suffix : undefined;
    }
    case 'substring':
      return name.includes(from) ? name.replace(from, () => to) : undefined;
    case 'regex':
      return template(pattern!, name, to);
  }
}

/** `{1}` in `to` is the first group, and so on. */
function template(pattern: RegExp, name: string, to: string): string | undefined {
  const groups = pattern.exec(name);
  return groups ? to.replace(/\{(\d+)\}/g, (whole, number) => groups[Number(number)] ?? whole) : undefined;
}

/** The rewritten name is the asked one again, as owner and as target. */
function back(from: string, to: string): Change {
  return mapped((name) => (name.toLowerCase() === from ? to : undefined), true, true);
}

function patterned({ what, pattern, to }: RewriteSettings['answers'][number]): Change {
  const map = (name: string) => template(pattern, `${name.toLowerCase()}.`, to)?.replace(/\.$/, '');
  return mapped(map, what === 'name', what === 'value');
}

function mapped(map: (name: string) => string | undefined, names: boolean, values: boolean): Change {
  return (record) => {
    const name = names ? map(record.name) : undefined;
    const now = name === undefined ? record : { ...record, name };
    const target = values ? targetOf(now) : undefined;
    const to = target === undefined ? undefined : map(target);
    return to === undefined ? now : withTarget(now, to);
  };
}

function withTtl({ least, most }: { readonly least: number; readonly most: number }): Change {
  return (record) => ({ ...record, ttl: Math.min(Math.max(record.ttl, least), most) });
}
