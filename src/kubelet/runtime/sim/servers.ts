/** Programs that serve: the general server for images nobody knows, and small versions of well-known ones. */
import { rfc3339 } from '../../../base/index.ts';
import type { HttpRequest, HttpResponse, Listener, Peer } from './fabric-types.ts';
import { FileError, normalize } from './file-system.ts';
import type { Process } from './process.ts';
import { RedisData } from './redis.ts';

/** Ports to open: those the container declares and its probes reach, else the image's own. */
function portsOf(process: Process): (number | '*')[] {
  const { config, image } = process.world;
  const declared = config.ports
    .filter(({ protocol = 'TCP' }) => protocol === 'TCP')
    .map(({ containerPort }) => containerPort);
  const ports = new Set<number | '*'>([...declared, ...config.probePorts]);
  if (declared.length === 0) ports.add(image.defaultPort ?? '*');
  return [...ports];
}

async function listenOn(
  process: Process,
  ports: readonly (number | '*')[],
  listener: Listener,
): Promise<number | undefined> {
  for (const port of ports) {
    try {
      process.world.listen(port, listener);
    } catch (error) {
      // Containers of one pod share its ports; a catch-all gives way to whoever came first.
      if (port === '*') continue;
      await process.complain(`${(error as Error).message}`);
      return 1;
    }
  }
  return undefined;
}

/** Serves until told to stop. */
async function serve(process: Process): Promise<number> {
  const signal = await process.waitForSignal('TERM', 'INT', 'QUIT');
  process.world.note(`received SIG${signal}, shutting down`);
  return 0;
}

/**
 * Answers HTTP, TCP and gRPC health checks on the container's ports, and logs each request. `reason` says why this image
 * runs as it.
 */
export async function generalServer(process: Process, reason: string): Promise<number> {
  const { world } = process;
  const ports = portsOf(process);
  const shown = ports.map((port) => (port === '*' ? 'any port' : String(port))).join(', ');
  world.note(`${reason}; answering HTTP on ${shown}`);
  const failed = await listenOn(process, ports, {
    http: async (request, peer) => answer(process, request, peer),
    tcp: () => ({ send: async () => '', close: () => {} }),
    grpcHealth: () => 'SERVING',
  });
  return failed ?? serve(process);
}

function answer(process: Process, request: HttpRequest, peer: Peer): HttpResponse {
  const { world } = process;
  const { metadata, node } = world.sandbox;
  const from = peer.pod ? `${peer.namespace}/${peer.pod}` : peer.ip;
  const probe = request.headers['user-agent']?.startsWith('kube-probe/');
  if (!probe)
    void process.print(
      `${rfc3339(world.clock.now())} ${request.method} ${request.path} 200 from ${from} (${peer.ip})\n`,
    );
  const headers = Object.entries(request.headers).map(([name, value]) => `  ${name}: ${value}\n`);
  const body = `pod: ${metadata.name}\nnamespace: ${metadata.namespace}\nnode: ${node.name}\nip: ${world.podIP}\nimage: ${world.config.image}\nmethod: ${request.method}\npath: ${request.path}\nheaders:\n${headers.join('')}`;
  return respond(world, 200, body, 'text/plain; charset=utf-8', 'klab-sim');
}

function respond(world: Process['world'], status: number, body: string, type: string, server: string): HttpResponse {
  const headers = {
    server,
    date: httpDate(world.clock.now()),
    'content-type': type,
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  };
  return { status, headers, body };
}

const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

function httpDate(ms: number): string {
  const iso = rfc3339(ms);
  const weekday = days[(Math.floor(ms / 86_400_000) + 4) % 7];
  return `${weekday}, ${iso.slice(8, 10)} ${months[Number(iso.slice(5, 7)) - 1]} ${iso.slice(0, 4)} ${iso.slice(11, 19)} GMT`;
}

const welcome = `<!DOCTYPE html>
<html>
<head><title>Welcome to nginx!</title></head>
<body>
<h1>Welcome to nginx!</h1>
<p>A simulated nginx: klab answers in its place.</p>
</body>
</html>
`;

/** Serves files below /usr/share/nginx/html on the ports that its configuration names. */
export async function nginx(process: Process): Promise<number> {
  const { fs } = process.world;
  const root = '/usr/share/nginx/html';
  if (!fs.stat(`${root}/index.html`) && !fs.stat(root)) {
    try {
      fs.mkdir(root, true);
      fs.write(`${root}/index.html`, welcome);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
    }
  }
  const configured = await nginxPorts(process);
  const ports = configured.length > 0 ? [...new Set([...configured, ...portsOf(process)])] : portsOf(process);
  const failed = await listenOn(process, ports, {
    http: (request, peer) => nginxAnswer(process, root, request, peer),
    grpcHealth: () => 'UNKNOWN',
  });
  if (failed !== undefined) return failed;
  await process.complain(`${stamp(process)} [notice] 1#1: nginx/1.29.1`);
  await process.complain(`${stamp(process)} [notice] 1#1: start worker processes`);
  const signal = await process.waitForSignal('TERM', 'INT', 'QUIT');
  await process.complain(
    `${stamp(process)} [notice] 1#1: signal ${signal === 'QUIT' ? '3 (SIGQUIT)' : '15 (SIGTERM)'} received, exiting`,
  );
  return 0;
}

const stamp = (process: Process) =>
  rfc3339(process.world.clock.now()).replace('T', ' ').replaceAll('-', '/').slice(0, 19);

