/**
 * cluster: the composition root. `createCluster` is the whole control plane in process; the launcher runs it as a
 * background server. Whoever only starts, stops or asks loads nothing of the control plane.
 */
export { type ComponentFlag, componentFlags, parseComponentFlags, repeatableFlags } from './component-flags.ts';
export { type ComponentInfo, componentNames } from './components.ts';
export { ClusterError, type ClusterErrorCode } from './errors.ts';
export {
  type CheckReport,
  checkEtcdDatabase,
  type DatabaseUse,
  measureEtcdDatabase,
  type RestoreReport,
  restoreEtcdSnapshot,
} from './etcd-files.ts';

export {
  type ServerMessage,
  type StartOptions,
  type StartRequest,
  type StartResult,
  startServer,
  stopServer,
  versionSkew,
} from './launcher.ts';
export { type LoadBalancerPort, readLoadBalancers } from './load-balancer-door.ts';
export type { NetworkCheckFailure, NetworkCheckOptions, NetworkCheckResult } from './network-check.ts';
export type { NodePressure } from './node-pressure.ts';
export type { NodeSpec } from './node-record.ts';
export type { NodeInfo } from './nodes.ts';
export { readPorts } from './remembered-ports.ts';
export {
  type ClusterPaths,
  type ClusterSettings,
  clusterPaths,
  klabHome,
  listClusters,
  readServer,
  readSettings,
  type ServerInfo,
  serverPid,
} from './state.ts';
