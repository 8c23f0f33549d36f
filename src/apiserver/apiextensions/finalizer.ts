/** The end of a definition. Upstream: apiextensions-apiserver/pkg/controller/finalizer/crd_finalizer.go. */
import { crdCleanupFinalizer } from '../../api/index.ts';
import { type Clock, isAbort, rfc3339 } from '../../base/index.ts';
import { type Crd, isTrue, type WantedCondition, withCondition } from './conditions.ts';

const pollMs = 5000;
const patienceMs = 60_000;

/** Stored where the API server's own objects are: not to be deleted with a definition. */
const builtIn: ReadonlySet<string> = new Set([
  'apiservices.apiregistration.k8s.io',
  'customresourcedefinitions.apiextensions.k8s.io',
]);

export interface FinalizerDeps {
  readonly clock: Clock;
  /** Stores status and metadata; undefined when somebody else was faster. */
  write(crd: Crd): Promise<Crd | undefined>;
  deleteAll(crd: Crd): Promise<void>;
  count(crd: Crd): number;
}

export function needsFinalizing(crd: Crd): boolean {
  const { deletionTimestamp, finalizers } = crd.metadata;
  return deletionTimestamp !== undefined && (finalizers ?? []).includes(crdCleanupFinalizer);
}

const terminating = (status: 'True' | 'False', reason: string, message: string): WantedCondition => ({
  type: 'Terminating',
  status,
  reason,
  message,
});

/** Deletes the objects of a definition in deletion and lets it go. @throws what has to be tried again later. */
export async function finalize(crd: Crd, deps: FinalizerDeps, signal: AbortSignal): Promise<void> {
  const now = () => rfc3339(deps.clock.now());
  const begun = withCondition(
    crd,
    terminating('True', 'InstanceDeletionInProgress', 'CustomResource deletion is in progress'),
    now(),
  );
  let current = await deps.write(begun);
  if (!current) return;
  if (builtIn.has(crd.metadata.name ?? '')) {
    const message = 'instances overlap with built-in resources in storage';
    current = withCondition(current, terminating('False', 'OverlappingBuiltInResource', message), now());
  } else if (isTrue(current, 'Established')) {
    const { condition, error } = await deleteInstances(current, deps, signal);
    current = withCondition(current, condition, now());
    if (error !== undefined) {
      await deps.write(current);
      throw error;
    }
  } else {
    current = withCondition(current, terminating('False', 'NeverEstablished', 'resource was never established'), now());
  }
  const finalizers = (current.metadata.finalizers ?? []).filter((finalizer) => finalizer !== crdCleanupFinalizer);
  await deps.write({ ...current, metadata: { ...current.metadata, finalizers } });
}

async function deleteInstances(
  crd: Crd,
  deps: FinalizerDeps,
  signal: AbortSignal,
): Promise<{ condition: WantedCondition; error?: unknown }> {
  try {
    await deps.deleteAll(crd);
  } catch (error) {
    if (isAbort(error)) throw error;
    const message = `could not issue all deletes: ${(error as Error).message}`;
    return { condition: terminating('True', 'InstanceDeletionFailed', message), error };
  }
  const end = deps.clock.monotonic() + patienceMs;
  while (deps.count(crd) > 0) {
    if (deps.clock.monotonic() >= end) {
      const message = 'could not confirm zero CustomResources remaining: context deadline exceeded';
      return { condition: terminating('True', 'InstanceDeletionCheck', message), error: new Error(message) };
    }
    await deps.clock.sleep(pollMs, signal);
  }
  return { condition: terminating('False', 'InstanceDeletionCompleted', 'removed all instances') };
}
