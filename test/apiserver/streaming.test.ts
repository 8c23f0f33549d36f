/** The protocols of exec and port-forward that kubectl does not speak, and refusals, with raw sockets. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newBadRequest } from '../../src/apimachinery/index.ts';
import type { NodeDialer } from '../../src/apiserver/index.ts';
import { type ByteStream, SpdyConnection, type SpdyStream, WebSocketConnection } from '../../src/wire/index.ts';
import { type HttpsServer, startHttpsServer } from './https-server.ts';
import { requestUpgrade, webSocketHeaders } from './upgrade-request.ts';

/** Answers as a node would: commands are `echo`, `exit N`, `upper`, `forever`. */
const aborted: string[] = [];
const nodes: NodeDialer = {
  containerLogs: () => Promise.reject(new Error('not asked')),
  http: () => Promise.reject(new Error('not asked')),
  async exec(_, __, { container, argv }) {
    if (container === 'stopped') throw newBadRequest('container not found ("stopped")');
    return async (streams, signal) => {
      const [word, ...rest] = argv;
      if (word === 'exit') return Number(rest[0]);
      if (word === 'forever') {
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        aborted.push(rest[0] ?? '');
        return 0;
      }
      if (word === 'echo') await streams.stdout(Buffer.from(rest.join(' ')));
      if (word === 'upper') {
        for await (const chunk of streams.stdin ?? [])
          await streams.stdout(Buffer.from(Buffer.from(chunk).toString().toUpperCase()));
      }
      if (word === 'size') {
        for await (const { width, height } of streams.resize ?? []) {
          await streams.stdout(Buffer.from(`${width}x${height}`));
          break;
        }
      }
      return 0;
    };
  },
  async attach() {
    return async () => {};
  },
  async portForward() {
    return {
      id: 'sandbox-1',
      async connect(port, connection) {
        if (port === 81) throw new Error('connection refused');
        for await (const chunk of connection) await connection.write(Buffer.from(`${port}:${Buffer.from(chunk)}`));
      },
    };
  },
};

