/**
 * client: how every part of klab, and every command, speaks to a Kubernetes API server: typed calls, transports,
 * informers, workqueues, events, leader election, kubeconfig. Upstream counterpart: client-go (1.36).
 *
 * Promises: objects handed out are read-only and shared; every call carries the cause of the reconcile that makes it;
 * errors are StatusError or ConnectionError; loops end when their signal aborts.
 */
export { causeOf, currentCause, mergeCauses, withCause } from './cause.ts';
export { type DiscoveryResult, discover, discoverMapper } from './discovery.ts';
export { EventCorrelator } from './events/correlator.ts';
export { type CoreEvent, type ObjectReference, referenceTo } from './events/event.ts';
export {
  EventBroadcaster,
  type EventBroadcasterDeps,
  type EventRecorder,
  type EventSource,
  type EventType,
  silentRecorder,
} from './events/recorder.ts';
export type { ClientConfig, Credentials, ExecConfig, Impersonation } from './https/config.ts';
export { ExecCredentialError } from './https/exec-credentials.ts';
export { HttpsTransport, type HttpsTransportOptions } from './https/https-transport.ts';
export { SharedInformerFactory, type SharedInformerFactoryOptions } from './informer/factory.ts';
export {
  byControllerUID,
  byNamespace,
  byOwnerUID,
  Indexer,
  type Indexers,
  type IndexFunction,
} from './informer/indexer.ts';
export { type LabelMatcher, Lister } from './informer/lister.ts';
export { Reflector, type ReflectorDeps, type ReflectorOptions, type ReflectorTarget } from './informer/reflector.ts';
export {
  type HandlerRegistration,
  type InformerHandler,
  type InformerOptions,
  SharedInformer,
} from './informer/shared-informer.ts';
export {
  type CallOptions,
  type DeleteOptions,
  type GetOptions,
  KubeClient,
  type KubeClientOptions,
  type ListOptions,
  type PatchOptions,
  type PatchType,
  ResourceClient,
  statusOfEvent,
  type WatchOptions,
  type WriteOptions,
} from './kube-client.ts';
export {
  type ContextOverrides,
  inClusterConfig,
  Kubeconfig,
  kubeconfigPaths,
  type LoadKubeconfigOptions,
  loadKubeconfig,
  readKubeconfigFile,
} from './kubeconfig/load.ts';
export {
  KubeconfigError,
  type KubeconfigFile,
  type NamedCluster,
  type NamedContext,
  type NamedUser,
} from './kubeconfig/model.ts';
export {
  type KubeconfigEntries,
  kubeconfigEntries,
  kubeconfigPathToWrite,
  mergeKubeconfig,
  newKubeconfig,
  removeFromKubeconfig,
  useContext,
  withKubeconfigsLocked,
  writeKubeconfig,
} from './kubeconfig/write.ts';
export { type LeaderElectionDeps, type LeaderElectionOptions, LeaderElector } from './leader-election.ts';
export {
  BucketRateLimiter,
  defaultControllerRateLimiter,
  ItemExponentialFailureRateLimiter,
  MaxOfRateLimiter,
  type RateLimiter,
  TokenBucket,
} from './rate-limiter.ts';
export {
  groupVersionText,
  type ResourceDescription,
  type ResourceRef,
  resourceName,
  resourcePath,
} from './resource.ts';
export { NoMatchError, RESTMapper } from './rest-mapper.ts';
export { type RetryOptions, retryOnConflict, retryOnError } from './retry.ts';
export {
  type ApiMethod,
  type ApiRequest,
  type ApiResponse,
  ConnectionError,
  type Forwarded,
  type ForwardRequest,
  type RequestCause,
  type Transport,
  type Upgraded,
  type UpgradeRequest,
} from './transport.ts';
export {
  runWorkers,
  type WorkerOptions,
  type WorkItem,
  Workqueue,
  type WorkqueueDeps,
  type WorkqueueOptions,
} from './workqueue.ts';
