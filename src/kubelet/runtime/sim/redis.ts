/** A small redis: one value space a server, the commands that examples use. */
import { byteLength } from './bytes.ts';
import type { TcpSession } from './fabric-types.ts';

const maxKeys = 10_000;

export class RedisData {
  readonly #values = new Map<string, string>();
  readonly #lists = new Map<string, string[]>();

  /** Answers one command line in RESP. */
  run(line: string): string {
    return this.execute(words(line));
  }

  /** One command by its words. */
  execute([name = '', ...args]: readonly string[]): string {
    const [key = '', value = ''] = args;
    switch (name.toUpperCase()) {
      case '':
        return '';
      case 'PING':
        return args.length > 0 ? bulk(key) : '+PONG\r\n';
      case 'ECHO':
        return bulk(key);
      case 'SET':
        if (this.#values.size >= maxKeys && !this.#values.has(key))
          return '-OOM command not allowed when used memory > maxmemory.\r\n';
        this.#values.set(key, value);
        return '+OK\r\n';
      case 'GET':
        return bulk(this.#values.get(key));
      case 'INCR':
      case 'INCRBY': {
        const next = Number(this.#values.get(key) ?? 0) + Number(args.length > 1 ? value : 1);
        if (Number.isNaN(next)) return '-ERR value is not an integer or out of range\r\n';
        this.#values.set(key, String(next));
        return `:${next}\r\n`;
      }
      case 'DEL': {
        const hits = args.filter((k) => this.#values.delete(k) || this.#lists.delete(k)).length;
        return `:${hits}\r\n`;
      }
      case 'EXISTS':
        return `:${this.#values.has(key) || this.#lists.has(key) ? 1 : 0}\r\n`;
      case 'KEYS':
        return array([...this.#values.keys(), ...this.#lists.keys()]);
      case 'RPUSH':
      case 'LPUSH': {
        const list = this.#lists.get(key) ?? [];
        if (list.length < maxKeys)
          name.toUpperCase() === 'RPUSH' ? list.push(...args.slice(1)) : list.unshift(...args.slice(1));
        this.#lists.set(key, list);
        return `:${list.length}\r\n`;
      }
      case 'LPOP':
        return bulk(this.#lists.get(key)?.shift());
      case 'LRANGE':
        return array(
          this.#lists.get(key)?.slice(Number(value), Number(args[2]) === -1 ? undefined : Number(args[2]) + 1) ?? [],
        );
      case 'LLEN':
        return `:${this.#lists.get(key)?.length ?? 0}\r\n`;
      case 'DBSIZE':
        return `:${this.#values.size + this.#lists.size}\r\n`;
      case 'INFO':
        return bulk('# Server\r\nredis_version:7.4.0\r\nrole:master\r\n');
      case 'HELLO':
        return key === '3'
          ? '-NOPROTO unsupported protocol version\r\n'
          : array(['server', 'redis', 'version', '7.4.0', 'proto', '2']);
      case 'COMMAND':
      case 'CONFIG':
        return '*0\r\n';
      case 'CLIENT':
      case 'QUIT':
      case 'AUTH':
      case 'SELECT':
        return '+OK\r\n';
      case 'FLUSHALL':
      case 'FLUSHDB':
        this.#values.clear();
        this.#lists.clear();
        return '+OK\r\n';
      default:
        return `-ERR unknown command '${name}', with args beginning with: ${args.map((arg) => `'${arg}' `).join('')}\r\n`;
    }
  }

  /** One connection: RESP as clients send it, or plain lines, as by hand; commands may come in pieces and many at once. */
  session(): TcpSession {
    let rest = '';
    return {
      send: async (data) => {
        rest += data;
        let answers = '';
        for (;;) {
          const command = nextCommand(rest);
          if (command === undefined) break;
          if (command === 'broken') {
            rest = '';
            return `${answers}-ERR Protocol error: invalid multibulk length\r\n`;
          }
          rest = rest.slice(command.length);
          if (command.words.length > 0) answers += this.execute(command.words);
        }
        if (rest.length > maxCommandChars) {
          rest = '';
          answers += '-ERR Protocol error: too big mbulk count string\r\n';
        }
        return answers;
      },
      close: () => {},
    };
  }
}

const maxCommandChars = 1024 * 1024;

interface Command {
  readonly words: readonly string[];
  /** Characters of the input it took. */
  readonly length: number;
}

/** The first command of the input; undefined: it is not all there yet. Upstream: redis networking.c. */
function nextCommand(input: string): Command | 'broken' | undefined {
  const end = input.indexOf('\n');
  if (end < 0) return undefined;
  const first = input.slice(0, end).replace(/\r$/, '');
  if (!first.startsWith('*')) return { words: words(first), length: end + 1 };
  const count = Number(first.slice(1));
  if (!Number.isSafeInteger(count) || count > 1_000_000) return 'broken';
  const found: string[] = [];
  let at = end + 1;
  for (let i = 0; i < count; i++) {
    const stop = input.indexOf('\r\n', at);
    if (stop < 0) return undefined;
    if (input[at] !== '$') return 'broken';
    const bytes = Number(input.slice(at + 1, stop));
    if (!Number.isSafeInteger(bytes) || bytes < 0 || bytes > maxCommandChars) return 'broken';
    const from = stop + 2;
    const length = charsOf(input, from, bytes);
    if (length === undefined || input.length < from + length + 2) return undefined;
    found.push(input.slice(from, from + length));
    at = from + length + 2;
  }
  return { words: found, length: at };
}

/** How many characters so many bytes are, from `from` on; undefined: there are fewer. */
function charsOf(input: string, from: number, bytes: number): number | undefined {
  const text = input.slice(from, from + bytes);
  const size = byteLength(text);
  if (size === bytes) return text.length === bytes || input.length > from + text.length ? text.length : undefined;
  let chars = 0;
  let seen = 0;
  while (seen < bytes) {
    const unit = text.codePointAt(chars);
    if (unit === undefined) return undefined;
    const character = String.fromCodePoint(unit);
    seen += byteLength(character);
    chars += character.length;
  }
  return chars;
}

function words(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? match[3]!);
}

function bulk(value: string | undefined): string {
  return value === undefined ? '$-1\r\n' : `$${byteLength(value)}\r\n${value}\r\n`;
}

function array(values: readonly string[]): string {
  return `*${values.length}\r\n${values.map(bulk).join('')}`;
}

/** RESP as redis-cli prints it to a pipe. */
export function redisReply(resp: string): string {
  const lines = resp.split('\r\n');
  const [first = ''] = lines;
  if (/^[+:]/.test(first)) return first.slice(1);
  if (first.startsWith('-')) return `(error) ${first.slice(1)}`;
  if (first === '$-1') return '';
  return lines
    .slice(1, -1)
    .filter((_, i) => !first.startsWith('*') || i % 2 === 1)
    .join('\n');
}