let https: HttpsServer;
const podPath = '/api/v1/namespaces/default/pods/p';
beforeAll(async () => {
  https = await startHttpsServer({}, {}, undefined, nodes);
  const create = async (path: string, body: object) => {
    const answer = await https.ask('POST', path, { body });
    expect(answer.code, answer.text).toBe(201);
  };
  await create('/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
  const containers = ['main', 'stopped'].map((name) => ({ name, image: 'i' }));
  const pod = (name: string, nodeName?: string) => ({
    metadata: { name },
    spec: { containers, ...(nodeName && { nodeName }) },
  });
  await create('/api/v1/namespaces/default/pods', pod('p', 'node-1'));
  await create('/api/v1/namespaces/default/pods', pod('unscheduled'));
});
afterAll(() => https.close());

const upgrade = (method: string, path: string, headers: Record<string, string>) =>
  requestUpgrade(https, method, path, headers);

const ws = webSocketHeaders;
const spdy = (protocols?: string) => ({
  Upgrade: 'SPDY/3.1',
  'Content-Length': '0',
  ...(protocols === undefined ? {} : { 'X-Stream-Protocol-Version': protocols }),
});
const exec = (query: string, container = 'main') => `${podPath}/exec?container=${container}&${query}`;

/** All messages until the server closes, by channel. */
async function channels(bytes: ByteStream, base64 = false, talk?: (socket: WebSocketConnection) => void) {
  const socket = new WebSocketConnection(bytes, { role: 'client' });
  talk?.(socket);
  const said: Record<string, string> = {};
  for await (const { data } of socket.messages()) {
    const channel = base64 ? String.fromCharCode(data[0]!) : String(data[0]);
    const rest = Buffer.from(data.subarray(1));
    said[channel] = (said[channel] ?? '') + (base64 ? Buffer.from(rest.toString(), 'base64') : rest).toString();
  }
  return said;
}

describe('exec over WebSocket', () => {
  it.each(['v5.channel.k8s.io', 'v4.channel.k8s.io', 'v4.base64.channel.k8s.io'])(
    '%s: output, then status',
    async (protocol) => {
      const { head, bytes } = await upgrade(
        'GET',
        exec('command=echo&command=hi&stdout=1'),
        ws(`unknown, ${protocol}`),
      );
      expect(head).toMatch(/^HTTP\/1\.1 101 Switching Protocols/);
      expect(head).toContain(`Sec-WebSocket-Protocol: ${protocol}`);
      const said = await channels(bytes, protocol.includes('base64'));
      expect(said['1']).toBe('hi');
      expect(JSON.parse(said['3']!)).toEqual({ metadata: {}, status: 'Success' });
    },
  );

  it.each([undefined, 'channel.k8s.io', 'base64.channel.k8s.io'])(
    '%s: of old, says nothing of success and text of failure',
    async (protocol) => {
      const base64 = protocol?.includes('base64') ?? false;
      const well = await upgrade('GET', exec('command=exit&command=0&stdout=1'), ws(protocol));
      expect(await channels(well.bytes, base64)).toEqual({ '1': '' });
      const badly = await upgrade('GET', exec('command=exit&command=2&stdout=1'), ws(protocol));
      expect((await channels(badly.bytes, base64))['3']).toMatch(/^command terminated with non-zero exit code: /);
    },
  );

  it('v5: a close signal ends stdin and nothing else', async () => {
    const { bytes } = await upgrade('GET', exec('command=upper&stdin=1&stdout=1'), ws('v5.channel.k8s.io'));
    const said = await channels(bytes, false, (socket) => {
      socket.send(Buffer.from('\0abc'));
      socket.send(Buffer.from([255, 0]));
      socket.send(Buffer.from('\0late'));
    });
    expect(said['1']).toBe('ABC');
  });

  it('hands on sizes of the terminal', async () => {
    const { bytes } = await upgrade('GET', exec('command=size&stdin=1&stdout=1&tty=1'), ws('v4.channel.k8s.io'));
    const said = await channels(
      bytes,
      false,
      (socket) => void socket.send(Buffer.from('\x04{"Width":80,"Height":24}')),
    );
    expect(said['1']).toBe('80x24');
  });

  it('the exit code is a cause of the status', async () => {
    const { bytes } = await upgrade('GET', exec('command=exit&command=42&stdout=1'), ws('v5.channel.k8s.io'));
    expect(JSON.parse((await channels(bytes))['3']!)).toEqual({
      metadata: {},
      status: 'Failure',
      message: 'command terminated with non-zero exit code: command terminated with exit code 42',
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: '42' }] },
    });
  });

  it('the node’s refusal comes over a v5 connection, and before an older one', async () => {
    const path = exec('command=echo&stdout=1', 'stopped');
    const v5 = await upgrade('GET', path, ws('v5.channel.k8s.io'));
    expect(JSON.parse((await channels(v5.bytes))['3']!).message).toBe(
      'Internal error occurred: unable to upgrade connection: container not found ("stopped")',
    );
    const v4 = await upgrade('GET', path, ws('v4.channel.k8s.io'));
    expect(v4.head).toMatch(/^HTTP\/1\.1 500 /);
    expect(await v4.body()).toBe('container not found ("stopped")');
  });

  it('a client that goes away ends the command', async () => {
    const { socket } = await upgrade('GET', exec('command=forever&command=gone&stdout=1'), ws('v4.channel.k8s.io'));
    socket.destroy();
    await expect.poll(() => aborted).toContain('gone');
  });
});

