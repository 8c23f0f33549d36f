/** A small redis: one value space a server, the commands that examples use. */
import type { TcpSession } from './fabric-types.ts';

const maxKeys = 10_000;

export class RedisData {
  readonly #values = new Map<string, string>();
  readonly #lists = new Map<string, string[]>();

  /** Answers one command line in RESP. */
  run(line: string): string {
    const [name = '', ...args] = words(line);
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
      case 'AUTH':
      case 'SELECT':
      case 'FLUSHALL':
        return '+OK\r\n';
      default:
        return `-ERR unknown command '${name}', with args beginning with: ${args.map((arg) => `'${arg}' `).join('')}\r\n`;
    }
  }

  session(): TcpSession {
    return {
      send: async (data) =>
        data
          .split(/\r?\n/)
          .filter((line) => line !== '')
          .map((line) => this.run(line))
          .join(''),
      close: () => {},
    };
  }
}

function words(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? match[3]!);
}

function bulk(value: string | undefined): string {
  return value === undefined ? '$-1\r\n' : `$${Buffer.byteLength(value)}\r\n${value}\r\n`;
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
