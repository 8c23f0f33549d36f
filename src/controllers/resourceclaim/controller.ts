/**
 * Makes ResourceClaims from the templates that pods name, reserves claims for pods that are bound without the scheduler,
 * and takes back reservations of pods that are done. Upstream: pkg/controller/resourceclaim/controller.go (1.36).
 */
import type { Pod, ResourceClaim, ResourceClaimTemplate } from '../../api/index.ts';
import { isNotFound, objectKey, splitObjectKey } from '../../apimachinery/index.ts';
import { causeOf, type RequestCause, type SharedInformer, Workqueue } from '../../client/index.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
} from '../common/controller.ts';
import type { ReadPod } from '../common/pods.ts';
import {
  addPodResourceClaimIndex,
  claimNameOf,
  claimNamesOf,
  isPodDone,
  isReservedFor,
  podResourceClaimIndex,
} from '../common/resource-claims.ts';

const workers = 10;
const podTemplateIndex = 'podResourceClaimTemplate';
const claimOwnerIndex = 'claimPodOwner';
const podClaimAnnotation = 'resource.kubernetes.io/pod-claim-name';
const finalizer = 'resource.kubernetes.io/delete-protection';
/** Leaves room for a hyphen and the five characters that the server adds. */
const maxGenerateName = 57;
/** UIDs of deleted pods that are remembered, so that nobody has to be asked about them. */
const maxDeleted = 500;

const names = {
  name: 'resourceclaim-controller',
  serviceAccount: 'resource-claim-controller',
  component: 'resource_claim',
} as const;

type Entry = NonNullable<NonNullable<Pod['spec']>['resourceClaims']>[number];
type Claim = Readonly<ResourceClaim>;

