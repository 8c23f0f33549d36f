/** A simulated process: streams, signals, and the world a program sees. */
import type { Clock, Prng } from '../../../base/index.ts';
import type { ContainerConfig, PodSandboxConfig } from '../types.ts';
import type { NetworkFabric, Peer } from './fabric-types.ts';
import type { FileSystem } from './file-system.ts';
import { maxHeldCharacters, OutOfMemory } from './out-of-memory.ts';
import type { Terminal } from './terminal.ts';

/** Input held is told to the memory meter in pieces of so many bytes. */
const accountedBytes = 256 * 1024;

export type Signal = 'TERM' | 'INT' | 'QUIT' | 'HUP' | 'USR1' | 'USR2' | 'KILL';
export const signalNumbers: Record<Signal, number> = { HUP: 1, INT: 2, QUIT: 3, KILL: 9, USR1: 10, USR2: 12, TERM: 15 };

/** Thrown through a program when its process is killed. */
export class Killed extends Error {
  override readonly name = 'Killed';
  readonly exitCode: number;
  constructor(exitCode: number) {
    super(`killed, exit code ${exitCode}`);
    this.exitCode = exitCode;
  }
}

/** Where a process writes. `write` answers false when nobody reads any more (a broken pipe). */
export interface Sink {
  write(text: string): boolean | Promise<boolean>;
}

/** Where a process reads. Undefined = end of file. */
export interface Source {
  /** What is there, as soon as there is something. */
  read(): Promise<string | undefined>;
  readLine(): Promise<string | undefined>;
}

export const emptySource: Source = {
  read: async () => undefined,
  readLine: async () => undefined,
};

export class TextSource implements Source {
  #text: string;
  constructor(text: string) {
    this.#text = text;
  }
  async readLine(): Promise<string | undefined> {
    if (this.#text === '') return undefined;
    const end = this.#text.indexOf('\n');
    const line = end < 0 ? this.#text : this.#text.slice(0, end);
    this.#text = end < 0 ? '' : this.#text.slice(end + 1);
    return line;
  }
  async read(): Promise<string | undefined> {
    const text = this.#text;
    this.#text = '';
    return text || undefined;
  }
}

/** Collects what is written, up to a bound. */
export class TextSink implements Sink {
  text = '';
  readonly #limit: number;
  constructor(limit = 1024 * 1024) {
    this.#limit = limit;
  }
  write(text: string): boolean {
    if (this.text.length < this.#limit) this.text += text;
    return true;
  }
}

/** A pipe between two commands: bounded, writers wait for readers. */
export class Pipe implements Sink, Source {
  #buffer = '';
  #writerClosed = false;
  #readerClosed = false;
  #wake: (() => void)[] = [];
  /** A reader found nothing and nothing has come since. */
  #asking = false;
  #idle: (() => void)[] = [];
  static readonly limit = 64 * 1024;

