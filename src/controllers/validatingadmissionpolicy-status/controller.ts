/**
 * Says of each ValidatingAdmissionPolicy that its newest generation has been looked at. Upstream:
 * pkg/controller/validatingadmissionpolicystatus (1.36).
 */
import type { ValidatingAdmissionPolicy } from '../../api/index.ts';
import { isNotFound } from '../../apimachinery/index.ts';
import { causeOf, type SharedInformer, Workqueue } from '../../client/index.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
} from '../common/controller.ts';

const workers = 5;
const names = {
  name: 'validatingadmissionpolicy-status-controller',
  serviceAccount: 'validatingadmissionpolicy-status-controller',
  component: 'validatingadmissionpolicy-status',
} as const;

export class ValidatingAdmissionPolicyStatusController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #base: ControllerBase;
  readonly #queue: Workqueue;
  readonly #policies: SharedInformer<ValidatingAdmissionPolicy>;

  constructor(context: ControllerContext) {
    this.#base = controllerBase(context, names);
    this.#queue = new Workqueue(context, { name: names.component });
    this.#policies = context.informers.informer<ValidatingAdmissionPolicy>('validatingadmissionpolicies');
    const seen = (policy: Readonly<ValidatingAdmissionPolicy>) =>
      this.#queue.add(policy.metadata.name!, causeOf(this.#policies.resource, policy));
    this.#policies.addHandler({ onAdd: seen, onUpdate: (_, policy) => seen(policy) });
  }

  run(signal: AbortSignal): Promise<void> {
    const queues = [{ queue: this.#queue, workers, reconcile: (name: string) => this.#sync(name) }];
    return runController({ log: this.#base.log, informers: [this.#policies], queues }, signal);
  }

  async #sync(name: string): Promise<void> {
    const policy = this.#policies.lister.get('', name);
    const generation = policy?.metadata.generation ?? 0;
    if (!policy || generation <= (policy.status?.observedGeneration ?? 0)) return;
    try {
      await this.#base.client.resource<ValidatingAdmissionPolicy>('validatingadmissionpolicies').updateStatus({
        ...policy,
        status: { ...policy.status, observedGeneration: generation, typeChecking: {} },
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}
