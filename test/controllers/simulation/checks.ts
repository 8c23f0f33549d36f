/** What must hold at every write, and what must have come about once faults have ended. */
import type { KubeObject } from '../../../src/apimachinery/index.ts';

type Read = Readonly<KubeObject> & Record<string, any>;

const ended = (pod: Read) => ['Succeeded', 'Failed'].includes(pod['status']?.phase);
const going = (object: Read) => object.metadata.deletionTimestamp !== undefined;
const ready = (pod: Read) => pod['status']?.conditions?.some((c: any) => c.type === 'Ready' && c.status === 'True');
const owner = (object: Read) => object.metadata.ownerReferences?.find(({ controller }) => controller);
const finished = (job: Read) =>
  job['status']?.conditions?.some((c: any) => ['Complete', 'Failed'].includes(c.type) && c.status === 'True');

export class Checks {
  readonly #objects = new Map<string, Read>();
  readonly #broken: string[] = [];
  /** Pods that ended well, by the uid of their job: uid and index. */
  readonly #succeeded = new Map<string, Map<string, string>>();
  /** Least ready pods of a deployment while nobody but its controller takes pods away; undefined: not known yet. */
  readonly #floor = new Map<string, number>();
  #disturbed = false;

  throwIfBroken(): void {
    if (this.#broken.length > 0) throw new Error(this.#broken.slice(0, 10).join('\n'));
  }

  /** Somebody else takes pods away in `act`: what is available is no longer the controllers' doing. */
  async disturb(act: () => Promise<unknown>): Promise<void> {
    this.#disturbed = true;
    this.#floor.clear();
    try {
      await act();
    } finally {
      this.#disturbed = false;
    }
  }

  /** `by`: who wrote it, when that is known: only a ReplicaSet's own deletions are measured by its deployment's floor. */
  changed(
    event: { readonly type: string; readonly object: unknown },
    old: Readonly<KubeObject> | undefined,
    by?: string,
  ): void {
    const object = event.object as Read;
    const { uid = '' } = object.metadata;
    if (by !== undefined && by !== 'controller:replicaset' && object.kind === 'Pod') this.#takenBySomebody(event, old);
    if (event.type === 'DELETED') this.#objects.delete(uid);
    else this.#objects.set(uid, object);
    switch (object.kind) {
      case 'Pod':
        this.#podChanged(object, old as Read | undefined);
        break;
      case 'Job':
        this.#jobChanged(object, event.type);
        break;
      case 'Deployment':
        if (old === undefined || old['spec']?.replicas !== object['spec']?.replicas) this.#floor.delete(uid);
        break;
    }
  }

  /** A pod that was available and is no more: what its deployment has left is no longer its own doing. */
  #takenBySomebody(event: { readonly type: string; readonly object: unknown }, old: Read | undefined): void {
    const pod = event.object as Read;
    const available = (each: Read | undefined) => each !== undefined && !going(each) && ready(each);
    if (!available(old) || (event.type !== 'DELETED' && available(pod))) return;
    const set = this.#objects.get(owner(pod)?.uid ?? '');
    if (set) this.#floor.delete(owner(set)?.uid ?? '');
  }

  #of(kind: string): Read[] {
    return [...this.#objects.values()].filter((object) => object.kind === kind);
  }

