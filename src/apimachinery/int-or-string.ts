/** Values that are a number or a percentage. Upstream: apimachinery/pkg/util/intstr/intstr.go. */
import { FormatError } from './format-error.ts';

export type IntOrString = number | string;

/** `25%`. */
export function isPercent(value: IntOrString): boolean {
  return typeof value === 'string' && /^[0-9]+%$/.test(value);
}

/**
 * The number itself, or the percentage of `total`.
 * @throws FormatError for a string that is no percentage.
 */
export function scaledIntOrPercent(value: IntOrString, total: number, rounding: 'up' | 'down'): number {
  if (typeof value === 'number') return value;
  if (!value.endsWith('%')) {
    throw new FormatError(
      'InvalidIntOrString',
      'invalid value for IntOrString: invalid type: string is not a percentage',
    );
  }
  const digits = value.slice(0, -1);
  if (!/^[+-]?[0-9]+$/.test(digits)) {
    throw new FormatError(
      'InvalidIntOrString',
      `invalid value for IntOrString: invalid value ${JSON.stringify(value)}: strconv.Atoi: parsing ${JSON.stringify(digits)}: invalid syntax`,
    );
  }
  const scaled = (Number(digits) * total) / 100;
  return rounding === 'up' ? Math.ceil(scaled) : Math.floor(scaled);
}

/** The number in it: itself, or a string of digits; otherwise 0 (upstream's IntValue). */
export function intValueOf(value: IntOrString): number {
  if (typeof value === 'number') return value;
  return /^[+-]?[0-9]+$/.test(value) ? Number(value) : 0;
}
