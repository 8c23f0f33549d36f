/** `pods/eviction`: deletion that disruption budgets may refuse. Upstream: pkg/registry/core/pod/storage/eviction.go. */
import type { SubresourceDefinition } from '../../api/index.ts';
import {
  deepCopy,
  FieldErrorList,
  FieldPath,
  isConflict,
  isObject,
  type KubeObject,
  newBadRequest,
  newConflict,
  newDisruptionBudget,
  newForbidden,
  newInvalid,
  newTimeout,
  type Status,
  StatusError,
  selectorFromLabelSelector,
} from '../../apimachinery/index.ts';
import { rfc3339 } from '../../base/index.ts';
import { decodeObject } from '../registry/decode.ts';
import { deleteObject } from '../registry/delete.ts';
import { withPodCondition } from '../registry/pod-binding.ts';
import type { ResourceRegistry } from '../registry/registry.ts';
import type { DeleteRequestOptions, WriteRequest } from '../registry/request.ts';
import { updateObject } from '../registry/update.ts';
import type { ObjectReader, RequestContext, ServerResponse } from '../types.ts';
import { requireObject } from './body.ts';
import { deleteOptions, writeRequest } from './options.ts';
import { readEntry } from './read.ts';
import { subresourceKind } from './subresource-kind.ts';

/** Pods whose eviction was approved and that the controller has not seen gone. Upstream: MaxDisruptedPodSize. */
const maxDisruptedPods = 2000;
/** Upstream: EvictionsRetry. */
const retries = 20;

export interface EvictionDeps {
  find(group: string, version: string, resource: string): ResourceRegistry | undefined;
  readonly reader: ObjectReader;
}

export async function evictionHandler(
  registry: ResourceRegistry,
  subresource: SubresourceDefinition,
  context: RequestContext,
  deps: EvictionDeps,
): Promise<ServerResponse> {
  const first = writeRequest(context, 'CreateOptions');
  const expected = subresourceKind(registry, subresource);
  const body = requireObject(context.request, expected);
  const eviction = decodeObject(asV1(body.value), expected, registry.deps.schemas, {
    validation: first.fieldValidation,
    warnings: first.warnings,
    duplicates: body.duplicates,
  });
  const { name } = first;
  if (eviction.metadata.name !== name) {
    throw newBadRequest('name in URL does not match name in Eviction object');
  }
  const options = optionsOf(eviction, name);
  const request = writeRequest(context, 'CreateOptions', { dryRun: options.dryRun });
  const { admission } = registry.deps;
  await admission.admit(registry.attributes('CREATE', request, name, eviction, undefined));
  await admission.validate(registry.attributes('CREATE', request, name, eviction, undefined));
  await evict(registry, context, options, request, deps);
  const status: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
  return { code: 201, body: { kind: 'object', object: status } };
}

/** The beta version is still taken, and is the same. */
function asV1(value: unknown): unknown {
  return isObject(value) && value['apiVersion'] === 'policy/v1beta1' ? { ...value, apiVersion: 'policy/v1' } : value;
}

function optionsOf(eviction: KubeObject, name: string): DeleteRequestOptions & { readonly dryRun: readonly string[] } {
  const given: Readonly<Record<string, any>> = eviction['deleteOptions'] ?? {};
  if (given['ignoreStoreReadErrorWithClusterBreakingPotential'] === true) {
    const errors = new FieldErrorList();
    errors.invalid(
      FieldPath.root('deleteOptions').child('ignoreStoreReadErrorWithClusterBreakingPotential'),
      true,
      'can not be set for pod eviction, try after removing the option',
    );
    throw newInvalid({ group: 'policy', kind: 'Eviction' }, name, errors.errors);
  }
  return deleteOptions(new URLSearchParams(), given);
}