describe('exec over SPDY', () => {
  async function talk(path: string, protocol: string | undefined, types: readonly string[]) {
    const { head, bytes } = await upgrade('POST', path, spdy(protocol));
    expect(head).toMatch(/^HTTP\/1\.1 101 /);
    const connection = new SpdyConnection(bytes, { role: 'client' });
    void connection.run();
    const streams = new Map<string, SpdyStream>(
      types.map((streamtype) => [streamtype, connection.open({ streamtype })]),
    );
    const read = async (type: string) => {
      let text = '';
      for await (const chunk of streams.get(type)!) text += Buffer.from(chunk);
      return text;
    };
    return { head, streams, read };
  }

  it('v4: the status is JSON on the error stream', async () => {
    const { head, read } = await talk(exec('command=echo&command=hi&stdout=1'), 'v4.channel.k8s.io', [
      'error',
      'stdout',
    ]);
    expect(head).toContain('X-Stream-Protocol-Version: v4.channel.k8s.io');
    const [error, stdout] = await Promise.all([read('error'), read('stdout')]);
    expect(stdout).toBe('hi');
    expect(JSON.parse(error)).toEqual({ metadata: {}, status: 'Success' });
  });

  it('no protocol: the oldest one, with text of failures', async () => {
    const { read } = await talk(exec('command=exit&command=1&stdout=1'), undefined, ['error', 'stdout']);
    expect(await read('error')).toBe(
      'command terminated with non-zero exit code: error executing command in container, exit code 1',
    );
  });

  it('stdin ends with FIN', async () => {
    const { streams, read } = await talk(exec('command=upper&stdin=1&stdout=1'), 'v4.channel.k8s.io', [
      'error',
      'stdin',
      'stdout',
    ]);
    streams.get('stdin')!.write(Buffer.from('abc'));
    streams.get('stdin')!.end();
    expect(await read('stdout')).toBe('ABC');
  });

  it('no protocol in common: 403 with those that are spoken', async () => {
    const { head, body } = await upgrade('POST', exec('command=echo&stdout=1'), spdy('v9.channel.k8s.io'));
    expect(head).toMatch(/^HTTP\/1\.1 403 /);
    expect(head).toMatch(/X-Accepted-Stream-Protocol-Versions: v4\.channel\.k8s\.io, v3/i);
    expect(await body()).toContain('client supports [v9.channel.k8s.io], server accepts [v4.channel.k8s.io');
  });
});

describe('port-forward over WebSocket channels', () => {
  it('begins each channel with its port, carries data, tells errors', async () => {
    const { bytes } = await upgrade('GET', `${podPath}/portforward?ports=80&ports=81`, ws('v4.channel.k8s.io'));
    const socket = new WebSocketConnection(bytes, { role: 'client' });
    const said: Record<string, Buffer> = {};
    socket.send(Buffer.from('\0ping'));
    for await (const { data } of socket.messages()) {
      const channel = String(data[0]);
      said[channel] = Buffer.concat([said[channel] ?? Buffer.alloc(0), data.subarray(1)]);
      if (said['0']?.length === 9 && (said['3']?.length ?? 0) > 2) socket.close();
    }
    expect(said['0']!.readUInt16LE(0)).toBe(80);
    expect(said['0']!.subarray(2).toString()).toBe('80:ping');
    expect(said['3']!.readUInt16LE(0)).toBe(81);
    expect(said['3']!.subarray(2).toString()).toBe(
      'error forwarding port 81 to pod sandbox-1, uid : connection refused',
    );
  });
});

describe('what is refused', () => {
  it.each([
    ['without upgrade', exec('command=echo&stdout=1'), 400, 'Upgrade request required'],
    ['without streams', exec('command=echo'), 400, 'you must specify at least 1 of stdin, stdout, stderr'],
    ['a terminal with stderr', exec('command=echo&stdout=1&stderr=1&tty=1'), 400, 'tty and stderr cannot both be true'],
    ['an unknown container', exec('stdout=1', 'nope'), 400, 'container nope is not valid for pod p'],
    ['no container of several', `${podPath}/exec?stdout=1`, 400, 'choose one of: [main stopped]'],
    [
      'a pod that is nowhere',
      `${podPath.replace(/p$/, 'unscheduled')}/portforward`,
      400,
      'pod unscheduled does not have a host assigned',
    ],
    ['a pod that is not there', `${podPath}x/exec?stdout=1`, 404, 'pods "px" not found'],
  ])('%s', async (_, path, code, message) => {
    const answer = await https.ask('POST', path);
    expect(answer.code).toBe(code);
    expect(answer.body.message).toContain(message);
  });

  it('a broken handshake, an unknown subprotocol', async () => {
    const { 'Sec-WebSocket-Key': _, ...noKey } = ws('v4.channel.k8s.io');
    for (const headers of [noKey, ws('v9.channel.k8s.io')]) {
      const { head } = await upgrade('GET', exec('command=echo&stdout=1'), headers as Record<string, string>);
      expect(head).toMatch(/^HTTP\/1\.1 400 /);
    }
  });

  it('an upgrade where none is possible is answered as if it were not asked for', async () => {
    const { head, body } = await upgrade('GET', '/version', { Upgrade: 'h2c' });
    expect(head).toMatch(/^HTTP\/1\.1 200 /);
    expect(await body()).toContain('"gitVersion"');
  });
});
