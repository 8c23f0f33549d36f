/**
 * Both ends of real packets, to be run inside a network namespace:
 *   serve NAME                       HTTP on 8080 and UDP on 5353, both answering `NAME ADDRESS-OF-THE-CLIENT`
 *   tcp|udp HOST PORT COUNT [SPORT]  as many connections, or datagrams from sockets of their own; prints a tally as JSON
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:http';
import { connect, isIPv6 } from 'node:net';

const [job, ...args] = process.argv.slice(2);
const plain = (address: string | undefined) => (address ?? '').replace(/^::ffff:/, '');

function serve(name: string): void {
  createServer((request, response) => {
    response.setHeader('Connection', 'close');
    response.end(`${name} ${plain(request.socket.remoteAddress)}`);
  }).listen(8080, '::', () => {
    const udp = createSocket({ type: 'udp6' });
    udp.on('message', (_, from) => udp.send(`${name} ${plain(from.address)}`, from.port, from.address));
    udp.bind(5353, '::', () => process.stdout.write('ready\n'));
  });
}

const timeoutMs = 1500;

function tcp(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    let text = '';
    const end = (answer: string) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => end('timeout'));
    socket.on('error', (error) => end((error as NodeJS.ErrnoException).code ?? error.message));
    socket.on('connect', () => socket.write(`GET / HTTP/1.1\r\nHost: lab\r\n\r\n`));
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('end', () => end(text.split('\r\n\r\n')[1]?.replace(/^[0-9a-f]+\r\n|\r\n0\r\n.*$/gs, '') ?? text));
  });
}

function udp(host: string, port: number, sourcePort: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    const timer = setTimeout(() => end('timeout'), timeoutMs);
    const end = (answer: string) => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    socket.on('error', (error) => end((error as NodeJS.ErrnoException).code ?? error.message));
    socket.on('message', (message) => end(message.toString()));
    // Connected: a refusal by ICMP becomes an error of this socket.
    socket.bind(sourcePort, () => socket.connect(port, host, () => socket.send('who')));
  });
}

async function tally(ask: () => Promise<string>, count: number): Promise<void> {
  const answers: Record<string, number> = {};
  let left = count;
  const worker = async () => {
    while (left-- > 0) {
      const answer = await ask();
      answers[answer] = (answers[answer] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: Math.min(count, 16) }, worker));
  process.stdout.write(`${JSON.stringify(answers)}\n`);
}

if (job === 'serve') serve(args[0]!);
else {
  const [host = '', port = '', count = '1', sourcePort = '0'] = args;
  await tally(
    () => (job === 'tcp' ? tcp(host, Number(port)) : udp(host, Number(port), Number(sourcePort))),
    Number(count),
  );
}
