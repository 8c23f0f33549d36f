/** Upstream: pkg/registry/core/pod/storage/storage.go (BindingREST), pkg/api/v1/pod (UpdatePodCondition). */
import { deepEqual, FieldErrorList, FieldPath, type KubeObject, newConflict } from '../../apimachinery/index.ts';
import { rfc3339 } from '../../base/index.ts';
import { throwIfInvalid } from './decode.ts';
import { interpretStorageError } from './errors.ts';
import type { ResourceRegistry } from './registry.ts';
import type { WriteRequest } from './request.ts';
import { cachedState } from './update.ts';

export const bindingKind = {
  apiVersion: 'v1',
  kind: 'Binding',
  group: '',
  schema: 'io.k8s.api.core.v1.Binding',
} as const;

/** Puts the pod `request.name` on the node the Binding names. @throws StatusError */
export async function bindPod(registry: ResourceRegistry, binding: KubeObject, request: WriteRequest): Promise<void> {
  const { deps, definition } = registry;
  validateBinding(binding);
  const node: string = binding['target'].name;
  const key = registry.keyOf(request.namespace, request.name);
  const { uid, resourceVersion, annotations, labels } = binding.metadata;
  await deps.admission.admit(registry.attributes('CREATE', request, request.name, binding, undefined));
  await deps.admission.validate(registry.attributes('CREATE', request, request.name, binding, undefined));
  try {
    await deps.store.guaranteedUpdate(
      key,
      (current) => {
        if (!current) throw registry.notFound(request.name);
        const pod = current.object;
        refuse(pod, request.name);
        const metadata = {
          ...pod.metadata,
          ...(annotations ? { annotations: { ...pod.metadata.annotations, ...annotations } } : {}),
          ...(labels ? { labels: { ...pod.metadata.labels, ...labels } } : {}),
        };
        // Where it was to go is of no interest once it is there.
        const { nominatedNodeName: _, ...status } = pod['status'] ?? {};
        return {
          ...pod,
          metadata,
          spec: { ...pod['spec'], nodeName: node },
          status: {
            ...status,
            conditions: withPodCondition(pod, { type: 'PodScheduled', status: 'True' }, rfc3339(deps.clock.now())),
          },
        } as KubeObject;
      },
      {
        provenance: request.provenance,
        dryRun: request.dryRun,
        ...cachedState(registry, key),
        preconditions: {
          ...(uid ? { uid } : {}),
          ...(resourceVersion ? { resourceVersion } : {}),
        },
      },
    );
  } catch (error) {
    const interpreted = interpretStorageError(error, definition, request.name);
    if (interpreted instanceof Refused) {
      throw newConflict({ group: '', resource: 'pods/binding' }, request.name, interpreted.message);
    }
    throw interpreted;
  }
}

class Refused extends Error {}

function refuse(pod: Readonly<KubeObject>, name: string): void {
  if (pod.metadata.deletionTimestamp !== undefined) {
    throw new Refused(`pod ${name} is being deleted, cannot be assigned to a host`);
  }
  if (pod['spec'].nodeName) {
    throw new Refused(`pod ${name} is already assigned to node ${JSON.stringify(pod['spec'].nodeName)}`);
  }
  if ((pod['spec'].schedulingGates?.length ?? 0) > 0) {
    throw new Refused(`pod ${name} has non-empty .spec.schedulingGates`);
  }
}

function validateBinding(binding: Readonly<KubeObject>): void {
  const errors = new FieldErrorList();
  const target = FieldPath.root('target');
  const { kind, name } = binding['target'] ?? {};
  if (kind !== undefined && kind !== '' && kind !== 'Node') {
    errors.notSupported(target.child('kind'), kind, ['Node', '<empty>']);
  }
  if (typeof name !== 'string' || name === '') errors.required(target.child('name'));
  throwIfInvalid(errors, { group: '', kind: 'Binding' }, binding.metadata.name ?? '');
}

interface PodCondition {
  readonly type: string;
  readonly status: string;
  readonly [field: string]: unknown;
}

/** The pod's conditions with one set; its transition time moves only when its status does. */
export function withPodCondition(pod: Readonly<KubeObject>, wanted: PodCondition, now: string): PodCondition[] {
  const conditions: readonly PodCondition[] = pod['status']?.conditions ?? [];
  const old = conditions.find((condition) => condition.type === wanted.type);
  const { generation } = pod.metadata;
  const next: PodCondition = {
    ...wanted,
    lastProbeTime: null,
    lastTransitionTime: old?.status === wanted.status ? old['lastTransitionTime'] : now,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  };
  if (!old) return [...conditions, next];
  if (deepEqual(old, next)) return [...conditions];
  return conditions.map((condition) => (condition === old ? next : condition));
}
