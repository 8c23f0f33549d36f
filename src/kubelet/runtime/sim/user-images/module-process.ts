/**
 * A process with an image module in it, watched: one that never comes back from a loop, or takes more memory than it
 * may, is ended, and nobody else notices. A worker thread would not do: a thread that runs out of memory fast enough
 * takes its whole process along. These processes, unlike everything else in a cluster, run in wall time.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { wallClock } from '../../../../base/index.ts';
import { childSource } from './module-child.ts';

export interface Loaded {
  readonly type: 'loaded';
  readonly name: string | undefined;
  readonly ports: readonly number[];
  readonly http: boolean;
  readonly run: boolean;
  readonly commands: readonly string[];
}

export interface LoadFailure {
  readonly type: 'failed';
  readonly text: string;
  readonly place?: { readonly line: number; readonly column: number };
}

/** Why the process ended by itself or was ended. */
export type ModuleEnd =
  | { readonly why: 'ended'; readonly code: number }
  | { readonly why: 'out of memory' | 'stuck' | 'crashed'; readonly text: string };

export interface ModuleOptions {
  readonly code: string;
  readonly file: string;
  readonly checkOnly?: boolean;
  readonly context?: object;
  readonly seed?: number;
  readonly memoryLimitBytes?: number | undefined;
  readonly onLog?: (stream: 'stdout' | 'stderr', text: string) => void;
  /** What the module asks of its world: sleep, now, fetch, readFile, writeFile. */
  readonly onCall?: (what: string, args: readonly unknown[]) => Promise<unknown>;
  readonly onEnd?: (end: ModuleEnd) => void;
}

/** Megabytes of V8's heap that a module may have when its container has no lower limit, and the least one needs. */
const maxHeapMb = 128;
const minHeapMb = 16;
/** How often it is asked whether it is still there, and how long it may stay silent. Wall time. */
const pingMs = 1_000;
const silentMs = 5_000;
/** Kept of what Node says when it gives up. */
const maxSaid = 16 * 1024;

export interface ModuleProcess {
  /** Resolves when the module is loaded, or why it is not. */
  loaded(timeoutMs: number): Promise<Loaded | LoadFailure>;
  /** One exchange; rejects when the process ends meanwhile. */
  ask(message: { readonly type: 'http' | 'exec' } & Record<string, unknown>): Promise<any>;
  term(): void;
  terminate(): Promise<void>;
}

export function startModule(options: ModuleOptions): ModuleProcess {
  return new Child(options);
}

class Child implements ModuleProcess {
  readonly #child: ChildProcess;
  readonly #options: ModuleOptions;
  readonly #asked = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  readonly #over = new AbortController();
  readonly #exited: Promise<void>;
  #nextId = 1;
  #loaded: Loaded | LoadFailure | undefined;
  #onLoaded: ((loaded: Loaded | LoadFailure) => void) | undefined;
  #answeredPing = true;
  #ended = false;

