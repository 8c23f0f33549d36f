/** Commands that reach other pods, Services and names over the fabric. */

import { ConnectError, type HttpResponse } from '../../fabric-types.ts';
import { FileError, normalize } from '../../file-system.ts';
import type { Process } from '../../process.ts';
import { redisReply } from '../../redis.ts';
import type { Program } from './lines.ts';
import { parseArgs } from './options.ts';

interface Target {
  readonly scheme: string;
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

/** @throws nothing: what is no URL is taken as a host's name. */
export function parseUrl(url: string): Target {
  const match = /^(?:(https?):\/\/)?(?:[^@/]*@)?(\[[^\]]+\]|[^:/?#]+)(?::(\d+))?([/?#].*)?$/.exec(url);
  const scheme = match?.[1] ?? 'http';
  const path = match?.[4] ?? '/';
  return {
    scheme,
    host: (match?.[2] ?? url).replace(/^\[|\]$/g, ''),
    port: Number(match?.[3] ?? (scheme === 'https' ? 443 : 80)),
    path: path.startsWith('/') ? path : `/${path}`,
  };
}

/** Addresses of a host as this pod's resolver finds them. */
export function resolve(
  process: Process,
  host: string,
): { readonly name: string; readonly ips: readonly string[] } | undefined {
  const { sandbox, fabric, peer, podIP } = process.world;
  if (host === sandbox.hostname) return { name: host, ips: [podIP] };
  const alias = sandbox.hostAliases.find(({ hostnames }) => hostnames.includes(host));
  if (alias) return { name: host, ips: [alias.ip] };
  const ndots = Number(sandbox.dns.options.find((option) => option.startsWith('ndots:'))?.slice(6) ?? 1);
  return fabric.lookup(host, sandbox.dns.searches, ndots, peer, sandbox.dns.servers);
}

const reasons: Record<number, string> = {
  200: 'OK',
  201: 'Created',
  204: 'No Content',
  301: 'Moved Permanently',
  302: 'Found',
  304: 'Not Modified',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
};

const statusLine = (response: HttpResponse) =>
  `HTTP/1.1 ${response.status} ${reasons[response.status] ?? ''}`.trimEnd();

const defaultTimeoutMs = 900_000;

async function wget(process: Process, args: readonly string[]): Promise<number> {
  const { flags, values, all, rest } = parseArgs(args, 'qcSO:T:t:P:U:', [
    'server-response',
    'spider',
    'no-check-certificate',
    'quiet',
    'header:',
    'post-data:',
    'timeout:',
    'tries:',
    'output-document:',
  ]);
  const url = rest[0] ?? '';
  const target = parseUrl(url);
  const quiet = flags.has('q') || flags.has('quiet');
  const seconds = Number(values.get('T') ?? values.get('timeout') ?? 0);
  const found = resolve(process, target.host);
  const ip = found?.ips[0];
  if (!ip) {
    await process.complain(
      `wget: bad address '${target.host}${target.port === 80 || target.port === 443 ? '' : `:${target.port}`}'`,
    );
    return 1;
  }
  if (!quiet)
    await process.complain(
      `Connecting to ${target.host}${/:\d+/.test(url.replace(/^\w+:\/\//, '')) ? `:${target.port}` : ''} (${ip}:${target.port})`,
    );
  const headers: Record<string, string> = { host: target.host, 'user-agent': 'Wget', connection: 'close' };
  addHeaders(headers, all.get('header'));
  const body = values.get('post-data');
  const request = {
    method: body === undefined ? 'GET' : 'POST',
    path: target.path,
    headers,
    ...(body === undefined ? {} : { body }),
  };
  let response: HttpResponse;
  try {
    response = await process.until(
      process.world.fabric.http(
        ip,
        target.port,
        request,
        process.world.peer,
        seconds > 0 ? seconds * 1000 : defaultTimeoutMs,
      ),
    );
    process.rested();
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    const texts: Record<string, string> = { ECONNREFUSED: 'Connection refused', EHOSTUNREACH: 'No route to host' };
    const text = texts[error.code];
    await process.complain(
      text
        ? `wget: can't connect to remote host (${ip}): ${text}`
        : error.code === 'EPROTO'
          ? 'wget: error getting response'
          : 'wget: download timed out',
    );
    return 1;
  }
  if (flags.has('S') || flags.has('server-response')) {
    await process.complain(`  ${statusLine(response)}`);
    for (const [name, value] of Object.entries(response.headers)) await process.complain(`  ${name}: ${value}`);
  }
  if (response.status >= 400) {
    await process.complain(`wget: server returned error: ${statusLine(response)}`);
    return 1;
  }
  if (flags.has('spider')) {
    if (!quiet) await process.complain('remote file exists');
    return 0;
  }
  const output = values.get('O') ?? values.get('output-document');
  if (output === '-') return (await process.print(response.body)) ? 0 : 141;
  const file = output ?? (target.path.split(/[?#]/)[0]!.split('/').at(-1) || 'index.html');
  const path = normalize(file, process.cwd);
  try {
    if (output === undefined && process.world.fs.stat(path)) throw new FileError('EEXIST', 'File exists');
    process.world.fs.write(path, response.body);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    await process.complain(`wget: can't open '${file}': ${error.message}`);
    return 1;
  }
  if (!quiet) {
    await process.complain(`saving to '${file}'`);
    await process.complain(
      `${file.padEnd(20)} 100% |${'*'.repeat(32)}| ${String(response.body.length).padStart(5)}  0:00:00 ETA`,
    );
    await process.complain(`'${file}' saved`);
  }
  return 0;
}

/** `Name: value`, as often as given. */
function addHeaders(headers: Record<string, string>, given: readonly string[] = []): void {
  for (const line of given) {
    const at = line.indexOf(':');
    if (at > 0) headers[line.slice(0, at).toLowerCase()] = line.slice(at + 1).trim();
  }
}

async function curl(process: Process, args: readonly string[]): Promise<number> {
  const { flags, values, all, rest } = parseArgs(args, 'sSfkLvIigNGo:w:X:d:H:m:u:A:', [
    'silent',
    'show-error',
    'fail',
    'insecure',
    'location',
    'verbose',
    'head',
    'include',
    'compressed',
    'output:',
    'write-out:',
    'request:',
    'data:',
    'data-raw:',
    'header:',
    'max-time:',
    'connect-timeout:',
    'retry:',
    'retry-delay:',
    'cacert:',
    'user:',
    'url:',
    'retry-connrefused',
    'retry-all-errors',
  ]);
  const option = (short: string, long: string) => values.get(short) ?? values.get(long);
  const target = parseUrl(values.get('url') ?? rest[0] ?? '');
  const silent = flags.has('s') || flags.has('silent');
  const complain = async (text: string) => {
    if (!silent || flags.has('S') || flags.has('show-error')) await process.complain(text);
  };
  const ip = resolve(process, target.host)?.ips[0];
  if (!ip) {
    await complain(`curl: (6) Could not resolve host: ${target.host}`);
    return 6;
  }
  const head = flags.has('I') || flags.has('head');
  const data = option('d', 'data') ?? values.get('data-raw');
  const method = option('X', 'request') ?? (head ? 'HEAD' : data === undefined ? 'GET' : 'POST');
  const headers: Record<string, string> = { host: target.host, 'user-agent': 'curl/8.14.1', accept: '*/*' };
  addHeaders(headers, [...(all.get('H') ?? []), ...(all.get('header') ?? [])]);
  const timeoutMs = Number(values.get('m') ?? values.get('max-time') ?? values.get('connect-timeout') ?? 300) * 1000;
  const retries = Number(values.get('retry') ?? 0);
  let response: HttpResponse | undefined;
  for (let attempt = 0; !response; attempt++) {
    try {
      const request = { method, path: target.path, headers, ...(data === undefined ? {} : { body: data }) };
      response = await process.until(
        process.world.fabric.http(ip, target.port, request, process.world.peer, timeoutMs),
      );
      process.rested();
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error;
      const refused = error.code === 'ECONNREFUSED';
      const retry = attempt < retries && (!refused || flags.has('retry-connrefused') || flags.has('retry-all-errors'));
      if (retry) {
        await process.sleep(Number(values.get('retry-delay') ?? 2 ** attempt) * 1000);
        continue;
      }
      if (refused || error.code === 'EHOSTUNREACH') {
        await complain(
          `curl: (7) Failed to connect to ${target.host} port ${target.port} after 0 ms: Could not connect to server`,
        );
        return 7;
      }
      if (error.code === 'EPROTO') {
        await complain('curl: (52) Empty reply from server');
        return 52;
      }
      await complain(`curl: (28) Connection timed out after ${timeoutMs} milliseconds`);
      return 28;
    }
  }
  if (response.status >= 400 && (flags.has('f') || flags.has('fail'))) {
    await complain(`curl: (22) The requested URL returned error: ${response.status}`);
    return 22;
  }
  let out = '';
  if (head || flags.has('i') || flags.has('include')) {
    out += `${statusLine(response)}\n${Object.entries(response.headers)
      .map(([name, value]) => `${name}: ${value}\n`)
      .join('')}\n`;
  }
  if (!head) out += response.body;
  const file = option('o', 'output');
  if (file !== undefined) process.world.fs.write(normalize(file, process.cwd), out);
  else await process.print(out);
  const format = option('w', 'write-out');
  if (format !== undefined) {
    await process.print(
      format
        .replaceAll('%{http_code}', String(response.status))
        .replaceAll('%{response_code}', String(response.status))
        .replaceAll('\\n', '\n'),
    );
  }
  return 0;
}

async function nslookup(process: Process, args: readonly string[]): Promise<number> {
  const [host = ''] = args.filter((arg) => !arg.startsWith('-'));
  const [server] = process.world.sandbox.dns.servers;
  if (server) await process.print(`Server:\t\t${server}\nAddress:\t${server}:53\n\n`);
  const found = resolve(process, host);
  if (!found) {
    await process.print(`** server can't find ${host}: NXDOMAIN\n\n`);
    return 1;
  }
  for (const ip of found.ips) await process.print(`Name:\t${found.name}\nAddress: ${ip}\n`);
  await process.print('\n');
  return 0;
}

async function connectTo(process: Process, host: string, port: number, timeoutMs: number) {
  const ip = resolve(process, host)?.ips[0];
  if (!ip) return { error: `bad address '${host}'` };
  try {
    const session = await process.until(process.world.fabric.connect(ip, port, process.world.peer, timeoutMs));
    process.rested();
    return { session, ip };
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    return {
      error:
        error.code === 'ECONNREFUSED'
          ? 'Connection refused'
          : error.code === 'EHOSTUNREACH'
            ? 'No route to host'
            : 'Connection timed out',
      ip,
    };
  }
}

async function nc(process: Process, args: readonly string[]): Promise<number> {
  const { flags, values, rest } = parseArgs(args, 'zvnulkw:p:e:');
  const [host = '', port = '0'] = rest;
  const timeoutMs = Number(values.get('w') ?? 75) * 1000;
  const result = await connectTo(process, host, Number(port), timeoutMs);
  if (!result.session) {
    await process.complain(result.ip ? `nc: ${host} (${result.ip}:${port}): ${result.error}` : `nc: ${result.error}`);
    return 1;
  }
  if (flags.has('v')) await process.complain(`${host} (${result.ip}:${port}) open`);
  if (flags.has('z')) return 0;
  const input = await process.readAll();
  const http = /^(GET|HEAD|POST) (\S+) HTTP/.exec(input);
  if (http) {
    const response = await process.until(
      process.world.fabric.http(
        result.ip!,
        Number(port),
        { method: http[1]!, path: http[2]!, headers: { host } },
        process.world.peer,
        timeoutMs,
      ),
    );
    await process.print(`${statusLine(response)}\r\n\r\n${response.body}`);
    return 0;
  }
  await process.print(await process.until(result.session.send(input)));
  result.session.close();
  return 0;
}

async function redisCli(process: Process, args: readonly string[]): Promise<number> {
  const host: string[] = [];
  let at = 0;
  const options = new Map<string, string>();
  for (; at < args.length && args[at]!.startsWith('-'); at++) {
    const flag = args[at]!;
    if (['-h', '-p', '-a', '-n', '-u'].includes(flag)) options.set(flag, args[++at] ?? '');
  }
  host.push(options.get('-h') ?? '127.0.0.1', options.get('-p') ?? '6379');
  const result = await connectTo(process, host[0]!, Number(host[1]), 5_000);
  if (!result.session) {
    await process.complain(`Could not connect to Redis at ${host[0]}:${host[1]}: ${result.error}`);
    return 1;
  }
  const command = args.slice(at).join(' ') || (await process.readAll()).trim();
  await process.print(`${redisReply(await process.until(result.session.send(`${command}\r\n`)))}\n`);
  return 0;
}

async function pgIsReady(process: Process, args: readonly string[]): Promise<number> {
  const { values } = parseArgs(args, 'h:p:U:d:t:q', ['host:', 'port:', 'username:', 'dbname:']);
  const host = values.get('h') ?? values.get('host') ?? '127.0.0.1';
  const port = values.get('p') ?? values.get('port') ?? '5432';
  const { session } = await connectTo(process, host, Number(port), Number(values.get('t') ?? 3) * 1000);
  await process.print(`${host}:${port} - ${session ? 'accepting connections' : 'no response'}\n`);
  return session ? 0 : 2;
}

async function pingPort(process: Process, args: readonly string[], port: number, alive: string): Promise<number> {
  const host =
    args.find((arg) => arg.startsWith('-h') && arg.length > 2)?.slice(2) ??
    (args.includes('-h') ? args[args.indexOf('-h') + 1]! : '127.0.0.1');
  const { session } = await connectTo(process, host, port, 5_000);
  await (session ? process.print(`${alive}\n`) : process.complain(`connect to server at '${host}' failed`));
  return session ? 0 : 1;
}

async function ping(process: Process, args: readonly string[]): Promise<number> {
  const { values, rest } = parseArgs(args, 'c:w:W:i:q');
  const host = rest[0] ?? '';
  const ip = resolve(process, host)?.ips[0];
  if (!ip) {
    await process.complain(`ping: bad address '${host}'`);
    return 1;
  }
  await process.print(`PING ${host} (${ip}): 56 data bytes\n`);
  const count = Number(values.get('c') ?? Number.POSITIVE_INFINITY);
  for (let i = 0; i < count; i++) {
    if (!(await process.print(`64 bytes from ${ip}: seq=${i} ttl=64 time=0.050 ms\n`))) return 141;
    if (i + 1 < count) await process.sleep(1_000);
    process.rested();
  }
  await process.print(
    `\n--- ${host} ping statistics ---\n${count} packets transmitted, ${count} packets received, 0% packet loss\n`,
  );
  return 0;
}

export const netCommands: Record<string, Program> = {
  curl,
  nc,
  ncat: nc,
  netcat: nc,
  nslookup,
  pg_isready: pgIsReady,
  ping,
  'redis-cli': redisCli,
  wget,
  mysqladmin: (process, args) => pingPort(process, args, 3306, 'mysqld is alive'),
  grpc_health_probe: async (process, args) => {
    const address = args.find((arg) => arg.startsWith('-addr='))?.slice(6) ?? args[args.indexOf('-addr') + 1] ?? ':0';
    const [host, port] = address.split(':');
    const ip = host ? (resolve(process, host)?.ips[0] ?? '') : '127.0.0.1';
    try {
      const status = await process.until(
        process.world.fabric.grpcHealth(ip, Number(port), '', process.world.peer, 1_000),
      );
      await process.print(`status: ${status}\n`);
      return status === 'SERVING' ? 0 : 4;
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error;
      await process.complain(`timeout: failed to connect service "${address}" within 1s`);
      return 2;
    }
  },
  getent: async (process, args) => {
    const found = resolve(process, args[1] ?? '');
    if (!found) return 2;
    await process.print(`${(found.ips[0] ?? '').padEnd(16)}${found.name}\n`);
    return 0;
  },
  hostname: async (process, args) => {
    const { sandbox, podIP } = process.world;
    await process.print(`${args.includes('-i') || args.includes('-I') ? podIP : sandbox.hostname}\n`);
    return 0;
  },
};
