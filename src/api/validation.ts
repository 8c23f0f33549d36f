/** Checks that many kinds share. Messages are upstream's: apimachinery/pkg/{api,util}/validation (1.36). */
import {
  deepEqual,
  type FieldErrorList,
  type FieldPath,
  type IntOrString,
  isPercentText,
  isPortName,
  isPortNumber,
  type LabelSelectorObject,
  parseQuantity,
  type Quantity,
  type Selector,
  selectorFromLabelSelector,
  validateLabelSelector,
} from '../apimachinery/index.ts';

export const fieldImmutable = 'field is immutable';
export const mustBeNonNegative = 'must be greater than or equal to 0';
export const mustBePositive = 'must be greater than zero';

export function inclusiveRange(low: number, high: number): string {
  return `must be between ${low} and ${high}, inclusive`;
}

export function validateNonNegative(value: number | undefined, path: FieldPath, errors: FieldErrorList): void {
  if (value !== undefined && value < 0) errors.invalid(path, value, mustBeNonNegative);
}

export function validatePositive(value: number, path: FieldPath, errors: FieldErrorList): void {
  if (value <= 0) errors.invalid(path, value, mustBePositive);
}

export function validateImmutable(value: unknown, old: unknown, path: FieldPath, errors: FieldErrorList): void {
  if (!deepEqual(value, old)) errors.invalid(path, value ?? null, fieldImmutable);
}

/** Empty is Required, anything outside `supported` NotSupported. */
export function validateEnum(
  value: string | undefined | null,
  supported: readonly string[],
  path: FieldPath,
  errors: FieldErrorList,
): void {
  if (value === undefined || value === null || value === '') errors.required(path);
  else if (!supported.includes(value)) errors.notSupported(path, value, supported);
}

/** Like `validateEnum`, but the field may be absent. */
export function validateOptionalEnum(
  value: string | undefined | null,
  supported: readonly string[],
  path: FieldPath,
  errors: FieldErrorList,
): void {
  if (value !== undefined && value !== null && !supported.includes(value)) errors.notSupported(path, value, supported);
}

/** Adds one Invalid per message. */
export function invalidEach(
  messages: readonly string[],
  value: unknown,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  for (const message of messages) errors.invalid(path, value, message);
}

export function validatePortNumberOrName(port: IntOrString | undefined, path: FieldPath, errors: FieldErrorList): void {
  if (typeof port === 'string') invalidEach(isPortName(port), port, path, errors);
  else invalidEach(isPortNumber(port ?? 0), port ?? 0, path, errors);
}

export const supportedProtocols = ['SCTP', 'TCP', 'UDP'] as const;

/** The quantity, or undefined when the text is none (then an error was added). */
export function quantityAt(text: unknown, path: FieldPath, errors: FieldErrorList): Quantity | undefined {
  try {
    return parseQuantity(text as string | number);
  } catch (error) {
    errors.invalid(path, text, (error as Error).message);
    return undefined;
  }
}

export interface SelectorOptions {
  /** `empty selector is invalid for <kind>`. */
  readonly kind: string;
  readonly path: FieldPath;
}

/**
 * A workload's own selector: required, well formed, not empty. Returns it compiled when it is well formed, so that the
 * template's labels can be held against it.
 */
export function validateWorkloadSelector(
  selector: LabelSelectorObject | undefined,
  options: SelectorOptions,
  errors: FieldErrorList,
): Selector | undefined {
  const { kind, path } = options;
  if (selector === undefined || selector === null) {
    errors.required(path);
    return undefined;
  }
  const before = errors.length;
  validateLabelSelector(selector, path, errors);
  if (errors.length > before) return undefined;
  const size = Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length;
  if (size === 0) errors.invalid(path, selector, `empty selector is invalid for ${kind}`);
  return selectorFromLabelSelector(selector);
}

/** The number of a percentage, undefined for anything else. */
function percentOf(value: IntOrString | undefined): number | undefined {
  if (typeof value !== 'string') return undefined;
  const match = /^(\d+)%$/.exec(value);
  return match === null ? undefined : Number(match[1]);
}

/** Zero for `0`, `0%` and what is neither a number nor a percentage. */
export function intOrPercentNumber(value: IntOrString | undefined): number {
  return typeof value === 'number' ? value : (percentOf(value) ?? 0);
}

/** Not negative; strings must be percentages. */
export function validateIntOrPercent(value: IntOrString | undefined, path: FieldPath, errors: FieldErrorList): void {
  if (typeof value === 'string') {
    invalidEach(isPercentText(value), value, path, errors);
  } else {
    validateNonNegative(value, path, errors);
  }
}

export function validateAtMost100Percent(
  value: IntOrString | undefined,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  if ((percentOf(value) ?? 0) > 100) errors.invalid(path, value, 'must not be greater than 100%');
}
