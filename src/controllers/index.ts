/**
 * controllers: the control loops of kube-controller-manager, one folder each. Upstream: pkg/controller (1.36).
 *
 * Promises: each acts under its own service account; each is level-based, from shared caches, through a work queue whose
 * keys carry what caused them; events, conditions and numbers are upstream's.
 */
export type { Controller, ControllerContext, ControllerDescriptor, ControllerSettings } from './common/controller.ts';
export { DeploymentController } from './deployment/controller.ts';
export { ReplicaSetController } from './replicaset/controller.ts';
