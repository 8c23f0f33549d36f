/** A copy of a cluster's objects for dry runs in this process; from any cluster that a session reaches. */
import { isForbidden, isNotFound, type KubeObject } from '../apimachinery/index.ts';
import type { WorldObjects, WorldResource } from '../scheduler/index.ts';
import type { Session } from './session.ts';

/** The words that discovery resolves them by. */
const words: Readonly<Record<WorldResource, string>> = {
  nodes: 'nodes',
  pods: 'pods',
  namespaces: 'namespaces',
  services: 'services',
  persistentvolumeclaims: 'persistentvolumeclaims',
  persistentvolumes: 'persistentvolumes',
  storageclasses: 'storageclasses.storage.k8s.io',
  csinodes: 'csinodes.storage.k8s.io',
  csidrivers: 'csidrivers.storage.k8s.io',
  csistoragecapacities: 'csistoragecapacities.storage.k8s.io',
  volumeattachments: 'volumeattachments.storage.k8s.io',
  deviceclasses: 'deviceclasses.resource.k8s.io',
  resourceclaims: 'resourceclaims.resource.k8s.io',
  resourceslices: 'resourceslices.resource.k8s.io',
  replicasets: 'replicasets.apps',
  replicationcontrollers: 'replicationcontrollers',
  statefulsets: 'statefulsets.apps',
  poddisruptionbudgets: 'poddisruptionbudgets.policy',
  priorityclasses: 'priorityclasses.scheduling.k8s.io',
};

/** Without these there is nothing to decide about. */
const needed: ReadonlySet<string> = new Set(['nodes', 'pods']);

/** Everything that a scheduling decision depends on. What the user may not list counts as not there, but nodes and pods. */
export async function readWorld(session: Session): Promise<WorldObjects> {
  const entries = Object.entries(words) as [WorldResource, string][];
  const lists = await Promise.all(
    entries.map(async ([resource, word]) => {
      const description = await session.find(word);
      if (!description) return [resource, []] as const;
      const objects: KubeObject[] = [];
      try {
        for await (const page of session.client.resource(description).pages({ limit: 2000, signal: session.signal })) {
          for (const item of page.items) objects.push(item as KubeObject);
        }
      } catch (error) {
        if (needed.has(resource) || !(isForbidden(error) || isNotFound(error))) throw error;
      }
      return [resource, objects] as const;
    }),
  );
  return Object.fromEntries(lists) as WorldObjects;
}

/** A pod by name, in the session's namespace. @throws StatusError NotFound */
export async function readPod(session: Session, name: string): Promise<KubeObject> {
  const pods = session.client.resource(await session.resolve('pods')).namespace(session.namespace);
  return (await pods.get(name, { signal: session.signal })) as KubeObject;
}

/** Who made a pod from a template: its controller, or that one's (the Deployment behind a ReplicaSet). */
export async function ownerOfPod(session: Session, pod: Readonly<KubeObject>): Promise<KubeObject | undefined> {
  let object: Readonly<KubeObject> = pod;
  let found: KubeObject | undefined;
  for (let steps = 0; steps < 3; steps++) {
    const reference = object.metadata.ownerReferences?.find(({ controller }) => controller);
    if (!reference) return found;
    try {
      const resource = await session.resolveKind(reference.apiVersion, reference.kind);
      const owners = session.client.resource(resource).namespace(pod.metadata.namespace ?? 'default');
      const owner = (await owners.get(reference.name, { signal: session.signal })) as KubeObject;
      found = { ...owner, apiVersion: reference.apiVersion, kind: reference.kind };
    } catch (error) {
      if (isNotFound(error) || isForbidden(error)) return found;
      throw error;
    }
    object = found;
  }
  return found;
}
