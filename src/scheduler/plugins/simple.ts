/**
 * Plugins of a few lines: gates, queue order, node name, unschedulable nodes, host ports, binding.
 * Upstream: scheduler/framework/plugins/{schedulinggates,queuesort,nodename,nodeunschedulable,nodeports,defaultbinder}.
 */
import type { Node, Pod } from '../../api/index.ts';
import type { KubeObject } from '../../apimachinery/index.ts';
import type { KubeClient } from '../../client/index.ts';
import { hasPlace } from '../framework/events.ts';
import { type HostPort, hostPortsOf, portsConflict } from '../framework/node-info.ts';
import type { Plugin } from '../framework/types.ts';
import { toleratesTaint } from './taints.ts';

export const schedulingGates: Plugin = {
  name: 'SchedulingGates',
  events: [
    { resource: 'pods', actions: ['updateGatesEliminated'], hint: (pod, _old, now) => now?.metadata.uid === pod.uid },
  ],
  preEnqueue(pod) {
    const gates = (pod.spec?.schedulingGates ?? []).map((gate) => gate.name);
    if (gates.length === 0) return undefined;
    return {
      code: 'UnschedulableAndUnresolvable',
      reasons: [`waiting for scheduling gates: [${gates.join(' ')}]`],
    };
  },
};

export const prioritySort: Plugin = {
  name: 'PrioritySort',
  less: (a, b) =>
    b.info.priority - a.info.priority || a.timestamp - b.timestamp || a.initialTimestamp - b.initialTimestamp,
};

export const nodeName: Plugin = {
  name: 'NodeName',
  events: [{ resource: 'nodes', actions: ['add'] }],
  filter(_state, { pod }, node) {
    const wanted = pod.spec?.nodeName;
    if (!wanted || wanted === node.name) return undefined;
    return {
      code: 'UnschedulableAndUnresolvable',
      reasons: ["node(s) didn't match the requested node name"],
      detail: `the pod asks for ${wanted}`,
    };
  },
};

const unschedulableTaint = { key: 'node.kubernetes.io/unschedulable', value: '', effect: 'NoSchedule' } as const;

function isCordoned(node: Readonly<KubeObject>): boolean {
  return (node as Node).spec?.unschedulable === true;
}

export const nodeUnschedulable: Plugin = {
  name: 'NodeUnschedulable',
  events: [
    {
      resource: 'nodes',
      actions: ['add', 'updateTaint'],
      hint: (_pod, old, now) => (!old || isCordoned(old)) && !isCordoned(now!),
    },
    {
      resource: 'pods',
      actions: ['updateToleration'],
      hint: ({ uid }, _old, now) =>
        now?.metadata.uid === uid && toleratesTaint((now as Pod).spec?.tolerations ?? [], unschedulableTaint),
    },
  ],
  filter(_state, { pod }, node) {
    if (!node.unschedulable) return undefined;
    if (toleratesTaint(pod.spec?.tolerations ?? [], unschedulableTaint)) return undefined;
    return {
      code: 'UnschedulableAndUnresolvable',
      reasons: ['node(s) were unschedulable'],
      detail: 'spec.unschedulable is true (cordoned)',
    };
  },
};

export const nodePorts: Plugin = {
  name: 'NodePorts',
  events: [
    {
      resource: 'pods',
      actions: ['delete'],
      hint(info, old) {
        if (!hasPlace(old)) return false;
        const freed = hostPortsOf(old as Pod);
        return freed.length > 0 && info.ports.some((port) => freed.some((other) => portsConflict(port, other)));
      },
    },
    { resource: 'nodes', actions: ['add'] },
  ],
  preFilter(state, { ports }) {
    if (ports.length === 0) return { skip: true };
    state.set('NodePorts', ports);
    return undefined;
  },
  filter(state, _pod, node) {
    const wanted = state.get<HostPort[]>('NodePorts') ?? [];
    for (const [uid, used] of node.usedPorts) {
      const clash = used.find((port) => wanted.some((other) => portsConflict(port, other)));
      if (!clash) continue;
      return {
        code: 'Unschedulable',
        reasons: ["node(s) didn't have free ports for the requested pod ports"],
        detail: `${clash.protocol} port ${clash.port} is taken by ${node.pods.get(uid)?.key}`,
      };
    }
    return undefined;
  },
};

export function defaultBinder(client: KubeClient): Plugin {
  return {
    name: 'DefaultBinder',
    async bind(_state, { pod }, node, signal) {
      const { namespace, name, uid } = pod.metadata;
      await client.request({
        method: 'POST',
        path: `/api/v1/namespaces/${namespace}/pods/${name}/binding`,
        body: {
          apiVersion: 'v1',
          kind: 'Binding',
          metadata: { namespace, name, uid },
          target: { kind: 'Node', name: node },
        },
        signal,
      });
    },
  };
}
