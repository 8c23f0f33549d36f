/** Images that users bring: behaviour files and modules, from the file to what a pod does. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot, wallClock } from '../../src/base/index.ts';
import { ImageCatalog, ImageSourceError, readImage } from '../../src/kubelet/index.ts';
import { isReady, Lab, main } from './lab.ts';
import { SimNode } from './sim-helpers.ts';

const fixture = (file: string) => readFileSync(join(packageRoot(), 'fixtures', 'images', file), 'utf8');

async function catalog(...sources: { file: string; text: string }[]): Promise<ImageCatalog> {
  const images = new ImageCatalog();
  for (const source of sources) images.add(await readImage(source));
  return images;
}

const named = (file: string) => ({ file, text: fixture(file) });
const yaml = (text: string) => ({ file: 'own.yaml', text: `name: own:1\n${text}` });

async function mistakes(file: string, text: string): Promise<string[]> {
  const error = await readImage({ file, text }).then(
    () => undefined,
    (thrown) => thrown,
  );
  expect(error).toBeInstanceOf(ImageSourceError);
  return (error as Error).message.split('\n');
}

/** A module runs in a process of its own, so its side is waited for in wall time; the cluster's clock is moved on besides. */
async function eventually<T>(node: SimNode, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const end = wallClock.monotonic() + 15_000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (wallClock.monotonic() > end) throw new Error('not within 15 s');
    await wallClock.sleep(5);
    await node.clock.advance(50);
  }
}

const peer = { ip: '10.244.0.9', namespace: 'default', pod: 'client' };

