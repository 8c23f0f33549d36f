/** `klab proxy` beside `kubectl proxy`: the same requests, the same answers; and a kubectl that speaks through it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { kubectlPath } from '../helpers/clients.ts';
import { bin, Lab } from '../helpers/lab.ts';

const lab = new Lab();
const www = join(lab.home, 'www');
const started: ChildProcess[] = [];

beforeAll(async () => {
  mkdirSync(join(www, 'sub'), { recursive: true });
  mkdirSync(join(www, 'empty'));
  writeFileSync(join(www, 'a.html'), '<h1>x</h1>\n');
  writeFileSync(join(www, 'c.json'), '{}\n');
  writeFileSync(join(www, 'plain'), 'words\n');
  writeFileSync(join(www, 'noise'), Buffer.from([0, 1, 2, 200]));
  writeFileSync(join(www, 'q&a <x>.txt'), 'x\n');
  writeFileSync(join(www, 'sub', 'index.html'), 'i\n');
  writeFileSync(join(lab.home, 'secret'), 'not yours\n');
  await lab.klab('up', '--nodes', '1');
  await lab.kubectl('create', 'deployment', 'web', '--image=nginx', '--port=80');
  await lab.kubectl('expose', 'deployment', 'web');
  await lab.kubectl('rollout', 'status', 'deployment/web', '--timeout=30s');
});
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});
afterAll(() => lab.dispose());

/** Runs a proxy until the test's end; resolves with what it serves on and says. */
async function proxy(program: 'klab' | 'kubectl', args: readonly string[]) {
  const [file, before] = program === 'klab' ? [process.execPath, [bin]] : [kubectlPath(), []];
  const child = spawn(file, [...before, 'proxy', ...args], { env: { ...process.env, ...lab.env } });
  started.push(child);
  const said = { text: '' };
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  child.stderr.on('data', (chunk) => {
    said.text += chunk;
  });
  const at = await new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
      const found = /^Starting to serve on (.*)\n/.exec(text);
      if (found) resolve(found[1]!);
    });
    child.on('close', (code) => reject(new Error(`${program} proxy ended with ${code}: ${said.text}`)));
  });
  return { at, said, ended, child };
}

interface Asked {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** The path goes out as it stands: no client tidies it up. */
function open(at: string, path: string, { method = 'GET', headers = {}, body }: Asked = {}): Promise<IncomingMessage> {
  const where = at.startsWith('/') ? { socketPath: at } : { host: '127.0.0.1', port: at.split(':').at(-1)! };
  return new Promise((resolve, reject) => {
    const sent = request({ ...where, path, method, headers, agent: false }, resolve);
    sent.on('error', reject);
    sent.end(body);
  });
}

async function ask(at: string, path: string, asked: Asked = {}) {
  const answer = await open(at, path, asked);
  let body = '';
  for await (const chunk of answer.setEncoding('latin1')) body += chunk;
  const kept = ['content-type', 'location', 'last-modified', 'x-content-type-options', 'cache-control'];
  const headers = Object.fromEntries(kept.map((name) => [name, answer.headers[name]]));
  return { code: answer.statusCode, reason: answer.statusMessage, headers, body };
}

/** Paths of one proxy and options of requests, asked of both programs. */
const cases: readonly (readonly [args: readonly string[], requests: readonly (readonly [string, Asked?])[]])[] = [
  [
    [`--www=${www}`],
    [
      ['/'],
      ['/api'],
      ['/api/v1/namespaces/default'],
      ['/api/v1/namespaces/default?pretty=false'],
      ['/api/v1/namespaces/default', { headers: { accept: 'application/yaml' } }],
      ['/api/v1/namespaces/kube%2Dsystem'],
      ['/nope'],
      ['//api'],
      ['/api/../apis?x=y'],
      ['/api/v1/namespaces/default/pods/x/exec'],
      ['/api/v1/namespaces/default/pods/x/attach', { method: 'POST' }],
      ['/api', { headers: { host: 'evil.example.com' } }],
      ['/api', { headers: { host: 'localhost:1' } }],
      ['/api', { headers: { host: '[::1]:8001' } }],
      ['/api', { headers: { host: '[::1]' } }],
      ['/api/v1/namespaces', { method: 'POST', body: '{"metadata":', headers: { 'content-type': 'application/json' } }],
      ['/api/v1/namespaces/default/services/web/proxy/'],
      ['/static'],
      ['/static?x=y'],
      ['/static/'],
      ['/static/', { method: 'HEAD' }],
      ['/static/a.html'],
      ['/static/a.html', { method: 'HEAD' }],
      ['/static/a.html/'],
      ['/static/c.json'],
      ['/static/plain'],
      ['/static/noise'],
      ['/static/q&a%20%3Cx%3E.txt'],
      ['/static/sub'],
      ['/static/sub/'],
      ['/static/sub/index.html'],
      ['/static/empty/'],
      ['/static/nope'],
      ['/static/../../secret'],
      ['/static/%2e%2e/secret'],
      ['/static/%2e%2e%2fsecret'],
      ['/static/empty/%2e%2e/c.json'],
      ['/static/a.html', { headers: { 'if-modified-since': 'Fri, 01 Jan 2100 00:00:00 GMT' } }],
      ['/static/a.html', { headers: { 'if-modified-since': 'Fri, 01 Jan 2010 00:00:00 GMT' } }],
    ],
  ],
  [
    ['--api-prefix=/custom'],
    [['/custom/api'], ['/custom'], ['/custom/api/v1/namespaces/kube%2Dsystem'], ['/api'], ['/']],
  ],
  [
    ['--api-prefix=/api/', `--www=${www}`, '-P', '/'],
    [['/api/v1/namespaces/default'], ['/apis'], ['/plain'], ['/api']],
  ],
  [
    ['--reject-methods=POST,DELETE', '--accept-paths=^/api/v1', '--accept-hosts=^good$', '--reject-paths='],
    [
      ['/api/v1', { headers: { host: 'good' } }],
      ['/api/v1', { headers: { host: 'good:9' }, method: 'POST' }],
      ['/apis', { headers: { host: 'good' } }],
      ['/api/v1'],
      ['/api/v1/namespaces/default/pods/x/exec', { headers: { host: 'good' } }],
    ],
  ],
];

describe('answers as kubectl proxy', () => {
  it.each(cases)('with %j', async (args, requests) => {
    const [theirs, ours] = await Promise.all(
      (['kubectl', 'klab'] as const).map((program) => proxy(program, ['--port=0', ...args])),
    );
    for (const [path, asked = {}] of requests) {
      const what = `${JSON.stringify(asked)} ${path}`;
      expect(await ask(ours!.at, path, asked), what).toEqual(await ask(theirs!.at, path, asked));
    }
  });

  it.each([[['--port=0', '--unix-socket=x']], [['--port=77777']], [['--address=192.0.2.1', '--port=0']]])(
    '%j is refused in the same words',
    async (args) => {
      const [theirs, ours] = await Promise.all([lab.tryKubectl(['proxy', ...args]), lab.try(['proxy', ...args])]);
      expect(theirs.code).not.toBe(0);
      expect(ours.code).not.toBe(0);
      expect(ours.stderr).toBe(theirs.stderr);
    },
  );

  it('a port that is taken, and what is no expression', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    const refused = await lab.try(['proxy', `--port=${port}`]);
    taken.close();
    expect(refused).toMatchObject({
      code: 1,
      stderr: `error: listen tcp 127.0.0.1:${port}: bind: address already in use\n`,
    });
    const mistaken = await lab.try(['proxy', '--port=0', '--accept-paths=(']);
    expect(mistaken.code).toBe(1);
    expect(mistaken.stderr).toContain('Error compiling re: ');
  });
});

