/**
 * Gives Ingresses of klab's class their address in status. Upstream has no Ingress controller; this does what the status
 * syncer of one does (ingress-nginx: internal/ingress/status).
 */

import type { KubeObject } from '../../apimachinery/index.ts';
import { deepEqual, isNotFound, objectKey, splitObjectKey } from '../../apimachinery/index.ts';
import { causeOf, type SharedInformer, Workqueue } from '../../client/index.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
  updateCause,
} from '../common/controller.ts';
import { loadBalancerRange } from '../common/load-balancer-addresses.ts';

/** What IngressClasses name in `spec.controller`. */
export const ingressController = 'klab.dev/ingress';

const names = {
  name: 'ingress-address-controller',
  serviceAccount: 'ingress-address-controller',
  component: 'klab-ingress-controller',
} as const;
const classAnnotation = 'kubernetes.io/ingress.class';

export class IngressAddressController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #base: ControllerBase;
  readonly #queue: Workqueue;
  readonly #ingresses: SharedInformer;
  readonly #classes: SharedInformer;
  readonly #address: string;

  constructor(context: ControllerContext) {
    this.#base = controllerBase(context, names);
    this.#queue = new Workqueue(context, { name: 'ingress' });
    this.#address = loadBalancerRange(context.settings).ingress;
    this.#ingresses = context.informers.informer('ingresses.networking.k8s.io');
    this.#classes = context.informers.informer('ingressclasses.networking.k8s.io');
    this.#ingresses.addHandler({
      onAdd: (ingress) => this.#queue.add(objectKey(ingress), causeOf(this.#ingresses.resource, ingress)),
      onUpdate: (old, ingress) => this.#queue.add(objectKey(ingress), updateCause(this.#ingresses, old, ingress)),
    });
    const classChanged = (object: Readonly<KubeObject>) => {
      for (const ingress of this.#ingresses.lister.list()) {
        if (classOf(ingress) === object.metadata.name) {
          this.#queue.add(objectKey(ingress), causeOf(this.#classes.resource, object));
        }
      }
    };
    this.#classes.addHandler({ onAdd: classChanged, onUpdate: (_, object) => classChanged(object) });
  }

  run(signal: AbortSignal): Promise<void> {
    const { log, broadcaster } = this.#base;
    const informers = [this.#ingresses, this.#classes];
    const queues = [{ queue: this.#queue, workers: 1, reconcile: (key: string) => this.#sync(key) }];
    return runController({ log, broadcaster, informers, queues }, signal);
  }

  async #sync(key: string): Promise<void> {
    const { namespace, name } = splitObjectKey(key);
    const ingress = this.#ingresses.lister.get(namespace, name);
    if (!ingress || ingress.metadata.deletionTimestamp !== undefined) return;
    const mine = this.#classes.lister.get('', classOf(ingress))?.['spec']?.controller === ingressController;
    if (!mine) return;
    const status = { loadBalancer: { ingress: [{ ip: this.#address }] } };
    if (deepEqual(ingress['status'], status)) return;
    try {
      await this.#base.client.resource('ingresses.networking.k8s.io').updateStatus({ ...ingress, status });
    } catch (error) {
      if (isNotFound(error)) return;
      throw error;
    }
    this.#base.recorder.event(ingress, 'Normal', 'Sync', 'Scheduled for sync');
  }
}

function classOf(ingress: Readonly<KubeObject>): string {
  return ingress['spec']?.ingressClassName ?? ingress.metadata.annotations?.[classAnnotation] ?? '';
}
