import { describe, expect, test } from 'vitest';
import type { FabricHooks } from '../../src/kubelet/index.ts';
import { SimNode } from './sim-helpers.ts';

const hooks: FabricHooks = {
  resolveName: (name) =>
    ({ 'web.default.svc.cluster.local': ['10.96.0.50'], 'empty.default.svc.cluster.local': ['10.96.0.51'] })[name],
  resolveService: (ip, port) => {
    if (ip === '10.96.0.50' && port === 80) return { ip: '10.244.0.2', port: 8080 };
    return ip === '10.96.0.51' ? 'refused' : undefined;
  },
};

async function withServer(options: Partial<Parameters<SimNode['start']>[0]> = {}) {
  const node = new SimNode(hooks);
  const id = await node.start({ image: 'example.com/shop/web:v1', ports: [{ containerPort: 8080 }], ...options });
  return { node, id };
}

test('the general server answers on its ports and logs who asked', async () => {
  const { node, id } = await withServer();
  const { output, exitCode } = await node.script('wget -q -O - http://web/cart?x=1');
  expect(exitCode).toBe(0);
  for (const line of ['pod: pod-1', 'node: n1', 'path: /cart?x=1', '  host: web', '  user-agent: Wget'])
    expect(output).toContain(line);
  expect(await node.logs(id)).toContain('GET /cart?x=1 200 from default/pod-2 (10.244.0.3)');
});

test("the loop of a well-known shop's init container finds its frontend", async () => {
  const { node } = await withServer();
  const script = `
    for i in $(seq 1 $MAX); do
      echo "Attempt $i: Pinging frontend: \${FRONTEND_ADDR}..."
      STATUSCODE=$(wget --server-response http://\${FRONTEND_ADDR} 2>&1 | awk '/^  HTTP/{print $2}')
      if [ $STATUSCODE -eq 200 ]; then
          echo "Frontend is reachable."
          exit 0
      fi
      echo "Error: Could not reach frontend - Status code: \${STATUSCODE}"
      sleep 10
    done
    exit 1`;
  const env = [
    { name: 'FRONTEND_ADDR', value: 'web:80' },
    { name: 'MAX', value: '3' },
  ];
  const good = await node.run({ command: ['/bin/sh', '-c', script], env, readOnlyRootFilesystem: true, role: 'init' });
  expect(good).toMatchObject({
    exitCode: 0,
    output: 'Attempt 1: Pinging frontend: web:80...\nFrontend is reachable.\n',
  });
  const bad = await node.run({
    command: ['/bin/sh', '-c', script],
    env: [
      { name: 'FRONTEND_ADDR', value: 'empty:80' },
      { name: 'MAX', value: '3' },
    ],
    role: 'init',
  });
  expect(bad.exitCode).toBe(1);
  expect(bad.ms).toBe(30_000);
});

describe('what clients say', () => {
  test.each([
    ['wget -O - http://nowhere', "wget: bad address 'nowhere'\n", 1],
    [
      'wget -O - http://empty',
      "Connecting to empty (10.96.0.51:80)\nwget: can't connect to remote host (10.96.0.51): Connection refused\n",
      1,
    ],
    [
      'nslookup web',
      'Server:\t\t10.96.0.10\nAddress:\t10.96.0.10:53\n\nName:\tweb.default.svc.cluster.local\nAddress: 10.96.0.50\n\n',
      0,
    ],
    [
      'nslookup nowhere',
      "Server:\t\t10.96.0.10\nAddress:\t10.96.0.10:53\n\n** server can't find nowhere: NXDOMAIN\n\n",
      1,
    ],
    ['nc -z web 80 && echo open', 'open\n', 0],
    ['nc -z -w 1 empty 80', 'nc: empty (10.96.0.51:80): Connection refused\n', 1],
  ])('%s', async (script, output, exitCode) => {
    const { node } = await withServer();
    expect(await node.script(script)).toMatchObject({ output, exitCode });
  });

  test('curl brings its own errors', async () => {
    const { node } = await withServer();
    const curl = (...args: string[]) => node.run({ image: 'curlimages/curl', command: ['curl', ...args] });
    expect(await curl('-sS', 'http://nowhere')).toMatchObject({
      exitCode: 6,
      output: 'curl: (6) Could not resolve host: nowhere\n',
    });
    expect((await curl('-s', 'http://empty')).exitCode).toBe(7);
    expect(await curl('-s', '-o', '/dev/null', '-w', '%{http_code}', 'http://web/')).toMatchObject({
      exitCode: 0,
      output: '200',
    });
  });
});

