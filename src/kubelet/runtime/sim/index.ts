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
