/**
 * Pods that the node has by itself, and their images in the API: mirror pods. A static pod runs whether there is an API
 * or not; its mirror is made when there is one, made anew when somebody deletes it, and goes when the static pod does.
 * Upstream: pkg/kubelet/config/{file,common}.go, pkg/kubelet/pod/mirror_client.go, kubelet.go SyncPod.
 */
import { createHash } from 'node:crypto';
import { isAlreadyExists, isNotFound, type KubeObject } from '../apimachinery/index.ts';
import { Backoff, type Clock, type Logger, rfc3339Micro } from '../base/index.ts';
import { withCause } from '../client/index.ts';
import { type NodeApi, podCause } from './node-api.ts';
import type { Pod } from './pod-types.ts';

const hashAnnotation = 'kubernetes.io/config.hash';
const mirrorAnnotation = 'kubernetes.io/config.mirror';
const sourceAnnotation = 'kubernetes.io/config.source';
const seenAnnotation = 'kubernetes.io/config.seen';

export const isMirrorPod = (pod: Pod): boolean => pod.metadata.annotations?.[mirrorAnnotation] !== undefined;

export interface StaticPodsDeps {
  readonly api: NodeApi;
  readonly clock: Clock;
  readonly log: Logger;
  readonly nodeName: string;
  /** As the API has it; undefined before the registration. */
  readonly node: () => Readonly<KubeObject> | undefined;
  readonly signal: AbortSignal;
  /** Runs a pod that no worker runs yet; false when an earlier one of the same uid is still ending. */
  readonly start: (pod: Pod) => boolean;
  /** Ends it; `forgotten` is called when that is done. */
  readonly stop: (pod: Pod) => void;
  /** The pod's mirror came or changed: a status may be due. */
  readonly mirrored: (uid: string) => void;
  readonly track: (task: Promise<void>) => void;
}

const nameOf = ({ metadata }: Pod) => `${metadata.namespace}/${metadata.name}`;

export class StaticPods {
  readonly #deps: StaticPodsDeps;
  /** Static pods by `namespace/name`. */
  readonly #wanted = new Map<string, Pod>();
  readonly #byUid = new Map<string, Pod>();
  readonly #mirrors = new Map<string, Pod>();
  readonly #working = new Set<string>();
  readonly #dirty = new Set<string>();
  #open = false;

  constructor(deps: StaticPodsDeps) {
    this.#deps = deps;
  }