describe('a client that knows no credentials', () => {
  it('reads, writes and deletes through it, with real kubectl', async () => {
    const { at } = await proxy('klab', ['--port=0']);
    const through = (...args: string[]) => lab.kubectl('--kubeconfig=/dev/null', `--server=http://${at}`, ...args);
    expect(await through('create', 'configmap', 'made', '--from-literal=a=b')).toBe('configmap/made created\n');
    expect(await through('get', 'cm', 'made', '-o', 'jsonpath={.data}')).toBe('{"a":"b"}');
    expect(await through('auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}')).toBe('kubernetes-admin');
    expect(await through('delete', 'cm', 'made')).toContain('deleted');
  });

  it('sees a watch as it happens', async () => {
    const { at } = await proxy('klab', ['--port=0']);
    const answer = await open(at, '/api/v1/namespaces/default/configmaps?watch=1&fieldSelector=metadata.name=seen');
    expect(answer.statusCode).toBe(200);
    await lab.kubectl('create', 'configmap', 'seen');
    const [first] = await answer.take(1).toArray();
    expect(JSON.parse(String(first))).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'seen' } } });
    answer.destroy();
  });

  it.each(['true', 'false'])(
    'has exec when nothing is filtered (WebSockets: %s), else is forbidden',
    async (websockets) => {
      const free = await proxy('klab', ['--port=0', '--disable-filter']);
      expect(free.said.text).toContain('Request filter disabled, your proxy is vulnerable to XSRF attacks');
      const exec = (at: string) =>
        lab.tryKubectl(
          [
            '--kubeconfig=/dev/null',
            `--server=http://${at}`,
            'exec',
            '-i',
            'deploy/web',
            '--',
            'sh',
            '-c',
            'cat; exit 3',
          ],
          { input: 'in\n', env: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: websockets } },
        );
      expect(await exec(free.at)).toMatchObject({ code: 3, stdout: 'in\n' });
      const filtered = await proxy('klab', ['--port=0']);
      const refused = await exec(filtered.at);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toMatch(/forbidden/i);
    },
  );

  it('comes by a unix socket that is its user’s alone; Ctrl-C ends it and takes the socket away', async () => {
    const path = join(lab.home, 'api.sock');
    const { at, ended, child } = await proxy('klab', [`--unix-socket=${path}`]);
    expect(at).toBe(path);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect((await ask(path, '/version', { headers: { host: 'localhost' } })).body).toContain('gitVersion');
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined();
  });

  it('is told when the server is gone', async () => {
    const { at, said } = await proxy('klab', ['--port=0']);
    expect((await ask(at, '/version')).code).toBe(200);
    await lab.klab('down');
    expect(await ask(at, '/version')).toMatchObject({ code: 500, body: expect.stringContaining('refused') });
    expect(said.text).toContain('Error while proxying request: ');
    await lab.klab('up', '--nodes', '1');
    expect((await ask(at, '/version')).code).toBe(200);
  });
});
