/** A lab of network namespaces: each holds one agent process and lives as long as it does. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Order, Probe, Seen } from './netlab-agent.ts';

const program = fileURLToPath(new URL('netlab-agent.ts', import.meta.url));

type Body<T> = T extends { readonly id: number } ? Omit<T, 'id'> : never;

export class NetMachine {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { done(result: Seen[]): void; fail(error: Error): void }>();
  #last = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const { id, result, error } = JSON.parse(line);
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.done(result);
      else waiting?.fail(new Error(error));
    });
    child.on('exit', (code) => {
      for (const { fail } of this.#waiting.values()) fail(new Error(`the machine ended with ${code}`));
      this.#waiting.clear();
    });
  }

  static async start(): Promise<NetMachine> {
    const child = spawn('unshare', ['-n', process.execPath, program], { stdio: ['pipe', 'pipe', 'inherit'] });
    const machine = new NetMachine(child);
    await new Promise<unknown>((done, fail) => machine.#waiting.set(0, { done, fail }));
    machine.run('ip link set lo up');
    return machine;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** A shell script inside the namespace. @throws with what it said. */
  run(script: string): string {
    return execFileSync('nsenter', ['-t', String(this.pid), '-n', 'sh', '-ec', script], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 1 << 26,
    });
  }

  async serve(tcp: readonly number[], udp: readonly (readonly [string, number])[]): Promise<void> {
    await this.#order({ tcp, udp });
  }

  /** One probe after the other. */
  ask(probes: readonly Probe[]): Promise<Seen[]> {
    return this.#order({ probes });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const gone = new Promise((done) => this.#child.once('exit', done));
    this.#child.stdin!.end();
    await gone;
  }

  #order(body: Body<Order>): Promise<Seen[]> {
    const id = ++this.#last;
    return new Promise((done, fail) => {
      this.#waiting.set(id, { done, fail });
      this.#child.stdin!.write(`${JSON.stringify({ id, ...body })}\n`);
    });
  }
}
