/** Rules of the template plugin. Upstream: plugin/template/setup.go, coredns 1.13. */
import { typeNumber } from '../message.ts';
import type { Directive, Line } from './blocks.ts';
import { argumentError, type Setup } from './plugins.ts';
import { goRegExp } from './rewrite-rule.ts';
import type { TemplatePart, TemplateSettings } from './settings.ts';
import { CorefileError, type Token } from './tokens.ts';
import { normalZones } from './zones.ts';

const classes: ReadonlySet<string> = new Set(['IN', 'CH', 'HS', 'ANY']);
const codes: ReadonlyMap<string, number> = new Map(
  ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'].map((name, code) => [name, code]),
);
const fields = ['Name', 'Zone', 'Class', 'Type'] as const;

/** Undefined when it says more than klab understands, which is warned of. */
export function readTemplate(directive: Directive, setup: Setup): TemplateSettings | undefined {
  const [cls, type, ...zones] = directive.args;
  if (!cls || !type) throw argumentError(directive);
  if (!classes.has(cls.text)) throw new CorefileError(cls, `invalid query class ${cls.text}`);
  const number = (typeNumber as Readonly<Record<string, number>>)[type.text];
  if (number === undefined) throw new CorefileError(type, `invalid RR class ${type.text}`);
  const read = {
    type: number,
    zones: zones.length === 0 ? setup.zones : zones.flatMap((word) => normalZones(word.text, word)),
    matches: [] as RegExp[],
    answer: [] as (readonly TemplatePart[])[],
    additional: [] as (readonly TemplatePart[])[],
    authority: [] as (readonly TemplatePart[])[],
    code: 0,
    fallthrough: undefined as TemplateSettings['fallthrough'],
  };
  let isKnown = cls.text === 'IN' || cls.text === 'ANY';
  if (!isKnown) setup.warn(cls, `template of class ${cls.text}: klab answers class IN only`);
  for (const line of directive.block ?? []) {
    const { name, args } = line;
    switch (name.text) {
      case 'match':
        read.matches.push(...values(line).map(pattern));
        break;
      case 'answer':
      case 'additional':
      case 'authority':
        for (const word of values(line)) {
          const parts = partsOf(word.text);
          if (parts) read[name.text].push(parts);
          else {
            isKnown = false;
            setup.warn(
              word,
              `template "${word.text}" is not served by klab, which knows fields and groups: it does nothing here`,
            );
          }
        }
        break;
      case 'rcode': {
        const code = codes.get(values(line)[0]!.text);
        if (code === undefined) throw new CorefileError(args[0]!, `unknown rcode ${args[0]!.text}`);
        read.code = code;
        break;
      }
      case 'fallthrough':
        read.fallthrough = args.length === 0 ? [''] : args.flatMap((word) => normalZones(word.text, word));
        break;
      // An error in words, and what newer versions do by themselves.
      case 'ederror':
      case 'upstream':
        break;
      default:
        throw argumentError(line);
    }
  }
  if (!isKnown) return undefined;
  if (read.answer.length === 0 && read.authority.length === 0 && read.code === 0) {
    throw new CorefileError(directive.name, 'no answer section for template found');
  }
  return { ...read, matches: read.matches.length === 0 ? [/.*/] : read.matches };
}

function values(line: Line): readonly Token[] {
  if (line.args.length === 0) throw argumentError(line);
  return line.args;
}

function pattern(word: Token): RegExp {
  try {
    return goRegExp(word.text);
  } catch {
    throw new CorefileError(word, `could not parse regex: ${word.text}`);
  }
}

/** Go's templates as far as records need them: `.Name`, `.Group.ip`, `index .Match 1`. Undefined for more. */
function partsOf(text: string): readonly TemplatePart[] | undefined {
  const parts: TemplatePart[] = [];
  for (const [i, piece] of text.split(/\{\{-?\s*(.*?)\s*-?\}\}/).entries()) {
    if (i % 2 === 0) {
      if (piece !== '') parts.push(piece);
      continue;
    }
    const field = fields.find((each) => piece === `.${each}` || (each !== 'Zone' && piece === `.Question.${each}`));
    const group = /^(?:\.Group\.(\w+)|index \.Group "(\w+)"|index \.Match (\d+))$/.exec(piece);
    if (field) parts.push({ field });
    else if (group) parts.push({ group: group[1] ?? group[2] ?? group[3]! });
    else return undefined;
  }
  return parts;
}
