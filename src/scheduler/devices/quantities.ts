/** Capacities and counters as whole numbers of 10^-9: exact to add and take away. */
import { parseQuantity, Quantity, type QuantityFormat } from '../../apimachinery/index.ts';

export type Amounts = ReadonlyMap<string, bigint>;

export const nanoPerUnit = 1_000_000_000n;

export function nanoOf(quantity: string | number): bigint {
  return parseQuantity(String(quantity)).nano;
}

export function amountsOf(fields: Readonly<Record<string, string | number>> | undefined): Map<string, bigint> {
  return new Map(Object.entries(fields ?? {}).map(([name, quantity]) => [name, nanoOf(quantity)]));
}

export function quantityText(nano: bigint, format: QuantityFormat): string {
  return new Quantity(nano, format).toString();
}

/** In place. */
export function addAmounts(to: Map<string, bigint>, more: Amounts, sign: 1n | -1n = 1n): void {
  for (const [name, amount] of more) to.set(name, (to.get(name) ?? 0n) + sign * amount);
}
