/**
 * Refuses what a namespace's quotas do not leave room for, and takes the room for what it lets through, before the write:
 * the quota's status is the ledger. Upstream: apiserver/pkg/admission/plugin/resourcequota (1.36).
 */
import {
  type Amounts,
  addAmounts,
  amountsFrom,
  type QuotaEvaluator,
  type QuotaObjects,
  quotaEvaluator,
  quotaSelects,
  type ResourceQuota,
  subtractAmounts,
} from '../../api/index.ts';
import { isConflict, isNotFound, type KubeObject, objectKey } from '../../apimachinery/index.ts';
import type { Clock } from '../../base/index.ts';
import type { AdmissionAttributes, AdmissionPlugin, ObjectReader } from '../types.ts';
import { admissionForbidden, resourceOf } from './forbidden.ts';

export interface ResourceQuotaDeps {
  readonly reader: ObjectReader;
  readonly clock: Clock;
  /** Writes a quota's status as the server itself; rejects with Conflict when `quota` is not the newest. */
  updateQuotaStatus?(quota: KubeObject): Promise<Readonly<KubeObject>>;
  waitForCache(): Promise<void>;
}

type Quota = Readonly<ResourceQuota>;

/** Upstream: quotaEvaluator's retries. */
const retries = 3;
/** Never counted: reviews and the like. Upstream: quota's ignored resources. */
const ignored = new Set([
  'bindings',
  'events',
  'events.events.k8s.io',
  'localsubjectaccessreviews.authorization.k8s.io',
  'selfsubjectaccessreviews.authorization.k8s.io',
  'selfsubjectreviews.authentication.k8s.io',
  'selfsubjectrulesreviews.authorization.k8s.io',
  'subjectaccessreviews.authorization.k8s.io',
  'tokenreviews.authentication.k8s.io',
]);

export function resourceQuota(deps: ResourceQuotaDeps): AdmissionPlugin {
  const ledger = new Ledger(deps);
  return {
    name: 'ResourceQuota',
    handles: (operation) => operation === 'CREATE' || operation === 'UPDATE',
    validate(attributes) {
      const { namespace, subresource, operation, definition } = attributes;
      if (subresource !== '' || namespace === '' || definition.virtual || !attributes.object) return;
      const resource = resourceOf(attributes);
      if (resource === 'namespaces' || ignored.has(resource)) return;
      if (!ledger.concerns(namespace)) return;
      const evaluator = quotaEvaluator(resource);
      if (operation === 'UPDATE' && !evaluator.onUpdate) return;
      return ledger.charge(attributes, evaluator);
    },
  };
}

/** One request of a namespace at a time; what was written a moment ago is known before the cache shows it. */
class Ledger {
  readonly #deps: ResourceQuotaDeps;
  readonly #turns = new Map<string, Promise<void>>();
  readonly #written = new Map<string, Quota>();

  constructor(deps: ResourceQuotaDeps) {
    this.#deps = deps;
  }

  concerns(namespace: string): boolean {
    return this.#deps.reader.list('resourcequotas', namespace).length > 0;
  }

  async charge(attributes: AdmissionAttributes, evaluator: QuotaEvaluator): Promise<void> {
    const { namespace } = attributes;
    const turn = (this.#turns.get(namespace) ?? Promise.resolve()).then(() => this.#charge(attributes, evaluator));
    const done = turn.catch(() => {});
    this.#turns.set(namespace, done);
    try {
      await turn;
    } finally {
      if (this.#turns.get(namespace) === done) this.#turns.delete(namespace);
    }
  }

  #quotas(namespace: string): Quota[] {
    return (this.#deps.reader.list('resourcequotas', namespace) as unknown as readonly Quota[]).map((cached) => {
      const key = objectKey(cached);
      const written = this.#written.get(key);
      if (!written) return cached;
      const { uid, resourceVersion } = cached.metadata;
      if (written.metadata.uid === uid && Number(written.metadata.resourceVersion) > Number(resourceVersion)) {
        return written;
      }
      this.#written.delete(key);
      return cached;
    });
  }

