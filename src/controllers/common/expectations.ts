/**
 * What a controller has asked for and not yet seen in its cache: while expectations of a key are open, the controller
 * does not act on that key, so that it never creates or deletes twice because its cache is behind.
 * Upstream: controller.UIDTrackingControllerExpectations.
 */
import type { Clock } from '../../base/index.ts';

/** Open expectations older than this no longer hold anybody back. */
const timeoutMs = 5 * 60_000;

interface Expectation {
  adds: number;
  readonly deletions: Set<string>;
  readonly since: number;
}

export class ControllerExpectations {
  readonly #clock: Clock;
  readonly #byKey = new Map<string, Expectation>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True when nothing is open for the key, or it has been open too long. */
  satisfied(key: string): boolean {
    const expected = this.#byKey.get(key);
    if (expected === undefined) return true;
    if (expected.adds <= 0 && expected.deletions.size === 0) return true;
    return this.#clock.monotonic() - expected.since > timeoutMs;
  }

  expectCreations(key: string, adds: number): void {
    this.#byKey.set(key, { adds, deletions: new Set(), since: this.#clock.monotonic() });
  }

  /** `objectKeys`: each counts once, whether a deletion timestamp or the deletion itself is seen first. */
  expectDeletions(key: string, objectKeys: readonly string[]): void {
    this.#byKey.set(key, { adds: 0, deletions: new Set(objectKeys), since: this.#clock.monotonic() });
  }

  /** Both at once. */
  expect(key: string, adds: number, objectKeys: readonly string[]): void {
    this.#byKey.set(key, { adds, deletions: new Set(objectKeys), since: this.#clock.monotonic() });
  }

  creationObserved(key: string, count = 1): void {
    const expected = this.#byKey.get(key);
    if (expected) expected.adds -= count;
  }

  deletionObserved(key: string, objectKey: string): void {
    this.#byKey.get(key)?.deletions.delete(objectKey);
  }

  forget(key: string): void {
    this.#byKey.delete(key);
  }
}
