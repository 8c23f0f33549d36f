/** Plugins that complete pods and nodes. One function a plugin, in upstream's names. */
import type { KubeObject } from '../../apimachinery/index.ts';
import { deepEqual } from '../../apimachinery/index.ts';
import type { AdmissionPlugin, ObjectReader } from '../types.ts';
import { admissionForbidden, isPod, resourceOf } from './forbidden.ts';

const notReady = 'node.kubernetes.io/not-ready';
const unreachable = 'node.kubernetes.io/unreachable';
export const priorityClasses = 'priorityclasses.scheduling.k8s.io';

/** Upstream: plugin/pkg/admission/defaulttolerationseconds. `--default-not-ready-toleration-seconds`. */
export function defaultTolerationSeconds(seconds = { notReady: 300, unreachable: 300 }): AdmissionPlugin {
  return {
    name: 'DefaultTolerationSeconds',
    handles: (operation) => operation === 'CREATE' || operation === 'UPDATE',
    admit(attributes) {
      if (!isPod(attributes)) return;
      const { spec } = attributes.object!;
      const tolerations = (spec.tolerations ?? []) as { key?: string; effect?: string }[];
      const tolerates = (key: string) =>
        tolerations.some((each) => (each.key === key || !each.key) && (each.effect === 'NoExecute' || !each.effect));
      const added = [
        ...(tolerates(notReady) ? [] : [noExecute(notReady, seconds.notReady)]),
        ...(tolerates(unreachable) ? [] : [noExecute(unreachable, seconds.unreachable)]),
      ];
      if (added.length > 0) spec.tolerations = [...tolerations, ...added];
    },
  };
}

function noExecute(key: string, tolerationSeconds: number): object {
  return { key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds };
}

/** New nodes are tainted until the node lifecycle controller has seen them ready. Upstream: plugin/pkg/admission/nodetaint. */
export function taintNodesByCondition(): AdmissionPlugin {
  return {
    name: 'TaintNodesByCondition',
    handles: (operation) => operation === 'CREATE',
    admit(attributes) {
      if (resourceOf(attributes) !== 'nodes' || attributes.subresource !== '') return;
      const node = attributes.object!;
      node.spec ??= {};
      const taints: { key: string; effect: string }[] = node.spec.taints ?? [];
      if (taints.some(({ key, effect }) => key === notReady && effect === 'NoSchedule')) return;
      node.spec.taints = [...taints, { key: notReady, effect: 'NoSchedule' }];
    },
  };
}

/** Upstream: plugin/pkg/admission/priority/admission.go. */
export function priority(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'Priority',
    handles: (operation) => operation === 'CREATE' || operation === 'UPDATE',
    admit(attributes) {
      if (!isPod(attributes)) return;
      const { spec } = attributes.object!;
      if (attributes.operation === 'UPDATE') {
        const old = attributes.oldObject?.spec;
        if (spec.priority === undefined && old?.priority !== undefined) spec.priority = old.priority;
        if (spec.preemptionPolicy === undefined && old?.preemptionPolicy !== undefined) {
          spec.preemptionPolicy = old.preemptionPolicy;
        }
        return;
      }
      let found: Readonly<KubeObject> | undefined;
      if (spec.priorityClassName) {
        found = reader.get(priorityClasses, '', spec.priorityClassName);
        if (!found) {
          throw admissionForbidden(attributes, `no PriorityClass with name ${spec.priorityClassName} was found`);
        }
      } else {
        found = defaultPriorityClass(reader);
        if (found) spec.priorityClassName = found.metadata.name;
      }
      const value: number = found?.value ?? 0;
      if (spec.priority !== undefined && spec.priority !== value) {
        throw admissionForbidden(
          attributes,
          `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
        );
      }
      spec.priority = value;
      const policy: string = found?.preemptionPolicy ?? 'PreemptLowerPriority';
      if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy) {
        throw admissionForbidden(
          attributes,
          `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`,
        );
      }
      spec.preemptionPolicy = policy;
    },
    validate(attributes) {
      if (resourceOf(attributes) !== priorityClasses || !attributes.object?.globalDefault) return;
      const current = defaultPriorityClass(reader);
      if (
        !current ||
        (attributes.operation === 'UPDATE' && current.metadata.name === attributes.object.metadata.name)
      ) {
        return;
      }
      throw admissionForbidden(
        attributes,
        `PriorityClass ${current.metadata.name} is already marked as default. Only one default can exist`,
      );
    },
  };
}

/** When several are marked (a race at creation) the lowest value counts. */
function defaultPriorityClass(reader: ObjectReader): Readonly<KubeObject> | undefined {
  let lowest: Readonly<KubeObject> | undefined;
  for (const each of reader.list(priorityClasses)) {
    if (each.globalDefault && (lowest === undefined || each.value < lowest.value)) lowest = each;
  }
  return lowest;
}

/** Upstream: plugin/pkg/admission/runtimeclass/admission.go. */
export function runtimeClass(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'RuntimeClass',
    handles: (operation) => operation === 'CREATE',
    admit(attributes) {
      if (!isPod(attributes)) return;
      const { spec } = attributes.object!;
      if (!spec.runtimeClassName) return;
      const found = reader.get('runtimeclasses.node.k8s.io', '', spec.runtimeClassName);
      if (!found) {
        throw admissionForbidden(
          attributes,
          `pod rejected: RuntimeClass ${JSON.stringify(spec.runtimeClassName)} not found`,
        );
      }
      const overhead = found.overhead?.podFixed;
      if (overhead) {
        if (spec.overhead && !deepEqual(spec.overhead, overhead)) {
          throw admissionForbidden(
            attributes,
            "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
          );
        }
        spec.overhead = { ...overhead };
      } else if (spec.overhead && Object.keys(spec.overhead).length > 0) {
        throw admissionForbidden(
          attributes,
          `pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead`,
        );
      }
      const scheduling = found.scheduling;
      if (!scheduling) return;
      for (const [key, value] of Object.entries<string>(scheduling.nodeSelector ?? {})) {
        const own = spec.nodeSelector?.[key];
        if (own !== undefined && own !== value) {
          throw admissionForbidden(
            attributes,
            `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`,
          );
        }
        spec.nodeSelector = { ...spec.nodeSelector, [key]: value };
      }
      const tolerations = (scheduling.tolerations ?? []).filter(
        (each: object) => !(spec.tolerations ?? []).some((own: object) => deepEqual(own, each)),
      );
      if (tolerations.length > 0) spec.tolerations = [...(spec.tolerations ?? []), ...tolerations];
    },
  };
}

const topologyLabels = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region'];

/**
 * Puts the node's zone and region on the Binding; the binding handler copies a Binding's labels to the pod.
 * Upstream: plugin/pkg/admission/podtopologylabels.
 */
export function podTopologyLabels(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'PodTopologyLabels',
    handles: (operation) => operation === 'CREATE',
    admit(attributes) {
      if (attributes.definition.plural !== 'pods' || attributes.subresource !== 'binding') return;
      const binding = attributes.object;
      const node = reader.get('nodes', '', binding?.target?.name ?? '');
      if (!binding || !node || (binding.target.kind && binding.target.kind !== 'Node')) return;
      const labels: Record<string, string> = {};
      for (const key of topologyLabels) {
        const value = node.metadata.labels?.[key];
        if (value !== undefined) labels[key] = value;
      }
      if (Object.keys(labels).length === 0) return;
      binding.metadata.labels = { ...binding.metadata.labels, ...labels };
    },
  };
}
