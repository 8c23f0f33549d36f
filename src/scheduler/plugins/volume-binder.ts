/**
 * Finds volumes for a pod's claims on a node, holds them while the pod is being bound, and binds them.
 * Upstream: scheduler/framework/plugins/volumebinding/binder.go (1.36).
 */
import {
  boundByControllerAnnotation,
  classOfClaim,
  delaysBinding,
  findMatchingVolume,
  isClaimBound,
  noProvisioner,
  type PersistentVolume,
  type PersistentVolumeClaim,
  selectedNodeAnnotation,
  storageRequest,
  volumeNodeTerms,
} from '../../api/index.ts';
import {
  compareQuantity,
  type LabelSelectorObject,
  objectKey,
  selectorFromLabelSelector,
} from '../../apimachinery/index.ts';
import { type Clock, Deferred } from '../../base/index.ts';
import type { KubeClient } from '../../client/index.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import { termMatches } from './node-affinity.ts';
import { AssumeCache, type VolumeSources } from './volume-sources.ts';

export type Claim = Readonly<PersistentVolumeClaim>;
export type Volume = Readonly<PersistentVolume>;

export const reasonBindConflict = "node(s) didn't find available persistent volumes to bind";
export const reasonNodeConflict = "node(s) didn't match PersistentVolume's node affinity";
export const reasonNoSpace = 'node(s) did not have enough free storage';
export const reasonVolumeMissing = 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)';

/** A pod's claims by what is to be done for them. */
export interface PodClaims {
  readonly bound: readonly Claim[];
  /** Their class waits for a consumer: this pod. */
  readonly delayed: readonly Claim[];
  /** Somebody else must bind them first. */
  readonly immediate: readonly Claim[];
}

/** What is decided for one node. */
export interface NodeVolumes {
  readonly bindings: readonly { readonly claim: Claim; readonly volume: Volume }[];
  readonly provisions: readonly Claim[];
}

export type FindResult =
  | { readonly reasons: readonly string[]; readonly detail: string }
  | { readonly reasons?: undefined; readonly volumes: NodeVolumes };

interface Problem {
  readonly reason: string;
  readonly detail: string;
}

export interface VolumeBinderDeps {
  readonly sources: VolumeSources;
  readonly client: KubeClient;
  readonly clock: Clock;
}

export class VolumeBinder {
  readonly #deps: VolumeBinderDeps;
  readonly #assumedClaims = new AssumeCache<PersistentVolumeClaim>();
  readonly #assumedVolumes = new AssumeCache<PersistentVolume>();

  constructor(deps: VolumeBinderDeps) {
    this.#deps = deps;
  }

  claim(namespace: string, name: string): Claim | undefined {
    const cached = this.#deps.sources.claim(namespace, name);
    return cached && this.#assumedClaims.latest(cached);
  }

  volume(name: string): Volume | undefined {
    const cached = this.#deps.sources.volume(name);
    return cached && this.#assumedVolumes.latest(cached);
  }

  sort(claims: readonly Claim[]): PodClaims {
    const bound: Claim[] = [];
    const delayed: Claim[] = [];
    const immediate: Claim[] = [];
    for (const claim of claims) {
      if (isClaimBound(claim)) bound.push(claim);
      // One that names its volume is the binder's, whatever its class says.
      else if (!claim.spec?.volumeName && delaysBinding(this.#deps.sources.storageClass(classOfClaim(claim)))) {
        delayed.push(claim);
      } else immediate.push(claim);
    }
    return { bound, delayed, immediate };
  }

  /** What the node offers for the claims, or why it does not. */
  find(claims: PodClaims, node: NodeInfo): FindResult {
    const bound = this.#boundProblem(claims.bound, node);
    const delayed = this.#findDelayed(claims.delayed, node);
    if (!bound && !('reason' in delayed)) return { volumes: delayed };
    // Upstream says both; a missing volume last.
    const problems = [bound, 'reason' in delayed ? delayed : undefined].filter((problem) => problem !== undefined);
    if (bound?.reason === reasonVolumeMissing) problems.reverse();
    return {
      reasons: problems.map(({ reason }) => reason),
      detail: problems.map(({ detail }) => detail).join('; '),
    };
  }

  #boundProblem(claims: readonly Claim[], node: NodeInfo): Problem | undefined {
    for (const claim of claims) {
      const volume = this.volume(claim.spec!.volumeName!);
      if (!volume) {
        return { reason: reasonVolumeMissing, detail: `claim ${claim.metadata.name} names ${claim.spec!.volumeName}` };
      }
      if (!reachable(volume, node)) {
        const detail = `volume ${volume.metadata.name} of claim ${claim.metadata.name} is elsewhere`;
        return { reason: reasonNodeConflict, detail };
      }
    }
    return undefined;
  }

