/**
 * What an image module exports. In an editor:
 *
 *   /** @type {import('klab').ImageModule} *\/
 *   export default { name: 'shop:1', ports: [8080], http: (request) => ({ body: 'hello' }) };
 */

export interface ImageRequest {
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Address of the client; its pod, when it is one. */
  readonly from: { readonly ip: string; readonly namespace?: string; readonly pod?: string };
}

/** A text is a body with status 200; an object that is no response is sent as JSON. */
export type ImageResponse =
  | string
  | { readonly status?: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string };

/** The world of one container. Time is the cluster's, names are its DNS's. */
export interface ImageContext {
  readonly pod: string;
  readonly namespace: string;
  readonly node: string;
  readonly container: string;
  readonly ip: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Aborted when the container is told to end. */
  readonly signal: AbortSignal;
  /** A line of the container's log; console.log and console.error do the same. */
  log(...words: unknown[]): void;
  error(...words: unknown[]): void;
  sleep(ms: number): Promise<void>;
  /** Milliseconds since 1970 on the cluster clock. */
  now(): Promise<number>;
  /** From 0 to 1, by the cluster's seed, the pod and its restarts. */
  random(): number;
  fetch(
    url: string,
    init?: { readonly method?: string; readonly headers?: Readonly<Record<string, string>>; readonly body?: string },
  ): Promise<{ readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string }>;
  readFile(path: string): Promise<string>;
  writeFile(path: string, text: string): Promise<void>;
}

/** `export default` of an image module. Each container runs it in a process of its own. */
export interface ImageModule {
  /** `shop:1`. */
  readonly name?: string;
  /** TCP ports it listens on, besides those the container declares. */
  readonly ports?: readonly number[];
  /** The container ends when it returns, with the number it returns (default 0). Without it: when told to end. */
  run?(context: ImageContext): unknown;
  http?(request: ImageRequest, context: ImageContext): ImageResponse | object | Promise<ImageResponse | object>;
  /** For `kubectl exec`: prints what it returns; a thrown error is printed to stderr and is exit code 1. */
  readonly commands?: Readonly<Record<string, (args: readonly string[], context: ImageContext) => unknown>>;
}