/** `listen N` of mounted configuration. */
async function nginxPorts(process: Process): Promise<number[]> {
  const { fs } = process.world;
  const dir = '/etc/nginx/conf.d';
  const files = [
    '/etc/nginx/nginx.conf',
    ...(fs.stat(dir)?.kind === 'dir'
      ? fs
          .list(dir)
          .filter((name) => name.endsWith('.conf'))
          .map((name) => `${dir}/${name}`)
      : []),
  ];
  const ports: number[] = [];
  for (const file of files) {
    if (fs.stat(file)?.kind !== 'file') continue;
    for (const match of (await fs.read(file)).matchAll(/^\s*listen\s+(?:[\d.]+:|\[::\]:)?(\d+)/gm))
      ports.push(Number(match[1]));
  }
  return ports;
}

async function nginxAnswer(process: Process, root: string, request: HttpRequest, peer: Peer): Promise<HttpResponse> {
  const { fs } = process.world;
  const path = request.path.split(/[?#]/)[0]!;
  let file = normalize(`${root}${path}`);
  if (fs.stat(file)?.kind === 'dir') file = normalize(`${file}/index.html`);
  const found = file.startsWith(root) && fs.stat(file)?.kind === 'file';
  const status = found ? 200 : 404;
  const body = found
    ? await fs.read(file)
    : '<html>\n<head><title>404 Not Found</title></head>\n<body>\n<center><h1>404 Not Found</h1></center>\n<hr><center>nginx/1.29.1</center>\n</body>\n</html>\n';
  const agent = request.headers['user-agent'] ?? '-';
  await process.print(
    `${peer.ip} - - [${rfc3339(process.world.clock.now())}] "${request.method} ${request.path} HTTP/1.1" ${status} ${body.length} "-" "${agent}" "-"\n`,
  );
  return respond(process.world, status, body, 'text/html', 'nginx/1.29.1');
}

/** Apache's httpd as its image has it. */
export async function apache(process: Process): Promise<number> {
  const { fs } = process.world;
  const root = '/usr/local/apache2/htdocs';
  if (!fs.stat(root)) {
    fs.mkdir(root, true);
    fs.write(`${root}/index.html`, '<html><body><h1>It works!</h1></body></html>\n');
  }
  const failed = await listenOn(process, portsOf(process), {
    http: async (request, peer) => {
      const answer = await nginxAnswer(process, root, request, peer);
      return { ...answer, headers: { ...answer.headers, server: 'Apache/2.4.65 (Unix)' } };
    },
  });
  return failed ?? serve(process);
}

/** The name of the program is what it says of itself. */
export async function redisServer(process: Process, args: readonly string[]): Promise<number> {
  const data = new RedisData();
  const at = args.indexOf('--port');
  const ports = at >= 0 ? [Number(args[at + 1])] : portsOf(process);
  const failed = await listenOn(process, ports, { tcp: () => data.session() });
  if (failed !== undefined) return failed;
  await process.print(`1:M ${stamp(process)} * Ready to accept connections tcp\n`);
  await process.waitForSignal('TERM', 'INT');
  await process.print(
    `1:signal-handler Received SIGTERM scheduling shutdown...\n1:M ${stamp(process)} # Redis is now ready to exit, bye bye...\n`,
  );
  return 0;
}

export async function pause(process: Process): Promise<number> {
  await process.waitForSignal('TERM', 'INT');
  return 0;
}

/** busybox httpd: `httpd -f -p 8080 -h /www`. */
export async function httpd(process: Process, args: readonly string[]): Promise<number> {
  const value = (flag: string) => (args.includes(flag) ? args[args.indexOf(flag) + 1] : undefined);
  const root = normalize(value('-h') ?? '.', process.cwd);
  const port = Number(value('-p')?.split(':').at(-1) ?? 80);
  const failed = await listenOn(process, [port], {
    http: (request, peer) => nginxAnswer(process, root, request, peer),
  });
  if (failed !== undefined) return failed;
  if (!args.includes('-f')) return 0;
  await process.waitForSignal('TERM', 'INT');
  return 0;
}

/** The one perl program that Kubernetes' documentation runs: digits of π. Others exit with what `exit N` in them says. */
export async function perl(process: Process, args: readonly string[]): Promise<number> {
  const script = args.join(' ');
  const digits = /bpi\((\d+)\)/.exec(script);
  if (digits) {
    await process.print(`${piDigits(Math.min(5_000, Number(digits[1])))}\n`);
    return 0;
  }
  const exit = /exit\s*\(?(\d+)/.exec(script);
  return exit ? Number(exit[1]) & 255 : 0;
}

/** Machin's formula over big integers; the last digit is rounded. */
function piDigits(n: number): string {
  const scale = 10n ** BigInt(n + 10);
  const arctan = (x: bigint) => {
    let term = scale / x;
    let sum = term;
    for (let k = 3n, sign = -1n; term !== 0n; k += 2n, sign = -sign) {
      term /= x * x;
      sum += (sign * term) / k;
    }
    return sum;
  };
  const pi = (4n * (4n * arctan(5n) - arctan(239n)) + 5n * 10n ** 10n) / 10n ** 11n;
  const text = String(pi);
  return `${text[0]}.${text.slice(1)}`;
}

export async function helloWorld(process: Process): Promise<number> {
  await process.print(
    '\nHello from Docker!\nThis message shows that your installation appears to be working correctly.\n',
  );
  return 0;
}
