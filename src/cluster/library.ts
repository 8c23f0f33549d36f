/**
 * klab as a library: the same control plane in the caller's process.
 *
 *   import { createCluster } from 'klab';
 *   await using cluster = await createCluster({ nodes: 3, clock: 'virtual', seed: 'demo' });
 *   await cluster.client.resource('pods').namespace('default').create({ … });
 *   await cluster.clock.advance(60_000);
 *   await cluster.nodes.stop('node-2');
 *   await cluster.components.stop('scheduler');
 */
export { VirtualClock } from '../base/index.ts';
export type { ImageContext, ImageModule, ImageRequest, ImageResponse } from '../kubelet/index.ts';
export type { ComponentInfo, ComponentName, Components } from './components.ts';
export { type Cluster, createCluster } from './create-cluster.ts';
export { ClusterError, type ClusterErrorCode } from './errors.ts';
export type { NodeSpec, NodeState } from './node-record.ts';
export type { NodeFleet, NodeInfo } from './nodes.ts';
export type { ClusterOptions } from './options.ts';
