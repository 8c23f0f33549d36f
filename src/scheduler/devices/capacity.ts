/**
 * How much of a device's capacity a request takes. Upstream: dynamic-resource-allocation/structured/internal/incubating/
 * consumable_capacity.go (1.36, DRAConsumableCapacity).
 */
import { parseQuantity, type QuantityFormat } from '../../apimachinery/index.ts';
import { type Amounts, nanoOf, nanoPerUnit } from './quantities.ts';

/** `capacity` of a device as the API has it. */
export interface CapacityFields {
  readonly value: string | number;
  readonly requestPolicy?: {
    readonly default?: string | number;
    readonly validValues?: readonly (string | number)[];
    readonly validRange?: {
      readonly min?: string | number;
      readonly max?: string | number;
      readonly step?: string | number;
    };
  };
}

export interface Capacity {
  readonly value: bigint;
  readonly format: QuantityFormat;
  readonly policy?: {
    readonly default?: bigint;
    readonly values?: readonly bigint[];
    readonly range?: { readonly min?: bigint; readonly max?: bigint; readonly step?: bigint };
  };
}

export type Capacities = ReadonlyMap<string, Capacity>;

const nano = (quantity: string | number | undefined): bigint | undefined =>
  quantity === undefined ? undefined : nanoOf(quantity);

function capacityOf({ value, requestPolicy }: CapacityFields): Capacity {
  const { nano: amount, format } = parseQuantity(String(value));
  if (!requestPolicy) return { value: amount, format };
  const { validValues, validRange: range } = requestPolicy;
  const standard = nano(requestPolicy.default);
  const [min, max, step] = [nano(range?.min), nano(range?.max), nano(range?.step)];
  return {
    value: amount,
    format,
    policy: {
      ...(standard !== undefined && { default: standard }),
      ...(validValues && { values: validValues.map(nanoOf) }),
      ...(range && {
        range: {
          ...(min !== undefined && { min }),
          ...(max !== undefined && { max }),
          ...(step !== undefined && { step }),
        },
      }),
    },
  };
}

export function capacitiesOf(fields: Readonly<Record<string, CapacityFields>> | undefined): Capacities {
  return new Map(Object.entries(fields ?? {}).map(([name, field]) => [name, capacityOf(field)]));
}

/** Whole units, rounded up as Quantity.Value() is. */
const units = (amount: bigint): bigint => (amount + nanoPerUnit - 1n) / nanoPerUnit;

/** What a wish comes to: nothing asked takes the default or all, other amounts go up to what the policy allows. */
function taken(wish: bigint | undefined, { value, policy }: Capacity): bigint {
  if (wish === undefined) return policy?.default ?? value;
  const { range, values } = policy ?? {};
  if (range?.min !== undefined) {
    if (wish < range.min) return range.min;
    if (range.step === undefined) return wish;
    const [min, step] = [units(range.min), units(range.step)];
    const over = units(wish) - min;
    return (min + step * ((over + step - 1n) / step)) * nanoPerUnit;
  }
  return values?.find((valid) => wish <= valid) ?? wish;
}

function violates(amount: bigint, { policy }: Capacity): boolean {
  if (!policy || amount === policy.default) return false;
  const { range, values } = policy;
  if (range) {
    if (range.max !== undefined && amount > range.max) return true;
    return range.step !== undefined && (units(amount) - units(range.min ?? 0n)) % units(range.step) !== 0n;
  }
  return values !== undefined && values.length > 0 && !values.includes(amount);
}

/** What a request takes of each capacity. */
export function takenBy(wishes: Amounts | undefined, capacities: Capacities): Map<string, bigint> {
  return new Map([...capacities].map(([name, capacity]) => [name, taken(wishes?.get(name), capacity)]));
}

/** Is there room for the request beside what is used? */
export function hasRoom(
  wishes: Amounts | undefined,
  capacities: Capacities,
  ...used: (Amounts | undefined)[]
): boolean {
  for (const name of wishes?.keys() ?? []) if (!capacities.has(name)) return false;
  for (const [name, capacity] of capacities) {
    const amount = taken(wishes?.get(name), capacity);
    if (violates(amount, capacity)) return false;
    let sum = amount;
    for (const amounts of used) sum += amounts?.get(name) ?? 0n;
    if (sum > capacity.value) return false;
  }
  return true;
}
