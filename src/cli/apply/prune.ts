/**
 * `--prune`: deletes what was applied before and is not in the manifests any more. With server-side apply: objects that
 * this manager applied; with client-side apply: objects that carry the annotation.
 * Upstream: kubectl/pkg/cmd/apply/prune.go, with its list of kinds.
 */
import { isNotFound, type KubeObject } from '../../apimachinery/index.ts';
import type { ResourceDescription } from '../../client/index.ts';
import { UserError } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import type { Applied } from './apply.ts';
import { lastAppliedAnnotation } from './client-side.ts';
import { targetName } from './target.ts';

/** `group/version/Kind`, group `core` for the core group. Namespaced kinds first, then cluster-scoped ones. */
const defaultKinds: readonly string[] = [
  'core/v1/ConfigMap',
  'core/v1/Endpoints',
  'core/v1/PersistentVolumeClaim',
  'core/v1/Pod',
  'core/v1/ReplicationController',
  'core/v1/Secret',
  'core/v1/Service',
  'batch/v1/Job',
  'batch/v1/CronJob',
  'networking.k8s.io/v1/Ingress',
  'apps/v1/DaemonSet',
  'apps/v1/Deployment',
  'apps/v1/ReplicaSet',
  'apps/v1/StatefulSet',
  'core/v1/Namespace',
  'core/v1/PersistentVolume',
];

export interface PruneOptions {
  readonly selector?: string;
  readonly serverSide: boolean;
  readonly fieldManager: string;
  readonly dryRun: 'none' | 'client' | 'server';
  /** `group/version/Kind` instead of the default list. */
  readonly allowlist?: readonly string[];
}

/** Checked before anything is applied. @throws UserError */
export function checkPruneFlags(flags: { prune: boolean; all: boolean; selector?: string }): void {
  if (!flags.prune) {
    if (flags.all) throw new UserError('--all can only be used with --prune', 2);
    return;
  }
  if (flags.all && flags.selector) throw new UserError('cannot set --all and --selector at the same time', 2);
  if (!flags.all && !flags.selector) {
    throw new UserError(
      'all resources selected for prune without explicitly passing --all. To prune all resources, pass the --all flag. If you did not mean to prune all resources, specify a label selector',
      2,
    );
  }
}

/** Whether an object was applied by us in the way that is pruned now. */
function wasApplied(object: Readonly<KubeObject>, options: Pick<PruneOptions, 'serverSide' | 'fieldManager'>): boolean {
  if (!options.serverSide) return object.metadata.annotations?.[lastAppliedAnnotation] !== undefined;
  return (object.metadata.managedFields ?? []).some(
    ({ manager, operation, subresource }) => manager === options.fieldManager && operation === 'Apply' && !subresource,
  );
}

/** Deletes in the namespaces of what was applied. `tell` gets each name that went. */
export async function prune(
  session: Session,
  applied: readonly Pick<Applied, 'target' | 'object'>[],
  options: PruneOptions,
  tell: (name: string, object: Readonly<KubeObject>, resource: ResourceDescription) => void,
): Promise<void> {
  const { signal } = session;
  const kept = new Set(applied.map(({ object }) => object.metadata.uid));
  const namespaces = new Set(applied.map(({ target }) => target.namespace).filter((namespace) => namespace !== ''));
  if (namespaces.size === 0) namespaces.add(session.namespace);
  for (const resource of await resourcesFor(session, options.allowlist ?? defaultKinds)) {
    for (const namespace of resource.namespaced ? namespaces : ['']) {
      const calls = session.client.resource(resource).namespace(namespace);
      for await (const { items } of calls.pages({ labelSelector: options.selector, signal })) {
        for (const object of items) {
          if (kept.has(object.metadata.uid) || !wasApplied(object, options) || object.metadata.deletionTimestamp)
            continue;
          if (options.dryRun !== 'client') {
            await calls
              .delete(object.metadata.name!, {
                propagationPolicy: 'Background',
                preconditions: { uid: object.metadata.uid },
                dryRun: options.dryRun === 'server',
                signal,
              })
              .catch((error) => {
                if (!isNotFound(error)) throw error;
              });
          }
          tell(targetName(resource, object.metadata.name!), object, resource);
        }
      }
    }
  }
}

async function resourcesFor(session: Session, kinds: readonly string[]): Promise<ResourceDescription[]> {
  const mapper = await session.mapper();
  const out: ResourceDescription[] = [];
  for (const entry of kinds) {
    const [group, version, kind] = entry.split('/');
    if (!group || !version || !kind) {
      throw new UserError(`invalid GroupVersionKind format: ${entry}, please follow <group/version/kind>`, 2);
    }
    const resource = mapper.findKind(group === 'core' ? version : `${group}/${version}`, kind);
    if (resource) out.push(resource);
  }
  return out;
}
