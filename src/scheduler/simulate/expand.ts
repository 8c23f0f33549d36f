/** Workloads as the pods that their controllers would make, with the claims of their templates. */
import type { Pod } from '../../api/index.ts';
import type { KubeObject } from '../../apimachinery/index.ts';
import { Priorities } from './priorities.ts';

export interface Expanded {
  readonly pods: readonly Readonly<Pod>[];
  /** One for each node; `pods` does not have them. */
  readonly daemons: readonly Readonly<KubeObject>[];
  /** Objects that the pods refer to: owners, claims. By plural name. */
  readonly objects: Readonly<Record<'replicasets' | 'statefulsets' | 'persistentvolumeclaims', readonly KubeObject[]>>;
  /** Kinds that are no workloads and were left out. */
  readonly ignored: readonly string[];
  readonly priorities: Priorities;
}

interface PodFacts {
  readonly namespace: string;
  readonly name: string;
  readonly owner?: { readonly apiVersion: string; readonly kind: string; readonly name: string };
}

/** A pod as the API would default it, as far as scheduling looks at it. */
function podOf(template: any, { namespace, name, owner }: PodFacts, priorities: Priorities): Pod {
  const { metadata = {}, spec } = template ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata,
      name,
      namespace,
      uid: `simulated-${namespace}-${name}`,
      ...(owner && { ownerReferences: [{ ...owner, uid: `simulated-${owner.name}`, controller: true }] }),
    },
    spec: { schedulerName: 'default-scheduler', ...structuredClone(spec ?? {}), ...priorities.of(spec) },
  } as Pod;
}

/** Claims of volumeClaimTemplates are mounted under the template's name. */
function withClaims(pod: Pod, templates: readonly any[]): KubeObject[] {
  const { namespace, name } = pod.metadata;
  return templates.map((template) => {
    const claim = `${template.metadata.name}-${name}`;
    const volumes = (pod.spec!.volumes ?? []).filter((volume) => volume.name !== template.metadata.name);
    pod.spec!.volumes = [
      ...volumes,
      { name: template.metadata.name, persistentVolumeClaim: { claimName: claim } },
    ] as never;
    return {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { ...template.metadata, name: claim, namespace, uid: `simulated-${claim}` },
      spec: template.spec,
      status: { phase: 'Pending' },
    } as unknown as KubeObject;
  });
}

/**
 * `priorityClasses`: those of the cluster; those among the objects count as well.
 * @throws RangeError when a pod names a priority class that there is not.
 */
export function expandWorkloads(
  objects: readonly Readonly<KubeObject>[],
  options: { readonly namespace?: string; readonly priorityClasses?: readonly Readonly<KubeObject>[] } = {},
): Expanded {
  const own = objects.filter(({ kind }) => kind === 'PriorityClass');
  const priorities = new Priorities([...(options.priorityClasses ?? []), ...own]);
  const pods: Pod[] = [];
  const daemons: KubeObject[] = [];
  const ignored: string[] = [];
  const made = {
    replicasets: [] as KubeObject[],
    statefulsets: [] as KubeObject[],
    persistentvolumeclaims: [] as KubeObject[],
  };
  for (const object of objects) {
    const { kind, metadata } = object;
    const spec = object['spec'] ?? {};
    const namespace = metadata.namespace ?? options.namespace ?? 'default';
    const name = metadata.name ?? metadata.generateName ?? 'pod';
    const copies = (count: number, named: (i: number) => string, owner: PodFacts['owner'], template: unknown) =>
      Array.from({ length: count }, (_, i) =>
        podOf(template, { namespace, name: named(i), ...(owner && { owner }) }, priorities),
      );
    switch (kind) {
      case 'Pod':
        pods.push(podOf(object, { namespace, name }, priorities));
        break;
      case 'Deployment':
      case 'ReplicaSet':
      case 'ReplicationController': {
        // Its pods are spread as those of the ReplicaSet that a Deployment makes.
        const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name };
        const selector = kind === 'ReplicationController' ? { matchLabels: spec.selector } : spec.selector;
        made.replicasets.push({
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          metadata: { name, namespace },
          spec: { selector },
        } as unknown as KubeObject);
        pods.push(...copies(spec.replicas ?? 1, (i) => `${name}-${i}`, owner, spec.template));
        break;
      }
      case 'StatefulSet': {
        const start = spec.ordinals?.start ?? 0;
        made.statefulsets.push({ ...object, metadata: { ...metadata, namespace } });
        const own = copies(
          spec.replicas ?? 1,
          (i) => `${name}-${start + i}`,
          { apiVersion: 'apps/v1', kind, name },
          spec.template,
        );
        for (const pod of own) made.persistentvolumeclaims.push(...withClaims(pod, spec.volumeClaimTemplates ?? []));
        pods.push(...own);
        break;
      }
      case 'Job':
      case 'CronJob': {
        const job = kind === 'Job' ? spec : (spec.jobTemplate?.spec ?? {});
        if (job.suspend) break;
        const count = Math.min(job.parallelism ?? 1, job.completions ?? Number.POSITIVE_INFINITY);
        pods.push(...copies(count, (i) => `${name}-${i}`, { apiVersion: 'batch/v1', kind: 'Job', name }, job.template));
        break;
      }
      case 'DaemonSet':
        daemons.push({ ...object, metadata: { ...metadata, namespace } });
        break;
      case 'PersistentVolumeClaim':
        made.persistentvolumeclaims.push({ ...object, metadata: { ...metadata, namespace } });
        break;
      case 'PriorityClass':
        break;
      default:
        if (!ignored.includes(kind ?? '')) ignored.push(kind ?? '');
    }
  }
  return { pods, daemons, objects: made, ignored, priorities };
}

/** What the DaemonSet controller adds, so that nodes in trouble keep their daemons. */
const daemonTolerations = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
];

/** A DaemonSet's pod for a node; that it does not belong there shows when it is tried. */
export function daemonPod(set: Readonly<KubeObject>, node: string, priorities: Priorities): Pod {
  const { name, namespace } = set.metadata;
  const owner = { apiVersion: 'apps/v1', kind: 'DaemonSet', name: name! };
  const pod = podOf(set['spec'].template, { namespace: namespace!, name: `${name}-${node}`, owner }, priorities);
  const matchFields = [{ key: 'metadata.name', operator: 'In', values: [node] }];
  const given = pod.spec!.affinity as any;
  const terms: any[] = given?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [{}];
  pod.spec!.affinity = {
    ...given,
    nodeAffinity: {
      ...given?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: terms.map((term) => ({ ...term, matchFields })),
      },
    },
  };
  pod.spec!.tolerations = [...(pod.spec!.tolerations ?? []), ...daemonTolerations] as never;
  return pod;
}
