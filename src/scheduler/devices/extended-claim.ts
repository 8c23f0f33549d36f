/**
 * The claim that stands for a pod's extended resources: in memory until the pod is bound, then one that the scheduler owns.
 * Upstream: plugins/dynamicresources/extendeddynamicresources.go (1.36).
 */
import type { Pod, ResourceClaim } from '../../api/index.ts';
import { isNotFound } from '../../apimachinery/index.ts';
import { type KubeClient, retryOnConflict } from '../../client/index.ts';
import type { PodInfo } from '../framework/node-info.ts';
import { isExtendedName } from '../framework/resources.ts';
import { type ClaimBinder, type ClaimBinderDeps, claimFinalizer } from './binding.ts';
import { type AllocationFields, type Claim, extendedClaimAnnotation } from './claims.ts';
import { type ExtendedClassSource, isClassResource } from './extended-classes.ts';
import { extendedRequests, type RequestMapping } from './extended-requests.ts';

/** No name that a claim in the API can have. */
const nameInMemory = '<extended-resources>';

/** The claim as it would be for nodes that lack the same resources. */
export interface Variant {
  readonly claim: Claim;
  readonly mappings: readonly RequestMapping[];
}

/** One pod's, for one scheduling cycle. */
export class ExtendedClaim {
  /** Left by an attempt whose binding failed: its devices may be the wrong ones now. */
  readonly stale: Claim | undefined;
  readonly #pod: Readonly<Pod>;
  readonly #wanted: readonly string[];
  readonly #classOf: ExtendedClassSource;
  readonly #variants = new Map<string, Variant>();
  /** By node. */
  readonly #chosen = new Map<string, Variant>();
  reserved: { readonly variant: Variant; readonly allocation: AllocationFields } | undefined;
  /** As the API server has it. */
  written: Claim | undefined;

  private constructor(pod: PodInfo, wanted: readonly string[], classOf: ExtendedClassSource, stale: Claim | undefined) {
    this.#pod = pod.pod;
    this.#wanted = wanted;
    this.#classOf = classOf;
    this.stale = stale;
  }

  /** Undefined: the pod asks for nothing that a class provides. */
  static of(pod: PodInfo, classOf: ExtendedClassSource, stale: () => Claim | undefined): ExtendedClaim | undefined {
    const { scalar } = pod.requests;
    if (scalar.size === 0) return undefined;
    const wanted: string[] = [];
    let provided = false;
    for (const [name, amount] of scalar) {
      if (amount === 0 || !(isExtendedName(name) || isClassResource(name))) continue;
      wanted.push(name);
      provided ||= classOf(name) !== undefined;
    }
    return provided ? new ExtendedClaim(pod, wanted, classOf, stale()) : undefined;
  }

  /** What the claim must be for the node; undefined: the node has all of it itself. A string: it lacks this resource, and no class provides it. */
  variantFor(node: string, allocatable: ReadonlyMap<string, number>): Variant | string | undefined {
    const lacking: string[] = [];
    for (const name of this.#wanted) {
      const amount = allocatable.get(name);
      if (!amount && this.#classOf(name)) lacking.push(name);
      else if (amount === undefined) return name;
    }
    if (lacking.length === 0) return undefined;
    const key = lacking.join();
    let variant = this.#variants.get(key);
    if (!variant) {
      variant = this.#make(lacking);
      this.#variants.set(key, variant);
    }
    this.#chosen.set(node, variant);
    return variant;
  }

  on(node: string): Variant | undefined {
    return this.#chosen.get(node);
  }

  #make(lacking: readonly string[]): Variant {
    const { namespace, name, uid } = this.#pod.metadata;
    const { requests, mappings } = extendedRequests(this.#pod, lacking, this.#classOf);
    const claim = {
      apiVersion: 'resource.k8s.io/v1',
      kind: 'ResourceClaim',
      metadata: {
        namespace,
        name: nameInMemory,
        // Of this pod alone, so that what is reserved for it can be told from the rest.
        uid: `${uid}/${nameInMemory}`,
        generateName: `${name}-extended-resources-`,
        ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name, uid, controller: true }],
        annotations: { [extendedClaimAnnotation]: 'true' },
      },
      spec: { devices: { requests } },
    } as unknown as Claim;
    return { claim, mappings };
  }
}

/** Writes the claim, with the devices that were decided on, and tells the pod of it. */
export async function writeExtended(
  extended: ExtendedClaim,
  { client, tracker }: ClaimBinderDeps,
  binder: ClaimBinder,
  pod: Readonly<Pod>,
  signal: AbortSignal,
): Promise<void> {
  const { variant, allocation } = extended.reserved!;
  const { namespace, name: podName, uid } = pod.metadata;
  const { name: _, uid: __, ...metadata } = variant.claim.metadata;
  try {
    const made = await create(client, { ...variant.claim, metadata } as ResourceClaim, signal);
    extended.written = made;
    tracker.made(made);
    extended.written = await binder.bind(made, allocation, pod, signal);
  } finally {
    tracker.setPending(variant.claim, undefined);
  }
  const resourceClaimName = extended.written.metadata.name!;
  const status = { extendedResourceClaimStatus: { requestMappings: variant.mappings, resourceClaimName } };
  try {
    const pods = client.resource('pods').namespace(namespace!);
    await pods.patch(podName!, 'strategic', { metadata: { uid }, status }, { subresource: 'status', signal });
  } catch (error) {
    const text = `update pod ${namespace}/${podName} ExtendedResourceClaimStatus: ${(error as Error).message}`;
    throw new Error(text, { cause: error });
  }
}

async function create(client: KubeClient, claim: ResourceClaim, signal: AbortSignal): Promise<Claim> {
  const { namespace } = claim.metadata;
  try {
    return await client.resource<ResourceClaim>('resourceclaims').namespace(namespace!).create(claim, { signal });
  } catch (error) {
    const text = `create claim for extended resources ${namespace}/: ${(error as Error).message}`;
    throw new Error(text, { cause: error });
  }
}

/** Deletes the claim of an attempt that came to nothing. */
export async function removeExtended(claim: Claim, { client, clock, tracker }: ClaimBinderDeps): Promise<void> {
  const { namespace, name } = claim.metadata;
  const claims = client.resource<ResourceClaim>('resourceclaims').namespace(namespace!);
  let current: Claim | undefined = claim;
  try {
    await retryOnConflict({ clock }, async () => {
      const { metadata, ...rest } = current ?? (await claims.get(name!));
      current = undefined;
      const finalizers = (metadata.finalizers ?? []).filter((other) => other !== claimFinalizer);
      await claims.update({ ...rest, metadata: { ...metadata, finalizers } } as ResourceClaim);
    });
    await claims.delete(name!);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  tracker.unmade(claim);
}
