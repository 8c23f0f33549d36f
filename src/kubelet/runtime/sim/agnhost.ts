/**
 * agnhost, the image that Kubernetes' own tests and many examples run: its common subcommands.
 * Upstream: test/images/agnhost (2.5x).
 */
import { rfc3339 } from '../../../base/index.ts';
import { ConnectError, type HttpRequest, type HttpResponse, type Peer } from './fabric-types.ts';
import type { Process } from './process.ts';
import type { Program } from './shell/commands/lines.ts';
import { resolve } from './shell/commands/net.ts';

type Flags = ReadonlyMap<string, string>;

export const agnhost: Program = async (process, args) => {
  const [name = 'pause', ...rest] = args;
  const command = commands[name];
  if (!command) {
    await process.complain(`Error: unknown command "${name}" for "app"\nRun 'app --help' for usage.`);
    return 1;
  }
  const flags = new Map<string, string>();
  const words: string[] = [];
  for (let i = 0; i < rest.length; i++) {
    const match = /^--?([\w-]+)(?:=(.*))?$/s.exec(rest[i]!);
    if (!match) words.push(rest[i]!);
    else if (match[2] !== undefined) flags.set(match[1]!, match[2]);
    else if (rest[i + 1] !== undefined && !rest[i + 1]!.startsWith('-')) flags.set(match[1]!, rest[++i]!);
    else flags.set(match[1]!, 'true');
  }
  return command(process, flags, words);
};

const commands: Readonly<
  Record<string, (process: Process, flags: Flags, words: readonly string[]) => Promise<number>>
> = {
  pause: untilTold,
  netexec,
  'serve-hostname': serveHostname,
  liveness,
  connect,
  'logs-generator': logsGenerator,
  'entrypoint-tester': async (process, _flags, words) =>
    print(process, `[/agnhost entrypoint-tester ${words.join(' ')}]\n`),
  'dns-suffix': (process) => print(process, `${process.world.sandbox.dns.searches.join(',')}\n`),
  'dns-server-list': (process) => print(process, `${process.world.sandbox.dns.servers.join(',')}\n`),
  'etc-hosts': async (process) => print(process, await process.world.fs.read('/etc/hosts')),
  help: (process) =>
    print(
      process,
      `Available Commands:\n${Object.keys(commands)
        .sort()
        .map((name) => `  ${name}\n`)
        .join('')}`,
    ),
};

async function print(process: Process, text: string): Promise<number> {
  await process.print(text);
  return 0;
}

async function untilTold(process: Process): Promise<number> {
  await process.waitForSignal('TERM', 'INT');
  return 0;
}

const text = (body: string, status = 200): HttpResponse => ({
  status,
  headers: { 'content-type': 'text/plain; charset=utf-8' },
  body,
});

type Answer = (request: HttpRequest, peer: Peer) => HttpResponse | Promise<HttpResponse>;

/** False: the port is taken. */
async function serve(process: Process, port: number, answer: Answer, tcp?: () => string): Promise<boolean> {
  try {
    process.world.listen(port, {
      http: async (request, peer) => answer(request, peer),
      ...(tcp && { tcp: () => ({ send: async () => tcp(), close: () => {} }) }),
    });
    return true;
  } catch (error) {
    await process.complain((error as Error).message);
    return false;
  }
}

/** Paths: /, /clientip, /dial (HTTP), /echo, /exit, /header, /healthz, /hostname, /readyz, /unhealthy; /shell, /upload and /redirect are left out. UDP: hostname, echo, clientip. */
async function netexec(process: Process, flags: Flags): Promise<number> {
  const { world } = process;
  let healthy = true;
  let exit: ((code: number) => void) | undefined;
  const exited = new Promise<number>((done) => {
    exit = done;
  });
  const answer: Answer = async (request, peer) => {
    const url = new URL(request.path, 'http://pod');
    const value = (name: string) => url.searchParams.get(name) ?? '';
    await process.print(`${rfc3339(world.clock.now())} ${request.method} ${url.pathname}\n`);
    switch (url.pathname.toLowerCase()) {
      case '/':
        return text(`NOW: ${rfc3339(world.clock.now())}`);
      case '/clientip':
        return text(`${peer.ip}:${40_000 + (world.clock.now() % 20_000)}`);
      case '/dial':
        return dial(process, url.searchParams);
      case '/echo':
        return text(value('msg'), Number(value('code') || 200));
      case '/exit':
        exit?.(Number(value('code') || 0));
        return text('');
      case '/header':
        return text(request.headers[value('key').toLowerCase()] ?? '');
      case '/healthz':
      case '/readyz':
        return healthy ? text('') : text('', 412);
      case '/hostname':
        return text(world.sandbox.hostname);
      case '/unhealthy':
        healthy = false;
        return text('');
      default:
        return text('404 page not found\n', 404);
    }
  };
  const port = Number(flags.get('http-port') ?? 8080);
  if (!(await serve(process, port, answer))) return 1;
  await process.print(`Started HTTP server on port ${port}\n`);
  const udpPort = Number(flags.get('udp-port') ?? 8081);
  if (udpPort > 0 && udpPort !== port) {
    world.listen(udpPort, {
      datagram: async (bytes, peer) => {
        const [command = '', ...words] = Buffer.from(bytes).toString().trim().split(' ');
        const answers: Record<string, string> = {
          hostname: world.sandbox.hostname,
          echo: words.join(' '),
          clientip: `${peer.ip}:${40_000 + (world.clock.now() % 20_000)}`,
        };
        return Buffer.from(answers[command.toLowerCase()] ?? '');
      },
    });
    await process.print(`Started UDP server on port ${udpPort}\n`);
  }
  const told = process.waitForSignal('TERM', 'INT').then(() => 0);
  return process.until(Promise.race([told, exited]));
}