test('containers of a pod share localhost; a closed port refuses', async () => {
  const node = new SimNode();
  const sandbox = await node.sandbox();
  await node.start({ metadata: { name: 'cache', attempt: 0 }, image: 'redis:7', imageRef: 'r' }, sandbox);
  const id = await node.start(
    {
      metadata: { name: 'app', attempt: 0 },
      image: 'redis:7',
      command: ['sh', '-c', 'redis-cli set k v; redis-cli get k; redis-cli incr n; redis-cli -p 1 ping'],
    },
    sandbox,
  );
  await node.clock.advance(1_000);
  expect(await node.logs(id)).toBe('OK\nv\n1\nCould not connect to Redis at 127.0.0.1:1: Connection refused\n');
});

test('nginx serves what is mounted and listens where its configuration says', async () => {
  const node = new SimNode(hooks);
  const file = (path: string, content: string) => ({ path, mode: 0o644, content });
  const volume = (name: string, files: ReturnType<typeof file>[]) => ({ name, kind: 'files' as const, files });
  const id = await node.start({
    image: 'nginx',
    mounts: [
      {
        volume: volume('html', [file('index.html', '<p>mine</p>')]),
        containerPath: '/usr/share/nginx/html',
        readOnly: true,
      },
      {
        volume: volume('conf', [file('default.conf', 'server {\n  listen 8080;\n}\n')]),
        containerPath: '/etc/nginx/conf.d',
        readOnly: true,
      },
    ],
  });
  const { output } = await node.script('wget -q -O - http://web/; wget -q -O - http://web/nope');
  // A line without its end is logged when the process ends.
  expect(output).toBe('wget: server returned error: HTTP/1.1 404 Not Found\n<p>mine</p>');
  expect(await node.logs(id)).toContain('"GET /nope HTTP/1.1" 404');
});

test('an address comes back only after the others have been used', async () => {
  const node = new SimNode();
  const ip = async (id: string) => (await node.runtime.podSandboxes(`uid-${id}`))[0]!.ips[0];
  const first = await node.sandbox();
  expect(await ip('1')).toBe('10.244.0.2');
  await node.runtime.stopPodSandbox(first);
  await node.sandbox();
  expect(await ip('2')).toBe('10.244.0.3');
});

test('a full range refuses further pods', async () => {
  const node = new SimNode();
  const range = { node: { name: 'n2', podCIDRs: ['10.1.0.0/30'] } };
  await node.sandbox(range);
  await expect(node.sandbox(range)).rejects.toThrow('no IP addresses available in range set: 10.1.0.1-10.1.0.2');
});

