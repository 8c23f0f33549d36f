/** Splits a watch body into events: one JSON document a line. */
import { decodeJson, type KubeObject, type Status, type WatchEvent } from '../../apimachinery/index.ts';
import { ConnectionError } from '../transport.ts';

/** Longest line taken: an object may be 1.5 MB in etcd, JSON with managed fields a few times that. */
const maxLineBytes = 32 * 1024 * 1024;

const newline = 0x0a;

/** @throws ConnectionError for a line that is too long or cut off in the middle. */
export async function* decodeWatch(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<WatchEvent<KubeObject | Status>, void, void> {
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
      const line =
        pendingBytes === 0 ? chunk.subarray(from, end) : Buffer.concat([...pending, chunk.subarray(from, end)]);
      pending = [];
      pendingBytes = 0;
      from = end + 1;
      if (line.length > 0) yield parseJsonText(Buffer.from(line.buffer, line.byteOffset, line.length).toString('utf8'));
    }
    if (from < chunk.length) {
      pending.push(chunk.subarray(from));
      pendingBytes += chunk.length - from;
      if (pendingBytes > maxLineBytes) throw new ConnectionError(`a watch event is longer than ${maxLineBytes} bytes`);
    }
  }
  if (pendingBytes > 0) throw new ConnectionError('the watch ended in the middle of an event');
}

/** JSON.parse, but integers that a double cannot hold become bigints. */
export function parseJsonText(text: string): any {
  return /[:[,\s]-?\d{16,}/.test(text) ? decodeJson(text).value : JSON.parse(text);
}
