/**
 * etcd's lease IDs are 64-bit integers, and clients choose them as they like. One that a number holds exactly is a
 * number, any other a bigint, never both: so IDs are equal by `===` and keys of maps.
 */
export type LeaseId = number | bigint;

/** An ID of any integer of 64 bits, or of its decimal digits. */
export function leaseIdOf(value: bigint | string): LeaseId {
  const id = BigInt(value);
  const number = Number(id);
  return Number.isSafeInteger(number) ? number : id;
}

/** Order of IDs: numbers and bigints compare, but do not subtract. */
export function compareLeaseIds(a: LeaseId, b: LeaseId): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
