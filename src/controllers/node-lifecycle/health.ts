/**
 * What is known of a node's health: when it last gave a sign of life, by status or lease, on our clock.
 * Upstream: pkg/controller/nodelifecycle/node_lifecycle_controller.go tryUpdateNodeHealth.
 */

import type { Lease, Node, NodeCondition } from '../../api/index.ts';
import { deepEqual } from '../../apimachinery/index.ts';
import { parseTime, rfc3339 } from '../../base/index.ts';

type ReadNode = Readonly<Node>;

export interface NodeHealth {
  /** Ready condition seen last. */
  readonly ready: Readonly<NodeCondition> | undefined;
  /** Cluster-clock ms of the last sign of life. */
  readonly probeAt: number;
  readonly leaseRenewTime: string | undefined;
}

export interface HealthSettings {
  readonly gracePeriodMs: number;
  readonly startupGracePeriodMs: number;
}

export interface HealthVerdict {
  readonly health: NodeHealth;
  /** The Ready condition before. A node that never posted one counts as Unknown. */
  readonly observedReady: NodeCondition;
  /** And after, undefined when the node has none. */
  readonly currentReady: Readonly<NodeCondition> | undefined;
  /** Conditions to be written because the node has been silent for too long. */
  readonly conditions?: NodeCondition[];
}

const silentConditions = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'] as const;

export function nodeCondition(node: ReadNode, type: string): NodeCondition | undefined {
  return node.status?.conditions?.find((condition) => condition.type === type);
}

export function judgeHealth(
  node: ReadNode,
  lease: Readonly<Lease> | undefined,
  known: NodeHealth | undefined,
  settings: HealthSettings,
  now: number,
): HealthVerdict {
  const ready = nodeCondition(node, 'Ready');
  const created = node.metadata.creationTimestamp!;
  const observedReady: NodeCondition = ready ?? {
    type: 'Ready',
    status: 'Unknown',
    lastHeartbeatTime: created,
    lastTransitionTime: created,
  };
  const gracePeriodMs = ready ? settings.gracePeriodMs : settings.startupGracePeriodMs;
  let health = heard(node, ready, known, now);
  const renewTime = lease?.spec?.renewTime;
  if (renewTime && (health.leaseRenewTime === undefined || parseTime(renewTime) > parseTime(health.leaseRenewTime))) {
    health = { ...health, leaseRenewTime: renewTime, probeAt: now };
  }
  if (now <= health.probeAt + gracePeriodMs) return { health, observedReady, currentReady: ready };

  const conditions = silenced(node, now);
  const currentReady = conditions.find((condition) => condition.type === 'Ready');
  if (deepEqual(currentReady, observedReady)) return { health, observedReady, currentReady };
  return { health: { ...health, ready: currentReady }, observedReady, currentReady, conditions };
}

/** The health after looking at the status: a new heartbeat is a sign of life. */
function heard(
  node: ReadNode,
  ready: Readonly<NodeCondition> | undefined,
  known: NodeHealth | undefined,
  now: number,
): NodeHealth {
  if (!known) {
    // A node without status gets its startup grace from its creation, others from when they were first seen.
    const probeAt = ready ? now : parseTime(node.metadata.creationTimestamp!);
    return { ready, probeAt, leaseRenewTime: undefined };
  }
  if (!known.ready && !ready) return known;
  if (!known.ready || !ready) return { ready, probeAt: now, leaseRenewTime: undefined };
  if (known.ready.lastHeartbeatTime === ready.lastHeartbeatTime) return known;
  return { ready, probeAt: now, leaseRenewTime: undefined };
}

function silenced(node: ReadNode, now: number): NodeCondition[] {
  const conditions = [...(node.status?.conditions ?? [])];
  for (const type of silentConditions) {
    const index = conditions.findIndex((condition) => condition.type === type);
    if (index < 0) {
      conditions.push({
        type,
        status: 'Unknown',
        reason: 'NodeStatusNeverUpdated',
        message: 'Kubelet never posted node status.',
        lastHeartbeatTime: node.metadata.creationTimestamp,
        lastTransitionTime: rfc3339(now),
      });
    } else if (conditions[index]!.status !== 'Unknown') {
      conditions[index] = {
        ...conditions[index]!,
        status: 'Unknown',
        reason: 'NodeStatusUnknown',
        message: 'Kubelet stopped posting node status.',
        lastTransitionTime: rfc3339(now),
      };
    }
  }
  return conditions;
}
