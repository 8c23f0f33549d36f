/**
 * The simulated runtime: images are small programs, commands run in a mini shell, pods talk over an in-memory network.
 */

export { MemoryFabric } from './fabric.ts';
export {
  ConnectError,
  type FabricHooks,
  type HttpRequest,
  type HttpResponse,
  type Listener,
  type NetworkFabric,
  type Peer,
  type Protocol,
  type ServiceEndpoint,
  type TcpSession,
} from './fabric-types.ts';
export { SimRuntime, type SimRuntimeDeps, type SimRuntimeOptions } from './sim-runtime.ts';
export {
  ImageCatalog,
  type ImageRecord,
  type ImageSource,
  readImage,
  restoreImage,
  type UserImage,
} from './user-images/catalog.ts';
export { ImageSourceError } from './user-images/fields.ts';
export type { ImageContext, ImageModule, ImageRequest, ImageResponse } from './user-images/module-types.ts';
