/**
 * CPU time of a simulated container, computed when asked: nothing ticks. Work is served at no more than the container's
 * limit, as CFS quota does; what is more waits, up to a bound. Usage is the rate over the last full window of 15 seconds,
 * which is metrics-server's resolution; windows begin at whole multiples of it on the cluster clock.
 */

export const windowMs = 15_000;
/** Work that can wait, in milliseconds of the limit: clients give up on what is older. */
const backlogMs = 10_000;

export interface CpuUsage {
  /** Core-nanoseconds since the start. */
  readonly total: number;
  /** Nanocores over the last full window, or since the start before there is one. */
  readonly nanoCores: number;
  /** Cluster-clock ms at which that window ended; undefined before there was one. */
  readonly windowEnd: number | undefined;
}

export class CpuMeter {
  readonly #startedAt: number;
  /** Cores. */
  readonly #limit: number;
  readonly #idle: number;
  #at: number;
  /** Core-milliseconds. */
  #used = 0;
  #backlog = 0;
  #burning = 0;
  #last: { readonly at: number; readonly used: number } | undefined;
  #previous: { readonly at: number; readonly used: number } | undefined;

  /** `idle`, `limit` in cores. */
  constructor(now: number, { idle, limit }: { readonly idle: number; readonly limit: number }) {
    this.#startedAt = now;
    this.#at = now;
    this.#idle = Math.min(idle, limit);
    this.#limit = limit;
  }

  /** Work for so many milliseconds of one core. */
  add(coreMs: number, now: number): void {
    this.#advance(now);
    this.#backlog = Math.min(this.#backlog + coreMs, this.#limit * backlogMs);
  }

  /** So many cores are kept busy from now on, besides everything else; returns the way to stop. */
  burn(cores: number, now: number): (now: number) => void {
    this.#advance(now);
    this.#burning += cores;
    return (end) => {
      this.#advance(end);
      this.#burning -= cores;
    };
  }

  usage(now: number): CpuUsage {
    this.#advance(now);
    const [last, previous] = [this.#last, this.#previous];
    if (last && previous) {
      const nanoCores = Math.round(((last.used - previous.used) / (last.at - previous.at)) * 1e9);
      return { total: Math.round(this.#used * 1e6), nanoCores, windowEnd: last.at };
    }
    const upMs = now - this.#startedAt;
    const nanoCores = upMs > 0 ? Math.round((this.#used / upMs) * 1e9) : 0;
    return { total: Math.round(this.#used * 1e6), nanoCores, windowEnd: undefined };
  }

  #advance(now: number): void {
    while (this.#at < now) {
      const boundary = (Math.floor(this.#at / windowMs) + 1) * windowMs;
      // A quiet stretch of many windows is one step.
      const quiet = this.#backlog === 0 && now - boundary > 2 * windowMs;
      const next = quiet ? Math.floor(now / windowMs - 1) * windowMs : Math.min(now, boundary);
      this.#serve(next - this.#at);
      this.#at = next;
      if (next % windowMs === 0) {
        this.#previous = quiet ? { at: next - windowMs, used: this.#used - this.#rate * windowMs } : this.#last;
        this.#last = { at: next, used: this.#used };
      }
    }
  }

  /** Cores in use when nothing waits. */
  get #rate(): number {
    return Math.min(this.#limit, this.#idle + this.#burning);
  }

  #serve(ms: number): void {
    const wanted = (this.#idle + this.#burning) * ms + this.#backlog;
    const served = Math.min(this.#limit * ms, wanted);
    this.#used += served;
    // Burners do not pile up; requests do.
    this.#backlog = Math.max(0, Math.min(this.#backlog, wanted - served));
  }
}
