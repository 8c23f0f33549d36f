/**
 * client: how every part of klab, and every command, speaks to a Kubernetes API server: typed calls, transports,
 * informers, workqueues, events, leader election, kubeconfig. Upstream counterpart: client-go (1.36).
 *
 * Promises: objects handed out are read-only and shared; every call carries the cause of the reconcile that makes it;
 * errors are StatusError or ConnectionError; loops end when their signal aborts.
 */
export { causeOf, currentCause, mergeCauses, withCause } from './cause.ts';
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
  type RequestCause,
  type Transport,
} from './transport.ts';
export {
  runWorkers,
  type WorkerOptions,
  type WorkItem,
  Workqueue,
  type WorkqueueDeps,
  type WorkqueueOptions,
} from './workqueue.ts';
