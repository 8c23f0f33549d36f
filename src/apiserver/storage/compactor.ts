/** Upstream: apiserver/pkg/storage/etcd3/compact.go. */
import type { Clock, Logger } from '../../base/index.ts';
import type { KV } from '../../etcd/index.ts';
import { keyBytes } from './keys.ts';

/** Several API servers take turns through this key; its version says which round it is. */
const compactRevisionKey = keyBytes('compact_rev_key');

export interface CompactorOptions {
  /** Default 5 min: revisions then live 5 to 10 minutes. 0 = never. */
  readonly intervalMs?: number;
}

/** Every interval, compacts to the revision that was current one interval ago. Ends when aborted. */
export async function runCompactor(
  deps: { kv: KV; clock: Clock; log: Logger },
  signal: AbortSignal,
  options: CompactorOptions = {},
): Promise<void> {
  const intervalMs = options.intervalMs ?? 300_000;
  if (intervalMs === 0) return;
  let version = 0;
  let revision = 0;
  for await (const _ of deps.clock.every(intervalMs, signal)) {
    try {
      const turn = await takeTurn(deps.kv, version, revision);
      version = turn.version;
      const target = revision;
      revision = turn.revision;
      if (turn.won && target > 0) await deps.kv.compact(target);
    } catch (error) {
      // The next round tries again: a store that is away for a while loses nothing by it.
      deps.log.warn('compaction failed', { error: String(error) });
    }
  }
}

async function takeTurn(
  kv: KV,
  version: number,
  revision: number,
): Promise<{ won: boolean; version: number; revision: number }> {
  const response = await kv.txn(
    {
      compare: [{ target: 'version', key: compactRevisionKey, result: 'equal', version }],
      success: [{ op: 'put', put: { key: compactRevisionKey, value: Buffer.from(String(revision)) } }],
      failure: [{ op: 'range', range: { key: compactRevisionKey } }],
    },
    { provenance: { actor: 'apiserver:compactor' } },
  );
  const current = response.header.revision;
  if (response.succeeded) return { won: true, version: version + 1, revision: current };
  const first = response.responses[0];
  const kvs = first?.op === 'range' ? first.range.kvs : [];
  return { won: false, version: kvs[0]?.version ?? 0, revision: current };
}