export class ResourceClaimController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #base: ControllerBase;
  readonly #queue: Workqueue;
  readonly #pods: SharedInformer<Pod>;
  readonly #claims: SharedInformer<ResourceClaim>;
  readonly #templates: SharedInformer<ResourceClaimTemplate>;
  /** Claims made for a pod that the cache may not show yet: `<pod uid>/<entry>`. */
  readonly #made = new Map<string, Claim>();
  readonly #deleted = new Set<string>();

  constructor(context: ControllerContext) {
    this.#base = controllerBase(context, names);
    this.#queue = new Workqueue(context, { name: 'resource_claim' });
    this.#pods = context.informers.informer<Pod>('pods');
    this.#claims = context.informers.informer<ResourceClaim>('resourceclaims');
    this.#templates = context.informers.informer<ResourceClaimTemplate>('resourceclaimtemplates');
    addPodResourceClaimIndex(this.#pods);
    this.#pods.addIndexers({
      [podTemplateIndex]: (pod) =>
        (pod.spec?.resourceClaims ?? []).flatMap(({ resourceClaimTemplateName: name }) =>
          name === undefined ? [] : `${pod.metadata.namespace}/${name}`,
        ),
    });
    this.#claims.addIndexers({
      [claimOwnerIndex]: (claim) => [owningPod(claim)?.uid ?? []].flat(),
    });
    this.#pods.addHandler({
      onAdd: (pod) => this.#podSeen(pod),
      onUpdate: (_, pod) => this.#podSeen(pod),
      onDelete: (pod) => this.#podGone(pod),
    });
    this.#claims.addHandler({
      onAdd: (claim) => this.#claimSeen(claim),
      onUpdate: (_, claim) => this.#claimSeen(claim),
      onDelete: (claim) => this.#podsOf(podResourceClaimIndex, objectKey(claim), causeOf(this.#claims.resource, claim)),
    });
    const templateSeen = (template: Readonly<ResourceClaimTemplate>) =>
      this.#podsOf(podTemplateIndex, objectKey(template), causeOf(this.#templates.resource, template));
    this.#templates.addHandler({ onAdd: templateSeen, onUpdate: (_, template) => templateSeen(template) });
  }

  run(signal: AbortSignal): Promise<void> {
    const { log, broadcaster } = this.#base;
    const informers = [this.#pods, this.#claims, this.#templates];
    const queues = [{ queue: this.#queue, workers, reconcile: (key: string) => this.#sync(key) }];
    return runController({ log, broadcaster, informers, queues }, signal);
  }

  #podSeen(pod: ReadPod): void {
    if (!hasClaims(pod)) return;
    const cause = causeOf(this.#pods.resource, pod);
    if (isPodDone(pod)) this.#queueClaimsOf(pod, cause);
    else if (mayNeedClaims(pod)) this.#queue.add(`pod:${objectKey(pod)}`, cause);
  }

  #podGone(pod: ReadPod): void {
    if (!hasClaims(pod)) return;
    this.#deleted.add(pod.metadata.uid!);
    if (this.#deleted.size > maxDeleted) for (const uid of [...this.#deleted].slice(0, 1)) this.#deleted.delete(uid);
    for (const entry of pod.spec?.resourceClaims ?? []) this.#made.delete(`${pod.metadata.uid}/${entry.name}`);
    this.#queueClaimsOf(pod, causeOf(this.#pods.resource, pod));
  }

  #queueClaimsOf(pod: ReadPod, cause: RequestCause): void {
    for (const name of claimNamesOf(pod)) this.#queue.add(`claim:${pod.metadata.namespace}/${name}`, cause);
  }

  #claimSeen(claim: Claim): void {
    const cause = causeOf(this.#claims.resource, claim);
    this.#queue.add(`claim:${objectKey(claim)}`, cause);
    this.#podsOf(podResourceClaimIndex, objectKey(claim), cause);
  }

  #podsOf(index: string, key: string, cause: RequestCause): void {
    for (const pod of this.#pods.lister.byIndex(index, key)) {
      if (mayNeedClaims(pod)) this.#queue.add(`pod:${objectKey(pod)}`, cause);
    }
  }

  #sync(key: string): Promise<void> {
    const colon = key.indexOf(':');
    const { namespace, name } = splitObjectKey(key.slice(colon + 1));
    return key.startsWith('pod:') ? this.#syncPod(namespace, name) : this.#syncClaim(namespace, name);
  }

  async #syncPod(namespace: string, name: string): Promise<void> {
    const pod = this.#pods.lister.get(namespace, name);
    if (!pod || !mayNeedClaims(pod)) return;
    const made: { name: string; resourceClaimName: string }[] = [];
    for (const entry of pod.spec?.resourceClaims ?? []) {
      try {
        const claim = await this.#claimFor(pod, entry);
        if (claim) made.push({ name: entry.name, resourceClaimName: claim.metadata.name! });
      } catch (error) {
        const message = `PodResourceClaim ${entry.name}: ${(error as Error).message}`;
        this.#base.recorder.event(pod, 'Warning', 'FailedResourceClaimCreation', message);
        throw error;
      }
    }
    if (made.length > 0) {
      const patch = { metadata: { uid: pod.metadata.uid }, status: { resourceClaimStatuses: made } };
      const client = this.#base.client.resource<Pod>('pods').namespace(namespace);
      await client.patch(name, 'strategic', patch, { subresource: 'status' });
    }
    if (pod.spec?.nodeName) await this.#reserveAll(pod);
  }

  /** The claim of an entry that names a template: found or made. Undefined when the pod knows its claim already. */
  async #claimFor(pod: ReadPod, entry: Entry): Promise<Claim | undefined> {
    const found = claimNameOf(pod, entry);
    const namespace = pod.metadata.namespace!;
    if (found.state === 'unneeded') return undefined;
    if (found.state === 'named') {
      const claim = this.#claims.lister.get(namespace, found.name);
      if (claim && (!found.checkOwner || owningPod(claim)?.uid === pod.metadata.uid)) return undefined;
    }
    if (entry.resourceClaimTemplateName === undefined) return undefined;
    const key = `${pod.metadata.uid}/${entry.name}`;
    const own = this.#claims.lister
      .byIndex(claimOwnerIndex, pod.metadata.uid!)
      .find((claim) => claim.metadata.annotations?.[podClaimAnnotation] === entry.name);
    if (own) {
      this.#made.delete(key);
      return own;
    }
    const unseen = this.#made.get(key);
    // What the cache does not show may have been deleted again: the server knows.
    if (unseen && (await this.#exists(unseen))) return unseen;
    const claim = await this.#make(pod, entry, entry.resourceClaimTemplateName);
    this.#made.set(key, claim);
    return claim;
  }

  async #exists({ metadata }: Claim): Promise<boolean> {
    try {
      const client = this.#base.client.resource<ResourceClaim>('resourceclaims').namespace(metadata.namespace);
      return (await client.get(metadata.name!)).metadata.uid === metadata.uid;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  async #make(pod: ReadPod, entry: Entry, templateName: string): Promise<Claim> {
    const namespace = pod.metadata.namespace!;
    const template = this.#templates.lister.get(namespace, templateName);
    if (!template) {
      const missing = `resourceclaimtemplate.resource.k8s.io "${templateName}" not found`;
      throw new Error(`resource claim template "${templateName}": ${missing}`);
    }
    const { metadata, spec } = template.spec;
    const owner = { apiVersion: 'v1', kind: 'Pod', name: pod.metadata.name!, uid: pod.metadata.uid!, controller: true };
    const client = this.#base.client.resource<ResourceClaim>('resourceclaims').namespace(namespace);
    return client.create({
      apiVersion: 'resource.k8s.io/v1',
      kind: 'ResourceClaim',
      metadata: {
        generateName: generateName(pod.metadata.name!, entry.name),
        namespace,
        ownerReferences: [owner],
        annotations: { ...metadata?.annotations, [podClaimAnnotation]: entry.name },
        ...(metadata?.labels && { labels: metadata.labels }),
      },
      spec,
    });
  }

  /** For pods that were bound without the scheduler, which reserves otherwise. */
  async #reserveAll(pod: ReadPod): Promise<void> {
    for (const entry of pod.spec?.resourceClaims ?? []) {
      const found = claimNameOf(pod, entry);
      if (found.state !== 'named') continue;
      const claim = this.#claims.lister.get(pod.metadata.namespace!, found.name);
      if (!claim) return;
      if (found.checkOwner && owningPod(claim)?.uid !== pod.metadata.uid) {
        throw new Error(
          `ResourceClaim ${objectKey(claim)} was not created for pod ${objectKey(pod)} (pod is not owner)`,
        );
      }
      if (claim.status?.allocation === undefined || isReservedFor(claim, pod)) continue;
      const consumer = { resource: 'pods', name: pod.metadata.name!, uid: pod.metadata.uid! };
      await this.#updateStatus(claim, { reservedFor: [...(claim.status.reservedFor ?? []), consumer] });
    }
  }

  async #syncClaim(namespace: string, name: string): Promise<void> {
    const claim = this.#claims.lister.get(namespace, name);
    if (!claim) return;
    const reservedFor = claim.status?.reservedFor ?? [];
    const remaining: typeof reservedFor = [];
    for (const consumer of reservedFor) {
      const isPod = !consumer.apiGroup && consumer.resource === 'pods';
      if (!isPod || (await this.#stillUses(namespace, consumer))) remaining.push(consumer);
    }
    const isOurs = claim.metadata.finalizers?.includes(finalizer) ?? false;
    const fewer = remaining.length < reservedFor.length;
    if (fewer || (isOurs && claim.metadata.deletionTimestamp !== undefined && remaining.length === 0)) {
      // The scheduler allocated it, so without users nothing has to be kept for them.
      const free = isOurs && remaining.length === 0;
      const updated =
        fewer || claim.status?.allocation !== undefined
          ? await this.#updateStatus(claim, { reservedFor: remaining, ...(free && { allocation: undefined }) })
          : claim;
      if (free) await this.#removeFinalizer(updated);
    }
    if (remaining.length === 0) await this.#deleteGenerated(claim);
  }

  async #stillUses(namespace: string, consumer: { readonly name: string; readonly uid: string }): Promise<boolean> {
    if (this.#deleted.has(consumer.uid)) return false;
    const cached = this.#pods.lister.get(namespace, consumer.name);
    if (cached) return cached.metadata.uid === consumer.uid && !isPodDone(cached);
    try {
      const live = await this.#base.client.resource<Pod>('pods').namespace(namespace).get(consumer.name);
      return live.metadata.uid === consumer.uid;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  /** What was made for a pod that is done can go before the pod does. */
  async #deleteGenerated(claim: Claim): Promise<void> {
    const owner = owningPod(claim);
    const pod = owner && this.#pods.lister.get(claim.metadata.namespace!, owner.name);
    if (!owner || !pod || (pod.metadata.uid === owner.uid && !isPodDone(pod))) return;
    try {
      const client = this.#base.client.resource('resourceclaims').namespace(claim.metadata.namespace);
      await client.delete(claim.metadata.name!);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #updateStatus(claim: Claim, change: Partial<NonNullable<ResourceClaim['status']>> | object): Promise<Claim> {
    const client = this.#base.client.resource<ResourceClaim>('resourceclaims').namespace(claim.metadata.namespace);
    const status = { ...claim.status, ...change } as Record<string, unknown>;
    for (const field of Object.keys(status)) if (status[field] === undefined) delete status[field];
    return client.updateStatus({ ...claim, status });
  }

  async #removeFinalizer(claim: Claim): Promise<void> {
    const finalizers = claim.metadata.finalizers?.filter((other) => other !== finalizer) ?? [];
    if (finalizers.length === claim.metadata.finalizers?.length) return;
    const client = this.#base.client.resource<ResourceClaim>('resourceclaims').namespace(claim.metadata.namespace);
    await client.update({ ...claim, metadata: { ...claim.metadata, finalizers } });
  }
}

function hasClaims(pod: ReadPod): boolean {
  return (pod.spec?.resourceClaims?.length ?? 0) > 0 || pod.status?.extendedResourceClaimStatus !== undefined;
}

/** One that has ended loses its claims and must not get them back. */
function mayNeedClaims(pod: ReadPod): boolean {
  return pod.metadata.deletionTimestamp === undefined && !isPodDone(pod);
}

function owningPod(claim: Claim): { readonly name: string; readonly uid: string } | undefined {
  return claim.metadata.ownerReferences?.find(
    ({ controller, apiVersion, kind }) => controller && apiVersion === 'v1' && kind === 'Pod',
  );
}

/** `<pod>-<entry>-`, each shortened by its share when both are too long. */
function generateName(pod: string, entry: string): string {
  const full = `${pod}-${entry}-`;
  if (full.length <= maxGenerateName) return full;
  const share = (text: string) => text.slice(0, Math.floor((text.length * maxGenerateName) / full.length));
  return `${share(pod)}-${share(entry)}`;
}
