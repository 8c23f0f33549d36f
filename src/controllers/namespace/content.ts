/**
 * Deletes everything in a namespace, kind by kind.
 * Upstream: pkg/controller/namespace/deletion/namespaced_resources_deleter.go (1.36).
 */

import type { Namespace, Pod } from '../../api/index.ts';
import { isMethodNotSupported, isNotFound, type KubeObject } from '../../apimachinery/index.ts';
import { type Clock, parseTime } from '../../base/index.ts';
import { discover, type KubeClient, type ResourceClient, type ResourceDescription } from '../../client/index.ts';

/** How long an object with finalizers is taken to need. */
const finalizerEstimateSeconds = 15;

/** What deleting left. */
export interface Remaining {
  /** Seconds until it should be gone; 0 = nothing is left. */
  estimateSeconds: number;
  /** `pods.` → 3 */
  readonly resources: Map<string, number>;
  readonly finalizers: Map<string, number>;
  readonly errors: Error[];
  /** Pods are left, so nothing else was touched. */
  waitsForPods: boolean;
  discoveryError?: Error;
}

export async function deleteAllContent(
  deps: { readonly client: KubeClient; readonly clock: Clock },
  namespace: Readonly<Namespace>,
  signal: AbortSignal,
): Promise<Remaining> {
  const remaining: Remaining = {
    estimateSeconds: 0,
    resources: new Map(),
    finalizers: new Map(),
    errors: [],
    waitsForPods: false,
  };
  const { resources, failed } = await discover(deps.client.transport, signal);
  if (failed.length > 0) {
    const names = failed.map(({ groupVersion, error }) => `${groupVersion}: ${error.message}`).join(', ');
    const message = `unable to retrieve the complete list of server APIs: ${names}`;
    remaining.discoveryError = new Error(`Discovery failed for some groups, ${failed.length} failing: ${message}`);
    remaining.errors.push(new Error(message));
  }
  const deletable = preferred(resources).filter((r) => r.namespaced && r.verbs?.includes('delete'));
  const pods = deletable.find((r) => r.group === '' && r.plural === 'pods');
  // Pods first, while the objects they work with are still there.
  if (pods) await deleteResource(deps, namespace, pods, remaining);
  if (remaining.resources.size > 0) {
    remaining.waitsForPods = true;
    return remaining;
  }
  for (const resource of deletable) {
    signal.throwIfAborted();
    if (resource !== pods) await deleteResource(deps, namespace, resource, remaining);
  }
  return remaining;
}

/** One version of each resource: the first in the server's order. */
function preferred(resources: readonly ResourceDescription[]): ResourceDescription[] {
  const seen = new Set<string>();
  return resources.filter(({ plural, group }) => {
    const key = `${plural}.${group}`;
    return seen.has(key) ? false : seen.add(key);
  });
}

async function deleteResource(
  deps: { readonly client: KubeClient; readonly clock: Clock },
  namespace: Readonly<Namespace>,
  resource: ResourceDescription,
  remaining: Remaining,
): Promise<void> {
  const name = namespace.metadata.name!;
  const client = deps.client.resource(resource).namespace(name);
  let estimate = 0;
  try {
    if (resource.group === '' && resource.plural === 'pods') {
      estimate = await graceEstimate(client as ResourceClient<any>);
      const deletedAt = parseTime(namespace.metadata.deletionTimestamp!);
      if (deps.clock.now() - deletedAt >= estimate * 1000) estimate = 0;
    }
    await deleteObjects(client, resource);
    if (!resource.verbs?.includes('list')) return;
    const items: Readonly<KubeObject>[] = [];
    for await (const page of client.pages()) items.push(...page.items);
    if (items.length === 0) return;
    remaining.resources.set(`${resource.plural}.${resource.group}`, items.length);
    let finalizers = 0;
    for (const item of items) {
      for (const finalizer of item.metadata.finalizers ?? []) {
        finalizers++;
        remaining.finalizers.set(finalizer, (remaining.finalizers.get(finalizer) ?? 0) + 1);
      }
    }
    if (estimate === 0 && finalizers === 0) {
      const { group, version, plural } = resource;
      const what = `${group}/${version}, Resource=${plural}`;
      throw new Error(`unexpected items still remain in namespace: ${name} for gvr: ${what}`);
    }
    if (estimate === 0) estimate = finalizerEstimateSeconds;
  } catch (error) {
    if (isMethodNotSupported(error) || isNotFound(error)) return;
    if (!(error instanceof Error) || error.name === 'AssertionError') throw error;
    remaining.errors.push(error);
  }
  remaining.estimateSeconds = Math.max(remaining.estimateSeconds, estimate);
}

async function deleteObjects(client: ResourceClient, resource: ResourceDescription): Promise<void> {
  const options = { propagationPolicy: 'Background' } as const;
  if (resource.verbs?.includes('deletecollection')) return client.deleteCollection(options);
  if (!resource.verbs?.includes('list')) return;
  for await (const page of client.pages()) {
    for (const item of page.items) {
      try {
        await client.delete(item.metadata.name!, options);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
  }
}

/** The longest grace period among pods that still run, seconds. */
async function graceEstimate(pods: ResourceClient<any>): Promise<number> {
  let longest = 0;
  for await (const page of pods.pages()) {
    for (const pod of page.items as Readonly<Pod>[]) {
      if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') continue;
      longest = Math.max(longest, pod.spec?.terminationGracePeriodSeconds ?? 0);
    }
  }
  return longest;
}