describe('a behaviour file', () => {
  it('that grows over its memory limit is OOMKilled with 137, again and again', async () => {
    await using lab = await new Lab({ images: await catalog(named('leaky.yaml')) }).start();
    const resources = { limits: { memory: '64Mi' } };
    await lab.createPod('leak', { containers: [{ name: 'main', image: 'leaky:1', resources }] } as object);
    const first = await lab.untilPod('leak', 'killed', (pod) => main(pod)?.lastState?.terminated !== undefined);
    expect(main(first)!.lastState.terminated).toMatchObject({ reason: 'OOMKilled', exitCode: 137 });
    const { startedAt, finishedAt } = main(first)!.lastState.terminated as { startedAt: string; finishedAt: string };
    const seconds = (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000;
    expect(seconds).toBeGreaterThan(3);
    expect(seconds).toBeLessThan(17);
    const later = await lab.untilPod('leak', 'backing off', (pod) => main(pod)?.state.waiting !== undefined);
    expect(main(later)!.state.waiting!.reason).toBe('CrashLoopBackOff');
    expect(await lab.logs('leak', { previous: true })).toMatch(/request 1 served/);
  });

  it('keeps to its times: pull error, pull, start, ready, unready, and log lines', async () => {
    await using lab = await new Lab({ images: await catalog(named('moody.yaml')) }).start();
    const readinessProbe = { httpGet: { path: '/healthz', port: 8080 }, periodSeconds: 1, failureThreshold: 1 };
    await lab.createPod('moody', { containers: [{ name: 'main', image: 'moody:1', readinessProbe }] } as object);
    await lab.untilPod('moody', 'pull fails', (pod) => main(pod)?.state.waiting?.reason === 'ErrImagePull');
    expect(lab.seconds).toBe(3);
    await lab.untilPod('moody', 'ready', isReady, 60_000);
    const readyAt = lab.seconds;
    const started = Date.parse(main(await lab.pod('moody'))!.state.running!.startedAt!) - 1_795_341_600_000;
    expect(readyAt - started / 1000).toBeGreaterThanOrEqual(5);
    expect(readyAt - started / 1000).toBeLessThan(7.5);
    await lab.untilPod('moody', 'unready', (pod) => !isReady(pod), 120_000);
    expect(lab.seconds - started / 1000).toBeGreaterThanOrEqual(60);
    expect(lab.seconds - started / 1000).toBeLessThan(63);
    const log = await lab.logs('moody');
    expect(log.match(/warming up/g)).toHaveLength(3);
    expect(log).toMatch(/Z moody on n1 says [1-6]\n/);
  });

  it('answers HTTP by its rules, with latencies on the cluster clock', async () => {
    const text = fixture('moody.yaml')
      .replace(/^(pull|start|ready|crash|stop):.*$/gm, '')
      .replace(/^ {2}(after|unready):[\s\S]*?(?=^log)/m, '');
    const node = new SimNode({}, {}, await catalog({ file: 'moody.yaml', text }));
    await node.start({ image: 'moody:1' });
    await node.clock.advance(1);
    const get = async (path: string, method = 'GET') => {
      const before = node.clock.monotonic();
      let done = false;
      const answer = node.fabric.http('10.244.0.2', 8080, { method, path, headers: {} }, peer, 60_000).finally(() => {
        done = true;
      });
      await node.clock.advanceUntil(() => done, 60_000);
      return { ...(await answer), ms: node.clock.monotonic() - before };
    };
    expect(await get('/x')).toMatchObject({ status: 200, body: 'hello from pod-1\n', ms: 0 });
    expect(await get('/orders', 'POST')).toMatchObject({ status: 201, body: '{"accepted":true}\n' });
    const slow: number[] = [];
    for (let i = 0; i < 200; i++) slow.push((await get('/slow')).ms);
    slow.sort((a, b) => a - b);
    expect(slow[100]).toBeGreaterThan(50);
    expect(slow[100]).toBeLessThan(130);
    expect(slow[199]).toBeGreaterThan(500);
    const flaky = [];
    for (let i = 0; i < 200; i++) flaky.push((await get('/flaky')).status);
    const failed = flaky.filter((status) => status === 500).length;
    expect(failed).toBeGreaterThan(35);
    expect(failed).toBeLessThan(90);
  });

  it('answers its own commands, and the shell answers the others', async () => {
    const rules = 'commands:\n  - { command: [backup], output: "no space left", exitCode: 28 }\n';
    const node = new SimNode({}, {}, await catalog(yaml(rules)));
    const id = await node.start({ image: 'own:1' });
    expect(await node.runtime.execSync(id, ['backup'], 0)).toEqual({
      stdout: 'no space left\n',
      stderr: '',
      exitCode: 28,
    });
    expect(await node.runtime.execSync(id, ['echo', 'hi'], 0)).toMatchObject({ stdout: 'hi\n', exitCode: 0 });
  });

  it('crashes by the seed: the same pods of the same cluster, at the same moments', async () => {
    const ends = async () => {
      const node = new SimNode({}, {}, await catalog(yaml('crash: { probability: 0.5, within: 10m, code: 3 }\n')));
      const ids = [];
      for (let i = 0; i < 40; i++) ids.push(await node.start({ image: 'own:1' }));
      await node.clock.advance(600_000);
      const states = await Promise.all(ids.map((id) => node.runtime.containerStatus(id)));
      node.runtime.close();
      return states.map(({ state, exitCode, finishedAt }) => `${state} ${exitCode} ${finishedAt}`);
    };
    const first = await ends();
    expect(await ends()).toEqual(first);
    const crashed = first.filter((line) => line.startsWith('exited 3')).length;
    expect(crashed).toBeGreaterThan(8);
    expect(crashed).toBeLessThan(32);
  });

  it('says where its mistakes are, all of them', async () => {
    expect(
      await mistakes(
        'bad.yaml',
        'name: bad:1\nmemory:\n  growth: lots\nlogs: []\nhttp:\n  - path: healthz\n    status: 99\n',
      ),
    ).toEqual([
      'bad.yaml:3:3: memory.growth must be a quantity such as 64Mi, not "lots"',
      'bad.yaml:6:5: http[0].path must begin with /',
      'bad.yaml:7:5: http[0].status must be a whole number from 200 to 599',
      expect.stringMatching(/^bad\.yaml:4:\d+: logs unknown field; there are commands, crash, /),
    ]);
    expect((await mistakes('bad.yaml', 'name: [\n'))[0]).toMatch(/^bad\.yaml:\d+:\d+: /);
    expect(await mistakes('bad.yaml', 'size: 1Mi\n')).toEqual([
      'bad.yaml:1:1: the image has no name; write one into the file, or use --name shop:1',
    ]);
    expect((await mistakes('shop.py', 'x'))[0]).toMatch(/^shop\.py:1:1: an image is a/);
  });
});

describe('an image module', () => {
  it('serves HTTP, keeps its state, logs, and has commands of its own', async () => {
    const node = new SimNode({}, {}, await catalog(named('shop.mjs')));
    const id = await node.start({ image: 'shop:1' });
    const get = (path: string) =>
      node.fabric.http('10.244.0.2', 8080, { method: 'GET', path, headers: {} }, peer, 5_000);
    const shop = await eventually(node, () => get('/').catch(() => undefined));
    expect(JSON.parse(shop.body)).toEqual({ shop: 'pod-1', stock: { tea: 3, coffee: 5 } });
    expect(JSON.parse((await get('/buy/tea')).body)).toEqual({ sold: 'tea', left: 2 });
    expect((await get('/buy/milk')).status).toBe(404);
    expect(await node.runtime.execSync(id, ['stock'], 0)).toMatchObject({ stdout: 'tea\t2\ncoffee\t5\n', exitCode: 0 });
    const failed = await node.runtime.execSync(id, ['restock', 'milk'], 0);
    expect(failed.exitCode).toBe(1);
    expect(failed.stderr).toMatch(/no such item: milk\n {4}at .*shop\.mjs:\d+:\d+/);
    expect(await node.logs(id)).toContain('GET /buy/tea from client\n');
    await node.runtime.stopContainer(id, 30);
    expect(await node.runtime.containerStatus(id)).toMatchObject({ state: 'exited', exitCode: 0 });
  });

  it('in TypeScript runs to its end on the cluster clock', async () => {
    const node = new SimNode({}, {}, await catalog(named('counter.ts')));
    const id = await node.start({ image: 'counter:1', env: [{ name: 'COUNT', value: '2' }] });
    await eventually(node, async () =>
      (await node.runtime.containerStatus(id)).state === 'exited' ? true : undefined,
    );
    expect(await node.logs(id)).toBe('count 1\ncount 2\n');
    expect(await node.runtime.containerStatus(id)).toMatchObject({ exitCode: 0, reason: 'Completed' });
  });

  it('that never comes back from a loop is ended, and its neighbour does not notice', async () => {
    const runaway = {
      file: 'loop.mjs',
      text: "export default { name: 'loop:1', run() { for (;;) console.log('x'.repeat(1000)); } };",
    };
    const node = new SimNode({}, {}, await catalog(runaway, named('shop.mjs')));
    const id = await node.start({ image: 'loop:1' });
    await node.start({ image: 'shop:1' });
    const shop = () => node.fabric.http('10.244.0.3', 8080, { method: 'GET', path: '/', headers: {} }, peer, 5_000);
    await eventually(node, () => shop().catch(() => undefined));
    await eventually(node, async () =>
      (await node.runtime.containerStatus(id)).state === 'exited' ? true : undefined,
    );
    expect((await shop()).status).toBe(200);
    expect(await node.runtime.containerStatus(id)).toMatchObject({ exitCode: 137, reason: 'Error' });
    expect(await node.logs(id, { tailLines: 1 })).toBe(
      'klab: the module did not come back from a loop for 5 s; killed\n',
    );
    node.runtime.close();
  }, 30_000);

  it('that takes more memory than its limit is OOMKilled', async () => {
    const text =
      "export default { name: 'hog:1', run() { const all = []; for (;;) all.push(new Array(1000).fill(all.length)); } };";
    const node = new SimNode({}, {}, await catalog({ file: 'hog.mjs', text }));
    const id = await node.start({ image: 'hog:1', memoryLimitBytes: 16 * 1024 * 1024 });
    await eventually(node, async () =>
      (await node.runtime.containerStatus(id)).state === 'exited' ? true : undefined,
    );
    expect(await node.runtime.containerStatus(id)).toMatchObject({ exitCode: 137, reason: 'OOMKilled' });
  }, 30_000);

  it('says where its mistakes are', async () => {
    expect(await mistakes('shop.mjs', 'const x = 1;\nexport default {\n  a: ,\n};\n')).toEqual([
      "shop.mjs:3:6: Unexpected token ','",
    ]);
    expect((await mistakes('shop.ts', 'const x: number = 1;\nexport default { a: (b: ): string => 1 };\n'))[0]).toMatch(
      /^shop\.ts:2:25: /,
    );
    expect(await mistakes('shop.mjs', 'const x = 1;\nfoo.bar();\nexport default {};\n')).toEqual([
      'shop.mjs:2:1: foo is not defined',
    ]);
    expect((await mistakes('shop.mjs', "import x from 'left-pad';\nexport default x;\n"))[0]).toMatch(
      /^shop\.mjs:1:15: import "left-pad": an image is one file/,
    );
    expect(await mistakes('shop.mjs', 'const x = 1;\nexport default { ports: [0] };\n')).toEqual([
      'shop.mjs:2:1: ports must be a list of port numbers',
    ]);
    expect((await mistakes('shop.mjs', 'for (;;) {}\nexport default {};\n'))[0]).toMatch(/does it loop for ever/);
  }, 30_000);
});
