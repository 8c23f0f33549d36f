import { execa, type ResultPromise } from 'execa';

export interface EtcdctlTarget {
  readonly url: string;
  /** Paths. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string };
}

/** Debian's etcdctl, API 3, against one endpoint. */
export class Etcdctl {
  readonly #flags: readonly string[];

  constructor({ url, tls }: EtcdctlTarget) {
    this.#flags = ['--endpoints', url, ...(tls ? ['--cert', tls.cert, '--key', tls.key, '--cacert', tls.ca] : [])];
  }

  /** stdout; rejects with execa's error when the exit code is not 0. */
  async run(args: readonly string[], input?: string): Promise<string> {
    return (await this.start(args, input)).stdout as string;
  }

  /** stdout, then what went to stderr, then the exit code if not 0: a whole transcript. What never ends is stopped. */
  async transcript(args: readonly string[], input?: string, stopAfterMs = 0): Promise<string> {
    const options = { ...this.#options(input, false), ...(stopAfterMs > 0 && { timeout: stopAfterMs }) };
    const { stdout, stderr, exitCode } = await execa('etcdctl', [...this.#flags, ...args], options);
    return [stdout, stderr, exitCode ? `exit ${exitCode}` : ''].filter((part) => part !== '').join('\n');
  }

  /** A running etcdctl; `null` leaves its standard input open for writing. */
  start(args: readonly string[], input?: string | null): ResultPromise {
    return execa('etcdctl', [...this.#flags, ...args], this.#options(input, true));
  }

  #options(input: string | null | undefined, reject: boolean) {
    const stdin =
      typeof input === 'string' ? { input } : { stdin: input === null ? ('pipe' as const) : ('ignore' as const) };
    return { env: { ETCDCTL_API: '3', PATH: process.env['PATH'] }, extendEnv: false, reject, ...stdin };
  }
}
