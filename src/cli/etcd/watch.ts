/** `klab etcd watch`: a line an event, or its value decoded. Upstream: etcdctl/ctlv3/command/watch_command.go. */
import { wallClock } from '../../base/index.ts';
import type { RemoteKV, StoreEvent, WatchResponse } from '../../etcd/index.ts';
import { UserError } from '../exit-codes.ts';
import { printData } from '../output.ts';
import { type KeyRange, rangeOf } from './key-range.ts';
import { type EtcdIo, type EtcdOutput, pairData, text } from './keys.ts';
import { type DecodeOptions, decodeStored, protobufFor, storedSummary } from './value.ts';

export interface EtcdWatchRequest extends KeyRange {
  readonly revision?: number;
  readonly previous: boolean;
  readonly output: EtcdOutput;
  readonly showSecrets: boolean;
}

const retryMs = 500;

/** Prints events until interrupted; a lost connection is taken up where it was. */
export async function etcdWatch(kv: RemoteKV, request: EtcdWatchRequest, io: EtcdIo): Promise<void> {
  const range = rangeOf(request, 'watch');
  let next = request.revision;
  let established = false;
  while (!io.signal?.aborted) {
    const watch = kv.watch({ ...range, startRevision: next, prevKv: request.previous });
    const stop = () => watch.cancel();
    io.signal?.addEventListener('abort', stop, { once: true });
    try {
      for await (const response of watch) {
        established = true;
        if (response.canceled) throw canceled(response);
        const values = response.events.flatMap(({ kv: pair, prevKv }) => [
          pair.value,
          ...(prevKv ? [prevKv.value] : []),
        ]);
        const decode = { ...request, protobuf: await protobufFor(values) };
        for (const event of response.events) io.print(eventText(event, decode));
        next = response.revision + 1;
      }
      if (io.signal?.aborted) return;
    } catch (error) {
      if (io.signal?.aborted) return;
      const lost = (error as { code?: string }).code === 'Unavailable';
      if (!lost || !established) throw error;
      io.say(`connection lost, watching again from revision ${next}`);
      await wallClock.sleep(retryMs, io.signal);
    } finally {
      io.signal?.removeEventListener('abort', stop);
    }
  }
}

function canceled(response: WatchResponse): UserError {
  const compacted = response.compactRevision
    ? `; the oldest revision that can be watched is ${response.compactRevision}`
    : '';
  return new UserError(`watch was canceled (${response.cancelReason || 'by the server'})${compacted}`);
}

function eventText(event: StoreEvent, request: EtcdWatchRequest & DecodeOptions): string {
  const { kv: pair, prevKv } = event;
  if (request.output !== 'simple') {
    const data = {
      type: event.type.toUpperCase(),
      ...pairData(pair, { ...request, keysOnly: event.type === 'delete' }),
      ...(prevKv && { previous: pairData(prevKv, request) }),
    };
    return request.output === 'json' ? JSON.stringify(data) : `---\n${printData(data, 'yaml')}`;
  }
  const what =
    event.type === 'delete' ? '' : `  (${storedSummary(decodeStored(pair.value, request), pair.value.length)})`;
  return `${pair.modRevision}  ${event.type.toUpperCase().padEnd(6)}  ${text(pair.key)}${what}`;
}
