/**
 * apiserver: the Kubernetes API over a KV.
 */
export { AdmissionOptionsError, checkAdmissionPluginNames } from './admission/plugin-names.ts';
export { parseTokenFile, TokenFileError } from './authn/token-file.ts';
export { type AuthorizationMode, isAuthorizationMode } from './authz/modes.ts';
export type { AdvertisedAddress } from './bootstrap/objects.ts';
export { gitVersion } from './discovery/version.ts';
export type { FlowControlHook } from './filters/chain.ts';
export type { HealthCheck } from './health/health.ts';
export { HttpsDoor, type HttpsDoorDeps, type HttpsDoorOptions, ListenError } from './http/https-door.ts';
export {
  type InProcessIdentity,
  type InProcessRequest,
  type InProcessTransport,
  inProcessHandler,
} from './in-process.ts';
export type { OpenApiDocuments } from './openapi/openapi.ts';
export { type BuiltParts, newServerParts, type ServerPartsOptions, type ServiceAccountKeys } from './parts.ts';
export { ApiServer, type ApiServerDeps, type ApiServerOptions } from './server.ts';
export { decodeStoredObject, encodeForStorage } from './storage/entry.ts';
export { keyBytes, objectKeyIn, resourcePrefix } from './storage/keys.ts';
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
  PodReference,
  ProxyRequest,
  ProxyResponse,
  ProxyTarget,
  RegistryHooks,
  RemoteStreams,
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
  TerminalSize,
  UpgradedDoor,
  UserInfo,
  VirtualCreate,
  VirtualRead,
} from './types.ts';
