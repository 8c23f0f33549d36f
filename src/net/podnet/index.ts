/** Models of the pod network: what a network plugin leaves on nodes, and a packet's way through it. */
export { type BackendFigures, compareBackends, endWord } from './compare.ts';
export { fixedBytes, frameBytes, type Header, headerSize, type InnerProtocol } from './headers.ts';
export { parseNetConf, parseSubnetEnv, writeSubnetEnv } from './net-conf.ts';
export { encapOverhead, planPodNetwork } from './plan.ts';
export { nodeScript } from './script.ts';
export { nodeNetworkText, routeText } from './text.ts';
export {
  type NodeNetwork,
  type PodNetBackend,
  PodNetError,
  type PodNetNode,
  type PodNetPod,
  type PodNetSettings,
  type PodNetwork,
  podNetBackends,
} from './types.ts';
export { endIp, type Hop, lookupRoute, packetWay, type Way, type WayEnd, type WayRequest } from './way.ts';
