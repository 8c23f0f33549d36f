/** Real kubectl 1.35 and what streams: exec, attach, port-forward, cp, logs, proxy; drain. Over WebSocket and over SPDY. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kubectlPath } from '../helpers/clients.ts';
import { bin, eventually, Lab } from '../helpers/lab.ts';

const lab = new Lab();
const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
beforeAll(async () => {
  await lab.klab('up', '--nodes', '3');
  await lab.kubectl('run', 'box', '--image=busybox', '--', 'sh', '-c', 'while true; do sleep 1; done');
  await lab.kubectl('run', 'web', '--image=nginx', '--port=80', '--labels=app=web');
  await lab.kubectl('wait', '--for=condition=Ready', 'pod/box', 'pod/web', '--timeout=30s');
});
afterAll(() => lab.dispose());

interface Talk {
  readonly child: ChildProcess;
  text(): string;
  says(pattern: RegExp): Promise<string>;
  readonly ended: Promise<number | null>;
}

/** A program that is talked with while it runs. */
function talk(file: string, args: readonly string[], env: Record<string, string>): Talk {
  const child = spawn(file, args, { env: { ...process.env, ...lab.env, ...env } });
  let text = '';
  let heard: (() => void)[] = [];
  const onData = (chunk: Buffer) => {
    text += chunk;
    for (const wake of heard) wake();
    heard = [];
  };
  child.stdout.on('data', onData);
  child.stderr.on('data', onData);
  const ended = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)));
  return {
    child,
    ended,
    text: () => text,
    async says(pattern) {
      while (!pattern.test(text)) {
        await Promise.race([
          new Promise<void>((resolve) => heard.push(resolve)),
          ended.then((code) => {
            if (!pattern.test(text)) throw new Error(`ended with ${code} before ${pattern}: ${text}`);
          }),
        ]);
      }
      return text;
    },
  };
}