async function evict(
  registry: ResourceRegistry,
  context: RequestContext,
  options: DeleteRequestOptions,
  request: WriteRequest,
  deps: EvictionDeps,
): Promise<void> {
  const pinned = options.preconditions?.resourceVersion !== undefined;
  for (let attempt = 1; ; attempt++) {
    const pod = (await readEntry(registry, context)).object;
    if (!needsNoBudget(pod)) break;
    // What has ended, or never began, disrupts nothing. One that may become ready meanwhile must still be as it was.
    const mayBecomeReady = pod['status']?.phase === 'Pending' && pod.metadata.deletionTimestamp === undefined;
    try {
      await markAndDelete(registry, mayBecomeReady && !pinned ? atRevision(options, pod) : options, request);
      return;
    } catch (error) {
      if (pinned || attempt >= retries || !(error instanceof StatusError) || !isConflict(error)) throw error;
    }
  }
  const pod = (await readEntry(registry, context)).object;
  const budgets = budgetsOf(pod, deps.reader);
  if (budgets.length > 1) {
    throw new StatusError({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
      code: 500,
    });
  }
  const [budget] = budgets;
  if (!budget) return markAndDelete(registry, options, request);
  if (!isReady(pod) && sparesUnready(budget)) {
    try {
      return await markAndDelete(registry, pinned ? options : atRevision(options, pod), request);
    } catch (error) {
      if (!pinned && error instanceof StatusError && isConflict(error)) throw stillProcessed(budget);
      throw error;
    }
  }
  await takeFromBudget(budget, pod.metadata.name ?? '', request, deps);
  await markAndDelete(registry, options, request);
}

const needsNoBudget = (pod: Readonly<KubeObject>): boolean =>
  ['Succeeded', 'Failed', 'Pending'].includes(pod['status']?.phase) || pod.metadata.deletionTimestamp !== undefined;

const isReady = (pod: Readonly<KubeObject>): boolean =>
  (pod['status']?.conditions ?? []).some(
    (c: { type: string; status: string }) => c.type === 'Ready' && c.status === 'True',
  );

function atRevision(options: DeleteRequestOptions, pod: Readonly<KubeObject>): DeleteRequestOptions {
  const { resourceVersion } = pod.metadata;
  return resourceVersion === undefined
    ? options
    : { ...options, preconditions: { ...options.preconditions, resourceVersion } };
}

