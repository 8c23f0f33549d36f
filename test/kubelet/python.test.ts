/** Python as manifests use it. */
import { expect, it } from 'vitest';
import { SimNode } from './sim-helpers.ts';

const image = 'python:3.13-slim';
const peer = { ip: '10.244.0.9', namespace: 'default', pod: 'client' };
const get = (node: SimNode, port: number, path: string) =>
  node.fabric.http('10.244.0.2', port, { method: 'GET', path, headers: {} }, peer, 1_000);

it('-m http.server lists folders, serves files below its root only, and logs as Python does', async () => {
  const node = new SimNode();
  const script =
    'mkdir -p /srv/sub; echo secret > /secret; echo "<h1>hi</h1>" > /srv/sub/index.html; echo t > /srv/a.txt; exec python3 -m http.server 9000 -d /srv';
  const id = await node.start({ image, command: ['sh', '-c', script] });
  await node.clock.advance(1);
  expect((await get(node, 9000, '/')).body).toContain('<li><a href="sub/">sub/</a></li>');
  expect((await get(node, 9000, '/a.txt')).body).toBe('t\n');
  expect((await get(node, 9000, '/sub/')).body).toBe('<h1>hi</h1>\n');
  for (const path of ['/nope', '/../secret', '/%2e%2e/secret']) {
    expect((await get(node, 9000, path)).status, path).toBe(404);
  }
  expect(await node.logs(id)).toMatch(
    /^Serving HTTP on 0\.0\.0\.0 port 9000 [^\n]*\n10\.244\.0\.9 - - \[22\/Nov\/2026 10:00:00\] "GET \/ HTTP\/1\.1" 200 -\n/,
  );
});

it.each([
  ['print("a;b", \'c\', 3, flush=True); print()', 'a;b c 3\n\n', 0],
  ['import sys, time\nprint("x\\ty")\ntime.sleep(2)\nsys.exit(4)', 'x\ty\n', 4],
  ['import os; print(os.environ["WHO"])', 'me\n', 0],
  ['import os; print(os.environ["NOBODY"])', "KeyError: 'NOBODY'\n", 1],
])('-c %j', async (code, output, exitCode) => {
  const env = [{ name: 'WHO', value: 'me' }];
  const result = await new SimNode().run({ image, env, command: ['python', '-u', '-c', code] });
  expect(result).toMatchObject({ output, exitCode });
});

it('a loop goes on until its container ends', async () => {
  for (const code of [
    'import time\nwhile True:\n  print("tick")\n  time.sleep(10)',
    'while True: print("tick"); time.sleep(10)',
  ]) {
    const node = new SimNode();
    const id = await node.start({ image, command: ['python3', '-c', code] });
    await node.clock.advance(25_000);
    expect(await node.logs(id)).toBe('tick\ntick\ntick\n');
  }
});

it('says what it does not simulate: a server runs on in its place, a command fails', async () => {
  const node = new SimNode();
  const id = await node.start({ image, command: ['python', 'app.py'], ports: [{ containerPort: 5000 }] });
  await node.clock.advance(1);
  expect(await node.logs(id)).toContain('not simulated: python app.py; answering HTTP on 5000');
  expect((await get(node, 5000, '/')).status).toBe(200);
  const failed = await node.run({ image, role: 'init', command: ['python', '-c', 'print(1 + 1)'] });
  expect(failed).toMatchObject({ output: 'klab: not simulated: python -c print(1 + 1)\n', exitCode: 1 });
  expect((await node.run({ command: ['sh', '-c', 'python3 -V'] }).catch((error) => error)).output ?? '').not.toContain(
    'Python',
  );
});
