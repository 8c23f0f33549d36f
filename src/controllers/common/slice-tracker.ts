/**
 * Remembers what this controller wrote, so that its own writes wake nobody and a cache that has not seen them yet is
 * noticed. Upstream: staging/src/k8s.io/endpointslice/util/endpointslice_tracker.go; by generation there, by
 * resourceVersion here (slices have no status, so every write changes both).
 */
import type { EndpointSlice } from '../../api/index.ts';

type ReadSlice = Readonly<EndpointSlice>;

const deletionExpected = -1;

export class SliceTracker {
  /** Service key → slice uid → newest revision written, or `deletionExpected`. */
  readonly #written = new Map<string, Map<string, number>>();

  wrote(key: string, slice: ReadSlice): void {
    this.#of(key).set(slice.metadata.uid!, revisionOf(slice));
  }

  expectDeletion(key: string, slice: ReadSlice): void {
    this.#of(key).set(slice.metadata.uid!, deletionExpected);
  }

  unexpectDeletion(key: string, slice: ReadSlice): void {
    this.#of(key).set(slice.metadata.uid!, revisionOf(slice));
  }

  forget(key: string): void {
    this.#written.delete(key);
  }

  /** True when the cache is behind our writes: a slice we deleted is there, or an older one than we wrote, or it lacks one. */
  isStale(key: string, slices: readonly ReadSlice[]): boolean {
    const written = this.#written.get(key);
    if (!written) return false;
    const seen = new Set<string>();
    for (const slice of slices) {
      const revision = written.get(slice.metadata.uid!);
      seen.add(slice.metadata.uid!);
      if (revision === undefined) continue;
      if (
        revision === deletionExpected ? slice.metadata.deletionTimestamp === undefined : revisionOf(slice) < revision
      ) {
        return true;
      }
    }
    for (const [uid, revision] of written) if (revision !== deletionExpected && !seen.has(uid)) return true;
    return false;
  }

  /** False for the echo of our own write. */
  isNews(slice: ReadSlice): boolean {
    const revision = this.#find(slice)?.get(slice.metadata.uid!);
    return revision === undefined || revision === deletionExpected || revisionOf(slice) > revision;
  }

  /** False when we deleted it. Forgets the slice. */
  deletionIsNews(slice: ReadSlice): boolean {
    const written = this.#find(slice);
    const revision = written?.get(slice.metadata.uid!);
    written?.delete(slice.metadata.uid!);
    return revision !== deletionExpected;
  }

  #find(slice: ReadSlice): Map<string, number> | undefined {
    return this.#written.get(
      `${slice.metadata.namespace}/${slice.metadata.labels?.['kubernetes.io/service-name'] ?? ''}`,
    );
  }

  #of(key: string): Map<string, number> {
    let found = this.#written.get(key);
    if (!found) {
      found = new Map();
      this.#written.set(key, found);
    }
    return found;
  }
}

function revisionOf(slice: ReadSlice): number {
  return Number(slice.metadata.resourceVersion ?? 0);
}
