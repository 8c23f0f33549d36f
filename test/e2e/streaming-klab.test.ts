/** klab's own exec, attach, port-forward and cp over both protocols, and what goes wrong with them: only the culprit suffers. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bin, eventually, Lab } from '../helpers/lab.ts';

const lab = new Lab();
beforeAll(async () => {
  await lab.klab('up', '--nodes', '1');
  await lab.kubectl('run', 'box', '--image=busybox', '--', 'sh', '-c', 'while true; do sleep 1; done');
  await lab.kubectl('run', 'web', '--image=nginx', '--port=80');
  await lab.kubectl('wait', '--for=condition=Ready', 'pod/box', 'pod/web', '--timeout=30s');
});
afterAll(() => lab.dispose());

/** A command line in a terminal of its own; `hangUp` takes the terminal away. */
function terminal(line: string, env: Record<string, string> = {}) {
  const child = spawn('script', ['-qec', line, '/dev/null'], { env: { ...process.env, ...lab.env, ...env } });
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)));
  return {
    ended,
    says: (pattern: RegExp) => expect.poll(() => text, { timeout: 20_000 }).toMatch(pattern),
    type: (keys: string) => child.stdin.write(keys),
    hangUp: () => child.kill('SIGKILL'),
  };
}

const klab = `"${process.execPath}" "${bin}"`;
const rss = () => {
  const { pid } = JSON.parse(readFileSync(join(lab.env['KLAB_HOME']!, 'default', 'server.json'), 'utf8'));
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
};

