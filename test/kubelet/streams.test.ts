/** Exec, attach and port-forward of the simulated runtime, below the API server. */
import { describe, expect, it } from 'vitest';
import type { ExecStreams } from '../../src/kubelet/index.ts';
import { ByteQueue, type ByteStream } from '../../src/wire/index.ts';
import { SimNode } from './sim-helpers.ts';

const never = new AbortController().signal;
const idle = { command: ['sh', '-c', 'trap "exit 0" TERM; while true; do sleep 1; done'] };

/** A client's side of exec or attach. */
class Client implements ExecStreams {
  out = '';
  err = '';
  readonly stdin = new ByteQueue();
  readonly tty: boolean;
  #heard: (() => void)[] = [];
  constructor(tty = false) {
    this.tty = tty;
  }
  stdout(chunk: Uint8Array): undefined {
    this.out += Buffer.from(chunk).toString();
    for (const wake of this.#heard.splice(0)) wake();
  }
  stderr(chunk: Uint8Array): undefined {
    this.err += Buffer.from(chunk).toString();
  }
  type(text: string): void {
    this.stdin.push(Buffer.from(text));
  }
  async sees(end: string): Promise<void> {
    while (!this.out.endsWith(end)) await new Promise<void>((resolve) => this.#heard.push(resolve));
  }
}

describe('a terminal', () => {
  const shell = async () => {
    const node = new SimNode();
    const client = new Client(true);
    const done = node.runtime.exec(await node.start(idle), ['sh'], client, never);
    await client.sees('/ # ');
    return { client, done };
  };

  it('echoes, edits and hands lines over whole', async () => {
    const { client, done } = await shell();
    client.type('echo ax\x7fbc\x7f\x7f\b\r');
    await client.sees('\r\n/ # ');
    expect(client.out).toBe('/ # echo ax\b \bbc\b \b\b \b\b \b\r\n\r\n/ # ');
    client.type('echo drop this\x15echo \x1b[Akept wordx\x17more\rexit 3\r');
    expect(await done).toBe(3);
    expect(client.out).toContain('kept more\r\n');
    expect(client.err).toBe('');
  });

  it('^C ends the command and not the shell; at the prompt it drops the line', async () => {
    const { client, done } = await shell();
    client.type('sleep 1000\r');
    await client.sees('sleep 1000\r\n');
    client.type('\x03');
    await client.sees('^C\r\n/ # ');
    client.type('echo $?; typed in vain');
    await client.sees('vain');
    client.type('\x03');
    await client.sees('^C\r\n/ # ');
    client.type('echo $?\r');
    await client.sees('130\r\n/ # ');
    client.type('\x04');
    expect(await done).toBe(0);
  });

  it('asks for more until a command is whole', async () => {
    const { client, done } = await shell();
    client.type('for i in 1 2; do\r');
    await client.sees('do\r\n> ');
    client.type('echo n$i\rdone\r');
    await client.sees('n1\r\nn2\r\n/ # ');
    client.type('echo "a\r');
    await client.sees('a\r\n> ');
    client.type('b"\r');
    await client.sees('a\r\nb\r\n/ # ');
    client.stdin.end();
    expect(await done).toBe(0);
  });
});

describe('exec', () => {
  it('runs commands as they come, without waiting for the end of input', async () => {
    const node = new SimNode();
    const client = new Client();
    const done = node.runtime.exec(await node.start(idle), ['sh'], client, never);
    client.type('echo one\n');
    await client.sees('one\n');
    client.type('cd /tmp; X=2\n');
    client.type('echo $PWD $X\n');
    await client.sees('/tmp 2\n');
    client.stdin.end();
    expect(await done).toBe(0);
  });

  it('finds in images of the control plane their own program, and in some a shell', async () => {
    const node = new SimNode();
    const tries = async (image: string, ...command: string[]) => {
      const id = await node.start({ image, command: ['serve'] });
      return node.runtime.exec(id, command, new Client(), never).catch((error: Error) => error.message);
    };
    const missing = (word: string) =>
      expect.stringContaining(`exec: "${word}": executable file not found in $PATH: unknown`);
    expect(await tries('registry.k8s.io/kube-apiserver:v1.36.0', 'nope')).toEqual(missing('nope'));
    expect(await tries('registry.k8s.io/kube-apiserver:v1.36.0', 'sh', '-c', 'ls')).toEqual(missing('sh'));
    expect(await tries('registry.k8s.io/kube-apiserver:v1.36.0', 'kube-apiserver', '--version')).toBe(0);
    expect(await tries('registry.k8s.io/etcd:3.5.21-0', 'nope')).toEqual(missing('nope'));
    expect(await tries('registry.k8s.io/etcd:3.5.21-0', 'sh', '-c', 'exit 4')).toBe(4);
  });

  it('waits for a client that is slow', async () => {
    const node = new SimNode();
    const id = await node.start(idle);
    let let1: (() => void) | undefined;
    let chunks = 0;
    const streams: ExecStreams = {
      stdout: () => {
        chunks++;
        return new Promise<void>((resolve) => {
          let1 = resolve;
        });
      },
      stderr: () => undefined,
    };
    const done = node.runtime.exec(id, ['sh', '-c', 'echo a; echo b'], streams, never);
    await expect.poll(() => chunks).toBe(1);
    let1!();
    await expect.poll(() => chunks).toBe(2);
    let1!();
    expect(await done).toBe(0);
  });

  it('ends when its client goes', async () => {
    const node = new SimNode();
    const gone = new AbortController();
    const done = node.runtime.exec(await node.start(idle), ['sleep', '1000'], new Client(), gone.signal);
    gone.abort();
    expect(await done).toBe(137);
  });
});

describe('attach', () => {
  it('talks with the first process; its input ends with the first client’s when the pod says so', async () => {
    const node = new SimNode();
    const id = await node.start({ command: ['cat'], stdin: true, stdinOnce: true });
    const client = new Client();
    const done = node.runtime.attach(id, client, never);
    client.type('hello\n');
    await client.sees('hello\n');
    client.stdin.end();
    await done;
    expect(await node.runtime.containerStatus(id)).toMatchObject({ state: 'exited', exitCode: 0 });
    expect(await node.logs(id)).toBe('hello\n');
  });

  it('is over for a client whose input ends when the pod keeps it open; what it typed is done first', async () => {
    const node = new SimNode();
    const id = await node.start({ command: ['sh'], stdin: true });
    const client = new Client();
    const done = node.runtime.attach(id, client, never);
    client.type('for i in 1 2 3; do sleep 1; echo $i; done\necho no newline');
    client.stdin.end();
    await node.clock.advance(10_000);
    await done;
    expect(await node.logs(id)).toBe('1\n2\n3\n');
    expect(await node.runtime.containerStatus(id)).toMatchObject({ state: 'running' });
    await node.runtime.stopContainer(id, 0);
  });

  it('leaves the process alone when the client goes', async () => {
    const node = new SimNode();
    const id = await node.start({ command: ['cat'], stdin: true });
    const gone = new AbortController();
    const first = node.runtime.attach(id, new Client(), gone.signal);
    gone.abort();
    await first;
    const second = new Client();
    void node.runtime.attach(id, second, never);
    second.type('still here\n');
    await second.sees('still here\n');
    await node.runtime.stopContainer(id, 0);
  });
});

describe('tar', () => {
  it('carries folders, modes, long names and bytes that are no text', async () => {
    const node = new SimNode();
    const id = await node.start(idle);
    const run = async (script: string) => {
      const { stdout, stderr, exitCode } = await node.runtime.execSync(id, ['sh', '-c', script], 0);
      expect([stderr.replace(/^tar: removing.*\n/, ''), exitCode], script).toEqual(['', 0]);
      return stdout;
    };
    const long = `${'d'.repeat(90)}/${'f'.repeat(90)}`;
    await run(
      `mkdir -p /a/${'d'.repeat(90)} /b; echo x > /a/${long}; echo /4AAgQ== | base64 -d > /a/raw; chmod 751 /a/raw`,
    );
    await run('cd /; tar cf - a | tar xf - -C /b; tar cf /c.tar a');
    expect(await run(`cat /b/a/${long}; base64 /b/a/raw; ls -l /b/a/raw`)).toMatch(/^x\n\/4AAgQ==\n-rwxr-x--x/);
    expect((await run('tar tf /c.tar')).split('\n').sort()).toEqual(
      ['', 'a/', `a/${'d'.repeat(90)}/`, `a/${long}`, 'a/raw'].sort(),
    );
    const broken = await node.runtime.execSync(id, ['sh', '-c', 'seq 1 300 | tar xf -'], 0);
    expect([broken.exitCode, broken.stderr]).toEqual([1, 'tar: invalid tar magic\n']);
  });
});

describe('port-forward', () => {
  /** Sends pieces, reads all. */
  async function through(node: SimNode, sandbox: string, port: number, pieces: readonly string[]): Promise<string> {
    let text = '';
    const connection: ByteStream = {
      async *[Symbol.asyncIterator]() {
        for (const piece of pieces) yield Buffer.from(piece);
      },
      write: (bytes) => {
        text += Buffer.from(bytes).toString();
        return undefined;
      },
      end: () => {},
      destroy: () => {},
    };
    await node.runtime.portForward(sandbox, port, connection, never);
    return text;
  }
  const serving = async (image: string, command: readonly string[] = []) => {
    const node = new SimNode();
    const sandbox = await node.sandbox();
    await node.start({ image, command }, sandbox);
    return { node, sandbox };
  };

  it('answers HTTP/1.1 however it is cut', async () => {
    const { node, sandbox } = await serving('nginx:1.29');
    const request = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';
    for (const pieces of [[request], [...request]]) {
      const answer = await through(node, sandbox, 80, pieces);
      const [head = '', body = ''] = answer.split('\r\n\r\n');
      expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
      expect(head).toContain(`content-length: ${Buffer.byteLength(body)}`);
      expect(body).toContain('Welcome to nginx!');
    }
    expect(await through(node, sandbox, 80, ['HEAD / HTTP/1.0\r\n\r\n'])).toMatch(/\r\n\r\n$/);
  });

  it.each([
    ['no HTTP', ['\x16\x03\x01 hello\r\n\r\n'], /^HTTP\/1\.1 400 Bad Request\r\n/],
    ['a head that is cut off', ['GET / HTTP/1.1\r\nHost'], /^HTTP\/1\.1 400 /],
    ['a head without end', ['GET / HTTP/1.1\r\nX: ', 'y'.repeat(70_000)], /^HTTP\/1\.1 431 /],
    ['a body too long', ['POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n'], /^HTTP\/1\.1 413 /],
  ])('refuses %s', async (_, pieces, answer) => {
    const { node, sandbox } = await serving('nginx:1.29');
    expect(await through(node, sandbox, 80, pieces)).toMatch(answer);
  });

  it('reads bodies of known length and in chunks', async () => {
    const { node, sandbox } = await serving('example.com/app');
    const chunked =
      'POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n3\r\nabc\r\n0\r\n\r\n';
    const answer = await through(node, sandbox, 8080, [chunked]);
    expect(answer).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
    expect(answer).toContain('method: POST\npath: /x');
  });

  it('speaks other protocols too, and tells of closed ports', async () => {
    const { node, sandbox } = await serving('redis:8');
    expect(await through(node, sandbox, 6379, ['PING\r\n'])).toBe('+PONG\r\n');
    await expect(through(node, sandbox, 81, [])).rejects.toThrow('failed to connect to localhost:81 inside namespace');
  });
});
