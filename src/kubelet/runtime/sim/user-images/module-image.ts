/** A user's module as the program of a container: a process of its own, bridged to the simulated world. */
import { Deferred } from '../../../../base/index.ts';
import { ConnectError, type HttpResponse, type Listener } from '../fabric-types.ts';
import type { FileSystem } from '../file-system.ts';
import type { UserImageProgram } from '../images.ts';
import type { Process } from '../process.ts';
import { parseUrl, resolve } from '../shell/commands/net.ts';
import { type Loaded, type ModuleEnd, type ModuleProcess, startModule } from './module-process.ts';

/** Modules at once, in all clusters of a process; each is a process of some forty megabytes. */
const maxModules = 64;
let modules = 0;
/** Wall time. */
const loadTimeoutMs = 10_000;
const fetchTimeoutMs = 30_000;

interface Running {
  readonly child: ModuleProcess;
  readonly loaded: Loaded;
}

/** By what a container's processes share. */
const running = new WeakMap<FileSystem, Running>();

export function moduleImage(code: string, file: string, name: string, commands: readonly string[]): UserImageProgram {
  const known = new Set(commands);
  return {
    main: (process, args) => run(process, args, { code, file, name }),
    command: ([word = '', ..._]) => (known.has(word) ? (process, args) => exec(process, word, args) : undefined),
  };
}

async function run(
  process: Process,
  args: readonly string[],
  image: { readonly code: string; readonly file: string; readonly name: string },
): Promise<number> {
  const { world } = process;
  if (modules >= maxModules) {
    await process.complain(`klab: ${maxModules} containers with image modules run already; remove some`);
    return 1;
  }
  const { metadata, node } = world.sandbox;
  const { name: container, attempt } = world.config.metadata;
  const ended = new Deferred<ModuleEnd>();
  modules++;
  const child = startModule({
    code: image.code,
    file: image.file,
    seed: world.prng.fork(`image/${metadata.namespace}/${metadata.name}/${container}/${attempt}`).uint32() | 0,
    memoryLimitBytes: world.config.memoryLimitBytes,
    context: {
      pod: metadata.name,
      namespace: metadata.namespace,
      node: node.name,
      container,
      ip: world.podIP,
      args: [...args],
      env: Object.fromEntries(process.env),
    },
    onLog: (stream, text) => void (stream === 'stdout' ? process.stdout : process.stderr).write(text),
    onCall: (what, values) => answerCall(process, what, values),
    onEnd: (end) => ended.resolve(end),
  });
  try {
    const loaded = await process.until(child.loaded(loadTimeoutMs));
    if (loaded.type === 'failed') {
      const place = loaded.place ? `:${loaded.place.line}:${loaded.place.column}` : '';
      await process.complain(`${image.file}${place}: ${loaded.text}`);
      return 1;
    }
    running.set(world.fs, { child, loaded });
    process.onSignal('TERM', () => {
      child.term();
      if (!loaded.run) ended.resolve({ why: 'ended', code: 0 });
    });
    if (loaded.http) await listen(process, child, loaded);
    return await codeOf(process, await process.until(ended.promise));
  } finally {
    running.delete(world.fs);
    modules--;
    await child.terminate();
  }
}

async function codeOf(process: Process, end: ModuleEnd): Promise<number> {
  if (end.why === 'ended') return end.code;
  if (end.why === 'out of memory') process.world.endAs('OOMKilled');
  process.world.note(
    end.why === 'out of memory' ? 'the module took more memory than it may; killed' : `${end.text}; killed`,
  );
  return 137;
}

async function listen(process: Process, child: ModuleProcess, { ports }: Loaded): Promise<void> {
  const { world } = process;
  const listener: Listener = {
    http: async (request, peer): Promise<HttpResponse> => {
      const from = { ip: peer.ip, namespace: peer.namespace, pod: peer.pod };
      try {
        return await child.ask({ type: 'http', request: { ...request, from } });
      } catch (error) {
        // The container ended with the request under way.
        if (error instanceof ConnectError) throw error;
        throw new ConnectError('EPROTO', 'EOF');
      }
    },
    grpcHealth: () => 'SERVING',
  };
  const declared = world.config.ports.filter(({ protocol = 'TCP' }) => protocol === 'TCP');
  const all = new Set([...ports, ...declared.map(({ containerPort }) => containerPort), ...world.config.probePorts]);
  for (const port of all.size > 0 ? all : [80]) {
    try {
      world.listen(port, listener);
    } catch (error) {
      await process.complain((error as Error).message);
    }
  }
}

async function exec(process: Process, name: string, args: readonly string[]): Promise<number> {
  const own = running.get(process.world.fs);
  if (!own) {
    await process.complain(`${name}: the image's program is not running`);
    return 1;
  }
  try {
    const {
      exitCode,
      out = '',
      err = '',
    } = await process.until(own.child.ask({ type: 'exec', name, args: [...args] }));
    if (out !== '') await process.print(out.endsWith('\n') ? out : `${out}\n`);
    if (err !== '') await process.complain(err);
    return exitCode;
  } catch (error) {
    if (process.killed) throw error;
    await process.complain(`${name}: ${(error as Error).message}`);
    return 137;
  }
}

/** @throws Error, which the module gets. */
async function answerCall(process: Process, what: string, values: readonly unknown[]): Promise<unknown> {
  const { world } = process;
  switch (what) {
    case 'sleep':
      await process.sleep(values[0] as number);
      return undefined;
    case 'now':
      return world.clock.now();
    case 'readFile':
      return world.fs.read(values[0] as string);
    case 'writeFile':
      return world.fs.write(values[0] as string, values[1] as string);
    case 'fetch':
      return fetchFor(process, values[0] as string, values[1] as RequestParts);
    default:
      throw new Error(`there is no ${what}`);
  }
}

interface RequestParts {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

async function fetchFor(process: Process, url: string, init: RequestParts): Promise<HttpResponse> {
  const target = parseUrl(url);
  const ip = resolve(process, target.host)?.ips[0];
  if (!ip) throw new Error(`fetch ${url}: could not resolve host: ${target.host}`);
  const headers = Object.fromEntries(Object.entries(init.headers ?? {}).map(([k, v]) => [k.toLowerCase(), String(v)]));
  const request = {
    method: init.method ?? 'GET',
    path: target.path,
    headers: { host: target.host, 'user-agent': 'klab-image', ...headers },
    ...(init.body === undefined ? {} : { body: String(init.body) }),
  };
  return process.world.fabric.http(ip, target.port, request, process.world.peer, fetchTimeoutMs);
}
