/** Between the byte streams of a client and the text streams of a process. */
import type { ExecStreams, TerminalSize } from '../types.ts';
import { ByteDecoder, encodeText } from './bytes.ts';
import type { LogStore } from './log-store.ts';
import { emptySource, Pipe, type Signal, type Sink, type Source } from './process.ts';
import { Terminal } from './terminal.ts';

/** Text that comes over a connection. */
export class StreamSource implements Source {
  readonly #iterator: AsyncIterator<Uint8Array>;
  readonly #decoder = new ByteDecoder();
  #buffer = '';
  #ended = false;

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#iterator = stream[Symbol.asyncIterator]();
  }

  async read(): Promise<string | undefined> {
    while (this.#buffer === '') {
      if (this.#ended) return undefined;
      await this.#more();
    }
    const text = this.#buffer;
    this.#buffer = '';
    return text;
  }

  async readLine(): Promise<string | undefined> {
    for (;;) {
      const end = this.#buffer.indexOf('\n');
      if (end >= 0) {
        const line = this.#buffer.slice(0, end);
        this.#buffer = this.#buffer.slice(end + 1);
        return line;
      }
      if (this.#ended) {
        const line = this.#buffer;
        this.#buffer = '';
        return line === '' ? undefined : line;
      }
      await this.#more();
    }
  }

  /** Nobody reads any more. */
  async close(): Promise<void> {
    this.#ended = true;
    await this.#iterator.return?.();
  }

  async #more(): Promise<void> {
    const { value, done } = await this.#iterator.next();
    if (done) {
      this.#ended = true;
      this.#buffer += this.#decoder.end();
    } else this.#buffer += this.#decoder.push(value);
  }
}

/** Bytes leave in pieces, so that no buffer on the way holds all of a long print. */
const pieceBytes = 64 * 1024;

/** What a process prints, to a client; waits for a client that is slow. */
export function clientSink(write: (chunk: Uint8Array) => void | Promise<void> | undefined): Sink {
  return {
    write: async (text) => {
      const bytes = encodeText(text);
      for (let at = 0; at < bytes.length; at += pieceBytes) await write(bytes.subarray(at, at + pieceBytes));
      return true;
    },
  };
}

/** Feeds a terminal from a client until the client's input ends. */
export async function typeInto(terminal: Terminal, input: AsyncIterable<Uint8Array>): Promise<void> {
  const decoder = new ByteDecoder();
  for await (const chunk of input) await terminal.type(decoder.push(chunk));
}

export async function followSize(terminal: Terminal, sizes: AsyncIterable<TerminalSize>): Promise<void> {
  for await (const { width, height } of sizes) terminal.resize(width, height);
}

/** The streams of a container's first process: its log, and whoever is attached. */
export class ContainerStreams {
  readonly terminal: Terminal | undefined;
  readonly stdin: Source;
  readonly #log: LogStore;
  readonly #pipe: Pipe | undefined;
  readonly #stdinOnce: boolean;
  readonly #attached = new Set<ExecStreams>();
  #closeWaiters: (() => void)[] = [];
  #closed = false;

  constructor(
    log: LogStore,
    config: { readonly stdin: boolean; readonly stdinOnce?: boolean; readonly tty: boolean },
    interrupt: (signal: Signal) => void,
  ) {
    this.#log = log;
    this.#stdinOnce = config.stdinOnce === true;
    if (config.tty) {
      this.terminal = new Terminal({ write: (text) => this.#write('stdout', text), interrupt });
      this.stdin = config.stdin ? this.terminal.input : emptySource;
    } else if (config.stdin) {
      this.#pipe = new Pipe();
      this.stdin = this.#pipe;
    } else this.stdin = emptySource;
  }

  sink(stream: 'stdout' | 'stderr'): Sink {
    if (this.terminal) return this.terminal.output;
    return {
      write: (text) => {
        const slow = this.#write(stream, text);
        return slow ? slow.then(() => true) : true;
      },
    };
  }

  /** Output from now on, and input if the container takes any; until the process ends or the client goes. */
  async attach(streams: ExecStreams, signal: AbortSignal): Promise<void> {
    if (this.#closed || signal.aborted) return;
    this.#attached.add(streams);
    const { terminal } = this;
    const input = streams.stdin ? this.#feed(streams.stdin) : undefined;
    // Input that is not the container's only one leaves it open for the next client: this one has nothing more to do.
    // Upstream: containerd internal/cri/io/container_io.go, Attach.
    const detached = input && this.#pipe && !this.#stdinOnce ? input.then(() => this.#pipe?.idle()) : undefined;
    const sizes = terminal && streams.resize ? followSize(terminal, streams.resize) : undefined;
    try {
      await new Promise<void>((resolve) => {
        this.#closeWaiters.push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
        detached?.then(resolve, () => {});
      });
    } finally {
      this.#attached.delete(streams);
      // Both end with the client's streams; what they throw is the client's going.
      input?.catch(() => {});
      sizes?.catch(() => {});
    }
  }

  /** The process has ended. */
  close(): void {
    this.#closed = true;
    this.#pipe?.closeReader();
    this.terminal?.hangUp();
    for (const wake of this.#closeWaiters) wake();
    this.#closeWaiters = [];
  }

  async #feed(input: AsyncIterable<Uint8Array>): Promise<void> {
    if (this.terminal) {
      await typeInto(this.terminal, input);
      if (this.#stdinOnce) this.terminal.hangUp();
      return;
    }
    const pipe = this.#pipe;
    const decoder = new ByteDecoder();
    for await (const chunk of input) if (pipe && !(await pipe.write(decoder.push(chunk)))) return;
    if (this.#stdinOnce) pipe?.closeWriter();
  }

  #write(stream: 'stdout' | 'stderr', text: string): Promise<void> | undefined {
    this.#log.write(stream, text);
    if (this.#attached.size === 0) return undefined;
    const bytes = encodeText(text);
    const slow: Promise<void>[] = [];
    for (const client of this.#attached) {
      const full = stream === 'stdout' ? client.stdout(bytes) : client.stderr(bytes);
      if (full) slow.push(full);
    }
    return slow.length > 0 ? Promise.all(slow).then(() => {}) : undefined;
  }
}
