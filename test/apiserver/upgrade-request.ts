/** HTTP/1.1 requests that ask for another protocol, over a raw socket. */
import { connect, type TLSSocket } from 'node:tls';
import { type ByteStream, socketByteStream } from '../../src/wire/index.ts';
import type { HttpsServer } from './https-server.ts';

export interface Upgraded {
  readonly head: string;
  readonly bytes: ByteStream;
  readonly socket: TLSSocket;
  /** What follows the head, for answers that are no upgrade. */
  body(): Promise<string>;
}

/** Sends a request over HTTP/1.1 and reads the head of its answer. `certificate: null`: without the admin's. */
export function requestUpgrade(
  https: HttpsServer,
  method: string,
  path: string,
  headers: Record<string, string>,
  certificate: { cert: string; key: string } | null = https.pki.admin,
): Promise<Upgraded> {
  const { ca } = https.pki;
  const socket = connect({
    host: '127.0.0.1',
    port: https.port,
    ca: ca.cert,
    ...(certificate ? { cert: certificate.cert, key: certificate.key } : {}),
    servername: 'localhost',
    ALPNProtocols: ['http/1.1'],
  });
  const all = { Host: 'localhost', Connection: 'Upgrade', ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
  return new Promise((resolve, reject) => {
    let seen = Buffer.alloc(0);
    const onData = (chunk: Buffer) => {
      seen = Buffer.concat([seen, chunk]);
      const end = seen.indexOf('\r\n\r\n');
      if (end < 0) return;
      socket.off('data', onData);
      socket.pause();
      const bytes = socketByteStream(socket, seen.subarray(end + 4));
      resolve({
        head: seen.toString('latin1', 0, end),
        bytes,
        socket,
        body: async () => {
          let text = '';
          for await (const chunk of bytes) text += Buffer.from(chunk);
          return text;
        },
      });
    };
    socket.on('data', onData).on('error', reject);
  });
}

/** A WebSocket's handshake. */
export const webSocketHeaders = (protocol?: string) => ({
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  ...(protocol === undefined ? {} : { 'Sec-WebSocket-Protocol': protocol }),
});
