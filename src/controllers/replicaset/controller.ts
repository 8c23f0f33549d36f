/** Keeps as many pods as a ReplicaSet asks for. Upstream: pkg/controller/replicaset (1.36). */
import type { ControllerContext } from '../common/controller.ts';
import { ReplicaController } from '../common/replica-controller.ts';
import { selectorOf } from '../common/selectors.ts';

export class ReplicaSetController extends ReplicaController {
  constructor(context: ControllerContext) {
    super(context, {
      name: 'replicaset-controller',
      serviceAccount: 'replicaset-controller',
      component: 'replicaset-controller',
      kind: 'ReplicaSet',
      resource: 'replicasets.apps',
      countsTerminating: true,
      selectorOf,
    });
  }
}