const protocols: [name: string, env: Record<string, string>][] = [
  ['WebSocket', { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'true', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'true' }],
  ['SPDY', { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' }],
];

describe.each(protocols)('over %s', (name, env) => {
  const id = name.toLowerCase();
  const kubectl = (args: readonly string[], input?: string) =>
    lab.tryKubectl(args, { env, ...(input === undefined ? {} : { input }) });

  it('exec keeps stdout and stderr apart and hands on the exit code', async () => {
    const ran = await kubectl(['exec', 'box', '--', 'sh', '-c', 'echo out; echo err >&2; exit 3']);
    expect(ran).toEqual({ code: 3, stdout: 'out\n', stderr: 'err\ncommand terminated with exit code 3\n' });
    expect(await kubectl(['exec', 'box', '--', 'true'])).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('exec -i: the end of input reaches the command', async () => {
    expect((await kubectl(['exec', '-i', 'box', '--', 'cat'], 'a\nno newline')).stdout).toBe('a\nno newline');
    const script = await kubectl(['exec', '-i', 'box', '--', 'sh'], 'X=5\necho $((X * 2))\nexit 4\n');
    expect([script.stdout, script.code]).toEqual(['10\n', 4]);
  });

  it('exec says why it cannot', async () => {
    const nothing = await kubectl(['exec', 'box', '--', 'nosuch']);
    expect(nothing.code).not.toBe(0);
    expect(nothing.stderr).toMatch(
      /^error: Internal error occurred: .*error executing command in container: .*exec: "nosuch": executable file not found in \$PATH: unknown/,
    );
    expect((await kubectl(['exec', 'box', '-c', 'nope', '--', 'ls'])).stderr).toContain(
      'container nope is not valid for pod box',
    );
    expect((await kubectl(['exec', 'nobody', '--', 'ls'])).stderr).toContain('pods "nobody" not found');
  });

  it('10 MB of random bytes go in and out intact', async () => {
    const bytes = randomBytes(10 << 20);
    const file = join(lab.home, `big-${id}`);
    writeFileSync(file, bytes);
    const out = execFileSync('sh', ['-c', `"${kubectlPath()}" exec -i box -- cat < "${file}"`], {
      env: { ...process.env, ...lab.env, ...env },
      maxBuffer: 64 << 20,
    });
    expect(sha(out)).toBe(sha(bytes));
  });

  it('exec -it is a terminal: prompt, echo, size, ^C, exit code', async () => {
    const command = `stty rows 40 cols 100; "${kubectlPath()}" exec -it box -- sh`;
    const { child, says, ended } = talk('script', ['-qec', command, '/dev/null'], env);
    await says(/\/ # $/);
    child.stdin!.write('echo sum $((1+2))\r');
    await says(/sum 3\r\n\/ # $/);
    child.stdin!.write('stty size\r');
    await says(/40 100\r\n\/ # $/);
    child.stdin!.write('echo begun; sleep 1000\r');
    await says(/begun\r\n$/);
    child.stdin!.write('\x03');
    await says(/\^C\r\n\/ # $/);
    child.stdin!.write('exit 7\r');
    await says(/command terminated with exit code 7/);
    expect(await ended).toBe(7);
  });

  it('a client that goes away takes its command along', async () => {
    const file = `/tmp/count-${id}`;
    const count = `while true; do echo up | tee -a ${file}; sleep 0.05; done`;
    const { child, says, ended } = talk(kubectlPath(), ['exec', 'box', '--', 'sh', '-c', count], env);
    await says(/(up\n){2}/);
    child.kill('SIGKILL');
    await ended;
    const still = `a=$(wc -l < ${file}); sleep 0.3; test $a = $(wc -l < ${file})`;
    await eventually(
      () => kubectl(['exec', 'box', '--', 'sh', '-c', still]),
      ({ code }) => code === 0,
      10_000,
    );
  });

  it('attach shows what the container prints; run -i talks with it', async () => {
    const ticks = [
      'run',
      `ticks-${id}`,
      '--image=busybox',
      '--',
      'sh',
      '-c',
      'while true; do echo tick; sleep 0.1; done',
    ];
    await kubectl(ticks);
    await kubectl(['wait', '--for=condition=Ready', `pod/ticks-${id}`, '--timeout=30s']);
    const attached = talk(kubectlPath(), ['attach', `ticks-${id}`], env);
    await attached.says(/(tick\n){3}/);
    // The container ends: so does the attachment.
    await kubectl(['delete', 'pod', `ticks-${id}`, '--grace-period=1']);
    await attached.ended;
    const run = ['run', `piped-${id}`, '--rm', '-i', '--restart=Never', '--image=busybox', '--', 'cat'];
    const piped = await kubectl(run, 'through the container\n');
    expect(piped.stdout).toContain('through the container');
    expect(piped.code).toBe(0);
  });

  it('port-forward: HTTP through it, several connections, a closed port', async () => {
    const { child, says, ended } = talk(kubectlPath(), ['port-forward', 'pod/web', ':80', ':81'], env);
    const text = await says(/-> 81/);
    const port = (target: number) => new RegExp(`127\\.0\\.0\\.1:(\\d+) -> ${target}`).exec(text)![1]!;
    const pages = await Promise.all(
      [1, 2, 3].map(async () => {
        const answer = await fetch(`http://127.0.0.1:${port(80)}/`);
        return `${answer.status} ${await answer.text()}`;
      }),
    );
    for (const page of pages) expect(page).toMatch(/^200 [\s\S]*Welcome to nginx!/);
    expect((await fetch(`http://127.0.0.1:${port(80)}/none`)).status).toBe(404);
    await expect(fetch(`http://127.0.0.1:${port(81)}/`)).rejects.toThrow();
    await says(/error forwarding port 81 to pod [0-9a-f]+, uid : .*connection refused/);
    child.kill();
    await ended;
  });

  it('cp copies files and folders both ways', async () => {
    const from = join(lab.home, `from-${id}`);
    mkdirSync(join(from, 'sub'), { recursive: true });
    writeFileSync(join(from, 'text'), 'grün\n');
    writeFileSync(join(from, 'sub', 'bytes'), randomBytes(100_000));
    await lab.kubectl('cp', from, `box:/tmp/there-${id}`);
    expect((await kubectl(['exec', 'box', '--', 'cat', `/tmp/there-${id}/text`])).stdout).toBe('grün\n');
    const back = join(lab.home, `back-${id}`);
    expect((await kubectl(['cp', `box:/tmp/there-${id}`, back])).code).toBe(0);
    for (const file of ['text', 'sub/bytes']) {
      expect(sha(readFileSync(join(back, file)))).toBe(sha(readFileSync(join(from, file))));
    }
    const none = await kubectl(['exec', 'box', '--', 'tar', 'cf', '-', 'nothing']);
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('tar: nothing: No such file or directory')]);
  });
});

describe('who may', () => {
  it('a WebSocket needs create as SPDY does', async () => {
    await lab.kubectl('create', 'role', 'looks', '--verb=get', '--resource=pods,pods/exec');
    await lab.kubectl('create', 'rolebinding', 'looks', '--role=looks', '--user=jane');
    for (const [, env] of protocols) {
      const ran = await lab.tryKubectl(['exec', 'box', '--as=jane', '--', 'true'], { env });
      expect(ran.stderr).toContain('pods "box" is forbidden');
    }
    await lab.kubectl('create', 'role', 'runs', '--verb=create', '--resource=pods/exec');
    await lab.kubectl('create', 'rolebinding', 'runs', '--role=runs', '--user=jane');
    for (const [, env] of protocols) {
      expect((await lab.tryKubectl(['exec', 'box', '--as=jane', '--', 'true'], { env })).code).toBe(0);
    }
  });
});

describe('logs', () => {
  it('-f ends when the container does; -p and --since choose', async () => {
    const loop = 'for i in 1 2 3; do echo line $i; sleep 0.2; done; exit 1';
    await lab.kubectl('run', 'crash', '--image=busybox', '--', 'sh', '-c', loop);
    await eventually(
      () => lab.json('get', 'pod', 'crash'),
      (pod) => pod.status.containerStatuses?.[0]?.restartCount >= 1,
    );
    expect(await lab.kubectl('logs', 'crash', '-p')).toBe('line 1\nline 2\nline 3\n');
    const followed = await lab.kubectl('logs', '-f', 'crash');
    expect(followed).toBe('line 1\nline 2\nline 3\n');
    expect(await lab.kubectl('logs', 'crash', '--since=1h', '--tail=1')).toBe('line 3\n');
    await lab.kubectl('delete', 'pod', 'crash', '--grace-period=0', '--force');
  });
});

describe('proxy', () => {
  it('reaches pods, services and node agents', async () => {
    await lab.kubectl('expose', 'pod', 'web', '--port=80');
    const path = '/api/v1/namespaces/default';
    expect(await lab.kubectl('get', '--raw', `${path}/pods/web/proxy/`)).toContain('Welcome to nginx!');
    const service = await eventually(
      () => lab.tryKubectl(['get', '--raw', `${path}/services/web:80/proxy/index.html`]),
      ({ code }) => code === 0,
    );
    expect(service.stdout).toContain('Welcome to nginx!');
    const closed = await lab.tryKubectl(['get', '--raw', `${path}/pods/web:81/proxy/`]);
    expect(closed.stderr).toMatch(/error trying to reach service: dial tcp 10\.\S+:81: connect: connection refused/);
    expect(await lab.kubectl('get', '--raw', '/api/v1/nodes/node-1/proxy/healthz')).toBe('ok');
    const stats = JSON.parse(await lab.kubectl('get', '--raw', '/api/v1/nodes/node-1/proxy/stats/summary'));
    expect(stats.node.nodeName).toBe('node-1');
  });

  it('takes a Service by the name or number of its port and by scheme; port-forward goes to its pod', async () => {
    const ports = [
      { name: 'page', port: 8080, targetPort: 80 },
      { name: 'closed', port: 8081, targetPort: 81 },
    ];
    const service = (name: string, spec: object) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec });
    const items = [
      service('ports', { selector: { app: 'web' }, ports }),
      service('nobody', { selector: { app: 'nobody' }, ports }),
      service('unselected', { ports }),
    ];
    const applied = await lab.tryKubectl(['apply', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
    });
    expect(applied.stderr).toBe('');
    const get = (name: string) =>
      lab.tryKubectl(['get', '--raw', `/api/v1/namespaces/default/services/${name}/proxy/index.html`]);
    await eventually(
      () => get('ports:page'),
      ({ code }) => code === 0,
    );
    for (const name of ['ports:page', 'ports:8080', 'http:ports:page', 'https:ports:8080']) {
      expect((await get(name)).stdout, name).toContain('Welcome to nginx!');
    }
    for (const [name, problem] of [
      [
        'ports:closed',
        /\(ServiceUnavailable\): error trying to reach service: dial tcp \S+:81: connect: connection refused/,
      ],
      ['ports:9', /\(ServiceUnavailable\): no service port 9 found for service "ports"/],
      ['ports:9x', /\(ServiceUnavailable\): no endpoints available for service "ports"/],
      ['ports', /\(ServiceUnavailable\): no endpoints available for service "ports"/],
      ['nobody:page', /\(ServiceUnavailable\): no endpoints available for service "nobody"/],
      ['ftp:ports:page', /\(BadRequest\): invalid service request "ftp:ports:page"/],
      ['absent:80', /\(NotFound\): services "absent" not found/],
    ] as const) {
      expect((await get(name)).stderr, name).toMatch(problem);
    }

    const klab = [process.execPath, bin] as const;
    for (const [program, ...first] of [[kubectlPath()], klab] as const) {
      const { child, says, ended } = talk(program, [...first, 'port-forward', 'svc/ports', ':8080', ':page'], lab.env);
      const text = await says(/-> 80\n[\s\S]*127\.0\.0\.1:\d+ -> 80\n/);
      const local = [...text.matchAll(/127\.0\.0\.1:(\d+) -> 80/g)].map(([, port]) => port);
      expect(local).toHaveLength(2);
      for (const port of local) {
        expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toContain('Welcome to nginx!');
      }
      child.kill();
      await ended;
    }
    for (const [name, port, problem] of [
      ['ports', '9', 'error: Service ports does not have a service port 9'],
      ['unselected', '8080', "invalid service 'unselected': Service is defined without a selector"],
      ['absent', '80', 'services "absent" not found'],
    ] as const) {
      const refused = await lab.tryKubectl(['port-forward', `svc/${name}`, `:${port}`]);
      expect(refused.stderr).toContain(problem);
      const same = await lab.try(['port-forward', `svc/${name}`, `:${port}`]);
      expect([same.code, same.stderr]).toEqual([1, expect.stringContaining(problem)]);
    }
  });
});

describe('drain', () => {
  it('evicts every pod, and waits where a disruption budget says so', async () => {
    await lab.kubectl('create', 'deployment', 'app', '--image=nginx', '--replicas=3');
    await lab.kubectl('rollout', 'status', 'deploy/app', '--timeout=30s');
    await lab.kubectl('create', 'poddisruptionbudget', 'app', '--selector=app=app', '--min-available=3');
    // Counted, as the disruption controller counts: three needed, three healthy, none to spare.
    const status = {
      observedGeneration: 1,
      expectedPods: 3,
      currentHealthy: 3,
      desiredHealthy: 3,
      disruptionsAllowed: 0,
    };
    await lab.kubectl('patch', 'pdb', 'app', '--subresource=status', '--type=merge', '-p', JSON.stringify({ status }));
    const pods = (await lab.json('get', 'pods', '-l', 'app=app')).items;
    const node: string = pods[0].spec.nodeName;
    const refused = await lab.tryKubectl([
      'drain',
      node,
      '--ignore-daemonsets',
      '--force',
      '--timeout=3s',
      '--delete-emptydir-data',
    ]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("Cannot evict pod as it would violate the pod's disruption budget.");
    expect((await lab.json('get', 'pods', '-l', 'app=app')).items).toHaveLength(3);
    await lab.kubectl('delete', 'poddisruptionbudget', 'app');
    const drained = await lab.kubectl(
      'drain',
      node,
      '--ignore-daemonsets',
      '--force',
      '--timeout=60s',
      '--delete-emptydir-data',
    );
    expect(drained).toContain(`node/${node} drained`);
    const left = (await lab.json('get', 'pods', '--field-selector', `spec.nodeName=${node}`)).items;
    expect(left).toEqual([]);
    await lab.kubectl('rollout', 'status', 'deploy/app', '--timeout=30s');
  });
});
