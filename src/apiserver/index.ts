/**
 * apiserver: the Kubernetes API over a KV.
 */
export type {
  AdmissionAttributes,
  AdmissionChain,
  AdmissionOperation,
  AdmissionPlugin,
  AuthorizationAttributes,
  Authorizer,
  EncodedWatchEvent,
  Finish,
  Handler,
  LogOptions,
  NodeDialer,
  ObjectReader,
  RegistryHooks,
  RequestBody,
  RequestContext,
  RequestInfo,
  ResourceKey,
  ResponseBody,
  ServerRequest,
  ServerResponse,
  UserInfo,
} from './types.ts';
