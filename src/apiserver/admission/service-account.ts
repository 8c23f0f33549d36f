import type { KubeObject } from '../../apimachinery/index.ts';
import type { Clock, Prng } from '../../base/index.ts';
import type { AdmissionAttributes, AdmissionPlugin, ObjectReader } from '../types.ts';
import { admissionForbidden } from './forbidden.ts';

const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
const volumePrefix = 'kube-api-access-';
const mirrorAnnotation = 'kubernetes.io/config.mirror';
/** Seconds a kubelet asks for; TokenRequest extends exactly this value. */
const tokenSeconds = 3607;
/** A new namespace's default account may be a moment away. */
const defaultAccountAttempts = 10;

export interface ServiceAccountDeps {
  readonly reader: ObjectReader;
  readonly clock: Clock;
  readonly prng: Prng;
  waitForCache(): Promise<void>;
}

/**
 * Gives every pod a service account, its token volume and its pull secrets.
 * Upstream: plugin/pkg/admission/serviceaccount/admission.go.
 */
export function serviceAccount(deps: ServiceAccountDeps): AdmissionPlugin {
  const find = async (namespace: string, name: string): Promise<Readonly<KubeObject> | undefined> => {
    const cached = deps.reader.get('serviceaccounts', namespace, name);
    if (cached) return cached;
    const attempts = name === 'default' ? defaultAccountAttempts : 1;
    const intervalMs = 100 + deps.prng.int(100);
    for (let i = 0; i < attempts; i++) {
      if (i > 0) await deps.clock.sleep(intervalMs);
      await deps.waitForCache();
      const found = deps.reader.get('serviceaccounts', namespace, name);
      if (found) return found;
    }
    return undefined;
  };

  const accountOf = async (attributes: AdmissionAttributes, name: string): Promise<Readonly<KubeObject>> => {
    const account = await find(attributes.namespace, name);
    if (account) return account;
    throw admissionForbidden(
      attributes,
      `error looking up service account ${attributes.namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`,
    );
  };

  return {
    name: 'ServiceAccount',
    handles: (operation) => operation === 'CREATE' || operation === 'UPDATE',
    async admit(attributes) {
      if (!concerns(attributes) || attributes.operation !== 'CREATE') return;
      const pod = attributes.object!;
      if (pod.metadata.annotations?.[mirrorAnnotation] !== undefined) return;
      pod.spec.serviceAccountName ||= 'default';
      // The deprecated alias follows, as upstream's conversion makes it.
      pod.spec.serviceAccount = pod.spec.serviceAccountName;
      const account = await accountOf(attributes, pod.spec.serviceAccountName);
      if (pod.spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) {
        mountToken(pod, deps.prng);
      }
      if (!pod.spec.imagePullSecrets?.length && account.imagePullSecrets?.length) {
        pod.spec.imagePullSecrets = account.imagePullSecrets.map(({ name }: { name: string }) => ({ name }));
      }
    },
    async validate(attributes) {
      if (!concerns(attributes)) return;
      const pod = attributes.object!;
      if (attributes.operation === 'UPDATE' && attributes.subresource !== 'ephemeralcontainers') return;
      if (attributes.operation === 'CREATE' && pod.metadata.annotations?.[mirrorAnnotation] !== undefined) {
        return validateMirror(attributes, pod);
      }
      if (!pod.spec.serviceAccountName) {
        throw admissionForbidden(
          attributes,
          `no service account specified for pod ${attributes.namespace}/${pod.metadata.name ?? ''}`,
        );
      }
      const account = await accountOf(attributes, pod.spec.serviceAccountName);
      if (!/^(1|t|T|true|TRUE|True)$/.test(account.metadata.annotations?.[enforceAnnotation] ?? '')) return;
      const problem = unmountable(account, pod, attributes.subresource === 'ephemeralcontainers');
      if (problem !== undefined) throw admissionForbidden(attributes, problem);
    },
  };
}
const enforceAnnotation = 'kubernetes.io/enforce-mountable-secrets';

function concerns({ definition, subresource, object }: AdmissionAttributes): boolean {
  if (definition.group !== '' || definition.plural !== 'pods' || !object) return false;
  return subresource === '' || subresource === 'ephemeralcontainers';
}

