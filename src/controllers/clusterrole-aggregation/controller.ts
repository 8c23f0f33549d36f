/** Fills aggregated ClusterRoles with the rules of others. Upstream: pkg/controller/clusterroleaggregation (1.36). */
import type { ClusterRole, PolicyRule } from '../../api/index.ts';
import { deepEqual, selectorFromLabelSelector } from '../../apimachinery/index.ts';
import { causeOf, type RequestCause, type SharedInformer, Workqueue } from '../../client/index.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
} from '../common/controller.ts';

const concurrentSyncs = 5;

const names = {
  name: 'clusterrole-aggregation-controller',
  serviceAccount: 'clusterrole-aggregation-controller',
  component: 'clusterrole-aggregation-controller',
} as const;

export class ClusterRoleAggregationController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #base: ControllerBase;
  readonly #queue: Workqueue;
  readonly #roles: SharedInformer<ClusterRole>;

  constructor(context: ControllerContext) {
    this.#base = controllerBase(context, names);
    this.#queue = new Workqueue(context, { name: 'ClusterRoleAggregator' });
    this.#roles = context.informers.informer<ClusterRole>('clusterroles.rbac.authorization.k8s.io');
    this.#roles.addIndexers({ aggregated: (role) => (role.aggregationRule ? [''] : []) });
    const changed = (role: Readonly<ClusterRole>) => this.#wakeAggregated(causeOf(this.#roles.resource, role));
    this.#roles.addHandler({ onAdd: changed, onUpdate: (_, role) => changed(role), onDelete: changed });
  }

  run(signal: AbortSignal): Promise<void> {
    const { log } = this.#base;
    const queues = [{ queue: this.#queue, workers: concurrentSyncs, reconcile: (name: string) => this.#sync(name) }];
    return runController({ log, informers: [this.#roles], queues }, signal);
  }

  /** Any role may be part of any other. */
  #wakeAggregated(cause: RequestCause): void {
    for (const role of this.#roles.lister.byIndex('aggregated', '')) this.#queue.add(role.metadata.name!, cause);
  }

  async #sync(name: string): Promise<void> {
    const role = this.#roles.lister.get('', name);
    if (!role?.aggregationRule) return;
    const rules: PolicyRule[] = [];
    for (const labelSelector of role.aggregationRule.clusterRoleSelectors ?? []) {
      const parts = this.#roles.lister.list(undefined, selectorFromLabelSelector(labelSelector));
      parts.sort((a, b) => (a.metadata.name! < b.metadata.name! ? -1 : 1));
      for (const part of parts) {
        if (part.metadata.name === name) continue;
        for (const rule of part.rules ?? []) if (!rules.some((known) => deepEqual(known, rule))) rules.push(rule);
      }
    }
    if (deepEqual(rules, role.rules ?? [])) return;
    const applied = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name },
      rules,
    } as ClusterRole;
    await this.#base.client
      .resource<ClusterRole>('clusterroles.rbac.authorization.k8s.io')
      .apply(applied, { fieldManager: names.name, force: true });
  }
}
