/** agnhost's subcommands, Apache and curl's image as examples use them. */
import { expect, it } from 'vitest';
import { SimNode } from './sim-helpers.ts';

const image = 'registry.k8s.io/e2e-test-images/agnhost:2.53';
const peer = { ip: '10.244.0.9', namespace: 'default', pod: 'client' };
const get = (node: SimNode, port: number, path: string) =>
  node.fabric.http('10.244.0.2', port, { method: 'GET', path, headers: { 'x-who': 'me' } }, peer, 1_000);

it('netexec echoes, names its host and its client, and exits when told', async () => {
  const node = new SimNode();
  const id = await node.start({ image, args: ['netexec', '--http-port=8081'] });
  expect((await get(node, 8081, '/hostName')).body).toBe('pod-1');
  expect((await get(node, 8081, '/echo?msg=hi%20there')).body).toBe('hi there');
  expect((await get(node, 8081, '/clientip')).body).toMatch(/^10\.244\.0\.9:\d+$/);
  expect((await get(node, 8081, '/header?key=X-Who')).body).toBe('me');
  await get(node, 8081, '/exit?code=3');
  await node.clock.advance(1);
  expect(await node.runtime.containerStatus(id)).toMatchObject({ state: 'exited', exitCode: 3 });
});

it('netexec dials another, as often as it is told, and tells who did not answer', async () => {
  const node = new SimNode();
  await node.start({ image, args: ['netexec'] });
  await node.start({ image, args: ['netexec', '--http-port=81'] });
  const ask = async (query: string) => (await get(node, 8080, `/dial?${query}`)).body;
  const told = await ask('host=10.244.0.3&port=81&request=hostname&protocol=http&tries=3');
  expect(JSON.parse(told)).toEqual({ responses: ['pod-2', 'pod-2', 'pod-2'] });
  const failed = JSON.parse(await ask('host=10.244.0.3&port=82&request=hostname'));
  expect(failed).toEqual({ errors: [expect.stringMatching(/^Get "http:\/\/10\.244\.0\.3:82\/hostname": /)] });
  expect(await ask('port=81&request=hostname')).toBe('host not specified');
  expect(await ask('host=a&port=81&request=x&tries=0')).toMatch(/^tries parameter is invalid/);
  expect(await ask('host=a&port=81&request=x&protocol=udp')).toBe('not simulated: dial over udp');
});

it('liveness is healthy for ten seconds', async () => {
  const node = new SimNode();
  await node.start({ image, args: ['liveness'] });
  expect((await get(node, 8080, '/healthz')).status).toBe(200);
  await node.clock.advance(10_001);
  expect((await get(node, 8080, '/healthz')).status).toBe(500);
});

it('serve-hostname, connect, logs-generator, pause and words it does not know', async () => {
  const node = new SimNode();
  await node.start({ image, args: ['serve-hostname'] });
  expect((await get(node, 9376, '/')).body).toBe('pod-1');
  const run = (...args: string[]) => node.run({ image, args });
  expect((await run('connect', '10.244.0.2:9376')).exitCode).toBe(0);
  expect(await run('connect', '10.244.0.2:1')).toMatchObject({ exitCode: 1, output: 'REFUSED\n' });
  expect(await run('connect', 'nobody.invalid:80')).toMatchObject({ exitCode: 1, output: 'DNS ERROR\n' });
  const logs = await run('logs-generator', '--log-lines-total', '20', '--run-duration', '10s');
  expect(logs.output.match(/^\S+ \d+ (GET|PUT|POST) \/api\/v1\/namespaces\/\S+ \d{3}$/gm)).toHaveLength(20);
  expect(logs.ms).toBe(10_000);
  expect((await run('dance')).output).toMatch(/unknown command "dance"/);
  const paused = await node.start({ image });
  await node.clock.advance(1_000);
  expect(await node.runtime.containerStatus(paused)).toMatchObject({ state: 'running' });
});

it("curl's image runs what it is given, or curl; Apache says that it works", async () => {
  const node = new SimNode();
  await node.start({ image: 'httpd:2.4' });
  const curl = (...args: string[]) => node.run({ image: 'curlimages/curl', args });
  const page = '<html><body><h1>It works!</h1></body></html>\n';
  expect((await curl('curl', '-s', 'http://10.244.0.2/')).output).toBe(page);
  expect((await curl('-s', 'http://10.244.0.2/')).output).toBe(page);
  expect((await curl('sh', '-c', 'echo hello')).output).toBe('hello\n');
});