function mountToken(pod: KubeObject, prng: Prng): void {
  const { spec } = pod;
  const existing = (spec.volumes ?? []).find((volume: { name: string }) => volume.name.startsWith(volumePrefix));
  const name: string = existing?.name ?? `${volumePrefix}${prng.nameSuffix()}`;
  let needed = false;
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) {
    if ((container.volumeMounts ?? []).some((mount: { mountPath: string }) => mount.mountPath === mountPath)) continue;
    container.volumeMounts = [...(container.volumeMounts ?? []), { name, readOnly: true, mountPath }];
    needed = true;
  }
  if (existing || !needed) return;
  spec.volumes = [...(spec.volumes ?? []), { name, projected: tokenVolume() }];
}

function tokenVolume(): object {
  return {
    defaultMode: 420,
    sources: [
      { serviceAccountToken: { expirationSeconds: tokenSeconds, path: 'token' } },
      { configMap: { items: [{ key: 'ca.crt', path: 'ca.crt' }], name: 'kube-root-ca.crt' } },
      {
        downwardAPI: {
          items: [{ fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' }, path: 'namespace' }],
        },
      },
    ],
  };
}

function validateMirror(attributes: AdmissionAttributes, pod: KubeObject): void {
  const { spec } = pod;
  if (spec.serviceAccountName) throw admissionForbidden(attributes, 'a mirror pod may not reference service accounts');
  const usesSecrets =
    spec.imagePullSecrets?.length ||
    (spec.volumes ?? []).some((volume: any) => volume.secret) ||
    containersOf(spec).some(
      ({ container }) => secretEnvs(container).length > 0 || (container.envFrom ?? []).some((e: any) => e.secretRef),
    );
  if (usesSecrets) throw admissionForbidden(attributes, 'a mirror pod may not reference secrets');
  const projects = (spec.volumes ?? []).some((volume: any) =>
    (volume.projected?.sources ?? []).some((source: any) => source.serviceAccountToken),
  );
  if (projects) {
    throw admissionForbidden(attributes, 'a mirror pod may not use ServiceAccountToken volume projections');
  }
}

/** With `kubernetes.io/enforce-mountable-secrets` a pod may use only the secrets its account lists. */
function unmountable(account: Readonly<KubeObject>, pod: KubeObject, ephemeral: boolean): string | undefined {
  const allowed = new Set((account.secrets ?? []).map(({ name }: { name: string }) => name));
  const refuse = (what: string, secret: string) =>
    `${what} referencing secret.secretName="${secret}" is not allowed because service account ${account.metadata.name} does not reference that secret`;
  if (!ephemeral) {
    for (const volume of pod.spec.volumes ?? []) {
      const name = volume.secret?.secretName;
      if (name !== undefined && !allowed.has(name)) {
        return `volume with secret.secretName="${name}" is not allowed because service account ${account.metadata.name} does not reference that secret`;
      }
    }
  }
  const containers = ephemeral
    ? (pod.spec.ephemeralContainers ?? []).map((container: any) => ({ kind: 'ephemeral container', container }))
    : containersOf(pod.spec);
  for (const { kind, container } of containers) {
    for (const { env, secret } of secretEnvs(container)) {
      if (!allowed.has(secret)) return refuse(`${kind} ${container.name} with envVar ${env}`, secret);
    }
    for (const { secretRef } of container.envFrom ?? []) {
      if (secretRef && !allowed.has(secretRef.name)) {
        return refuse(`${kind} ${container.name} with envFrom`, secretRef.name);
      }
    }
  }
  if (ephemeral) return undefined;
  const pulls = new Set((account.imagePullSecrets ?? []).map(({ name }: { name: string }) => name));
  const bad = (pod.spec.imagePullSecrets ?? []).findIndex(({ name }: { name: string }) => !pulls.has(name));
  if (bad < 0) return undefined;
  return `imagePullSecrets[${bad}].name="${pod.spec.imagePullSecrets[bad].name}" is not allowed because service account ${account.metadata.name} does not reference that imagePullSecret`;
}

function containersOf(spec: any): { kind: string; container: any }[] {
  return [
    ...(spec.initContainers ?? []).map((container: any) => ({ kind: 'init container', container })),
    ...(spec.containers ?? []).map((container: any) => ({ kind: 'container', container })),
  ];
}

function secretEnvs(container: any): { env: string; secret: string }[] {
  return (container.env ?? [])
    .filter((variable: any) => variable.valueFrom?.secretKeyRef)
    .map((variable: any) => ({ env: variable.name, secret: variable.valueFrom.secretKeyRef.name }));
}