/**
 * Asks another netexec `tries` times and tells what came back: `{"responses":["pod-2"]}`, and errors in words of Go.
 * Upstream: test/images/agnhost/netexec, dialHandler.
 */
async function dial(process: Process, query: URLSearchParams): Promise<HttpResponse> {
  const [host = '', port = '', request = ''] = ['host', 'port', 'request'].map((name) => query.get(name) ?? '');
  const protocol = query.get('protocol') || 'http';
  const tries = Number(query.get('tries') || 1);
  if (host === '' || port === '' || request === '') {
    const missing = host === '' ? 'host' : port === '' ? 'port' : 'request';
    return text(`${missing} not specified`, 400);
  }
  if (protocol !== 'http') return text(`not simulated: dial over ${protocol}`, 400);
  if (!Number.isInteger(tries) || tries < 1 || tries > maxTries) {
    return text(`tries parameter is invalid. value: ${query.get('tries')}`, 400);
  }
  const { fabric, peer } = process.world;
  const responses: string[] = [];
  const errors: string[] = [];
  for (let i = 0; i < tries; i++) {
    const ip = resolve(process, host)?.ips[0];
    try {
      if (ip === undefined) throw new ConnectError('ENOTFOUND', `dial tcp: lookup ${host}: no such host`);
      const wanted: HttpRequest = { method: 'GET', path: `/${request}`, headers: { host } };
      responses.push((await process.until(fabric.http(ip, Number(port), wanted, peer, dialTimeoutMs))).body);
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error;
      errors.push(`Get "http://${host}:${port}/${request}": ${error.message}`);
    }
    await process.step();
  }
  const answer = { ...(errors.length > 0 && { errors }), ...(responses.length > 0 && { responses }) };
  return text(JSON.stringify(answer));
}

const maxTries = 1_000;
const dialTimeoutMs = 5_000;

async function serveHostname(process: Process, flags: Flags): Promise<number> {
  const name = process.world.sandbox.hostname;
  const port = Number(flags.get('port') ?? 9376);
  if (!(await serve(process, port, () => text(name), flags.has('tcp') ? () => name : undefined))) return 1;
  await process.print(`Serving on port ${port}.\n`);
  return untilTold(process);
}

/** The example of the documentation on liveness probes: healthy for ten seconds. */
async function liveness(process: Process): Promise<number> {
  const { clock } = process.world;
  const startedAt = clock.now();
  const answer: Answer = ({ path }) => {
    const seconds = (clock.now() - startedAt) / 1000;
    if (path.split('?')[0] !== '/healthz') return text('404 page not found\n', 404);
    return seconds > 10 ? text(`error: ${seconds}`, 500) : text('ok');
  };
  return (await serve(process, 8080, answer)) ? untilTold(process) : 1;
}

/** Exit code 1 and a word: DNS, REFUSED, TIMEOUT, OTHER. */
async function connect(process: Process, flags: Flags, [target = '']: readonly string[]): Promise<number> {
  const match = /^\[?([^\]]+?)\]?:(\d+)$/.exec(target);
  const ip = match && resolve(process, match[1]!)?.ips[0];
  if (!match || !ip) {
    await process.complain('DNS ERROR');
    return 1;
  }
  const timeoutMs = Number.parseFloat(flags.get('timeout') ?? '30') * 1000;
  try {
    const session = process.world.fabric.connect(ip, Number(match[2]), process.world.peer, timeoutMs);
    (await process.until(session)).close();
    return 0;
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    await process.complain(
      error.code === 'ECONNREFUSED' ? 'REFUSED' : error.code === 'ETIMEDOUT' ? 'TIMEOUT' : 'OTHER',
    );
    return 1;
  }
}

const verbs = ['GET', 'PUT', 'POST'];

/** So many lines over so long. */
async function logsGenerator(process: Process, flags: Flags): Promise<number> {
  const lines = Number(flags.get('log-lines-total') ?? flags.get('t') ?? 0);
  const duration = Number.parseFloat(flags.get('run-duration') ?? flags.get('d') ?? '0') * 1000;
  if (!(lines > 0) || !(duration > 0)) {
    await process.complain('Invalid total number of lines or duration: both must be above 0');
    return 1;
  }
  const prng = process.world.prng.fork(`logs-generator/${process.world.sandbox.metadata.name}`);
  for (let id = 0; id < lines; id++) {
    const verb = verbs[Math.floor(prng.float() * verbs.length)]!;
    const url = `/api/v1/namespaces/${['kube-system', 'default', 'ns'][id % 3]}/pods/${prng.uint32().toString(36)}`;
    await process.print(
      `${rfc3339(process.world.clock.now())} ${id} ${verb} ${url} ${200 + Math.floor(prng.float() * 300)}\n`,
    );
    await process.sleep(duration / lines);
    process.rested();
  }
  return 0;
}
