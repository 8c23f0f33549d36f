import type { Prng } from '../../base/index.ts';
import { NumberRange, staticBand } from './number-range.ts';

export const portAllocated = 'provided port is already allocated';

/** Node ports. Upstream: pkg/registry/core/service/portallocator/allocator.go. */
export class PortRange {
  readonly #first: number;
  readonly #last: number;
  readonly #numbers: NumberRange;

  /** `first-last`, as `--service-node-port-range`. Throws an Error for what is none. */
  constructor(text: string, prng: Prng) {
    const match = /^(\d+)-(\d+)$/.exec(text);
    this.#first = Number(match?.[1]);
    this.#last = Number(match?.[2]);
    if (!(this.#first >= 1 && this.#last <= 65535 && this.#first <= this.#last)) {
      throw new Error(`--service-node-port-range ${JSON.stringify(text)} is not a valid port range`);
    }
    const size = this.#last - this.#first + 1;
    this.#numbers = new NumberRange(size, staticBand(size, { min: 16, max: 128, step: 32 }), prng);
  }

  /** `first-last`. */
  get text(): string {
    return `${this.#first}-${this.#last}`;
  }

  contains(port: number): boolean {
    return port >= this.#first && port <= this.#last;
  }

  allocated(): number[] {
    const out: number[] = [];
    for (let i = 0; i < this.#numbers.size; i++) if (this.#numbers.has(i)) out.push(this.#first + i);
    return out;
  }

  /** Undefined when it is reserved now, else why not. */
  allocate(port: number): string | undefined {
    if (!this.contains(port)) {
      return `provided port is not in the valid range. The range of valid ports is ${this.text}`;
    }
    return this.#numbers.allocate(port - this.#first) ? undefined : portAllocated;
  }

  /** Undefined: all are taken. */
  allocateNext(): number | undefined {
    const number = this.#numbers.allocateNext();
    return number === undefined ? undefined : this.#first + number;
  }

  release(port: number): void {
    if (this.contains(port)) this.#numbers.release(port - this.#first);
  }

  clear(): void {
    this.#numbers.clear();
  }
}
