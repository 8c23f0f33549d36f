/** Keeps as many pods as a ReplicationController asks for. Upstream: pkg/controller/replication (1.36). */
import { nothingSelector } from '../../apimachinery/index.ts';
import type { ControllerContext } from '../common/controller.ts';
import { ReplicaController } from '../common/replica-controller.ts';
import { setSelectorOf } from '../common/selectors.ts';

export class ReplicationController extends ReplicaController {
  constructor(context: ControllerContext) {
    super(context, {
      name: 'replicationcontroller-controller',
      serviceAccount: 'replication-controller',
      component: 'replication-controller',
      kind: 'ReplicationController',
      resource: 'replicationcontrollers',
      countsTerminating: false,
      selectorOf: (owner) => {
        // A plain set of labels, unlike the ReplicaSet's.
        const selector = owner.spec?.selector as Record<string, string> | undefined;
        return selector ? setSelectorOf({ spec: { selector } }) : nothingSelector();
      },
    });
  }
}
