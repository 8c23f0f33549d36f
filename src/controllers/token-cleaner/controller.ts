/** Deletes bootstrap tokens that have ended. Off unless asked for. Upstream: pkg/controller/bootstrap/tokencleaner.go (1.36). */
import type { Secret } from '../../api/index.ts';
import { isConflict, isNotFound, objectKey, splitObjectKey } from '../../apimachinery/index.ts';
import { causeOf, type SharedInformer, Workqueue } from '../../client/index.ts';
import { isBootstrapToken, tokenLifetime } from '../common/bootstrap-tokens.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
} from '../common/controller.ts';

const names = {
  name: 'token-cleaner-controller',
  serviceAccount: 'token-cleaner',
  component: 'token-cleaner',
} as const;

export class TokenCleanerController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #context: ControllerContext;
  readonly #base: ControllerBase;
  readonly #queue: Workqueue;
  readonly #secrets: SharedInformer<Secret>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#base = controllerBase(context, names);
    this.#queue = new Workqueue(context, { name: 'token_cleaner' });
    this.#secrets = context.informers.informer<Secret>('secrets');
    const seen = (secret: Readonly<Secret>) => {
      if (isBootstrapToken(secret)) this.#queue.add(objectKey(secret), causeOf(this.#secrets.resource, secret));
    };
    this.#secrets.addHandler({ onAdd: seen, onUpdate: (_, secret) => seen(secret) });
  }

  run(signal: AbortSignal): Promise<void> {
    const queues = [{ queue: this.#queue, workers: 1, reconcile: (key: string) => this.#sync(key) }];
    return runController({ log: this.#base.log, informers: [this.#secrets], queues }, signal);
  }

  async #sync(key: string): Promise<void> {
    const { namespace, name } = splitObjectKey(key);
    const secret = this.#secrets.lister.get(namespace, name);
    const left = secret && isBootstrapToken(secret) ? tokenLifetime(secret, this.#context.clock.now()) : undefined;
    if (left === undefined) return;
    if (left > 0) {
      this.#queue.addAfter(key, left, { timer: 'bootstrap-token-expiration' });
      return;
    }
    try {
      const client = this.#base.client.resource('secrets').namespace(namespace);
      await client.delete(name, { preconditions: { uid: secret!.metadata.uid! } });
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
  }
}