  async #charge(attributes: AdmissionAttributes, evaluator: QuotaEvaluator): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const charged = check(
        attributes,
        evaluator,
        this.#quotas(attributes.namespace),
        this.#deps.clock.now(),
        this.#deps.reader,
      );
      if (attributes.dryRun) return;
      try {
        for (const quota of charged) await this.#write(quota);
        return;
      } catch (error) {
        if (!isConflict(error) || attempt >= retries) throw error;
        await this.#deps.waitForCache();
      }
    }
  }

  async #write(quota: Quota): Promise<void> {
    try {
      const written = await this.#deps.updateQuotaStatus?.(quota as unknown as KubeObject);
      if (written) this.#written.set(objectKey(written), written as unknown as Quota);
    } catch (error) {
      // A quota that was deleted meanwhile holds nobody back.
      if (!isNotFound(error)) throw error;
    }
  }
}

/** The quotas with what the request takes from them. @throws StatusError Forbidden */
function check(
  attributes: AdmissionAttributes,
  evaluator: QuotaEvaluator,
  quotas: readonly Quota[],
  now: number,
  objects: QuotaObjects,
): Quota[] {
  const object = attributes.object!;
  const concerned: { readonly quota: Quota; readonly hard: Amounts }[] = [];
  for (const quota of quotas) {
    if (!quotaSelects(evaluator, quota, object)) continue;
    const hard = amountsFrom(quota.status?.hard);
    const required = evaluator.matching(hard.size > 0 ? hard.keys() : Object.keys(quota.spec?.hard ?? {}));
    if (required.length === 0) continue;
    const missing = attributes.operation === 'CREATE' ? evaluator.constraint(required, object) : undefined;
    if (missing !== undefined) {
      throw admissionForbidden(attributes, `failed quota: ${quota.metadata.name}: ${missing}`);
    }
    const used = quota.status?.used ?? {};
    const unknown = required.filter((name) => !hard.has(name) || !(name in used));
    if (unknown.length > 0) {
      const names = unknown.sort().join(',');
      throw admissionForbidden(attributes, `status unknown for quota: ${quota.metadata.name}, resources: ${names}`);
    }
    concerned.push({ quota, hard });
  }
  if (concerned.length === 0) return [];

  let delta = evaluator.usage(object, now, objects);
  const before = attributes.operation === 'UPDATE' ? attributes.oldObject : undefined;
  if (before) delta = subtractAmounts(delta, evaluator.usage(before, now, objects));
  const charged: Quota[] = [];
  for (const { quota, hard } of concerned) {
    // An object that comes into the scope of a quota by this update counts whole.
    const requested = before && !quotaSelects(evaluator, quota, before) ? evaluator.usage(object, now, objects) : delta;
    const taken: Amounts = new Map([...requested].filter(([name, amount]) => hard.has(name) && !amount.isZero));
    if (taken.size === 0) continue;
    const used = amountsFrom(quota.status!.used);
    const next = addAmounts(used, taken);
    const exceeded = [...taken]
      .filter(([name, amount]) => amount.sign > 0 && next.get(name)!.compare(hard.get(name)!) > 0)
      .map(([name]) => name)
      .sort();
    if (exceeded.length > 0) {
      const show = (amounts: Amounts) => exceeded.map((name) => `${name}=${amounts.get(name) ?? '0'}`).join(',');
      throw admissionForbidden(
        attributes,
        `exceeded quota: ${quota.metadata.name}, requested: ${show(taken)}, used: ${show(used)}, limited: ${show(hard)}`,
      );
    }
    const text = Object.fromEntries([...next].map(([name, amount]) => [name, amount.toString()]));
    charged.push({ ...quota, status: { ...quota.status, used: text } });
  }
  return charged;
}