  #podChanged(pod: Read, old: Read | undefined): void {
    const reference = owner(pod);
    if (!reference) return;
    const siblings = this.#of('Pod').filter((other) => owner(other)?.uid === reference.uid);
    const live = siblings.filter((other) => !going(other) && !ended(other));
    if (reference.kind === 'DaemonSet') this.#oncePerNode(reference.name, live);
    else if (reference.kind === 'Job') {
      this.#completions(reference.uid, pod);
      const job = this.#objects.get(reference.uid);
      const parallelism = job?.['spec'].parallelism;
      if (job && live.length > parallelism)
        this.#say(`job ${reference.name}: ${live.length} pods at a time, not ${parallelism}`);
    } else if (reference.kind === 'ReplicaSet') this.#rollout(reference.uid);
    else if (reference.kind === 'StatefulSet' && old === undefined) this.#order(reference, pod, siblings);
  }

  #oncePerNode(name: string, live: readonly Read[]): void {
    const pinned = (pod: Read): string =>
      pod['spec'].affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms[0]
        ?.matchFields[0].values[0];
    const nodes = live.map(pinned);
    if (new Set(nodes).size < nodes.length) this.#say(`daemon set ${name} has two pods on a node: ${nodes.join(', ')}`);
  }

  /** No more successes than completions, no index twice. */
  #completions(uid: string, pod: Read): void {
    if (pod['status']?.phase !== 'Succeeded') return;
    const known = this.#succeeded.get(uid) ?? new Map<string, string>();
    this.#succeeded.set(uid, known);
    known.set(pod.metadata.uid!, pod.metadata.annotations?.['batch.kubernetes.io/job-completion-index'] ?? '');
    const job = this.#objects.get(uid);
    if (!job) return;
    const { completions, completionMode } = job['spec'];
    if (known.size > completions)
      this.#say(`job ${job.metadata.name} did its work ${known.size} times, not ${completions}`);
    const indexes = [...known.values()];
    if (completionMode === 'Indexed' && new Set(indexes).size < indexes.length) {
      this.#say(`job ${job.metadata.name} did an index twice: ${indexes.join(', ')}`);
    }
  }

  /** Never more pods than replicas and surge; never fewer ready than allowed, once that many were ready. */
  #rollout(replicaSetUid: string): void {
    const reference = this.#objects.get(replicaSetUid) && owner(this.#objects.get(replicaSetUid)!);
    const deployment = reference && this.#objects.get(reference.uid);
    if (!deployment || going(deployment)) return;
    const uid = deployment.metadata.uid!;
    const sets = this.#of('ReplicaSet').filter((set) => owner(set)?.uid === uid);
    // A user deletes a set: its pods go by and by.
    if (sets.some(going)) this.#floor.delete(uid);
    const uids = new Set(sets.map(({ metadata }) => metadata.uid));
    const all = this.#of('Pod').filter((pod) => uids.has(owner(pod)?.uid ?? ''));
    const { replicas, strategy } = deployment['spec'];
    const available = all.filter((pod) => !going(pod) && ready(pod)).length;
    // A rollout is judged from where it starts.
    const rolling = sets.filter((set) => set['spec'].replicas > 0).length > 1 || sets.some(going);
    const atRest = all.length === replicas && available === replicas && !rolling;
    if (atRest && !this.#disturbed) this.#floor.set(uid, replicas - strategy.rollingUpdate.maxUnavailable);
    const floor = this.#floor.get(uid);
    if (floor !== undefined && available < floor) {
      this.#say(`deployment ${deployment.metadata.name}: ${available} pods available, not ${floor}`);
    }
  }

  /** OrderedReady: nobody comes before those in front are ready. */
  #order(reference: { readonly uid: string; readonly name: string }, pod: Read, siblings: readonly Read[]): void {
    const set = this.#objects.get(reference.uid);
    if (set?.['spec'].podManagementPolicy !== 'OrderedReady') return;
    const ordinal = (each: Read) => Number(each.metadata.name!.slice(reference.name.length + 1));
    const before = siblings.filter((other) => ordinal(other) < ordinal(pod));
    if (before.length < ordinal(pod)) this.#say(`${pod.metadata.name} came before those in front of it`);
  }

  #jobChanged(job: Read, type: string): void {
    const reference = owner(job);
    const cronJob = reference && this.#objects.get(reference.uid);
    if (type !== 'ADDED' || !cronJob) return;
    if (cronJob['spec'].concurrencyPolicy === 'Allow') return;
    // What upstream promises: a controller that died before it wrote the new job down knows nothing of it.
    const listed = new Set((cronJob['status']?.active ?? []).map(({ uid }: any) => uid));
    const running = this.#of('Job').filter(
      (other) => (other === job || listed.has(other.metadata.uid)) && !finished(other) && !going(other),
    );
    if (running.length > 1) {
      this.#say(
        `cron job ${reference.name} runs ${running.map(({ metadata }) => metadata.name).join(' and ')} at a time`,
      );
    }
  }

  #say(text: string): void {
    this.#broken.push(text);
  }

  /** What is still to come. */
  async unsettled(list: (resource: string) => Promise<readonly Read[]>): Promise<string[]> {
    const [pods, sets, deployments, statefulSets, daemonSets, jobs, cronJobs, nodes] = await Promise.all(
      ['pods', 'replicasets', 'deployments', 'statefulsets', 'daemonsets', 'jobs', 'cronjobs', 'nodes'].map(list),
    );
    const missing: string[] = [];
    const owners = new Set(
      [...sets!, ...deployments!, ...statefulSets!, ...daemonSets!, ...jobs!, ...cronJobs!].map((o) => o.metadata.uid),
    );
    for (const object of [...pods!, ...sets!, ...jobs!]) {
      const reference = owner(object);
      if (going(object)) missing.push(`${object.kind} ${object.metadata.name} is still going`);
      if (object.kind === 'Pod' && !reference) missing.push(`pod ${object.metadata.name} has no owner`);
      if (reference && !owners.has(reference.uid)) {
        missing.push(`${object.kind} ${object.metadata.name} is an orphan of ${reference.kind} ${reference.name}`);
      }
    }
    const podsOf = (uid: string | undefined) => pods!.filter((pod) => owner(pod)?.uid === uid);
    for (const { metadata, spec, status = {} } of deployments as any[]) {
      const own = sets!.filter((set) => owner(set)?.uid === metadata.uid);
      const all = own.flatMap((set) => podsOf(set.metadata.uid));
      const images = new Set(all.map((pod) => pod['spec'].containers[0].image));
      const image = spec.template.spec.containers[0].image;
      const right = all.length === spec.replicas && all.every(ready) && [...images].every((each) => each === image);
      if (!right)
        missing.push(`deployment ${metadata.name}: ${all.length} pods of ${spec.replicas}, ${[...images]} of ${image}`);
      if ((status.updatedReplicas ?? 0) !== spec.replicas || (status.replicas ?? 0) !== spec.replicas) {
        missing.push(`deployment ${metadata.name}: status ${JSON.stringify(status)} of ${spec.replicas}`);
      }
    }
    for (const { metadata, spec, status = {} } of statefulSets as any[]) {
      const own = podsOf(metadata.uid);
      const names = own.map((pod) => pod.metadata.name).sort();
      const want = Array.from({ length: spec.replicas }, (_, i) => `${metadata.name}-${i}`);
      if (names.join() !== want.join() || !own.every(ready)) missing.push(`set ${metadata.name}: ${names} of ${want}`);
      if (status.currentRevision !== status.updateRevision) missing.push(`set ${metadata.name} is still rolled out`);
    }
    for (const { metadata, spec } of daemonSets as any[]) {
      const own = podsOf(metadata.uid);
      const image = spec.template.spec.containers[0].image;
      const right = own.filter((pod) => ready(pod) && pod['spec'].containers[0].image === image).length;
      if (own.length !== nodes!.length || right !== own.length)
        missing.push(`daemon set ${metadata.name}: ${right} of ${own.length}`);
    }
    for (const job of jobs!) {
      const { completions } = job['spec'];
      const count = this.#succeeded.get(job.metadata.uid!)?.size ?? 0;
      const { succeeded = 0 } = job['status'] ?? {};
      if (!finished(job) || succeeded !== completions || count !== completions) {
        missing.push(`job ${job.metadata.name}: ${succeeded} and ${count} of ${completions}`);
      }
    }
    return missing;
  }
}