  async write(text: string): Promise<boolean> {
    while (!this.#readerClosed && this.#buffer.length > Pipe.limit) await this.#changed();
    if (this.#readerClosed) return false;
    this.#buffer += text;
    this.#notify();
    return true;
  }

  closeWriter(): void {
    this.#writerClosed = true;
    this.#notify();
  }

  closeReader(): void {
    this.#readerClosed = true;
    this.#buffer = '';
    this.#notify();
    this.#tellIdle();
  }

  async readLine(): Promise<string | undefined> {
    for (;;) {
      const end = this.#buffer.indexOf('\n');
      if (end >= 0) {
        const line = this.#buffer.slice(0, end);
        this.#buffer = this.#buffer.slice(end + 1);
        this.#notify();
        return line;
      }
      if (this.#writerClosed || this.#readerClosed) {
        if (this.#buffer === '') return undefined;
        const line = this.#buffer;
        this.#buffer = '';
        return line;
      }
      await this.#input();
    }
  }

  async read(): Promise<string | undefined> {
    while (this.#buffer === '') {
      if (this.#writerClosed || this.#readerClosed) return undefined;
      await this.#input();
    }
    const text = this.#buffer;
    this.#buffer = '';
    this.#notify();
    return text;
  }

  /** Resolves when a reader asks for more than there is, or nobody will read again. */
  async idle(): Promise<void> {
    while (!this.#asking && !this.#readerClosed) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #input(): Promise<void> {
    this.#asking = true;
    this.#tellIdle();
    return this.#changed();
  }

  #tellIdle(): void {
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve));
  }

  #notify(): void {
    this.#asking = false;
    const wake = this.#wake;
    this.#wake = [];
    for (const resolve of wake) resolve();
  }
}

/** What all processes of a container share. */
export interface World {
  readonly clock: Clock;
  readonly prng: Prng;
  readonly fs: FileSystem;
  readonly fabric: NetworkFabric;
  readonly sandbox: PodSandboxConfig;
  readonly config: ContainerConfig;
  readonly image: import('./images.ts').ImageDefinition;
  readonly podIP: string;
  readonly peer: Peer;
  /** Opens a port of the pod; closed when the container ends. */
  listen(port: number | '*', listener: import('./fabric-types.ts').Listener): void;
  /** Keeps so many cores busy until the returned function is called. */
  burn(cores: number): () => void;
  /** Takes so many milliseconds of one core. */
  work(coreMs: number): void;
  readonly memory: Pick<import('./memory-meter.ts').MemoryMeter, 'take' | 'grow' | 'used'>;
  /** Fills the container's writable layer by so many bytes a second, `max` at most. */
  fillDisk(bytesPerSecond: number, max?: number): void;
  /** What the runtime says of the container's end in place of `Completed` or `Error`. */
  endAs(reason: string): void;
  /** Straight into the container log: /proc/1/fd/1. */
  log(stream: 'stdout' | 'stderr', text: string): void;
  /** A line of klab's own in the container's log. */
  note(text: string): void;
}

/** One process. Sleeps and waits end with `Killed` when it is killed. */
export class Process {
  readonly world: World;
  readonly env: Map<string, string>;
  cwd: string;
  readonly stdin: Source;
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** First process of the container: signals without handler do nothing to it, except KILL. */
  readonly isInit: boolean;
  /** The terminal it runs at, if any. */
  readonly terminal: Terminal | undefined;
  readonly #controller: AbortController;
  readonly #handlers: Map<Signal, () => void>;
  #steps: { count: number; slices: number };

  constructor(
    world: World,
    init: {
      env: Map<string, string>;
      cwd: string;
      stdin: Source;
      stdout: Sink;
      stderr: Sink;
      isInit: boolean;
      terminal?: Terminal | undefined;
      parent?: Process;
    },
  ) {
    this.world = world;
    this.env = init.env;
    this.cwd = init.cwd;
    this.stdin = init.stdin;
    this.stdout = init.stdout;
    this.stderr = init.stderr;
    this.isInit = init.isInit;
    this.terminal = init.terminal;
    const { parent } = init;
    this.#controller = parent ? parent.#controller : new AbortController();
    this.#handlers = parent ? parent.#handlers : new Map();
    this.#steps = parent ? parent.#steps : { count: 0, slices: 0 };
  }

  /** The same process with other streams, directory or environment: a command of a script. */
  derive(changes: Partial<Pick<Process, 'env' | 'cwd' | 'stdin' | 'stdout' | 'stderr'>>): Process {
    return new Process(this.world, {
      env: changes.env ?? this.env,
      cwd: changes.cwd ?? this.cwd,
      stdin: changes.stdin ?? this.stdin,
      stdout: changes.stdout ?? this.stdout,
      stderr: changes.stderr ?? this.stderr,
      isInit: this.isInit,
      terminal: this.terminal,
      parent: this,
    });
  }

  /** A job of an interactive shell: it can be interrupted without its shell; it is killed with it. */
  job(): Process {
    const job = new Process(this.world, {
      env: this.env,
      cwd: this.cwd,
      stdin: this.stdin,
      stdout: this.stdout,
      stderr: this.stderr,
      isInit: false,
      terminal: this.terminal,
    });
    const signal = this.#controller.signal;
    if (signal.aborted) job.kill(137);
    else signal.addEventListener('abort', () => job.kill(137), { once: true, signal: job.abortSignal });
    return job;
  }

  get killed(): boolean {
    return this.#controller.signal.aborted;
  }

  get abortSignal(): AbortSignal {
    return this.#controller.signal;
  }

  onSignal(signal: Signal, handler: (() => void) | undefined): void {
    if (handler) this.#handlers.set(signal, handler);
    else this.#handlers.delete(signal);
  }

