/** One client that stops reading holds nobody: others see every change at once, and it is cut off. */
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type HttpsServer, startHttpsServer } from '../https-server.ts';

const maps = '/api/v1/namespaces/default/configmaps';
let s: HttpsServer;
beforeEach(async () => {
  s = await startHttpsServer({}, { stallMs: 300 });
});
afterEach(() => s.close());

function openWatch(resourceVersion: string): Promise<IncomingMessage> {
  const { cert, key } = s.pki.admin;
  const path = `${maps}?watch=true&resourceVersion=${resourceVersion}`;
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { host: '127.0.0.1', port: s.port, path, cert, key, ca: s.pki.ca.cert, agent: false },
      resolve,
    );
    outgoing.on('error', reject);
    outgoing.end();
  });
}

async function watchers(): Promise<number> {
  const { text } = await s.ask('GET', '/metrics');
  const line = /^apiserver_longrunning_requests\{[^}]*resource="configmaps"[^}]*verb="WATCH"[^}]*\} (\d+)$/m.exec(text);
  return Number(line?.[1] ?? 0);
}

it('a dead watcher is cut off while a live one sees everything in order', async () => {
  const { resourceVersion } = (await s.ask('GET', maps)).body.metadata;
  // The server watches some itself.
  const own = await watchers();
  // Nobody reads this one: its socket fills, then what the server may hold for it.
  const dead = await openWatch(resourceVersion);
  dead.on('error', () => {});
  dead.pause();

  const live = await openWatch(resourceVersion);
  const seen: string[] = [];
  let rest = '';
  const count = 50;
  const all = new Promise<void>((resolve) => {
    live.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop()!;
      for (const line of lines) {
        const { type, object } = JSON.parse(line);
        if (object.metadata.name.startsWith('cm-')) seen.push(`${type} ${object.metadata.name}`);
      }
      if (seen.length === count) resolve();
    });
  });
  expect(await watchers()).toBe(own + 2);
  const data = { text: 'x'.repeat(400_000) };
  for (let i = 0; i < count; i++) {
    const answer = await s.ask('POST', maps, { body: { metadata: { name: `cm-${i}` }, data } });
    expect(answer.code).toBe(201);
  }
  await all;
  expect(seen).toEqual(Array.from({ length: count }, (_, i) => `ADDED cm-${i}`));
  for (;;) {
    // The server's word for it: a socket that nobody reads tells its client nothing.
    if ((await watchers()) === own + 1) break;
    await s.ask('GET', '/version');
  }
  live.destroy();
});
