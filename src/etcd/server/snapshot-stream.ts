import { closeSync, mkdtempSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Infer, ServerStream } from '../../wire/index.ts';
import type { EtcdServerApi } from '../server-api.ts';
import type * as m from '../v3/messages.ts';

/** etcd's `snapshotSendBufferSize`. */
const chunkBytes = 32 * 1024;
const trailerBytes = 32;

type SnapshotStream = ServerStream<Infer<typeof m.SnapshotRequest>, Infer<typeof m.SnapshotResponse>>;

/**
 * Streams a snapshot: the database, in a last message its SHA-256. It is written to a temporary file first, so that a
 * slow reader holds no state of the store. Upstream: server/etcdserver/api/v3rpc/maintenance.go.
 */
export async function serveSnapshot(api: EtcdServerApi, stream: SnapshotStream): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'klab-snapshot-'));
  try {
    const path = join(dir, 'db');
    const header = await api.saveSnapshot(path);
    const size = statSync(path).size;
    const fd = openSync(path, 'r');
    try {
      for (let at = 0; at < size && !stream.gone; ) {
        // The trailer goes alone, as etcd sends it: clients count what remains of the database.
        const end = at < size - trailerBytes ? size - trailerBytes : size;
        const blob = new Uint8Array(Math.min(chunkBytes, end - at));
        readSync(fd, blob, 0, blob.length, at);
        at += blob.length;
        const remainingBytes = Math.max(0, size - trailerBytes - at);
        if (!stream.write({ header, remainingBytes, blob })) await stream.drained();
      }
    } finally {
      closeSync(fd);
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
