/**
 * Marks, and a year later deletes, tokens that old clusters made by themselves and that nobody uses. Upstream:
 * pkg/controller/serviceaccount/legacy_serviceaccount_token_cleaner.go (1.36).
 */
import type { ConfigMap, Pod, Secret, ServiceAccount } from '../../api/index.ts';
import { isConflict, isNotFound } from '../../apimachinery/index.ts';
import { parseTime, rfc3339 } from '../../base/index.ts';
import { type SharedInformer, withCause } from '../../client/index.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
} from '../common/controller.ts';
import {
  invalidSinceLabel,
  lastUsedLabel,
  serviceAccountNameAnnotation,
  serviceAccountUidAnnotation,
  tokenSecretType,
} from '../common/token-secrets.ts';

const dayMs = 24 * 3600 * 1000;
const periodMs = dayMs;
/** `--legacy-service-account-token-clean-up-period`. */
const defaultCleanUpMs = 365 * dayMs;
const trackingConfigMap = 'kube-apiserver-legacy-service-account-token-tracking';

const names = {
  name: 'legacy-serviceaccount-token-cleaner-controller',
  serviceAccount: 'legacy-service-account-token-cleaner',
  component: 'legacy-service-account-token-cleaner',
} as const;

const dateOf = (ms: number): string => rfc3339(ms).slice(0, 10);

/** Milliseconds of a date like 2026-01-31, undefined for anything else. */
function parseDate(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{4}-\d\d-\d\d$/.test(text)) return undefined;
  try {
    return parseTime(`${text}T00:00:00Z`);
  } catch {
    return undefined;
  }
}

export class LegacyTokenCleaner implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #base: ControllerBase;
  readonly #context: ControllerContext;
  readonly #cleanUpMs: number;
  readonly #accounts: SharedInformer<ServiceAccount>;
  readonly #secrets: SharedInformer<Secret>;
  readonly #pods: SharedInformer<Pod>;

  constructor(context: ControllerContext) {
    this.#base = controllerBase(context, names);
    this.#context = context;
    this.#cleanUpMs = context.settings.legacyTokenCleanUpMs ?? defaultCleanUpMs;
    this.#accounts = context.informers.informer<ServiceAccount>('serviceaccounts');
    this.#secrets = context.informers.informer<Secret>('secrets');
    this.#pods = context.informers.informer<Pod>('pods');
  }

  run(signal: AbortSignal): Promise<void> {
    const loop = {
      name: 'clean',
      run: async (inner: AbortSignal) => {
        for (;;) {
          await withCause({ timer: 'legacy-token-cleaner' }, () => this.#clean());
          await this.#context.clock.sleep(periodMs, inner);
        }
      },
    };
    const informers = [this.#accounts, this.#secrets, this.#pods];
    return runController({ log: this.#base.log, informers, queues: [], loops: [loop] }, signal);
  }

  async #clean(): Promise<void> {
    const now = this.#context.clock.now();
    const since = await this.#trackedSince();
    // Usage is known from the day after tracking began; before a whole period of it nothing can be said.
    if (since === undefined || now < since + dayMs + this.#cleanUpMs) return;
    const keepFrom = now - this.#cleanUpMs;
    const mounted = new Map<string, Set<string>>();
    for (const secret of this.#secrets.lister.list()) {
      if (!this.#isUnused(secret, keepFrom)) continue;
      const namespace = secret.metadata.namespace!;
      if (!mounted.has(namespace)) mounted.set(namespace, this.#mountedSecrets(namespace));
      if (mounted.get(namespace)!.has(secret.metadata.name!)) continue;
      try {
        await this.#retire(secret, now, dateOf(keepFrom));
      } catch (error) {
        if (isNotFound(error) || isConflict(error)) continue;
        this.#base.log.warn('cannot clean token', { secret: `${namespace}/${secret.metadata.name}`, error });
      }
    }
  }

  /** When the API server began to note which of these tokens are used. */
  async #trackedSince(): Promise<number | undefined> {
    try {
      const client = this.#base.client.resource<ConfigMap>('configmaps').namespace('kube-system');
      return parseDate((await client.get(trackingConfigMap)).data?.['since']);
    } catch (error) {
      this.#base.log.debug('cannot read since when tokens are tracked', { error });
      return undefined;
    }
  }

  #isUnused(secret: Readonly<Secret>, keepFrom: number): boolean {
    const { type, metadata } = secret;
    if (type !== tokenSecretType || metadata.deletionTimestamp !== undefined) return false;
    if (parseTime(metadata.creationTimestamp!) >= keepFrom) return false;
    const lastUsed = metadata.labels?.[lastUsedLabel];
    if (lastUsed !== undefined && (parseDate(lastUsed) === undefined || lastUsed >= dateOf(keepFrom))) return false;
    const account = this.#accounts.lister.get(
      metadata.namespace!,
      metadata.annotations?.[serviceAccountNameAnnotation] ?? '',
    );
    const uid = metadata.annotations?.[serviceAccountUidAnnotation];
    if (!account || (uid && uid !== account.metadata.uid)) return false;
    // Only what the account lists was made by the cluster; the others somebody made and may want.
    return account.secrets?.some((reference) => reference.name === metadata.name) ?? false;
  }

  #mountedSecrets(namespace: string): Set<string> {
    const found = new Set<string>();
    for (const pod of this.#pods.lister.list(namespace)) for (const name of secretNames(pod)) found.add(name);
    return found;
  }

  /** First it is said to be invalid, and only after another whole period it goes. */
  async #retire(secret: Readonly<Secret>, now: number, keepFrom: string): Promise<void> {
    const { namespace, name = '', uid, labels, resourceVersion } = secret.metadata;
    const client = this.#base.client.resource<Secret>('secrets').namespace(namespace);
    const since = labels?.[invalidSinceLabel];
    if (parseDate(since) === undefined) {
      await client.patch(name, 'merge', { metadata: { uid, labels: { [invalidSinceLabel]: dateOf(now) } } });
    } else if (since! < keepFrom) {
      await client.delete(name, { preconditions: { resourceVersion: resourceVersion! } });
    }
  }
}

/** Every Secret that a pod names. */
function secretNames(pod: Readonly<Pod>): string[] {
  const spec = pod.spec;
  const names: (string | undefined)[] = (spec?.imagePullSecrets ?? []).map(({ name }) => name);
  for (const container of [
    ...(spec?.containers ?? []),
    ...(spec?.initContainers ?? []),
    ...(spec?.ephemeralContainers ?? []),
  ]) {
    for (const { secretRef } of container.envFrom ?? []) names.push(secretRef?.name);
    for (const { valueFrom } of container.env ?? []) names.push(valueFrom?.secretKeyRef?.name);
  }
  for (const volume of spec?.volumes ?? []) {
    names.push(
      volume.secret?.secretName,
      volume.azureFile?.secretName,
      volume.cephfs?.secretRef?.name,
      volume.cinder?.secretRef?.name,
      volume.csi?.nodePublishSecretRef?.name,
      volume.flexVolume?.secretRef?.name,
      volume.iscsi?.secretRef?.name,
      volume.rbd?.secretRef?.name,
      volume.scaleIO?.secretRef?.name,
      volume.storageos?.secretRef?.name,
      ...(volume.projected?.sources ?? []).map(({ secret }) => secret?.name),
    );
  }
  return names.filter((name) => name !== undefined);
}
