/** What every controller is made of and runs in. Upstream: cmd/kube-controller-manager/app. */

import type { KubeObject } from '../../apimachinery/index.ts';
import { type Clock, type Logger, type Prng, type Runnable, TaskGroup } from '../../base/index.ts';
import {
  causeOf,
  EventBroadcaster,
  type EventRecorder,
  type KubeClient,
  type RequestCause,
  runWorkers,
  type SharedInformer,
  type SharedInformerFactory,
  type Workqueue,
} from '../../client/index.ts';
import type { CertificateAuthority } from '../../pki/index.ts';

/** What signs certificate requests. */
export interface ClusterSigning {
  /** `--cluster-signing-cert-file` and `--cluster-signing-key-file`: the cluster's CA. */
  readonly authority: CertificateAuthority;
  /** Certificates live by the wall clock, which TLS looks at. */
  wallNow(): number;
}

/** Signs claims into a token (`--service-account-private-key-file`). */
export type TokenGenerator = (claims: Readonly<Record<string, unknown>>) => string;

/** Flags of kube-controller-manager that controllers read; defaults are upstream's. */
export interface ControllerSettings {
  /** PEM bundle put into `kube-root-ca.crt`. */
  readonly rootCA: string;
  /** `--cluster-cidr`. Default `10.244.0.0/16`. */
  readonly clusterCidrs?: readonly string[];
  /** Where load balancers take their addresses from. Default `192.0.2.0/24`. */
  readonly loadBalancerCidr?: string;
  /** `--node-cidr-mask-size-ipv4`. Default 24. */
  readonly nodeCidrMaskSizeIPv4?: number;
  /** `--node-cidr-mask-size-ipv6`. Default 64. */
  readonly nodeCidrMaskSizeIPv6?: number;
  /** `--node-monitor-period`. Default 5,000. */
  readonly nodeMonitorPeriodMs?: number;
  /** `--node-monitor-grace-period`. Default 50,000. */
  readonly nodeMonitorGracePeriodMs?: number;
  /** `--node-startup-grace-period`. Default 60,000. */
  readonly nodeStartupGracePeriodMs?: number;
  /** `--node-eviction-rate`, nodes a second. Default 0.1. */
  readonly nodeEvictionRate?: number;
  /** `--secondary-node-eviction-rate`. Default 0.01. */
  readonly secondaryNodeEvictionRate?: number;
  /** `--large-cluster-size-threshold`. Default 50. */
  readonly largeClusterSizeThreshold?: number;
  /** `--unhealthy-zone-threshold`. Default 0.55. */
  readonly unhealthyZoneThreshold?: number;
  /** `--terminated-pod-gc-threshold`. Default 12,500. */
  readonly terminatedPodGCThreshold?: number;
  /** `--max-endpoints-per-slice`. Default 100. */
  readonly maxEndpointsPerSlice?: number;
  /** `--endpoint-updates-batch-period` and `--endpointslice-updates-batch-period`. Default 0: by the Service's size. */
  readonly endpointUpdatesBatchPeriodMs?: number;
  /** Absent: nothing signs certificate requests. */
  readonly clusterSigning?: ClusterSigning;
  /** `--cluster-signing-duration`: the longest life of a certificate. Default a year. */
  readonly clusterSigningDurationMs?: number;
  /** Absent: token Secrets are not filled. */
  readonly tokenGenerator?: TokenGenerator;
  /** `--legacy-service-account-token-clean-up-period`. Default a year. */
  readonly legacyTokenCleanUpMs?: number;
}

export interface ControllerContext {
  /** The cluster clock. */
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
  /** One watch per resource for all controllers. */
  readonly informers: SharedInformerFactory;
  /** A client that acts as `system:serviceaccount:kube-system:<serviceAccount>`. */
  clientFor(serviceAccount: string): KubeClient;
  /** Acts as `system:kube-controller-manager` itself. */
  readonly rootClient: KubeClient;
  readonly settings: ControllerSettings;
}

/** A control loop. Runs until aborted, and ends only when all it started has ended. */
export interface Controller extends Runnable {
  /** Upstream's canonical name, e.g. `deployment-controller`. */
  readonly name: string;
  /** User it acts as: `system:serviceaccount:kube-system:<service account>`, or `rootIdentity`. */
  readonly identity: string;
}

/** One row of the controller table. */
export interface ControllerDescriptor {
  readonly name: string;
  /** Names before 1.28, still taken by `--controllers`. */
  readonly aliases?: readonly string[];
  /** Account in kube-system whose RBAC role it has; not always its name, as upstream. Absent: the manager itself. */
  readonly serviceAccount?: string;
  readonly disabledByDefault?: boolean;
  /** Undefined: with these settings there is nothing for it to do, as when upstream's constructor returns none. */
  create(context: ControllerContext): Controller | undefined;
}

/** Who the controller manager itself is. */
export const rootIdentity = 'system:kube-controller-manager';

export function identityOf(serviceAccount: string): string {
  return `system:serviceaccount:kube-system:${serviceAccount}`;
}

/** What a controller's parts are usually built on: its own client, recorder, log and random numbers. */
export interface ControllerBase {
  readonly client: KubeClient;
  readonly recorder: EventRecorder;
  readonly broadcaster: EventBroadcaster;
  readonly log: Logger;
  readonly prng: Prng;
}

/** `component`: what the events' source says. */
export function controllerBase(
  context: ControllerContext,
  names: { readonly name: string; readonly serviceAccount: string; readonly component: string },
): ControllerBase {
  const client = context.clientFor(names.serviceAccount);
  const log = context.log.child(names.name);
  const prng = context.prng.fork(names.name);
  const broadcaster = new EventBroadcaster({ client, clock: context.clock, prng: prng.fork('events'), log });
  return { client, log, prng, broadcaster, recorder: broadcaster.recorder({ component: names.component }) };
}

export interface WorkerSet {
  readonly queue: Workqueue;
  readonly workers: number;
  /** A key that failed this often is dropped. Default: never. */
  readonly maxRetries?: number;
  reconcile(key: string, signal: AbortSignal): Promise<void>;
}

/** Runs a controller: waits for its caches, then its queues' workers, its loops and its events, until aborted. */
export async function runController(
  parts: {
    readonly log: Logger;
    readonly informers: readonly SharedInformer<any>[];
    readonly broadcaster?: EventBroadcaster;
    readonly queues: readonly WorkerSet[];
    readonly loops?: readonly Runnable[];
  },
  signal: AbortSignal,
): Promise<void> {
  const group = new TaskGroup(signal);
  if (parts.broadcaster) group.add(parts.broadcaster);
  group.spawn('start', async (inner) => {
    await Promise.all(parts.informers.map((informer) => informer.waitForSync(inner)));
    for (const { queue, workers, maxRetries, reconcile } of parts.queues) {
      group.spawn(queue.name, (s) => runWorkers(queue, { workers, signal: s, log: parts.log, maxRetries }, reconcile));
    }
    for (const loop of parts.loops ?? []) group.add(loop);
  });
  await group.wait();
}

/** The cause of an informer's update: the object's revision, or a resync. */
export function updateCause(
  informer: SharedInformer<any>,
  old: Readonly<KubeObject>,
  object: Readonly<KubeObject>,
): RequestCause {
  return old === object ? { timer: 'resync' } : causeOf(informer.resource, object);
}
