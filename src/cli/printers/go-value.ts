/** Values as Go prints them with `%v`: what custom columns and table cells show. */
import { compareBytes, isObject } from '../../apimachinery/index.ts';

/** `map[a:1 b:2]`, `[x y]`, `<nil>`, `true`, `1.5`. */
export function goValue(value: unknown): string {
  if (value === null || value === undefined) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(goValue).join(' ')}]`;
  if (isObject(value)) {
    const keys = Object.keys(value).sort(compareBytes);
    return `map[${keys.map((key) => `${key}:${goValue(value[key])}`).join(' ')}]`;
  }
  return typeof value === 'number' ? goNumber(value) : String(value);
}

/** Integers in full, others in Go's shortest form with the exponent from 1e21 and below 1e-4 on. */
export function goNumber(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e21) return String(value);
  const [mantissa, exponent] = value.toExponential().split('e') as [string, string];
  const power = Number(exponent);
  if (power >= -4 && power < 21) return String(value);
  return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}

/** Control characters that would steer the terminal, made visible. Upstream: printers.EscapeTerminal. */
export function escapeTerminal(text: string): string {
  return text.replace(/[\x1b\r]/g, (character) => (character === '\r' ? '\\r' : '^['));
}
