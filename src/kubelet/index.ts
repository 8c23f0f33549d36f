/**
 * kubelet: the node agent. Registers its Node, runs the pods bound to it on a container runtime, reports what became
 * of them. Upstream counterpart: cmd/kubelet, pkg/kubelet (1.36).
 *
 * Promises: the status shown is derived from the runtime, never from the plan; one step at a time per pod; nothing but
 * the injected clock is waited for; an idle node costs one lease renewal each 10 s.
 */
export type { ContainerLogOptions } from './container-logs.ts';
export {
  amountIn,
  type EvictionConfig,
  EvictionFlagError,
  type EvictionSignal,
  parseEvictionFlags,
} from './eviction/thresholds.ts';
export { kubeletHttp } from './http.ts';
export { Kubelet } from './kubelet.ts';
export { defaultCapacity } from './node-object.ts';
export { podLimits, podQOS, podRequests } from './pod-resources.ts';
export type { Pod as KubeletPod } from './pod-types.ts';
export { decodeBytes, encodeText } from './runtime/sim/bytes.ts';
export {
  ConnectError,
  type FabricHooks,
  type HttpRequest,
  type HttpResponse,
  ImageCatalog,
  type ImageContext,
  type ImageModule,
  type ImageRecord,
  type ImageRequest,
  type ImageResponse,
  type ImageSource,
  ImageSourceError,
  type Listener,
  MemoryFabric,
  type NetworkFabric,
  type Peer,
  type Protocol,
  readImage,
  restoreImage,
  type ServiceEndpoint,
  SimRuntime,
  type SimRuntimeDeps,
  type SimRuntimeOptions,
  type TcpSession,
  type UserImage,
} from './runtime/sim/index.ts';
export type { Program } from './runtime/sim/shell/commands/lines.ts';
export {
  type ContainerEvent,
  type ContainerRuntime,
  type ContainerStats,
  type ExecResult,
  type ExecStreams,
  RuntimeError,
} from './runtime/types.ts';
export type {
  Disks,
  EventSink,
  KubeletDeps,
  KubeletOptions,
  NodeConfig,
  ObjectReference,
  ServiceLister,
} from './types.ts';