  /** Delivers a signal. */
  signal(signal: Signal): void {
    if (signal === 'KILL') this.kill(137);
    const handler = this.#handlers.get(signal);
    if (handler) handler();
    else if (!this.isInit) this.kill(128 + signalNumbers[signal]);
  }

  kill(exitCode: number): void {
    if (!this.killed) this.#controller.abort(new Killed(exitCode));
  }

  /** @throws Killed */
  async sleep(ms: number, interrupt?: AbortSignal): Promise<void> {
    const signal = interrupt ? AbortSignal.any([this.#controller.signal, interrupt]) : this.#controller.signal;
    await this.world.clock.sleep(ms, signal);
  }

  /** Resolves when one of these signals comes. @throws Killed */
  waitForSignal(...signals: Signal[]): Promise<Signal> {
    return new Promise((resolve, reject) => {
      const abort = this.#controller.signal;
      if (abort.aborted) return reject(abort.reason);
      const onAbort = () => reject(abort.reason);
      abort.addEventListener('abort', onAbort, { once: true });
      for (const signal of signals) {
        this.onSignal(signal, () => {
          abort.removeEventListener('abort', onAbort);
          resolve(signal);
        });
      }
    });
  }

  /** Waits for `promise` unless killed first. @throws Killed */
  async until<T>(promise: Promise<T>): Promise<T> {
    const abort = this.#controller.signal;
    if (abort.aborted) throw abort.reason;
    let onAbort: (() => void) | undefined;
    const killed = new Promise<never>((_, reject) => {
      onAbort = () => reject(abort.reason);
      abort.addEventListener('abort', onAbort, { once: true });
    });
    try {
      return await Promise.race([promise, killed]);
    } finally {
      abort.removeEventListener('abort', onAbort!);
    }
  }

  /**
   * Counts a step of a script and gives way to others every so often. A script that never rests is slowed down on the
   * cluster clock, more and more, as a CPU quota would: it cannot hold the event loop or fill a log. @throws Killed
   */
  async step(): Promise<void> {
    if (this.killed) throw this.#controller.signal.reason;
    const steps = this.#steps;
    if (++steps.count % stepsPerSlice !== 0) return;
    await this.#rest();
  }

  async #rest(): Promise<void> {
    const over = ++this.#steps.slices - freeSlices;
    await this.sleep(over < 0 ? 1 : Math.min(maxThrottleMs, 2 ** Math.min(10, over / slicesPerDoubling)));
  }

  /**
   * Everything that is left of a source. It counts as the container's memory while it is read, so that one with a limit
   * is killed as a real one; without a limit the command ends at `maxHeldCharacters`.
   * @throws Killed, OutOfMemory
   */
  async readAll(source: Source = this.stdin): Promise<string> {
    const parts: string[] = [];
    let held = 0;
    let taken = 0;
    const release: (() => void)[] = [];
    try {
      for (;;) {
        const text = await this.until(source.read());
        if (text === undefined) return parts.join('');
        parts.push(text);
        held += text.length;
        if (held > maxHeldCharacters) throw new OutOfMemory();
        if (held - taken >= accountedBytes) {
          release.push(this.world.memory.take(held - taken));
          taken = held;
          // The limit may just have been passed, and who writes may never wait.
          await this.#rest();
        }
      }
    } finally {
      for (const free of release) free();
    }
  }

  /** A real wait: the script is no runaway. */
  rested(): void {
    this.#steps.slices = 0;
  }

  /** Unbuffered output. Much of it is work as many steps are. */
  async print(text: string): Promise<boolean> {
    if (text === '') return true;
    if (text.length >= charactersPerStep) {
      const steps = this.#steps;
      const slice = Math.floor(steps.count / stepsPerSlice);
      steps.count += Math.floor(text.length / charactersPerStep);
      if (Math.floor(steps.count / stepsPerSlice) !== slice) await this.#rest();
    }
    return await this.stdout.write(text);
  }

  async complain(text: string): Promise<void> {
    await this.stderr.write(`${text}\n`);
  }
}

/** A slice is a few milliseconds of work. */
const stepsPerSlice = 1_000;
const charactersPerStep = 1_024;
/** Work that is done at full speed between two rests. */
const freeSlices = 200;
const slicesPerDoubling = 10;
const maxThrottleMs = 1_000;
