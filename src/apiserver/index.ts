/**
 * apiserver: the Kubernetes API over a KV.
 */
export {
  type InProcessIdentity,
  type InProcessRequest,
  type InProcessTransport,
  inProcessHandler,
} from './in-process.ts';
export { ApiServer, type ApiServerDeps, type ApiServerOptions } from './server.ts';
export type {
  AdmissionAttributes,
  AdmissionChain,
  AdmissionOperation,
  AdmissionPlugin,
  Authenticator,
  AuthorizationAttributes,
  Authorizer,
  Dispatch,
  EncodedWatchEvent,
  Finish,
  Handler,
  HandlerKey,
  KlabRoute,
  LogOptions,
  NodeDialer,
  ObjectReader,
  RegistryHooks,
  RequestBody,
  RequestContext,
  RequestInfo,
  ResourceKey,
  ResponseBody,
  ServedResources,
  ServerCore,
  ServerParts,
  ServerRequest,
  ServerResponse,
  UserInfo,
  VirtualCreate,
} from './types.ts';
