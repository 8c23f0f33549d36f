/** Redis as clients speak to it: RESP over a port-forward. */
import { expect, it } from 'vitest';
import { ByteQueue, type ByteStream } from '../../src/wire/index.ts';
import { SimNode } from './sim-helpers.ts';

/** Both ends of one connection: what is pushed is the client's, `received` what came back. */
class Connection implements ByteStream {
  readonly input = new ByteQueue();
  received = '';
  async write(chunk: Uint8Array): Promise<void> {
    this.received += Buffer.from(chunk).toString();
  }
  end(): void {}
  destroy(): void {}
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this.input[Symbol.asyncIterator]();
  }
}

async function talk(chunks: readonly string[]): Promise<string> {
  const node = new SimNode();
  const sandbox = await node.sandbox();
  await node.start({ image: 'redis:7' }, sandbox);
  const connection = new Connection();
  const done = node.runtime.portForward(sandbox, 6379, connection as ByteStream, new AbortController().signal);
  for (const chunk of chunks) connection.input.push(Buffer.from(chunk));
  connection.input.end();
  await done;
  return connection.received;
}

it('takes RESP, whole, in pieces and many at once', async () => {
  expect(await talk(['*1\r\n$4\r\nPING\r\n'])).toBe('+PONG\r\n');
  expect(
    await talk(['*3\r\n$3\r\nSET\r\n$1\r', '\nk\r\n$11\r\nhello ', 'world\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n']),
  ).toBe('+OK\r\n$11\r\nhello world\r\n');
});

it('counts bytes, not characters', async () => {
  expect(await talk(['*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$6\r\nnaïve\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n'])).toBe(
    '+OK\r\n$6\r\nnaïve\r\n',
  );
});

it('takes plain lines, and refuses what is neither', async () => {
  expect(await talk(['PING\r\nINCR n\r\nINCR n\r\n'])).toBe('+PONG\r\n:1\r\n:2\r\n');
  expect(await talk(['*x\r\n'])).toMatch(/^-ERR Protocol error/);
});