  constructor(options: ModuleOptions) {
    this.#options = options;
    const { code, file, checkOnly = false, context = {}, seed = 1, memoryLimitBytes } = options;
    const limitMb = Math.floor((memoryLimitBytes ?? Number.POSITIVE_INFINITY) / 2 ** 20);
    const heapMb = Math.max(minHeapMb, Math.min(maxHeapMb, limitMb));
    const flags = [
      '--experimental-vm-modules',
      '--no-warnings',
      `--max-old-space-size=${heapMb}`,
      '--max-semi-space-size=2',
    ];
    // The environment of whoever started klab is none of the module's business.
    const child = spawn(process.execPath, [...flags, '-e', childSource], {
      env: {},
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      windowsHide: true,
    });
    this.#child = child;
    let said = '';
    child.stderr!.on('data', (data: Buffer) => {
      if (said.length < maxSaid) said += data.toString();
    });
    child.on('message', (message) => this.#heard(message));
    child.on('error', (error) => this.#end({ why: 'crashed', text: error.message }));
    this.#exited = new Promise((resolve) => child.once('exit', () => resolve()));
    child.once('close', (code) => {
      if (/heap out of memory|Allocation failed/.test(said)) this.#end({ why: 'out of memory', text: '' });
      else this.#end({ why: 'ended', code: code ?? 137 });
    });
    // Whoever waits for the cluster does not wait for these.
    child.unref();
    child.channel?.unref();
    (child.stderr as unknown as { unref?(): void }).unref?.();
    this.#send({ type: 'start', code, file, checkOnly, context, seed });
    void this.#watch().catch(() => {});
  }

  async loaded(timeoutMs: number): Promise<Loaded | LoadFailure> {
    if (this.#loaded) return this.#loaded;
    const late = wallClock.sleep(timeoutMs, this.#over.signal).then(
      (): LoadFailure => ({
        type: 'failed',
        text: `is not loaded after ${timeoutMs / 1000} s; does it loop for ever?`,
      }),
      (): LoadFailure => this.#loaded as LoadFailure,
    );
    const loaded = new Promise<Loaded | LoadFailure>((resolve) => {
      this.#onLoaded = resolve;
    });
    return Promise.race([loaded, late]);
  }

  ask(message: { readonly type: 'http' | 'exec' } & Record<string, unknown>): Promise<any> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(new Error('the module has ended'));
      const id = this.#nextId++;
      this.#asked.set(id, { resolve, reject });
      this.#send({ ...message, id });
    });
  }

  term(): void {
    this.#send({ type: 'term' });
  }

  async terminate(): Promise<void> {
    this.#end(undefined);
    await this.#exited;
  }

  #heard(message: any): void {
    switch (message.type) {
      case 'loaded':
      case 'failed':
        this.#settleLoaded(message);
        if (message.type === 'failed' && !this.#options.checkOnly) this.#end({ why: 'crashed', text: message.text });
        break;
      case 'log':
        for (const [stream, text] of message.lines) this.#options.onLog?.(stream, text);
        break;
      case 'pong':
        this.#answeredPing = true;
        break;
      case 'answer':
        this.#asked.get(message.id)?.resolve(message.value);
        this.#asked.delete(message.id);
        break;
      case 'call':
        void this.#call(message);
        break;
      case 'ended':
        this.#end({ why: 'ended', code: message.code });
        break;
    }
  }

  #settleLoaded(loaded: Loaded | LoadFailure): void {
    this.#loaded = loaded;
    this.#onLoaded?.(loaded);
  }

  async #call({ id, what, args }: { id: number; what: string; args: readonly unknown[] }): Promise<void> {
    let reply: { value?: unknown; error?: string };
    try {
      reply = { value: await this.#options.onCall?.(what, args) };
    } catch (error) {
      reply = { error: (error as Error).message };
    }
    if (!this.#ended) this.#send({ type: 'reply', id, ...reply });
  }

  #send(message: object): void {
    // A child that is ending takes no more; its end is told by itself.
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  async #watch(): Promise<void> {
    const { signal } = this.#over;
    let waiting = 0;
    for (;;) {
      await wallClock.sleep(pingMs, signal);
      // Looks are counted, not time: a machine that was suspended has not looked either. What it prints meanwhile
      // is no sign of life when it never comes back to answer.
      waiting = this.#answeredPing ? 0 : waiting + 1;
      if (waiting * pingMs >= silentMs) {
        this.#end({ why: 'stuck', text: `the module did not come back from a loop for ${silentMs / 1000} s` });
        return;
      }
      this.#answeredPing = false;
      this.#send({ type: 'ping' });
    }
  }

  #end(end: ModuleEnd | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    const text = end === undefined || end.why === 'ended' ? 'ended before it was loaded' : end.text;
    if (!this.#loaded) this.#settleLoaded({ type: 'failed', text });
    this.#over.abort();
    for (const { reject } of this.#asked.values()) reject(new Error('the module has ended'));
    this.#asked.clear();
    this.#child.kill('SIGKILL');
    if (end) this.#options.onEnd?.(end);
  }
}
