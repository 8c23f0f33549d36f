/** The server's log: a disk that takes no more of it must not end the server. */
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { serverLogger } from '../../src/cluster/log.ts';
import { tempDir } from '../sqlite/helpers.ts';

const open: number[] = [];
const opened = (path: string, flags: string) => {
  const fd = openSync(path, flags);
  open.push(fd);
  return fd;
};
afterEach(() => {
  for (const fd of open.splice(0)) closeSync(fd);
});

test('lines are JSON, one an event', () => {
  const path = join(tempDir(), 'server.log');
  serverLogger('info', opened(path, 'a')).child('etcd').warn('slow', { ms: 5 });
  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ component: 'etcd', msg: 'slow', ms: 5 });
});

test.skipIf(!existsSync('/dev/full'))('a full disk loses lines, and what is logged there throws nothing', () => {
  const log = serverLogger('info', opened('/dev/full', 'w'));
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 20_000; i++) log.error('no room', { text: 'x'.repeat(1000) });
  // 20 MB were logged; what waits for room is bounded.
  expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
});
