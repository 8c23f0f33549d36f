/** Two byte streams, each reading what the other writes. */
import { ByteQueue, type ByteStream } from '../../src/wire/index.ts';

export function byteStreamPair(): [ByteStream, ByteStream] {
  const queues = [new ByteQueue(), new ByteQueue()] as const;
  const side = (reads: ByteQueue, writes: ByteQueue): ByteStream => ({
    [Symbol.asyncIterator]: () => reads[Symbol.asyncIterator](),
    write: (bytes) => writes.push(Buffer.from(bytes)),
    end: () => writes.end(),
    destroy: () => {
      reads.end();
      writes.end();
    },
  });
  return [side(queues[0], queues[1]), side(queues[1], queues[0])];
}

/** A stream that only records what is written to it and reads what it is given. */
export function scripted(chunks: readonly Uint8Array[]): ByteStream & { readonly written: Buffer[] } {
  const written: Buffer[] = [];
  return {
    written,
    async *[Symbol.asyncIterator]() {
      yield* chunks;
    },
    write: (bytes) => void written.push(Buffer.from(bytes)),
    end: () => {},
    destroy: () => {},
  };
}
