import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { clusterStatus, takeDown } from '../../src/cli/index.ts';

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'klab-down-'));
  vi.stubEnv('KLAB_HOME', home);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true, force: true });
});

function stopped(name: string, settings: string): void {
  mkdirSync(join(home, name));
  writeFileSync(join(home, name, 'cluster.json'), settings);
}

test('purging a cluster on a real etcd says where its objects stay', async () => {
  const servers = 'https://10.0.0.1:2379,https://10.0.0.2:2379';
  stopped('a', JSON.stringify({ flags: { 'etcd-servers': servers } }));
  stopped('b', JSON.stringify({ flags: { 'etcd-servers': servers, 'etcd-prefix': '/second' } }));
  expect((await takeDown('a')).left, 'nothing goes without --purge').toBeUndefined();
  expect(await takeDown('a', { purge: true })).toEqual({
    existed: true,
    ran: false,
    left: { servers, prefix: '/registry' },
  });
  expect(await takeDown('b', { purge: true })).toMatchObject({ left: { servers, prefix: '/second' } });
  expect(existsSync(join(home, 'a'))).toBe(false);
});

test("purging a cluster on klab's own etcd leaves nothing, even when its settings are damaged", async () => {
  stopped('own', JSON.stringify({ flags: {} }));
  stopped('damaged', '{');
  for (const name of ['own', 'damaged']) {
    expect((await takeDown(name, { purge: true })).left).toBeUndefined();
    expect(existsSync(join(home, name))).toBe(false);
  }
});

test('a server that is not ready yet is stopped too', async () => {
  stopped('slow', '{}');
  const server = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000); process.stdout.write("up")'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = once(server, 'exit');
  try {
    await once(server.stdout, 'data');
    writeFileSync(join(home, 'slow', 'starting.json'), JSON.stringify({ pid: server.pid }));
    expect(await clusterStatus('slow')).toMatchObject({ running: false, starting: true, pid: server.pid });
    expect(await takeDown('slow')).toMatchObject({ ran: true });
    expect((await clusterStatus('slow')).starting).toBeUndefined();
    expect(await ended).toEqual([null, 'SIGTERM']);
    expect(existsSync(join(home, 'slow', 'starting.json'))).toBe(false);
    expect(await takeDown('slow')).toMatchObject({ ran: false });
  } finally {
    server.kill('SIGKILL');
  }
});