  /** What the manifests are now. A changed manifest is another pod. */
  set(manifests: readonly Pod[]): void {
    const next = new Map(manifests.map((manifest) => this.#staticPod(manifest)).map((pod) => [nameOf(pod), pod]));
    for (const [name, pod] of this.#wanted) {
      if (next.get(name)?.metadata.uid === pod.metadata.uid) continue;
      this.#wanted.delete(name);
      this.#byUid.delete(pod.metadata.uid!);
      this.#deps.stop(pod);
      this.#reconcile(name);
    }
    for (const [name, pod] of next) {
      if (this.#wanted.has(name)) continue;
      this.#wanted.set(name, pod);
      this.#byUid.set(pod.metadata.uid!, pod);
      this.#deps.start(pod);
      this.#reconcile(name);
    }
  }

  /** The Node is registered and the node's pods are known: mirrors can be made, and stale ones seen. */
  open(): void {
    this.#open = true;
    for (const name of new Set([...this.#wanted.keys(), ...this.#mirrors.keys()])) this.#reconcile(name);
  }

  /** The worker of a static pod has ended and left nothing behind. */
  forgotten(uid: string): void {
    const pod = this.#byUid.get(uid);
    if (pod) this.#deps.start(pod);
  }

  seen(mirror: Pod): void {
    const name = nameOf(mirror);
    this.#mirrors.set(name, mirror);
    const pod = this.#wanted.get(name);
    if (pod && isMirrorOf(mirror, pod)) this.#deps.mirrored(pod.metadata.uid!);
    this.#reconcile(name);
  }

  gone(mirror: Pod): void {
    const name = nameOf(mirror);
    if (this.#mirrors.get(name)?.metadata.uid === mirror.metadata.uid) this.#mirrors.delete(name);
    this.#reconcile(name);
  }

  has(uid: string): boolean {
    return this.#byUid.has(uid);
  }

  /** The mirror of a static pod, by the static pod's uid. */
  mirrorOf(uid: string): Pod | undefined {
    const pod = this.#byUid.get(uid);
    const mirror = pod && this.#mirrors.get(nameOf(pod));
    return mirror && isMirrorOf(mirror, pod) ? mirror : undefined;
  }

  /** The uid that the node knows a pod by; the API knows static pods by their mirrors' uids. */
  localUid(uid: string): string {
    for (const [name, mirror] of this.#mirrors) {
      if (mirror.metadata.uid === uid) return this.#wanted.get(name)?.metadata.uid ?? uid;
    }
    return uid;
  }

  #staticPod(manifest: Pod): Pod {
    const { nodeName, clock } = this.#deps;
    const uid = createHash('md5')
      .update(`host:${nodeName}\n${JSON.stringify(manifest)}`)
      .digest('hex');
    const { metadata, spec } = manifest;
    return {
      ...manifest,
      metadata: {
        ...metadata,
        name: `${metadata.name}-${nodeName}`,
        uid,
        annotations: {
          ...metadata.annotations,
          [hashAnnotation]: uid,
          [seenAnnotation]: rfc3339Micro(clock.now()),
          [sourceAnnotation]: 'file',
        },
      },
      spec: {
        ...spec,
        nodeName,
        // Pods of the node itself are not chased away by its taints. Upstream: applyDefaults.
        tolerations: [...(spec.tolerations ?? []), { operator: 'Exists', effect: 'NoExecute' }],
      },
      status: { phase: 'Pending' },
    } as Pod;
  }

  #reconcile(name: string): void {
    this.#dirty.add(name);
    if (!this.#open || this.#working.has(name)) return;
    this.#working.add(name);
    this.#deps.track(this.#work(name).finally(() => this.#working.delete(name)));
  }

  async #work(name: string): Promise<void> {
    const { clock, log, signal } = this.#deps;
    const backoff = new Backoff({ initialMs: 1_000, maxMs: 10_000 });
    while (this.#dirty.delete(name)) {
      try {
        await withCause({ timer: 'static-pods' }, () => this.#settle(name));
      } catch (error) {
        if (signal.aborted) return;
        log.warn('failed to keep a mirror pod', { pod: name, error: String(error) });
        this.#dirty.add(name);
        await backoff.wait(clock, signal).catch(() => {});
        if (signal.aborted) return;
      }
    }
  }

  async #settle(name: string): Promise<void> {
    const pod = this.#wanted.get(name);
    const mirror = this.#mirrors.get(name);
    if (mirror) {
      if (pod && isMirrorOf(mirror, pod) && !mirror.metadata.deletionTimestamp) return;
      await this.#delete(mirror);
      if (this.#mirrors.get(name) === mirror) this.#mirrors.delete(name);
    }
    if (pod) await this.#create(pod);
  }

  async #delete(mirror: Pod): Promise<void> {
    const { namespace = '', name = '', uid = '' } = mirror.metadata;
    try {
      await withCause(podCause(mirror), () => this.#deps.api.deletePod(namespace, name, uid, this.#deps.signal));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #create(pod: Pod): Promise<void> {
    const { api, node, nodeName, signal } = this.#deps;
    const { uid, ...metadata } = pod.metadata;
    const owner = { apiVersion: 'v1', kind: 'Node', name: nodeName, uid: node()?.metadata.uid ?? '', controller: true };
    const mirror = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        ...metadata,
        annotations: { ...metadata.annotations, [mirrorAnnotation]: uid },
        ownerReferences: [owner],
      },
      spec: structuredClone(pod.spec),
    };
    try {
      const made = (await api
        .of('pods')
        .namespace(pod.metadata.namespace)
        .create(mirror as unknown as KubeObject, { signal })) as unknown as Pod;
      const name = nameOf(pod);
      if (!this.#mirrors.has(name)) this.#mirrors.set(name, made);
      this.#deps.mirrored(uid!);
    } catch (error) {
      // The watch brings what is there.
      if (!isAlreadyExists(error)) throw error;
    }
  }
}

function isMirrorOf(mirror: Pod, pod: Pod): boolean {
  return mirror.metadata.annotations?.[mirrorAnnotation] === pod.metadata.uid;
}
