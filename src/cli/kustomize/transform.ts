/** namespace, names, labels, annotations, replicas and images. Upstream: kustomize api/filters and its default field specs. */
import { isObject } from '../../apimachinery/index.ts';
import { groupOf, type Item, isNamed, rename } from './item.ts';
import type { ImageEntry, Kustomization, LoadedKustomization } from './kustomization.ts';
import { changeAt, podSpecPaths, templateMetadataPaths } from './paths.ts';

/** Whether a kind lives outside namespaces. */
export type ScopeOf = (object: { apiVersion: string; kind: string }) => 'cluster' | 'namespaced';

const setTo = (value: string) => () => value;

export function setNamespace(items: readonly Item[], target: string, scopeOf: ScopeOf): void {
  // Accounts by where they are before they move: a subject of another namespace means another account.
  const accounts = new Set(
    items.filter(({ object }) => object.kind === 'ServiceAccount').map(({ object }) => accountKey(object.metadata)),
  );
  for (const item of items) {
    const { object } = item;
    if (object.kind === 'Namespace' && groupOf(object) === '') rename(item, target);
    else if (scopeOf(object) === 'namespaced') object.metadata.namespace = target;
    if (object.kind === 'RoleBinding' || object.kind === 'ClusterRoleBinding') {
      changeAt(object, 'subjects[]', (subject) => {
        const { kind, name, namespace } = (subject ?? {}) as { kind?: string; name?: string; namespace?: string };
        const ours = kind === 'ServiceAccount' && (name === 'default' || accounts.has(accountKey({ name, namespace })));
        return ours ? { ...(subject as object), namespace: target } : subject;
      });
    }
    changeAt(object, 'webhooks[]/clientConfig/service/namespace', setTo(target));
    if (object.kind === 'APIService') changeAt(object, 'spec/service/namespace', setTo(target));
    if (object.kind === 'CustomResourceDefinition') {
      changeAt(object, 'spec/conversion/webhook/clientConfig/service/namespace', setTo(target));
    }
  }
}

const accountKey = ({ name, namespace }: { name?: string; namespace?: string }) => `${namespace ?? 'default'}/${name}`;

/** Kinds whose names belong to somebody else. */
const fixedNames = new Set(['CustomResourceDefinition', 'APIService', 'Namespace']);

export function affixNames(items: readonly Item[], prefix: string, suffix: string): void {
  for (const item of items) {
    if (fixedNames.has(item.object.kind)) continue;
    rename(item, `${prefix}${item.object.metadata.name ?? ''}${suffix}`);
  }
}

const merged = (pairs: Readonly<Record<string, string>>) => (value: unknown) => ({
  ...(isObject(value) ? value : {}),
  ...pairs,
});

const selectorPaths: Readonly<Record<string, readonly { path: string; create: boolean }[]>> = {
  Service: [{ path: 'spec/selector', create: true }],
  ReplicationController: [{ path: 'spec/selector', create: true }],
  ReplicaSet: [{ path: 'spec/selector/matchLabels', create: true }],
  Deployment: [{ path: 'spec/selector/matchLabels', create: true }],
  StatefulSet: [
    { path: 'spec/selector/matchLabels', create: true },
    { path: 'spec/volumeClaimTemplates[]/metadata/labels', create: true },
  ],
  DaemonSet: [{ path: 'spec/selector/matchLabels', create: true }],
  Job: [{ path: 'spec/selector/matchLabels', create: false }],
  CronJob: [{ path: 'spec/jobTemplate/spec/selector/matchLabels', create: false }],
  PodDisruptionBudget: [{ path: 'spec/selector/matchLabels', create: false }],
  NetworkPolicy: [
    { path: 'spec/podSelector/matchLabels', create: false },
    { path: 'spec/ingress[]/from[]/podSelector/matchLabels', create: false },
    { path: 'spec/egress[]/to[]/podSelector/matchLabels', create: false },
  ],
};

const termPaths = ['podAffinity', 'podAntiAffinity'].flatMap((kind) => [
  `affinity/${kind}/preferredDuringSchedulingIgnoredDuringExecution[]/podAffinityTerm/labelSelector/matchLabels`,
  `affinity/${kind}/requiredDuringSchedulingIgnoredDuringExecution[]/labelSelector/matchLabels`,
]);

