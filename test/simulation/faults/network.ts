/**
 * What lies between the components of a cluster and its API server: requests that fail before or after they were carried
 * out, watches that break, and processes that die at their writes; all drawn from one stream. Users get through.
 */
import {
  newConflict,
  newInternalError,
  newServiceUnavailable,
  newTimeout,
  newTooManyRequests,
} from '../../../src/apimachinery/index.ts';
import type { Dispatch, ServerRequest, ServerResponse } from '../../../src/apiserver/index.ts';
import type { Prng } from '../../../src/base/index.ts';
import { ConnectionError } from '../../../src/client/index.ts';
import type { ComponentName } from '../../../src/cluster/components.ts';

export interface Process {
  readonly name: ComponentName;
  readonly node?: string;
}

export class FaultyNetwork {
  faulty = true;
  /** Told who dies; the process must be gone before it sees an answer. */
  onDeath: (process: Process, at: string) => void = () => {};
  /** Injected so far, by kind. */
  readonly counts = new Map<string, number>();
  readonly #prng: Prng;
  readonly #watches = new Set<(error: Error | undefined) => void>();

  constructor(prng: Prng) {
    this.#prng = prng;
  }

  readonly interpose =
    (dispatch: Dispatch): Dispatch =>
    async (request) => {
      const process = processOf(request);
      if (!process) return dispatch(request);
      const response = await (this.faulty ? this.#withFaults(dispatch, request, process) : dispatch(request));
      return response.body.kind === 'watch' ? this.#breakable(response) : response;
    };

  /** Every watch of a component ends, in order or with an error. */
  cut(error?: Error): void {
    this.#count('cut watches');
    for (const end of [...this.#watches]) end(error);
  }

  #withFaults(dispatch: Dispatch, request: ServerRequest, process: Process): Promise<ServerResponse> {
    const isWrite = request.method !== 'GET';
    switch (this.#prng.int(isWrite ? 60 : 90)) {
      case 0:
        return this.#fail('internal error', newInternalError('injected'));
      case 1:
        return this.#fail('unavailable', newServiceUnavailable('injected'));
      case 2:
        // A delete that waits for its Retry-After acts on a decision of the past; upstream's clients do so too.
        if (request.method === 'DELETE') break;
        return this.#fail('too many requests', newTooManyRequests('injected', 1));
      case 3:
        return this.#fail('refused', new ConnectionError('connection reset before the request was read'));
      case 4:
        if (request.method !== 'PUT') break;
        return this.#fail('conflict', newConflict({ group: '', resource: 'injected' }, 'x', 'injected'));
      case 5:
        if (!isWrite) break;
        return this.#afterwards(dispatch, request, 'lost answer', new ConnectionError('connection reset'));
      case 6:
        if (!isWrite) break;
        return this.#afterwards(dispatch, request, 'timeout after commit', newTimeout('injected', 1));
      case 7:
        // Kubelets write far more than the others.
        if (!isWrite || (process.name === 'kubelet' && this.#prng.int(8) > 0)) break;
        return this.#die(dispatch, request, process);
    }
    return dispatch(request);
  }

  #fail(kind: string, error: Error): Promise<never> {
    this.#count(kind);
    return Promise.reject(error);
  }

  async #afterwards(dispatch: Dispatch, request: ServerRequest, kind: string, error: Error): Promise<never> {
    this.#count(kind);
    await dispatch(request);
    throw error;
  }

  /** It ends with its write done, or not. */
  async #die(dispatch: Dispatch, request: ServerRequest, process: Process): Promise<never> {
    const done = this.#prng.int(2) === 0;
    this.#count(done ? 'death after a write' : 'death before a write');
    // Whoever is told to end breaks off its requests; this one is not.
    if (done) await dispatch({ ...request, signal: new AbortController().signal });
    this.onDeath(process, `${request.method} ${request.path}, ${done ? '' : 'not '}done`);
    throw new ConnectionError('the process is dead');
  }

  #count(kind: string): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }

  #breakable(response: ServerResponse): ServerResponse {
    const { body } = response;
    if (body.kind !== 'watch') return response;
    const source = body.events;
    const watches = this.#watches;
    const events: typeof source = {
      [Symbol.asyncIterator]() {
        const inner = source[Symbol.asyncIterator]();
        let ended: { readonly error: Error | undefined } | undefined;
        let wake = (_: 'ended') => {};
        const broken = new Promise<'ended'>((resolve) => {
          wake = resolve;
        });
        const end = (error: Error | undefined) => {
          ended ??= { error };
          watches.delete(end);
          wake('ended');
        };
        watches.add(end);
        const finish = async () => {
          await inner.return?.();
          if (ended?.error) throw ended.error;
          return { value: undefined, done: true as const };
        };
        return {
          async next() {
            if (ended) return finish();
            const result = await Promise.race([inner.next(), broken]);
            if (result === 'ended') return finish();
            if (result.done) watches.delete(end);
            return result;
          },
          async return() {
            watches.delete(end);
            await inner.return?.();
            return { value: undefined, done: true as const };
          },
        };
      },
    };
    return { ...response, body: { ...body, events } };
  }
}

/** Undefined: a user, or the simulated pod network. */
function processOf({ user }: ServerRequest): Process | undefined {
  const name = user?.name ?? '';
  if (name === 'system:kube-scheduler') return { name: 'scheduler' };
  if (name === 'system:kube-controller-manager' || name.startsWith('system:serviceaccount:kube-system:')) {
    return { name: 'controller-manager' };
  }
  if (name.startsWith('system:node:')) return { name: 'kubelet', node: name.slice('system:node:'.length) };
  return undefined;
}
