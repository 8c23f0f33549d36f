/** Thrown when klab itself is wrong: never caused by user input, never caught to go on. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/**
 * Programmer's assertion, on in production.
 * @throws AssertionError when `condition` is falsy.
 */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** Marks code that types prove unreachable; throws if it is reached all the same. */
export function unreachable(value: never, what = 'value'): never {
  throw new AssertionError(`unreachable ${what}: ${JSON.stringify(value)}`);
}

/** True when expensive self-checks (frozen cache objects, invariant scans) are on: tests and `KLAB_VERIFY=1`. */
export const verifyEnabled: boolean = process.env['KLAB_VERIFY'] === '1';
