/** When names change, whoever refers to them must follow. Upstream: kustomize api/internal/konfig/builtinpluginconsts/namereference.go. */
import { isObject } from '../../apimachinery/index.ts';
import { type Item, isNamed } from './item.ts';
import { changeAt, podSpecPaths } from './paths.ts';

interface Reference {
  /** Kind referred to; from a field beside the name when a path starts with `@`. */
  readonly to: string;
  readonly path: string;
}

const container = (path: string): string[] =>
  ['containers[]', 'initContainers[]', 'ephemeralContainers[]'].map((list) => `${list}/${path}`);

const inPodSpec: readonly Reference[] = [
  ...[
    'volumes[]/configMap/name',
    'volumes[]/projected/sources[]/configMap/name',
    ...container('env[]/valueFrom/configMapKeyRef/name'),
    ...container('envFrom[]/configMapRef/name'),
  ].map((path) => ({ to: 'ConfigMap', path })),
  ...[
    'volumes[]/secret/secretName',
    'volumes[]/projected/sources[]/secret/name',
    'imagePullSecrets[]/name',
    ...container('env[]/valueFrom/secretKeyRef/name'),
    ...container('envFrom[]/secretRef/name'),
  ].map((path) => ({ to: 'Secret', path })),
  { to: 'ServiceAccount', path: 'serviceAccountName' },
  { to: 'PersistentVolumeClaim', path: 'volumes[]/persistentVolumeClaim/claimName' },
  { to: 'PriorityClass', path: 'priorityClassName' },
];

const byKind: Readonly<Record<string, readonly Reference[]>> = {
  StatefulSet: [
    { to: 'Service', path: 'spec/serviceName' },
    { to: 'StorageClass', path: 'spec/volumeClaimTemplates[]/spec/storageClassName' },
  ],
  Ingress: [
    { to: 'Service', path: 'spec/defaultBackend/service/name' },
    { to: 'Service', path: 'spec/rules[]/http/paths[]/backend/service/name' },
    { to: 'Secret', path: 'spec/tls[]/secretName' },
    { to: 'IngressClass', path: 'spec/ingressClassName' },
  ],
  ServiceAccount: [
    { to: 'Secret', path: 'secrets[]/name' },
    { to: 'Secret', path: 'imagePullSecrets[]/name' },
  ],
  PersistentVolumeClaim: [
    { to: 'PersistentVolume', path: 'spec/volumeName' },
    { to: 'StorageClass', path: 'spec/storageClassName' },
  ],
  PersistentVolume: [{ to: 'StorageClass', path: 'spec/storageClassName' }],
  APIService: [{ to: 'Service', path: 'spec/service/name' }],
  MutatingWebhookConfiguration: [{ to: 'Service', path: 'webhooks[]/clientConfig/service/name' }],
  ValidatingWebhookConfiguration: [{ to: 'Service', path: 'webhooks[]/clientConfig/service/name' }],
  CustomResourceDefinition: [{ to: 'Service', path: 'spec/conversion/webhook/clientConfig/service/name' }],
};

/** References that say the kind themselves: `{kind, name, namespace?}`. */
const typed: Readonly<Record<string, readonly string[]>> = {
  RoleBinding: ['roleRef', 'subjects[]'],
  ClusterRoleBinding: ['roleRef', 'subjects[]'],
  HorizontalPodAutoscaler: ['spec/scaleTargetRef'],
};

/** Lets every reference follow the names of `items`. References to what is not among them stay as they are. */
export function fixReferences(items: readonly Item[]): void {
  const byTarget = Map.groupBy(items, (item) => item.object.kind);
  const follow = (referrer: Item, kind: string, name: unknown, namespace?: string): unknown => {
    if (typeof name !== 'string' || name === '') return name;
    const candidates = (byTarget.get(kind) ?? []).filter(
      (item) => isNamed(item, name) && near(item, referrer, namespace),
    );
    // Who is called so now is meant, whatever others were called before.
    if (
      candidates.length === 0 ||
      candidates.some((item) => item.object.metadata.name === name && item.names.length === 0)
    )
      return name;
    const newest = candidates.filter((item) => item.names.at(-1) === name);
    const chosen = newest.length > 0 ? newest : candidates;
    return chosen.length === 1 ? chosen[0]!.object.metadata.name : name;
  };
  for (const item of items) {
    const { object } = item;
    const pod = podSpecPaths[object.kind];
    if (pod !== undefined) {
      for (const { to, path } of inPodSpec) changeAt(object, `${pod}/${path}`, (name) => follow(item, to, name));
    }
    for (const { to, path } of byKind[object.kind] ?? []) changeAt(object, path, (name) => follow(item, to, name));
    for (const path of typed[object.kind] ?? []) {
      changeAt(object, path, (reference) => {
        if (!isObject(reference)) return reference;
        const { kind, name, namespace } = reference as { kind?: string; name?: string; namespace?: string };
        return { ...reference, name: follow(item, kind ?? '', name, namespace) };
      });
    }
    if (object.kind === 'Role' || object.kind === 'ClusterRole') {
      changeAt(object, 'rules[]', (rule) => followRule(rule, (kind, name) => follow(item, kind, name)));
    }
  }
}

const ruleKinds: Readonly<Record<string, string>> = { configmaps: 'ConfigMap', secrets: 'Secret' };

function followRule(rule: unknown, follow: (kind: string, name: unknown) => unknown): unknown {
  const { resources, resourceNames } = (rule ?? {}) as { resources?: unknown; resourceNames?: unknown };
  if (!Array.isArray(resources) || !Array.isArray(resourceNames)) return rule;
  const kinds = resources.map((resource) => ruleKinds[resource]).filter((kind) => kind !== undefined);
  const names = resourceNames.map((name) => kinds.reduce((current, kind) => follow(kind, current), name));
  return { ...(rule as object), resourceNames: names };
}

/** A name means an object of the same namespace, or of the one that the reference says. */
function near(item: Item, referrer: Item, namespace: string | undefined): boolean {
  const own = item.object.metadata.namespace;
  const wanted = namespace ?? referrer.object.metadata.namespace;
  return own === undefined || wanted === undefined || own === wanted;
}
