/** Scheduling decisions in side tables of the cluster's database, within bounds of size and age. */
import type { DecisionSink } from '../scheduler/index.ts';
import type { SideTable } from '../sqlite/index.ts';

const decisions = 'decision';
const nodeLists = 'decision-nodes';
/** Attempts read per pod. */
const attemptsMax = 20;
/** The bounds are looked at once for so many decisions. */
const pruneEvery = 256;
/** Removed in one go: the event loop is held for a few milliseconds. */
const pruneRows = 2000;

export interface DecisionRetention {
  /** Bytes of records. Default 256 MiB. 0: no bound. */
  readonly maxBytes?: number;
  /** Cluster-clock ms. Default 0: no bound. */
  readonly maxAgeMs?: number;
}

export function decisionSink(
  table: SideTable,
  { maxBytes = 256 * 2 ** 20, maxAgeMs = 0 }: DecisionRetention = {},
): DecisionSink {
  /** When each list of names was last referred to; those of an earlier run count from now. */
  const lastUse = new Map<string, number>();
  let bytes: number | undefined;
  let sincePrune = 0;
  const prune = (now: number) => {
    if (maxAgeMs > 0) bytes! -= table.pruneOldest(decisions, { before: now - maxAgeMs, limit: pruneRows });
    if (maxBytes > 0 && bytes! > maxBytes) {
      bytes! -= table.pruneOldest(decisions, { bytes: bytes! - maxBytes, limit: pruneRows });
    }
    const oldest = table.oldest(decisions) ?? now;
    for (const key of table.keys(nodeLists)) {
      const used = lastUse.get(key);
      if (used === undefined) lastUse.set(key, now);
      else if (used < oldest) {
        table.remove(nodeLists, key);
        lastUse.delete(key);
      }
    }
  };
  return {
    append(key, time, names, record) {
      bytes ??= table.bytes(decisions);
      lastUse.set(names, time);
      table.append(decisions, key, time, record);
      bytes += record.length;
      if (++sincePrune < pruneEvery) return;
      sincePrune = 0;
      prune(time);
    },
    list(key) {
      const newestFirst = table.list(decisions, key, { limit: attemptsMax });
      // Records of releases that wrote JSON are not read.
      return newestFirst.flatMap(({ value }) => (value instanceof Uint8Array ? [value] : [])).reverse();
    },
    putNames(id, time, list) {
      if (table.list(nodeLists, id, { limit: 1 }).length === 0) table.append(nodeLists, id, time, list);
      lastUse.set(id, time);
    },
    hasNames: (id) => lastUse.has(id),
    names: (id) => table.list(nodeLists, id, { limit: 1 })[0]?.value as Uint8Array | undefined,
  };
}
