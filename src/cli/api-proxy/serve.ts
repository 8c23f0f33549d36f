/** `klab proxy`: the API, and files if wanted, over plain HTTP on this machine. Upstream: kubectl/pkg/cmd/proxy, kubectl/pkg/proxy. */
import { lstatSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { posix } from 'node:path';
import { UserError } from '../exit-codes.ts';
import { durationFlag } from '../flag-values.ts';
import type { Session } from '../session.ts';
import type { WriteIo } from '../write/io.ts';
import { type FilterFlags, requestFilter } from './filter.ts';
import { type Beyond, passOn, passUpgradeOn, refuseUpgrade } from './pass-on.ts';
import { answerError, encodePath, moveTo, notFound } from './plain-answer.ts';
import { answerFile } from './static-files.ts';

export interface ApiProxyFlags extends FilterFlags {
  readonly www?: string;
  readonly 'www-prefix': string;
  readonly 'api-prefix': string;
  readonly port: number;
  readonly address: string;
  readonly 'disable-filter'?: boolean;
  readonly 'unix-socket'?: string;
  readonly keepalive: string;
  readonly 'append-server-path'?: boolean;
}

export const defaultProxyPort = 8001;
/** What Go's dialer does when nothing else is wanted. */
const defaultKeepAliveMs = 15_000;

/** What flags alone decide. @throws UserError */
export function planApiProxy(flags: ApiProxyFlags, say: (text: string) => void) {
  const socket = flags['unix-socket'];
  const { www, port } = flags;
  if (socket && port !== defaultProxyPort) {
    throw new UserError('cannot set --unix-socket and --port at the same time', 2);
  }
  if (port < 0 || port > 65535) throw new UserError(`listen tcp: address ${port}: invalid port`);
  const slashed = (prefix: string) => (prefix.endsWith('/') ? prefix : `${prefix}/`);
  const apiPrefix = slashed(flags['api-prefix']);
  const filesPrefix = slashed(flags['www-prefix']);
  for (const prefix of [apiPrefix, filesPrefix]) {
    if (!prefix.startsWith('/')) throw new UserError(`prefix ${JSON.stringify(prefix)} must begin with a slash`, 2);
  }
  if (www && apiPrefix === filesPrefix) {
    throw new UserError(`the API and the files cannot both be served under ${JSON.stringify(apiPrefix)}`, 2);
  }
  const filter = flags['disable-filter'] ? undefined : requestFilter(flags);
  if (!filter && !socket) {
    say('Warning: Request filter disabled, your proxy is vulnerable to XSRF attacks, please be cautious');
  }
  if (www) {
    const found = statSync(www, { throwIfNoEntry: false });
    if (!found) say(`Warning: Failed to stat static file directory ${www}: stat ${www}: no such file or directory`);
    else if (!found.isDirectory()) say(`Warning: Static file directory ${www} is not a directory`);
  }
  const keepAliveMs = durationFlag('keepalive', flags.keepalive) || defaultKeepAliveMs;
  return { socket, address: flags.address, port, www, apiPrefix, filesPrefix, filter, keepAliveMs };
}

export type ApiProxyPlan = ReturnType<typeof planApiProxy>;

/** Serves until the signal aborts. @throws UserError when it cannot listen */
export async function serveApiProxy(
  session: Session,
  plan: ApiProxyPlan,
  appendServerPath: boolean,
  io: WriteIo,
): Promise<void> {
  const { transport } = session.client;
  if (!transport.forward) throw new UserError('this connection cannot carry the requests of others');
  const ownPath = new URL(session.address).pathname.replace(/\/$/, '');
  if (ownPath !== '' && !appendServerPath) {
    io.say(
      `Warning: Your kube context contains a server path ${ownPath}, use --append-server-path to automatically append the path to each request`,
    );
  }
  const beyond: Beyond = {
    forward: (request) =>
      transport.forward!(appendServerPath ? { ...request, target: ownPath + request.target } : request),
    say: io.say,
    keepAliveMs: plan.keepAliveMs,
  };
  const server = apiProxyServer(plan, beyond);
  io.write(`Starting to serve on ${await listen(server, plan)}\n`);
  await new Promise<void>((resolve) => {
    if (io.signal?.aborted) resolve();
    io.signal?.addEventListener('abort', () => resolve(), { once: true });
  });
  server.close();
  server.closeAllConnections();
  io.signal?.throwIfAborted();
}

/** The server, not yet listening. */
export function apiProxyServer(plan: ApiProxyPlan, beyond: Beyond): Server {
  const server = createServer((request, response) => {
    const route = routeOf(plan, request.url!, request.method!, request.headers.host ?? '');
    switch (route.to) {
      case 'api':
        void passOn(route.target, request, response, beyond);
        break;
      case 'files':
        void answerFile(plan.www!, route.path, request, response);
        break;
      case 'elsewhere':
        moveTo(request, response, route.path);
        break;
      case 'nowhere':
        notFound(response);
        break;
      default:
        answerError(response, route.code, route.text);
    }
  });
  server.on('upgrade', (request, socket, head) => {
    const route = routeOf(plan, request.url!, request.method!, request.headers.host ?? '');
    if (route.to === 'api') void passUpgradeOn(route.target, request, socket, head, beyond);
    else if (route.to === 'refused') refuseUpgrade(socket, route.code, route.text);
    else refuseUpgrade(socket, 404, '404 page not found');
  });
  // A watch or an upload may last.
  server.requestTimeout = 0;
  return server;
}

type Route =
  | { readonly to: 'api'; readonly target: string }
  | { readonly to: 'files' | 'elsewhere'; readonly path: string }
  | { readonly to: 'nowhere' }
  | { readonly to: 'refused'; readonly code: number; readonly text: string };

/** Where a request goes: the longest prefix wins, and paths with `//`, `.` or `..` are put right first, as by Go's ServeMux. */
function routeOf(
  { www, apiPrefix, filesPrefix, filter }: ApiProxyPlan,
  url: string,
  method: string,
  host: string,
): Route {
  const [, rawPath = '', query = ''] = /^([^?]*)(\?.*)?$/s.exec(url)!;
  let path: string;
  try {
    path = decodeURIComponent(rawPath);
  } catch {
    return { to: 'refused', code: 400, text: '400 Bad Request' };
  }
  const clean = posix.normalize(`/${rawPath.replace(/^\/+/, '')}`);
  if (clean !== rawPath) return { to: 'elsewhere', path: clean };
  const prefixes = www ? [apiPrefix, filesPrefix] : [apiPrefix];
  if (prefixes.includes(`${path}/`)) return { to: 'elsewhere', path: `${rawPath}/` };
  const prefix = prefixes.filter((one) => path.startsWith(one)).sort((a, b) => b.length - a.length)[0];
  if (prefix === undefined) return { to: 'nowhere' };
  if (www && prefix === filesPrefix) {
    // Dots that came encoded lead nowhere above the folder.
    return { to: 'files', path: posix.normalize(`/${path.slice(prefix.length)}`) };
  }
  // `--api-prefix=/api/` names a part of the API itself.
  const within = prefix.startsWith('/api') ? path : path.slice(prefix.length - 1);
  if (filter && !filter(method, within, host)) return { to: 'refused', code: 403, text: 'Forbidden' };
  return { to: 'api', target: (within === path ? rawPath : encodePath(within)) + query };
}

const words: Record<string, string> = {
  EADDRINUSE: 'bind: address already in use',
  EADDRNOTAVAIL: 'bind: cannot assign requested address',
  EACCES: 'bind: permission denied',
};

/** The address, as Go prints it. */
async function listen(server: Server, { socket, address, port }: ApiProxyPlan): Promise<string> {
  const host = address.replace(/^\[(.*)\]$/, '$1');
  const shown = (name: string, number: number) => `${name.includes(':') ? `[${name}]` : name}:${number}`;
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).once('listening', resolve);
      if (!socket) return void server.listen(port, host);
      // A socket that somebody left behind; any other file is an error.
      if (lstatSync(socket, { throwIfNoEntry: false })?.isSocket()) rmSync(socket);
      // Nobody else may connect, from the first moment.
      const before = process.umask(0o077);
      try {
        server.listen(socket);
      } finally {
        process.umask(before);
      }
    });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const where = socket ? `unix ${socket}` : `tcp ${shown(host, port)}`;
    throw new UserError(`listen ${where}: ${words[code ?? ''] ?? message}`);
  }
  const bound = server.address()!;
  return typeof bound === 'string' ? bound : shown(bound.address, bound.port);
}