describe.each(['websocket', 'spdy'])('over %s', (protocol) => {
  const env = { KLAB_STREAM_PROTOCOL: protocol };
  const run = (args: readonly string[], input?: string) =>
    lab.try(args, { env, ...(input === undefined ? {} : { input }) });
  const count = `/tmp/count-${protocol}`;
  const stands = async () => {
    const still = `a=$(wc -l < ${count}); sleep 0.4; test $a = $(wc -l < ${count})`;
    await eventually(
      () => run(['exec', 'box', '--', 'sh', '-c', still]),
      ({ code }) => code === 0,
      15_000,
    );
  };

  it('exec keeps stdout, stderr and the exit code apart, and hands on the end of input', async () => {
    expect(await run(['exec', 'box', '--', 'sh', '-c', 'echo out; echo err >&2; exit 3'])).toEqual({
      code: 3,
      stdout: 'out\n',
      stderr: 'err\ncommand terminated with exit code 3\n',
    });
    expect((await run(['exec', '-i', 'box', '--', 'cat'], 'a\nno newline')).stdout).toBe('a\nno newline');
  });

  it('exec says what kubectl says when it cannot', async () => {
    const system = ['exec', '-n', 'kube-system'];
    const etcd = (await lab.json('get', 'pods', '-n', 'kube-system', '-l', 'component=etcd')).items[0].metadata.name;
    const api = etcd.replace('etcd', 'kube-apiserver');
    for (const args of [
      ['exec', 'gone', '--', 'ls'],
      ['exec', 'box', '-c', 'nope', '--', 'ls'],
      ['exec', 'box', '--', 'nosuch'],
      [...system, etcd, '--', 'nosuch'],
      [...system, api, '--', 'sh'],
    ]) {
      const websockets = String(protocol === 'websocket');
      const theirs = await lab.tryKubectl(args, { env: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: websockets } });
      expect(theirs.code).not.toBe(0);
      expect(await run(args)).toEqual(theirs);
    }
    // Twice over a WebSocket: the API server's translator wraps what the node's agent has wrapped.
    const { stderr } = await run(['exec', 'box', '--', 'nosuch']);
    expect(stderr.match(/Internal error occurred: /g)).toHaveLength(protocol === 'websocket' ? 2 : 1);
    expect(stderr).toContain('exec: "nosuch": executable file not found in $PATH: unknown');
  });

  it('a terminal that goes away in the middle of -it takes its command along', async () => {
    const session = terminal(`${klab} exec -it box -- sh`, env);
    await session.says(/\/ # $/);
    session.type(`while true; do echo up >> ${count}; sleep 0.05; done\r`);
    await eventually(
      () => run(['exec', 'box', '--', 'cat', count]),
      ({ stdout }) => stdout.includes('up\nup\n'),
    );
    session.hangUp();
    await session.ended;
    await stands();
  });

  it('the terminal is as it was when the command ends, and when the pod is taken away', async () => {
    const ended = terminal(`stty -icrnl; ${klab} exec -it box -- sh; echo code $?; stty -a`, env);
    await ended.says(/\/ # $/);
    ended.type('exit 7\r');
    await ended.says(/command terminated with exit code 7\r\ncode 7\r\n[\s\S]* icanon[\s\S]* echo /);
    await ended.says(/ -icrnl/);
    await ended.ended;

    const name = `brief-${protocol}`;
    await lab.kubectl('run', name, '--image=busybox', '--', 'sleep', '1000');
    await lab.kubectl('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=30s');
    const cut = terminal(`${klab} exec -it ${name} -- sh; echo code $?; stty -a`, env);
    await cut.says(/\/ # $/);
    await lab.kubectl('delete', 'pod', name, '--grace-period=0', '--force');
    await cut.says(/code 137\r\n[\s\S]* icanon[\s\S]* echo /);
    await cut.ended;
  });

  it('port-forward carries HTTP, and says which port nobody listens on', async () => {
    const child = spawn(process.execPath, [bin, 'port-forward', 'pod/web', ':80', ':81'], {
      env: { ...process.env, ...lab.env, ...env },
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        text += chunk;
      });
    }
    try {
      const says = (pattern: RegExp) => expect.poll(() => text, { timeout: 10_000 }).toMatch(pattern);
      await says(/-> 81/);
      const port = (target: number) => new RegExp(`127\\.0\\.0\\.1:(\\d+) -> ${target}`).exec(text)![1]!;
      expect(await (await fetch(`http://127.0.0.1:${port(80)}/`)).text()).toContain('Welcome to nginx!');
      await expect(fetch(`http://127.0.0.1:${port(81)}/`)).rejects.toThrow();
      await says(/error forwarding port 81 to pod [0-9a-f]+, uid : .*connection refused/);
    } finally {
      child.kill('SIGINT');
      await new Promise((resolve) => child.once('close', resolve));
    }
  });

  it('cp copies files and folders both ways', async () => {
    const from = join(lab.home, `from-${protocol}`);
    mkdirSync(join(from, 'sub'), { recursive: true });
    writeFileSync(join(from, 'text'), 'grün\n');
    const bytes = randomBytes(200_000);
    writeFileSync(join(from, 'sub', 'bytes'), bytes);
    expect(await run(['cp', from, `box:/tmp/there-${protocol}`])).toMatchObject({ code: 0 });
    const back = join(lab.home, `back-${protocol}`);
    expect(await run(['cp', `box:/tmp/there-${protocol}`, back])).toMatchObject({ code: 0 });
    expect(readFileSync(join(back, 'text'), 'utf8')).toBe('grün\n');
    expect(readFileSync(join(back, 'sub', 'bytes')).equals(bytes)).toBe(true);
  });
});

describe('a script that does not know when to stop', () => {
  /** A line of one megabyte. */
  const line = `x=0123456789abcdef; for i in $(seq 16); do x=$x$x; done`;

  it('loops for ever: others are answered as before', async () => {
    await lab.kubectl('run', 'loop', '--image=busybox', '--', 'sh', '-c', 'while true; do :; done');
    await lab.kubectl('wait', '--for=condition=Ready', 'pod/loop', '--timeout=30s');
    for (let i = 0; i < 3; i++) {
      const { stdout } = await lab.try(['exec', 'box', '--', 'echo', 'here']);
      expect(stdout).toBe('here\n');
    }
    // What the API itself takes, without the start of a program.
    const { stdout } = await lab.try(['get', '--raw', '/livez/ping', '--request-timeout=2s']);
    expect(stdout).toBe('ok');
    await lab.kubectl('delete', 'pod', 'loop', '--grace-period=0', '--force');
  });

  it('prints a gigabyte to a client that does not read: it waits, and the server holds none of it', async () => {
    const before = rss();
    const script = `${line}; i=0; while [ $i -lt 1024 ]; do echo $x; i=$((i+1)); echo $i > /tmp/printed; done`;
    const child = spawn(process.execPath, [bin, 'exec', 'box', '--', 'sh', '-c', script], {
      env: { ...process.env, ...lab.env },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const printed = async () => Number((await lab.try(['exec', 'box', '--', 'cat', '/tmp/printed'])).stdout);
    let last = -1;
    // It stands still once every buffer on the way is full.
    await eventually(
      async () => {
        const was = last;
        last = await printed().catch(() => -1);
        return [was, last];
      },
      ([was, now]) => was === now && now! > 0,
      20_000,
    );
    expect(last).toBeLessThan(64);
    expect(rss() - before).toBeLessThan(350);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('close', resolve));
  });

  it('prints gigabytes into its log: it is slowed down, the log keeps its end, the server its size', async () => {
    const before = rss();
    const script = `${line}; i=0; while true; do i=$((i+1)); echo $i; echo $x; done`;
    await lab.kubectl('run', 'loud', '--image=busybox', '--restart=Never', '--', 'sh', '-c', script);
    const printed = async () =>
      Math.max(...(await lab.klab('logs', 'loud', '--tail=4')).split('\n').map((text) => Number(text) || 0));
    // Beyond what runs at full speed.
    await eventually(printed, (megabytes) => megabytes > 220, 60_000);
    expect(rss() - before).toBeLessThan(350);
    const { stdout } = await lab.try(['exec', 'box', '--', 'echo', 'here']);
    expect(stdout).toBe('here\n');
    await lab.kubectl('delete', 'pod', 'loud', '--grace-period=0', '--force');
  });
});