export function addLabels(
  items: readonly Item[],
  pairs: Readonly<Record<string, string>>,
  where: { readonly selectors: boolean; readonly templates: boolean },
): void {
  const add = merged(pairs);
  for (const { object } of items) {
    changeAt(object, 'metadata/labels', add, { create: true });
    if (where.selectors || where.templates) {
      for (const path of templateMetadataPaths[object.kind] ?? [])
        changeAt(object, `${path}/labels`, add, { create: true });
    }
    if (!where.selectors) continue;
    for (const { path, create } of selectorPaths[object.kind] ?? []) changeAt(object, path, add, { create });
    const pod = podSpecPaths[object.kind];
    if (pod === undefined || (object.kind !== 'Deployment' && object.kind !== 'StatefulSet')) continue;
    for (const path of [...termPaths, 'topologySpreadConstraints[]/labelSelector/matchLabels'])
      changeAt(object, `${pod}/${path}`, add);
  }
}

export function addAnnotations(items: readonly Item[], pairs: Readonly<Record<string, string>>): void {
  const add = merged(pairs);
  for (const { object } of items) {
    changeAt(object, 'metadata/annotations', add, { create: true });
    if (object.kind === 'PodTemplate') continue;
    for (const path of templateMetadataPaths[object.kind] ?? [])
      changeAt(object, `${path}/annotations`, add, { create: true });
  }
}

const scalable = new Set(['Deployment', 'ReplicationController', 'ReplicaSet', 'StatefulSet']);

export function setReplicas(
  items: readonly Item[],
  entries: NonNullable<Kustomization['replicas']>,
  kustomization: LoadedKustomization,
): void {
  for (const [i, { name, count }] of entries.entries()) {
    const found = items.filter((item) => scalable.has(item.object.kind) && isNamed(item, name));
    if (found.length === 0) {
      kustomization.fail(
        `replicas[${i}].name`,
        `resource with name ${name} does not match a config with the following kinds: ${[...scalable].join(', ')}`,
      );
    }
    for (const { object } of found) changeAt(object, 'spec/replicas', () => count, { create: true });
  }
}

export function setImages(items: readonly Item[], entries: readonly ImageEntry[]): void {
  for (const { object } of items) {
    if (object.kind !== 'CustomResourceDefinition') visitImages(object, (image) => entries.reduce(replaceImage, image));
  }
}

/** Images of containers wherever they are, so that custom resources with pod templates are served too. */
function visitImages(node: unknown, change: (image: string) => string): void {
  if (Array.isArray(node)) for (const item of node) visitImages(item, change);
  if (!isObject(node)) return;
  for (const [key, value] of Object.entries(node)) {
    if ((key === 'containers' || key === 'initContainers' || key === 'ephemeralContainers') && Array.isArray(value)) {
      for (const container of value) {
        if (isObject(container) && typeof container['image'] === 'string')
          container['image'] = change(container['image']);
      }
    }
    visitImages(value, change);
  }
}

export function replaceImage(image: string, entry: ImageEntry): string {
  const at = image.indexOf('@');
  const beforeDigest = at < 0 ? image : image.slice(0, at);
  const digest = at < 0 ? '' : image.slice(at + 1);
  // A colon before the last slash is a registry's port.
  const colon = beforeDigest.indexOf(':', beforeDigest.lastIndexOf('/') + 1);
  const name = colon < 0 ? beforeDigest : beforeDigest.slice(0, colon);
  const tag = colon < 0 ? '' : beforeDigest.slice(colon + 1);
  if (name !== entry.name) return image;
  let newTag = tag;
  let newDigest = digest;
  if (entry.newTag && entry.digest) [newTag, newDigest] = [entry.newTag, entry.digest];
  else if (entry.newTag) [newTag, newDigest] = [entry.newTag, ''];
  else if (entry.digest) [newTag, newDigest] = ['', entry.digest];
  if (entry.tagSuffix) [newTag, newDigest] = [newTag + entry.tagSuffix, ''];
  return `${entry.newName || name}${newTag ? `:${newTag}` : ''}${newDigest ? `@${newDigest}` : ''}`;
}
