/** A user's image described in YAML: how long it takes, what it answers, how it fails. Times are cluster-clock times. */

/** Milliseconds: always the same, evenly spread, or long-tailed (log-normal) by its median and 99th percentile. */
export type Latency =
  | { readonly kind: 'fixed'; readonly ms: number }
  | { readonly kind: 'uniform'; readonly minMs: number; readonly maxMs: number }
  | { readonly kind: 'tailed'; readonly p50Ms: number; readonly p99Ms: number };

export interface HttpRule {
  /** Exact, or a prefix when it ends with `*`. */
  readonly path: string;
  /** Absent: any. */
  readonly method?: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly latency?: Latency;
  /** Share of requests, 0 to 1, answered with 500 instead. */
  readonly errorRate: number;
}

export interface LogRule {
  /** `{n}`, `{time}`, `{pod}`, `{namespace}`, `{node}`, `{container}` and `{random:1-6}` are replaced. */
  readonly line: string;
  readonly everyMs: number;
  readonly stream: 'stdout' | 'stderr';
  /** Absent: for ever. */
  readonly count?: number;
}

export interface CommandRule {
  /** All words of the command, or its first ones when it ends with `*`. */
  readonly command: readonly string[];
  readonly output: string;
  readonly exitCode: number;
  readonly takesMs: number;
}

export interface Behaviour {
  readonly name: string;
  /** Bytes; absent: by name. */
  readonly size?: number;
  readonly ports: readonly number[];
  /** Answers to pulls: time, and an error for the first `failures` (default: all, when there is an error). */
  readonly pull: { readonly timeMs?: number; readonly error?: string; readonly failures?: number };
  readonly create: { readonly error?: string };
  readonly start: { readonly delayMs: number; readonly error?: string };
  /** Ports open `afterMs`; in an unready window HTTP answers 503 and gRPC health NOT_SERVING. */
  readonly ready: {
    readonly afterMs: number;
    readonly unready: readonly { readonly fromMs: number; readonly forMs: number; readonly everyMs?: number }[];
  };
  /** Ends by itself. */
  readonly exit?: { readonly afterMs: number; readonly code: number; readonly reason?: string };
  /** By seed: with this probability an instance ends with `code` at some time within `withinMs`. */
  readonly crash?: { readonly probability: number; readonly withinMs: number; readonly code: number };
  /** Bytes: taken at the start, more each second, up to `max` in all. */
  readonly memory: { readonly start: number; readonly growth: number; readonly max?: number };
  /** Bytes written a second to the writable layer, up to `max` in all. */
  readonly disk: { readonly growth: number; readonly max?: number };
  /** How it takes TERM: time to end, and the code; or not at all. */
  readonly stop: { readonly takesMs: number; readonly code: number; readonly ignore: boolean };
  readonly log: readonly LogRule[];
  readonly http: readonly HttpRule[];
  readonly commands: readonly CommandRule[];
  /** The termination message. */
  readonly message?: string;
}