/** A pod that is not ready counts for nothing where enough others are, or where the budget says so. */
function sparesUnready(budget: Readonly<KubeObject>): boolean {
  if (budget['spec']?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = budget['status'] ?? {};
  return currentHealthy >= desiredHealthy && desiredHealthy > 0;
}

function budgetsOf(pod: Readonly<KubeObject>, reader: ObjectReader): Readonly<KubeObject>[] {
  const { namespace, labels = {} } = pod.metadata;
  return reader.list('poddisruptionbudgets.policy', namespace).filter((budget) => {
    try {
      return selectorFromLabelSelector(budget['spec']?.selector).matches(labels);
    } catch {
      // A selector that cannot be read selects nothing.
      return false;
    }
  });
}

/** Condition DisruptionTarget, then the deletion of what was just written. */
async function markAndDelete(
  registry: ResourceRegistry,
  options: DeleteRequestOptions,
  request: WriteRequest,
): Promise<void> {
  let preconditions = options.preconditions;
  const asStatus: WriteRequest = { ...request, subresource: 'status' };
  if (!request.dryRun) {
    const { entry } = await updateObject(
      registry,
      {
        unconditional: true,
        next: (current) => {
          const pod = deepCopy(current!) as KubeObject;
          checkPreconditions(pod, preconditions);
          pod['status'] = {
            ...pod['status'],
            conditions: withPodCondition(
              pod,
              {
                type: 'DisruptionTarget',
                status: 'True',
                reason: 'EvictionByEvictionAPI',
                message: 'Eviction API: evicting',
              },
              rfc3339(registry.deps.clock.now()),
            ),
          };
          return registry.trackFields(current, pod, asStatus);
        },
      },
      asStatus,
    );
    if (preconditions?.resourceVersion !== undefined) {
      preconditions = { ...preconditions, resourceVersion: String(entry.revision) };
    }
  }
  await deleteObject(
    registry,
    { ...options, ...(preconditions ? { preconditions } : {}) },
    { ...request, subresource: '' },
  );
}

function checkPreconditions(pod: Readonly<KubeObject>, preconditions: DeleteRequestOptions['preconditions']): void {
  const { uid, resourceVersion, name = '' } = pod.metadata;
  const conflict = (cause: string) => newConflict({ group: '', resource: 'Pod' }, name, cause);
  if (preconditions?.uid && preconditions.uid !== uid) {
    throw conflict(
      `the UID in the precondition (${preconditions.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
    );
  }
  if (preconditions?.resourceVersion && preconditions.resourceVersion !== resourceVersion) {
    throw conflict(
      `the ResourceVersion in the precondition (${preconditions.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`,
    );
  }
}

/** One disruption less, with the pod's name left for the controller. @throws StatusError 429 */
async function takeFromBudget(
  budget: Readonly<KubeObject>,
  podName: string,
  request: WriteRequest,
  deps: EvictionDeps,
): Promise<void> {
  const registry = deps.find('policy', 'v1', 'poddisruptionbudgets')!;
  const { name = '', namespace = '' } = budget.metadata;
  const write: WriteRequest = { ...request, name, namespace, subresource: 'status' };
  for (let attempt = 1; ; attempt++) {
    try {
      await updateObject(
        registry,
        {
          unconditional: true,
          next: (current) => {
            const next = deepCopy(current!) as KubeObject;
            next['status'] = decremented(next, podName, rfc3339(registry.deps.clock.now()));
            return registry.trackFields(current, next, write);
          },
        },
        write,
      );
      return;
    } catch (error) {
      if (!(error instanceof StatusError) || !isConflict(error)) throw error;
      if (attempt >= retries) {
        throw newTimeout(`couldn't update PodDisruptionBudget ${JSON.stringify(name)} due to conflicts`, 10);
      }
    }
  }
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

function decremented(budget: Readonly<KubeObject>, podName: string, now: string): Record<string, unknown> {
  const status: Readonly<Record<string, any>> = budget['status'] ?? {};
  const { name = '', generation = 0 } = budget.metadata;
  if ((status['observedGeneration'] ?? 0) < generation) throw stillProcessed(budget);
  const allowed: number = status['disruptionsAllowed'] ?? 0;
  const resource = { group: 'policy', resource: 'poddisruptionbudget' };
  if (allowed < 0) throw newForbidden(resource, name, 'pdb disruptions allowed is negative');
  if (Object.keys(status['disruptedPods'] ?? {}).length > maxDisruptedPods) {
    throw newForbidden(
      resource,
      name,
      'DisruptedPods map too big - too many evictions not confirmed by PDB controller',
    );
  }
  if (allowed === 0) throw newDisruptionBudget(refusalText, whyNone(name, status));
  const left = allowed - 1;
  const conditions: readonly Condition[] = status['conditions'] ?? [];
  return {
    ...status,
    disruptionsAllowed: left,
    disruptedPods: { ...status['disruptedPods'], [podName]: now },
    ...(left === 0
      ? {
          conditions: [
            ...conditions.filter(({ type }) => type !== 'DisruptionAllowed'),
            {
              type: 'DisruptionAllowed',
              status: 'False',
              reason: 'InsufficientPods',
              message: '',
              observedGeneration: status['observedGeneration'] ?? 0,
              lastTransitionTime: now,
            },
          ],
        }
      : {}),
  };
}

const refusalText = "Cannot evict pod as it would violate the pod's disruption budget.";

function stillProcessed(budget: Readonly<KubeObject>): StatusError {
  const error = newDisruptionBudget(
    refusalText,
    `The disruption budget ${budget.metadata.name} is still being processed by the server.`,
  );
  return new StatusError({ ...error.status, details: { ...error.status.details, retryAfterSeconds: 10 } });
}

function whyNone(name: string, status: Readonly<Record<string, any>>): string {
  const condition: Condition | undefined = (status['conditions'] ?? []).find(
    ({ type }: Condition) => type === 'DisruptionAllowed',
  );
  const said = condition?.status === 'False' && condition.message ? condition : undefined;
  const { desiredHealthy = 0, currentHealthy = 0 } = status;
  if (said?.reason === 'SyncFailed') {
    return `The disruption budget ${name} does not allow evicting pods currently because it failed sync: ${said.message}`;
  }
  if (currentHealthy <= desiredHealthy) {
    return `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
  }
  if (said)
    return `The disruption budget ${name} does not allow evicting pods currently (${said.reason}): ${said.message}`;
  return `The disruption budget ${name} does not allow evicting pods currently`;
}
