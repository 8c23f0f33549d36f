/** Field selectors. Upstream: apimachinery/pkg/fields/selector.go. */
import { FormatError } from './format-error.ts';

export interface FieldRequirement {
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

/** Immutable; all requirements must hold. */
export interface FieldSelector {
  /** A field that is not in `fields` counts as empty. */
  matches(fields: Readonly<Record<string, string>>): boolean;
  readonly requirements: readonly FieldRequirement[];
  /** Selects everything. */
  readonly empty: boolean;
  /** The value that the selector fixes for a field, if it does. */
  requiresExactMatch(field: string): string | undefined;
  /** Parsable text, with values escaped. */
  toString(): string;
}

class RequirementFieldSelector implements FieldSelector {
  readonly requirements: readonly FieldRequirement[];

  constructor(requirements: readonly FieldRequirement[]) {
    this.requirements = requirements;
  }

  get empty(): boolean {
    return this.requirements.length === 0;
  }

  matches(fields: Readonly<Record<string, string>>): boolean {
    for (const { field, operator, value } of this.requirements) {
      const actual = Object.hasOwn(fields, field) ? fields[field] : '';
      if ((actual === value) !== (operator === '=')) return false;
    }
    return true;
  }

  requiresExactMatch(field: string): string | undefined {
    return this.requirements.find((candidate) => candidate.field === field && candidate.operator === '=')?.value;
  }

  toString(): string {
    return this.requirements
      .map(({ field, operator, value }) => `${field}${operator}${escapeFieldValue(value)}`)
      .join(',');
  }
}

const everything: FieldSelector = Object.freeze(new RequirementFieldSelector([]));

export function everythingFieldSelector(): FieldSelector {
  return everything;
}

/** Equality with every entry; `{}` selects everything. */
export function fieldSelectorFromSet(fields: Readonly<Record<string, string>>): FieldSelector {
  const requirements = Object.entries(fields).map(([field, value]) => ({ field, operator: '=' as const, value }));
  return requirements.length === 0 ? everything : new RequirementFieldSelector(requirements);
}

/** Backslash, comma and equals sign are special in values. */
export function escapeFieldValue(value: string): string {
  return value.replace(/[\\,=]/g, '\\$&');
}

function unescapeValue(text: string): string {
  let out = '';
  const characters = text[Symbol.iterator]();
  for (const character of characters) {
    if (character === '\\') {
      const next = characters.next();
      const escaped = next.done ? '' : next.value;
      if (escaped === '' || !'\\,='.includes(escaped)) {
        throw new FormatError('InvalidSelector', `invalid field selector: invalid escape sequence: \\${escaped}`);
      }
      out += escaped;
    } else if (character === ',' || character === '=') {
      throw new FormatError(
        'InvalidSelector',
        `invalid field selector: unescaped character in value: ${character.codePointAt(0)}`,
      );
    } else {
      out += character;
    }
  }
  return out;
}

function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === ',') {
      terms.push(text.slice(start, i));
      start = i + 1;
    }
  }
  terms.push(text.slice(start));
  return terms;
}

/**
 * Parses the `fieldSelector` of a request: `a=b`, `a==b`, `a!=b`, joined by commas.
 * @throws FormatError (InvalidSelector) with upstream's text.
 */
export function parseFieldSelector(text: string): FieldSelector {
  if (text === '') return everything;
  const requirements: FieldRequirement[] = [];
  for (const term of splitTerms(text).sort()) {
    if (term === '') continue;
    const operator = /!=|==|=/.exec(term);
    if (!operator) {
      throw new FormatError('InvalidSelector', `invalid selector: '${text}'; can't understand '${term}'`);
    }
    requirements.push({
      field: term.slice(0, operator.index),
      operator: operator[0] === '!=' ? '!=' : '=',
      value: unescapeValue(term.slice(operator.index + operator[0].length)),
    });
  }
  return requirements.length === 0 ? everything : new RequirementFieldSelector(requirements);
}