describe('commands without a shell', () => {
  test.each([
    [['/bin/true'], 0, ''],
    [['/bin/false'], 1, ''],
    [['exit', '3'], 3, ''],
    [['echo', 'hi'], 0, 'hi\n'],
    [['sleep', '5'], 0, ''],
  ])('%j', async (command, exitCode, output) => {
    expect(await new SimNode().run({ command })).toMatchObject({ exitCode, output });
  });

  test('a command that a small image does not have cannot be started', async () => {
    const node = new SimNode();
    await expect(node.start({ command: ['nosuch'] })).rejects.toThrow(
      'failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: "nosuch": executable file not found in $PATH',
    );
  });

  test('an unknown command of an unknown image keeps running as a server', async () => {
    const { node, id } = await withServer({ command: ['/app/server', '--port=8080'] });
    expect(await node.logs(id)).toBe(
      'klab: the command "/app/server --port=8080" of example.com/shop/web:v1 is simulated; answering HTTP on 8080\n',
    );
    expect((await node.script('wget -q -O /dev/null http://web')).exitCode).toBe(0);
  });

  test('a script with an unknown word runs on as a server and says which word it was', async () => {
    const { node, id } = await withServer({ command: ['sh', '-c', 'echo start; frobnicate --x; echo never'] });
    await node.clock.advance(1_000);
    expect(await node.logs(id)).toBe(
      'start\nsh: frobnicate: not found\nklab: the command "frobnicate" is not part of the simulation; the container runs on; answering HTTP on 8080\n',
    );
    expect((await node.runtime.containerStatus(id)).state).toBe('running');
  });

  test("the documentation's π job prints digits", async () => {
    const { output } = await new SimNode().run({
      image: 'perl:5.34.0',
      command: ['perl', '-Mbignum=bpi', '-wle', 'print bpi(30)'],
    });
    expect(output).toBe('3.14159265358979323846264338328\n');
  });
});

describe('host ports', () => {
  const ports = [
    { containerPort: 8080, hostPort: 80, protocol: 'TCP' as const },
    { containerPort: 53, hostPort: 5300, protocol: 'UDP' as const },
  ];
  const ask = (node: SimNode, address: string) => node.script(`wget -q -T 2 -O - http://${address}/`);

  test('lead from the node’s address to the pod, and end with the container', async () => {
    const { node, id } = await withServer({ ports });
    expect((await ask(node, '172.18.0.2:80')).output).toContain('pod: pod-1');
    expect((await ask(node, '172.18.0.2:5300')).exitCode).not.toBe(0);
    await node.runtime.stopContainer(id, 0);
    expect((await ask(node, '172.18.0.2:80')).exitCode).not.toBe(0);
  });

  test('NetworkPolicies see the pod and its own port, as behind a translation', async () => {
    const seen: string[] = [];
    const node = new SimNode({
      ...hooks,
      allowed: (_, to, owner) => {
        seen.push(`${to.ip}:${to.port} of ${owner?.pod}`);
        return false;
      },
    });
    await node.start({ image: 'example.com/shop/web:v1', ports });
    expect((await ask(node, '172.18.0.2:80')).output).not.toContain('pod: pod-1');
    expect(new Set(seen)).toEqual(new Set(['10.244.0.2:8080 of pod-1']));
  });

  test('a host IP narrows them to one address of the node', async () => {
    const node = new SimNode(hooks);
    const sandbox = await node.sandbox({ hostIPs: ['172.18.0.2', '172.18.0.3'] });
    const narrow = [{ ...ports[0]!, hostIP: '172.18.0.3' }];
    await node.start({ image: 'example.com/shop/web:v1', ports: narrow }, sandbox);
    expect((await ask(node, '172.18.0.3:80')).output).toContain('pod: pod-1');
    expect((await ask(node, '172.18.0.2:80')).exitCode).not.toBe(0);
  });

  test('a port of the node is given once', () => {
    const node = new SimNode(hooks);
    const first = node.fabric.forward('172.18.0.2', 80, { ip: '10.244.0.2', port: 8080 });
    const taken = 'listen tcp 172.18.0.2:80: bind: address already in use';
    expect(() => node.fabric.forward('172.18.0.2', 80, { ip: '10.244.0.3', port: 8080 })).toThrow(taken);
    expect(() => node.fabric.listen('172.18.0.2', 80, {}, { ip: '172.18.0.2' })).toThrow(taken);
    first.close();
    node.fabric.forward('172.18.0.2', 80, { ip: '10.244.0.3', port: 8080 });
  });
});
