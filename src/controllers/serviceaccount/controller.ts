/** Keeps a ServiceAccount `default` in every namespace. Upstream: pkg/controller/serviceaccount/serviceaccounts_controller.go. */

import type { Namespace, ServiceAccount } from '../../api/index.ts';
import { hasNamespaceTerminatingCause, isAlreadyExists } from '../../apimachinery/index.ts';
import { causeOf, type SharedInformer, Workqueue } from '../../client/index.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
} from '../common/controller.ts';

const accounts = ['default'] as const;
/** Upstream runs one worker; creations here are independent, and boot waits for them. */
const workers = 4;

const names = {
  name: 'serviceaccount-controller',
  serviceAccount: 'service-account-controller',
  component: 'service-account-controller',
} as const;

export class ServiceAccountController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #base: ControllerBase;
  readonly #queue: Workqueue;
  readonly #namespaces: SharedInformer<Namespace>;
  readonly #accounts: SharedInformer<ServiceAccount>;

  constructor(context: ControllerContext) {
    this.#base = controllerBase(context, names);
    this.#queue = new Workqueue(context, { name: 'serviceaccount' });
    this.#namespaces = context.informers.informer<Namespace>('namespaces');
    this.#accounts = context.informers.informer<ServiceAccount>('serviceaccounts');
    const enqueue = (namespace: Readonly<Namespace>) =>
      this.#queue.add(namespace.metadata.name!, causeOf(this.#namespaces.resource, namespace));
    this.#namespaces.addHandler({ onAdd: enqueue, onUpdate: (_, namespace) => enqueue(namespace) });
    this.#accounts.addHandler({
      onDelete: (account) => this.#queue.add(account.metadata.namespace!, causeOf(this.#accounts.resource, account)),
    });
  }

  run(signal: AbortSignal): Promise<void> {
    const informers = [this.#namespaces, this.#accounts];
    const queues = [{ queue: this.#queue, workers, reconcile: (key: string) => this.#sync(key) }];
    return runController({ log: this.#base.log, informers, queues }, signal);
  }

  async #sync(namespace: string): Promise<void> {
    const found = this.#namespaces.lister.get('', namespace);
    // A namespace that is going must not get new content.
    if (!found || found.status?.phase === 'Terminating' || found.metadata.deletionTimestamp !== undefined) return;
    for (const name of accounts) {
      if (this.#accounts.lister.get(namespace, name)) continue;
      const account: ServiceAccount = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } };
      try {
        await this.#base.client.resource<ServiceAccount>('serviceaccounts').create(account, { handOver: true });
      } catch (error) {
        if (!isAlreadyExists(error) && !hasNamespaceTerminatingCause(error)) throw error;
      }
    }
  }
}