  #findDelayed(claims: readonly Claim[], node: NodeInfo): NodeVolumes | Problem {
    const bindings: { claim: Claim; volume: Volume }[] = [];
    const provisions: Claim[] = [];
    const excluded = new Set<string>();
    // The smallest wishes first, so that they do not take what the large ones need.
    const bySize = [...claims].sort((a, b) => compareQuantity(storageRequest(a), storageRequest(b)));
    for (const claim of bySize) {
      const selected = claim.metadata.annotations?.[selectedNodeAnnotation];
      if (selected !== undefined) {
        if (selected !== node.name) {
          const detail = `a volume for claim ${claim.metadata.name} is being provisioned on ${selected}`;
          return { reason: reasonBindConflict, detail };
        }
        provisions.push(claim);
        continue;
      }
      const volume = findMatchingVolume(claim, this.#candidates(claim), {
        excluded,
        delayBinding: true,
        fitsNode: (candidate) => reachable(candidate, node),
      });
      if (volume) {
        excluded.add(volume.metadata.name!);
        bindings.push({ claim, volume });
      } else provisions.push(claim);
    }
    for (const claim of provisions) {
      const problem = this.#cannotProvision(claim, node);
      if (problem !== undefined) return { reason: reasonBindConflict, detail: problem };
      const short = this.#lacksCapacity(claim, node);
      if (short !== undefined) return { reason: reasonNoSpace, detail: short };
    }
    return { bindings, provisions };
  }

  /** Drivers that say so publish what is left where. Upstream: hasEnoughCapacity. */
  #lacksCapacity(claim: Claim, node: NodeInfo): string | undefined {
    const { sources } = this.#deps;
    const className = classOfClaim(claim);
    const driver = sources.csiDriver(sources.storageClass(className)!['provisioner'] as string);
    if (claim.spec?.resources?.requests?.['storage'] === undefined || !driver?.spec?.storageCapacity) return undefined;
    const wanted = storageRequest(claim);
    for (const { capacity, maximumVolumeSize, nodeTopology } of sources.capacitiesOfClass(className)) {
      const limit = (maximumVolumeSize ?? capacity) as string | undefined;
      if (limit === undefined || nodeTopology === undefined || compareQuantity(limit, wanted) < 0) continue;
      if (selectorFromLabelSelector(nodeTopology as LabelSelectorObject).matches(node.labels)) return undefined;
    }
    return `claim ${claim.metadata.name}: no CSIStorageCapacity of class ${className} has ${wanted} here`;
  }

  *#candidates(claim: Claim): Generator<Volume> {
    const { sources } = this.#deps;
    for (const volume of sources.volumesOfClaim(objectKey(claim))) yield this.#assumedVolumes.latest(volume);
    for (const volume of sources.volumesOfClass(classOfClaim(claim))) yield this.#assumedVolumes.latest(volume);
  }

  #cannotProvision(claim: Claim, node: NodeInfo): string | undefined {
    const name = classOfClaim(claim);
    const storageClass = this.#deps.sources.storageClass(name);
    if (!storageClass) return `claim ${claim.metadata.name}: there is no storage class "${name}"`;
    const provisioner = storageClass['provisioner'] as string | undefined;
    if (!provisioner || provisioner === noProvisioner) {
      return `claim ${claim.metadata.name}: no volume of class ${name} fits, and the class provisions none`;
    }
    const topologies = (storageClass['allowedTopologies'] ?? []) as {
      matchLabelExpressions?: readonly { key: string; values: readonly string[] }[];
    }[];
    const allowed =
      topologies.length === 0 ||
      topologies.some(({ matchLabelExpressions = [] }) =>
        matchLabelExpressions.every(({ key, values }) => values.includes(node.labels[key] ?? '')),
      );
    return allowed ? undefined : `class ${name} does not provision here (allowedTopologies)`;
  }

  /** Counts the decision as made, for the cycles that follow. */
  assume({ bindings, provisions }: NodeVolumes, node: string): NodeVolumes {
    const { sources } = this.#deps;
    const assumedBindings = bindings.map(({ claim, volume }) => {
      const assumed = withClaim(volume, claim);
      const cached = sources.volume(volume.metadata.name!);
      if (cached) this.#assumedVolumes.assume(assumed, cached);
      return { claim, volume: assumed };
    });
    const assumedProvisions = provisions.map((claim) => {
      const { metadata } = claim;
      const annotations = { ...metadata.annotations, [selectedNodeAnnotation]: node };
      const assumed = { ...claim, metadata: { ...metadata, annotations } };
      const cached = sources.claim(metadata.namespace!, metadata.name!);
      if (cached) this.#assumedClaims.assume(assumed, cached);
      return assumed;
    });
    return { bindings: assumedBindings, provisions: assumedProvisions };
  }

  revert({ bindings, provisions }: NodeVolumes): void {
    for (const { volume } of bindings) this.#assumedVolumes.restore(volume);
    for (const claim of provisions) this.#assumedClaims.restore(claim);
  }

  /** Writes the decision and waits until every claim is bound. @throws Error as upstream words it. */
  async bind(claims: NodeVolumes, node: () => NodeInfo | undefined, timeoutMs: number, signal: AbortSignal) {
    const { client, clock, sources } = this.#deps;
    let changed = new Deferred();
    const stop = sources.onChange(() => changed.resolve());
    const end = clock.monotonic() + timeoutMs;
    const timer = clock.schedule(timeoutMs, () => changed.resolve());
    const abort = () => changed.resolve();
    signal.addEventListener('abort', abort, { once: true });
    try {
      const written: Volume[] = [];
      for (const { volume } of claims.bindings) {
        written.push(await client.resource<PersistentVolume>('persistentvolumes').update(volume, { signal }));
      }
      for (const claim of claims.provisions) {
        const cached = sources.claim(claim.metadata.namespace!, claim.metadata.name!);
        if (cached?.metadata.annotations?.[selectedNodeAnnotation] === undefined) {
          await client.resource<PersistentVolumeClaim>('persistentvolumeclaims').update(claim, { signal });
        }
      }
      for (;;) {
        changed = new Deferred();
        if (this.#allBound(claims, written, node())) return;
        signal.throwIfAborted();
        if (clock.monotonic() >= end) throw new Error('binding volumes: context deadline exceeded');
        await changed.promise;
      }
    } finally {
      stop();
      timer.cancel();
      signal.removeEventListener('abort', abort);
    }
  }

  #allBound({ bindings, provisions }: NodeVolumes, written: readonly Volume[], node: NodeInfo | undefined): boolean {
    const { sources } = this.#deps;
    const fail = (message: string) => new Error(`binding volumes: ${message}`);
    if (!node) throw fail('the node is gone');
    const current = (claim: Claim): Claim => {
      const { namespace, name } = claim.metadata;
      const found = sources.claim(namespace!, name!);
      if (!found) throw fail(`failed to get PVC from lister: persistentvolumeclaim "${name}" not found`);
      return found;
    };
    let all = true;
    for (const [i, { claim }] of bindings.entries()) {
      const ours = written[i]!;
      const volume = sources.volume(ours.metadata.name!);
      const found = current(claim);
      if (!volume) throw fail(`failed to get PV "${ours.metadata.name}" from lister`);
      if (Number(volume.metadata.resourceVersion) < Number(ours.metadata.resourceVersion)) {
        all = false;
        continue;
      }
      if (!volume.spec?.claimRef?.uid) throw fail(`ClaimRef got reset for pv "${volume.metadata.name}"`);
      if (!isClaimBound(found)) all = false;
    }
    for (const claim of provisions) {
      const found = current(claim);
      const selected = found.metadata.annotations?.[selectedNodeAnnotation];
      if (selected === undefined) {
        // The write may not have come back yet; a newer state without the mark is a refusal.
        if (found.metadata.resourceVersion === claim.metadata.resourceVersion) {
          all = false;
          continue;
        }
        throw fail(`provisioning failed for PVC "${claim.metadata.name}"`);
      }
      if (selected !== node.name) {
        throw fail(`provisioning failed for PVC "${claim.metadata.name}": selected node changed to "${selected}"`);
      }
      const volume = found.spec?.volumeName ? sources.volume(found.spec.volumeName) : undefined;
      if (volume && !reachable(volume, node)) {
        throw fail(`pv "${volume.metadata.name}" node affinity doesn't match node "${node.name}"`);
      }
      if (!isClaimBound(found) || !volume) all = false;
    }
    return all;
  }
}

function reachable(volume: Volume, node: NodeInfo): boolean {
  const terms = volumeNodeTerms(volume);
  return terms === undefined || terms.some((term) => termMatches(term, node));
}

/** The volume with the claim it is given to; the binder finishes what it finds so. */
function withClaim(volume: Volume, claim: Claim): Volume {
  if (volume.spec?.claimRef?.uid === claim.metadata.uid) return volume;
  const { namespace, name, uid, resourceVersion } = claim.metadata;
  const reserved = volume.spec?.claimRef !== undefined;
  const annotations = reserved
    ? volume.metadata.annotations
    : { ...volume.metadata.annotations, [boundByControllerAnnotation]: 'yes' };
  return {
    ...volume,
    metadata: { ...volume.metadata, ...(annotations && { annotations }) },
    spec: {
      ...volume.spec,
      claimRef: { kind: 'PersistentVolumeClaim', apiVersion: 'v1', namespace, name, uid, resourceVersion },
    },
  } as Volume;
}
