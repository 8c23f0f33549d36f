/** Label selectors. Upstream: apimachinery/pkg/labels/selector.go, pkg/apis/meta/v1/helpers.go. */
import { type FieldError, FieldErrorList, FieldPath, fieldErrorMessage } from './field-errors.ts';
import { FormatError } from './format-error.ts';
import { isLabelValue, isQualifiedName } from './names.ts';
import { type ParsedRequirement, parseRequirements } from './selector-parser.ts';

export type LabelMap = Readonly<Record<string, string>>;
export type SelectorOperator = '=' | '==' | '!=' | 'in' | 'notin' | 'exists' | '!' | 'gt' | 'lt';

export interface Requirement {
  readonly key: string;
  readonly operator: SelectorOperator;
  readonly values: readonly string[];
}

/** metav1.LabelSelector. */
export interface LabelSelectorObject {
  readonly matchLabels?: LabelMap;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

/** Immutable; all requirements must hold. */
export interface Selector {
  matches(labels: LabelMap | undefined): boolean;
  /** Sorted by key. */
  readonly requirements: readonly Requirement[];
  /** Selects everything. */
  readonly empty: boolean;
  /** Selects nothing, whatever the labels. */
  readonly matchesNothing: boolean;
  /** The value that the selector fixes for a label, if it does. */
  requiresExactMatch(key: string): string | undefined;
  /** Upstream's text: `a=b,c in (d,e),!f`. */
  toString(): string;
}

const invalid = (message: string): FormatError => new FormatError('InvalidSelector', message);

/** An int64 in decimal, as strconv.ParseInt reads it. */
function parseInt64(text: string): bigint | undefined {
  if (!/^[+-]?[0-9]+$/.test(text)) return undefined;
  const value = BigInt(text.startsWith('+') ? text.slice(1) : text);
  return value === BigInt.asIntN(64, value) ? value : undefined;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function requirementMatches({ key, operator, values }: Requirement, labels: LabelMap): boolean {
  const present = Object.hasOwn(labels, key);
  const value = present ? labels[key]! : '';
  switch (operator) {
    case '=':
    case '==':
    case 'in':
      return present && values.includes(value);
    case '!=':
    case 'notin':
      return !present || !values.includes(value);
    case 'exists':
      return present;
    case '!':
      return !present;
    default: {
      const left = present ? parseInt64(value) : undefined;
      const right = parseInt64(values[0] ?? '');
      if (left === undefined || right === undefined) return false;
      return operator === 'gt' ? left > right : left < right;
    }
  }
}

function requirementText({ key, operator, values }: Requirement): string {
  const list = [...values].sort(compareText).join(',');
  switch (operator) {
    case 'exists':
      return key;
    case '!':
      return `!${key}`;
    case 'in':
    case 'notin':
      return `${key} ${operator} (${list})`;
    case 'gt':
      return `${key}>${list}`;
    case 'lt':
      return `${key}<${list}`;
    default:
      return `${key}${operator}${list}`;
  }
}

const noLabels: LabelMap = Object.freeze({});

class RequirementSelector implements Selector {
  readonly requirements: readonly Requirement[];

  constructor(requirements: readonly Requirement[]) {
    this.requirements = requirements;
  }

  get empty(): boolean {
    return this.requirements.length === 0;
  }

  get matchesNothing(): boolean {
    return false;
  }

  matches(labels: LabelMap | undefined): boolean {
    for (const requirement of this.requirements) {
      if (!requirementMatches(requirement, labels ?? noLabels)) return false;
    }
    return true;
  }

  requiresExactMatch(key: string): string | undefined {
    const requirement = this.requirements.find((candidate) => candidate.key === key);
    if (requirement === undefined || requirement.values.length !== 1) return undefined;
    return ['=', '==', 'in'].includes(requirement.operator) ? requirement.values[0] : undefined;
  }

  toString(): string {
    return this.requirements.map(requirementText).join(',');
  }
}

const everything: Selector = Object.freeze(new RequirementSelector([]));
const nothing: Selector = Object.freeze({
  requirements: [],
  empty: false,
  matchesNothing: true,
  matches: () => false,
  requiresExactMatch: () => undefined,
  toString: () => '',
});

export function everythingSelector(): Selector {
  return everything;
}

export function nothingSelector(): Selector {
  return nothing;
}

function sorted(requirements: Requirement[]): Selector {
  return new RequirementSelector(requirements.sort((a, b) => compareText(a.key, b.key)));
}

function aggregate(errors: readonly FieldError[]): FormatError {
  const messages = [...new Set(errors.map((error) => `${error.field}: ${fieldErrorMessage(error)}`))];
  return invalid(messages.length === 1 ? messages[0]! : `[${messages.join(', ')}]`);
}

/** Checks what upstream's NewRequirement checks. @throws FormatError */
function newRequirement(key: string, operator: SelectorOperator, values: readonly string[]): Requirement {
  const errors = new FieldErrorList();
  const root = FieldPath.root();
  const keyMessages = isQualifiedName(key);
  if (keyMessages.length > 0) errors.invalid(root.child('key'), key, keyMessages.join('; '));
  const at = root.child('values');
  switch (operator) {
    case 'in':
    case 'notin':
      if (values.length === 0) {
        errors.invalid(at, values, "for 'in', 'notin' operators, values set can't be empty");
      }
      break;
    case '=':
    case '==':
    case '!=':
      if (values.length !== 1) errors.invalid(at, values, 'exact-match compatibility requires one single value');
      break;
    case 'exists':
    case '!':
      if (values.length !== 0) errors.invalid(at, values, 'values set must be empty for exists and does not exist');
      break;
    default:
      if (values.length !== 1) {
        errors.invalid(at, values, "for 'Gt', 'Lt' operators, exactly one value is required");
      }
      for (const [i, value] of values.entries()) {
        if (parseInt64(value) === undefined) {
          errors.invalid(at.index(i), value, "for 'Gt', 'Lt' operators, the value must be an integer");
        }
      }
  }
  for (const [i, value] of values.entries()) {
    const messages = isLabelValue(value);
    if (messages.length > 0) errors.invalid(at.index(i).key(key), value, messages.join('; '));
  }
  if (errors.length > 0) throw aggregate(errors.errors);
  return { key, operator, values };
}

/**
 * Parses the `labelSelector` of a request or `-l`.
 * @throws FormatError (InvalidSelector) with upstream's text.
 */
export function parseLabelSelector(text: string): Selector {
  if (text === '') return everything;
  return sorted(
    parseRequirements(text, ({ key, operator, values }: ParsedRequirement) => newRequirement(key, operator, values)),
  );
}

const objectOperators: Readonly<Record<string, SelectorOperator>> = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: '!',
};

/** null or undefined selects nothing, `{}` everything. @throws FormatError */
export function selectorFromLabelSelector(selector: LabelSelectorObject | null | undefined): Selector {
  if (!selector) return nothing;
  const requirements: Requirement[] = [];
  for (const key in selector.matchLabels) requirements.push(newRequirement(key, '=', [selector.matchLabels[key]!]));
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    const known = Object.hasOwn(objectOperators, operator) ? objectOperators[operator] : undefined;
    if (known === undefined) throw invalid(`${JSON.stringify(operator)} is not a valid label selector operator`);
    requirements.push(newRequirement(key, known, values ?? []));
  }
  return requirements.length === 0 ? everything : sorted(requirements);
}

/** Equality with every entry; `{}` or undefined selects everything. Values are not checked. */
export function selectorFromSet(labels: LabelMap | undefined): Selector {
  const requirements: Requirement[] = [];
  for (const key in labels) requirements.push({ key, operator: '=', values: [labels[key]!] });
  return requirements.length === 0 ? everything : sorted(requirements);
}

/** A LabelSelector for printing: `<none>` when it selects nothing or everything, `<error>`, or its text. */
export function formatLabelSelector(selector: LabelSelectorObject | null | undefined): string {
  try {
    return selectorFromLabelSelector(selector).toString() || '<none>';
  } catch {
    return '<error>';
  }
}
