/** Rules of the rewrite plugin. Upstream: plugin/rewrite/{rewrite,name,ttl,type}.go, coredns 1.13. */
import type { Directive } from './blocks.ts';
import { argumentError, type Setup } from './plugins.ts';
import type { RewriteSettings } from './settings.ts';
import { CorefileError, type Token } from './tokens.ts';

const kinds = ['exact', 'prefix', 'suffix', 'substring', 'regex'] as const;
const elsewhere: ReadonlySet<string> = new Set(['class', 'edns0', 'rcode', 'cname']);

/** No rule when it is of a kind that klab leaves out, which is warned of. */
export function readRewrite(directive: Directive, setup: Setup): RewriteSettings[] {
  let words = [...directive.args];
  let then: RewriteSettings['then'] = 'stop';
  if (words[0]?.text === 'stop' || words[0]?.text === 'continue') {
    then = words[0].text;
    words = words.slice(1);
  }
  // The form in braces is the same words on two lines.
  for (const { name, args } of directive.block ?? []) words.push(name, ...args);
  const [field, ...rest] = words;
  if (!field || rest.length < 2) throw argumentError(directive);
  if (elsewhere.has(field.text)) {
    setup.warn(field, `rewrite ${field.text} is not served by klab: it does nothing here`);
    return [];
  }
  if (field.text === 'type') {
    const [from, to] = rest;
    const base = { then, match: 'exact', autoAnswer: false, answers: [] } as const;
    return [{ ...base, field: 'type', from: from!.text.toUpperCase(), to: to!.text.toUpperCase() }];
  }
  // `rewrite [continue|stop] FROM TO` is of the name.
  const named = field.text === 'name' || field.text === 'ttl';
  const what = field.text === 'ttl' ? 'ttl' : 'name';
  if (!named && words.length !== 2) throw new CorefileError(field, `invalid rule type "${field.text}"`);
  const [first, ...others] = named ? rest : words;
  const match = kinds.find((kind) => kind === first!.text && others.length >= 2);
  const [from, to, ...options] = match ? others : [first!, ...others];
  if (!from || !to) throw argumentError(directive);
  const kind = match ?? 'exact';
  const base = { then, field: what, match: kind, ...matching(kind, from) } as const;
  if (what === 'ttl') return [{ ...base, to: '', autoAnswer: false, answers: [], ttl: ttlOf(to) }];
  return [
    { ...base, to: kind === 'exact' ? full(to.text) : to.text.toLowerCase(), ...answersOf(options, kind, directive) },
  ];
}

function matching(kind: RewriteSettings['match'], from: Token): { from: string; pattern?: RegExp } {
  if (kind === 'regex') return { from: from.text, pattern: regular(from) };
  const name = from.text.toLowerCase();
  return { from: kind === 'exact' || kind === 'suffix' ? full(name) : name };
}

function answersOf(
  options: readonly Token[],
  kind: RewriteSettings['match'],
  directive: Directive,
): Pick<RewriteSettings, 'autoAnswer' | 'answers'> {
  const answers: RewriteSettings['answers'][number][] = [];
  // The name of an exact rule comes back as it was asked for without being told.
  let autoAnswer = kind === 'exact';
  for (let i = 0; i < options.length; ) {
    const word = options[i]!;
    if (word.text !== 'answer')
      throw new CorefileError(word, `exceeded the number of arguments for a ${kind} name rule`);
    const how = options[i + 1];
    if (how?.text === 'auto') {
      autoAnswer = true;
      i += 2;
    } else if ((how?.text === 'name' || how?.text === 'value') && options[i + 2] && options[i + 3]) {
      answers.push({ what: how.text, pattern: regular(options[i + 2]!), to: options[i + 3]!.text });
      i += 4;
    } else throw argumentError({ name: how ?? directive.name });
  }
  return { autoAnswer, answers };
}

function regular(word: Token): RegExp {
  try {
    return goRegExp(word.text);
  } catch {
    throw new CorefileError(word, `invalid regex pattern in a name rule: ${word.text}`);
  }
}

/** Go's syntax of what is used in Corefiles is JavaScript's, but for flags in front and the names of groups. @throws SyntaxError */
export function goRegExp(text: string): RegExp {
  const flags = /^\(\?([is]+)\)/.exec(text);
  return new RegExp(text.slice(flags?.[0].length ?? 0).replaceAll('(?P<', '(?<'), flags?.[1] ?? '');
}

/** `30`, `30-60`, `30-`, `-60`. */
function ttlOf(word: Token): { least: number; most: number } {
  const [, least, range, most] = /^(\d*)(-?)(\d*)$/.exec(word.text) ?? [];
  if (least === undefined || (least === '' && most === '')) {
    throw new CorefileError(word, `invalid TTL value: ${word.text}`);
  }
  const from = Number(least || 0);
  const to = range === '' ? from : most === '' ? 2 ** 31 - 1 : Number(most);
  if (to < from) throw new CorefileError(word, `invalid TTL range: ${word.text}`);
  return { least: from, most: to };
}

function full(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith('.') ? lower : `${lower}.`;
}
