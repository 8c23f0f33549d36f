/**
 * The node agent: joins the node's own objects, the pods bound to it and the runtime.
 * Upstream: pkg/kubelet/kubelet.go (Run, syncLoop, HandlePodAdditions …).
 */
import { type KubeObject, newNotFound, wholeValueOf } from '../apimachinery/index.ts';
import { type Clock, type Logger, type Runnable, TaskGroup } from '../base/index.ts';
import { EventBroadcaster, SharedInformer, withCause } from '../client/index.ts';
import type { ByteStream } from '../wire/index.ts';
import { type Admission, admitPod, type Refusal } from './admission.ts';
import { type ContainerLogOptions, containerLogs, findRunningContainer } from './container-logs.ts';
import { ContainerStarter } from './container-starter.ts';
import type { DownwardContext } from './downward.ts';
import { EvictionManager, evictionGraceSeconds } from './eviction/eviction-manager.ts';
import { type EvictionConfig, parseEvictionFlags } from './eviction/thresholds.ts';
import { ImageManager } from './image-manager.ts';
import { LocalStorageEviction } from './local-storage.ts';
import { NodeAgent } from './node-agent.ts';
import { NodeApi, podCause } from './node-api.ts';
import { allocatableOf, capacityOf } from './node-object.ts';
import { ObjectCache } from './object-cache.ts';
import { generateConditions } from './pod-conditions.ts';
import { PodRuntime } from './pod-runtime.ts';
import { containerFieldPath, isTerminalPhase, type Pod } from './pod-types.ts';
import { PodVolumes } from './pod-volumes.ts';
import { PodWorker } from './pod-worker.ts';
import { preemptionDisruption, preemptionMessage, preemptionReason } from './preemption.ts';
import { ProbeManager } from './prober.ts';
import type { ContainerRuntime, ContainerStats, ExecResult, ExecStreams } from './runtime/types.ts';
import { sandboxConfig } from './sandbox-config.ts';
import { serviceEnvironment } from './service-env.ts';
import { isMirrorPod, StaticPods } from './static-pods.ts';
import { StatusManager } from './status-manager.ts';
import { type EventSink, hostIps, type KubeletDeps, type KubeletOptions, type NodeConfig } from './types.ts';

const defaults = {
  kubeletVersion: 'v1.36.0',
  nodeStatusUpdateFrequencyMs: 10_000,
  nodeStatusReportFrequencyMs: 300_000,
  nodeLeaseDurationSeconds: 40,
  syncFrequencyMs: 60_000,
  maxContainerRestartPeriodMs: 300_000,
  clusterDomain: 'cluster.local',
  clusterDNS: [] as readonly string[],
  registerNode: true,
  eviction: parseEvictionFlags({}) as EvictionConfig,
};

export class Kubelet implements Runnable {
  readonly name: string;
  readonly config: NodeConfig;
  readonly #deps: KubeletDeps;
  readonly #options: typeof defaults;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #runtime: ContainerRuntime;
  readonly #api: NodeApi;
  readonly #events: EventSink;
  readonly #broadcaster: EventBroadcaster | undefined;
  readonly #workers = new Map<string, PodWorker>();
  readonly #statuses: StatusManager;
  readonly #probes: ProbeManager;
  readonly #images: ImageManager;
  readonly #objects: ObjectCache;
  readonly #pods: SharedInformer<Pod>;
  #podRuntime!: PodRuntime;
  #volumes!: PodVolumes;
  #localStorage!: LocalStorageEviction;
  #eviction!: EvictionManager;
  #agent: NodeAgent | undefined;
  #static: StaticPods | undefined;
  #staticPods: readonly Pod[];
  #runtimeName = 'sim';
  #group: TaskGroup | undefined;

  constructor(deps: KubeletDeps, config: NodeConfig, options: KubeletOptions = {}) {
    this.name = `kubelet/${config.name}`;
    this.config = config;
    this.#deps = deps;
    this.#options = { ...defaults, ...options } as typeof defaults;
    const { clock, prng, log, runtime, client } = deps;
    this.#clock = clock;
    this.#log = log;
    this.#runtime = runtime;
    this.#api = new NodeApi(client);
    this.#staticPods = deps.staticPods ?? [];
    if (deps.events) this.#events = deps.events;
    else {
      this.#broadcaster = new EventBroadcaster({ client, clock, prng: prng.fork('events'), log });
      this.#events = this.#broadcaster.recorder({ component: 'kubelet', host: config.name });
    }
    this.#objects = new ObjectCache(this.#api, clock, this.#options.syncFrequencyMs);
    this.#probes = new ProbeManager({
      clock,
      runtime,
      podStatus: (uid) => this.#statuses.get(uid),
      latestPod: (uid) => this.#workers.get(uid)?.pod,
      containerEvent: this.#containerEvent,
      onResult: (uid) => this.#workers.get(uid)?.trigger(),
    });
    this.#statuses = new StatusManager({
      api: this.#api,
      clock,
      log,
      latestPod: (uid) => this.#latest(uid),
      couldHaveRunningContainers: (uid) => this.#couldRun(uid),
    });
    this.#images = new ImageManager({ clock, runtime, containerEvent: this.#containerEvent });
    this.#pods = new SharedInformer<Pod>(
      this.#api.of('pods') as any,
      { clock, prng: prng.fork('pods'), log },
      { fieldSelector: `spec.nodeName=${config.name}` },
    );
  }

  /** Runs until aborted; containers stay in the runtime, as when a real kubelet stops. */
  async run(signal: AbortSignal): Promise<void> {
    const group = new TaskGroup(signal);
    this.#group = group;
    const { runtimeName, runtimeVersion } = await this.#runtime.version();
    this.#runtimeName = runtimeName;
    this.#agent = new NodeAgent(
      {
        api: this.#api,
        clock: this.#clock,
        machine: this.#deps.machine ?? this.#deps.prng.fork('machine'),
        log: this.#log,
        runtime: this.#runtime,
        events: this.#events,
        runtimeVersion: `${runtimeName}://${runtimeVersion}`,
        pressure: () => this.#eviction.conditions,
      },
      this.config,
      this.#options,
    );
    this.#build();
    const stopEvents = this.#runtime.onEvent((event) => this.#workers.get(event.podUid)?.runtimeEvent(event));
    try {
      if (this.#broadcaster) group.add(this.#broadcaster);
      group.spawn('status-manager', (inner) => this.#statuses.run(inner));
      group.spawn('node', (inner) => this.#runNode(inner));
      this.#pods.addHandler({
        onAdd: (pod) => this.#onPod(pod as Pod),
        onUpdate: (_, pod) => this.#onPod(pod as Pod),
        onDelete: (pod) => (isMirrorPod(pod as Pod) ? this.#static?.gone(pod as Pod) : this.#onPodGone(pod as Pod)),
      });
      this.#static = this.#newStaticPods(group);
      this.#static.set(this.#staticPods);
      group.add(this.#pods);
      group.spawn('orphans', (inner) => this.#removeOrphans(inner));
      await group.wait();
    } finally {
      stopEvents();
      this.#probes.stop();
      this.#localStorage.stop();
      this.#eviction.stop();
      for (const worker of this.#workers.values()) worker.stop();
      this.#group = undefined;
    }
  }

  /** The Node is registered and its pods are known. */
  get ready(): boolean {
    return this.#agent?.node !== undefined && this.#pods.hasSynced;
  }

  /** For `pods/log`. Throws StatusError with the kubelet's texts. */
  containerLogs(
    pod: { readonly namespace: string; readonly name: string; readonly uid: string },
    options: ContainerLogOptions,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>> {
    const uid = this.#localUid(pod.uid);
    const known = this.#workers.get(uid);
    return containerLogs(
      { clock: this.#clock, runtime: this.#runtime },
      pod.name,
      known?.pod,
      this.#statuses.get(uid) ?? known?.pod.status,
      options,
      signal,
    );
  }

  /** For `pods/exec` and hooks outside: runs a command and collects its output. Throws StatusError. */
  execSync(podUid: string, container: string, command: readonly string[], timeoutSeconds = 0): Promise<ExecResult> {
    const id = findRunningContainer(this.#statuses.get(this.#localUid(podUid)), container);
    return this.#runtime.execSync(id, command, timeoutSeconds);
  }

  /** Interactive form: resolves with the exit code. */
  exec(
    podUid: string,
    container: string,
    command: readonly string[],
    streams: ExecStreams,
    signal: AbortSignal,
  ): Promise<number> {
    const id = findRunningContainer(this.#statuses.get(this.#localUid(podUid)), container);
    return this.#runtime.exec(id, command, streams, signal);
  }

  /** Streams of a container's first process; resolves when it has ended. */
  attach(podUid: string, container: string, streams: ExecStreams, signal: AbortSignal): Promise<void> {
    return this.#runtime.attach(this.runningContainer(podUid, container), streams, signal);
  }

  /** Runtime id of a running container. Throws StatusError `container not found ("name")`. */
  runningContainer(podUid: string, container: string): string {
    return findRunningContainer(this.#statuses.get(this.#localUid(podUid)), container);
  }

  /** Id of the pod's ready sandbox. Throws StatusError. */
  async readySandbox(pod: { readonly name: string; readonly uid: string }): Promise<string> {
    const sandbox = (await this.#runtime.podSandboxes(this.#localUid(pod.uid))).find(({ state }) => state === 'ready');
    if (!sandbox) throw newNotFound({ group: '', resource: 'pods' }, pod.name);
    return sandbox.id;
  }

  /** One connection to a port of the pod, served to its end. Throws RuntimeError. */
  portForward(sandboxId: string, port: number, connection: ByteStream, signal: AbortSignal): Promise<void> {
    return this.#runtime.portForward(sandboxId, port, connection, signal);
  }

  /** The manifests of the node's own pods, from now on. Upstream: --pod-manifest-path. */
  setStaticPods(manifests: readonly Pod[]): void {
    this.#staticPods = manifests;
    this.#static?.set(manifests);
  }

  #localUid(uid: string): string {
    return this.#static?.localUid(uid) ?? uid;
  }

  #newStaticPods(group: TaskGroup): StaticPods {
    return new StaticPods({
      api: this.#api,
      clock: this.#clock,
      log: this.#log,
      nodeName: this.config.name,
      node: () => this.#agent?.node,
      signal: group.signal,
      start: (pod) => {
        if (this.#workers.has(pod.metadata.uid!)) return false;
        this.#startWorker(pod);
        return true;
      },
      stop: (pod) => this.#onPodGone(pod),
      mirrored: (uid) => this.#statuses.reconcile(uid),
      track: (task) => group.spawn('mirror-pod', () => task),
    });
  }

  /** What a node under pressure does is decided here. For who brings it there. */
  get eviction(): EvictionManager {
    return this.#eviction;
  }

  /** Pods bound to this node, with the status the agent last saw. */
  pods(): Pod[] {
    return [...this.#workers.values()].map(({ pod, uid }) => ({
      ...pod,
      status: this.#statuses.get(uid) ?? pod.status,
    }));
  }

  podStats(podUid: string): Promise<readonly ContainerStats[]> {
    return this.#runtime.podStats(this.#localUid(podUid));
  }

  #build(): void {
    const { clock, prng } = this.#deps;
    const context = (pod: Pod, podIPs: readonly string[]): DownwardContext => ({
      pod,
      podIPs: podIPs.length > 0 ? podIPs : (this.#statuses.get(pod.metadata.uid!)?.podIPs ?? []).map(({ ip }) => ip),
      hostIPs: hostIps(this.config),
      nodeName: this.config.name,
      allocatable: allocatableOf(this.config),
    });
    const { signal } = this.#group!;
    const starter = new ContainerStarter({
      signal,
      clock,
      log: this.#log,
      runtime: this.#runtime,
      images: this.#images,
      objects: this.#objects,
      serviceEnvironment: (namespace, links) => this.#serviceEnvironment(namespace, links),
      containerEvent: this.#containerEvent,
    });
    this.#podRuntime = new PodRuntime(
      {
        signal,
        clock,
        log: this.#log,
        runtime: this.#runtime,
        starter,
        probe: (type, id) => this.#probes.result(type, `${this.#runtimeName}://${id}`),
        podEvent: this.#podEvent,
        containerEvent: this.#containerEvent,
        sandboxConfig: (pod, attempt) =>
          sandboxConfig(pod, attempt, this.config, this.#agent?.podCIDRs ?? [], this.#options, {
            pod: (reason, message) => this.#podEvent(pod, 'Warning', reason, message),
            node: (reason, message) => this.#nodeWarning(podCause(pod), reason, message),
          }),
        context,
        terminationRequested: (uid) => this.#workers.get(uid)?.terminationRequested ?? true,
      },
      this.#options.maxContainerRestartPeriodMs,
    );
    this.#volumes = new PodVolumes(
      { api: this.#api, objects: this.#objects, clock, context, podEvent: this.#podEvent, disks: this.#deps.disks },
      this.#options.syncFrequencyMs,
    );
    this.#localStorage = new LocalStorageEviction({
      clock,
      runtime: this.#runtime,
      pods: () => this.#activePods(),
      mounted: (uid) => this.#volumes.mounted(uid),
      stats: (uid) => this.#runtime.podStats(uid),
      evict: (pod, message) => this.#evict(pod, message, evictionGraceSeconds),
      track: (task) => this.#group?.spawn('local-storage', () => task),
    });
    this.#eviction = this.#newEvictionManager(signal);
    this.#prngWorkers = prng.fork('pod-workers');
  }

  #newEvictionManager(signal: AbortSignal): EvictionManager {
    const capacity = capacityOf(this.config);
    const bytes = (resources: Readonly<Record<string, string>>, name: string) => wholeValueOf(resources[name]);
    return new EvictionManager({
      clock: this.#clock,
      config: this.#options.eviction,
      runtime: this.#runtime,
      capacity: {
        memory: bytes(capacity, 'memory'),
        podMemory: bytes(allocatableOf(this.config), 'memory'),
        disk: bytes(capacity, 'ephemeral-storage'),
      },
      pods: () => this.#activePods(),
      mounted: (uid) => this.#volumes.mounted(uid),
      cleanedUp: (uid) => this.#hasEnded(uid),
      evict: (pod, message, graceSeconds) => this.#evict(pod, message, graceSeconds, message),
      conditionsChanged: async () => this.#agent?.report(signal),
      nodeEvent: (reason, message) => this.#nodeWarning({ timer: 'eviction' }, reason, message),
      track: (task) => this.#group?.spawn('eviction', () => task),
      signal,
    });
  }

  #prngWorkers!: KubeletDeps['prng'];

  async #runNode(signal: AbortSignal): Promise<void> {
    const agent = this.#agent!;
    if (this.#options.registerNode) await withCause({ timer: 'node-registration' }, () => agent.register(signal));
    const group = new TaskGroup(signal);
    group.spawn('static-pods', async (inner) => {
      await this.#pods.waitForSync(inner);
      this.#static?.open();
    });
    group.spawn('node-status', (inner) => withCause({ timer: 'node-status' }, () => agent.runStatus(inner)));
    group.spawn('node-lease', (inner) => withCause({ timer: 'node-lease' }, () => agent.runLease(inner)));
    await group.wait();
  }

  #onPod(pod: Pod): void {
    const uid = pod.metadata.uid!;
    const worker = this.#workers.get(uid);
    if (isMirrorPod(pod)) this.#static?.seen(pod);
    else if (!worker) this.#startWorker(pod);
    else {
      worker.update(pod);
      this.#statuses.reconcile(uid);
    }
  }

  #startWorker(pod: Pod): void {
    const uid = pod.metadata.uid!;
    // Finished before we knew it (a restart): nothing to run, but a deletion may wait for us.
    const created = new PodWorker(
      pod,
      {
        clock: this.#clock,
        prng: this.#prngWorkers,
        log: this.#log,
        podRuntime: this.#podRuntime,
        statuses: this.#statuses,
        probes: this.#probes,
        volumes: this.#volumes,
        statusDeps: {
          runtime: this.#runtime,
          runtimeName: this.#runtimeName,
          probes: this.#probes,
          hostIPs: hostIps(this.config),
        },
        networkError: () => this.#agent?.networkError,
        podEvent: this.#podEvent,
        onTerminated: (terminated) => this.#onTerminated(terminated),
        signal: this.#group!.signal,
        track: (task) => this.#group?.spawn('pod-worker', () => task),
      },
      this.#options.syncFrequencyMs,
    );
    this.#workers.set(uid, created);
    if (pod.metadata.deletionTimestamp || isTerminalPhase(pod.status?.phase)) {
      created.removed();
      return;
    }
    const verdict = this.#admit(pod);
    if ('victims' in verdict || !verdict.dependsOnNode) this.#settle(created, verdict);
    else this.#group?.spawn('admission', () => this.#admitAgain(created));
  }

  #admit(pod: Pod): Refusal | Admission {
    return (
      this.#eviction.admit(pod) ?? admitPod(pod, this.#activePods(), this.#agent?.node, allocatableOf(this.config))
    );
  }

  /** Labels and taints may have changed since the Node was read: a refusal for them needs the newest. */
  async #admitAgain(worker: PodWorker): Promise<void> {
    await this.#agent?.refresh();
    this.#settle(worker, this.#admit(worker.pod));
  }

  #settle(worker: PodWorker, verdict: Refusal | Admission): void {
    if (!('victims' in verdict)) this.#reject(worker, verdict);
    else if (verdict.victims.length === 0) this.#run(worker);
    else this.#group?.spawn('preemption', (signal) => this.#preempt(worker, verdict.victims, signal));
  }

  /** The pod starts when they have ended. */
  async #preempt(worker: PodWorker, victims: readonly Pod[], signal: AbortSignal): Promise<void> {
    const eviction = { reason: preemptionReason, message: preemptionMessage, disruption: preemptionDisruption };
    for (const victim of victims) {
      this.#podEvent(victim, 'Warning', preemptionReason, preemptionMessage);
      this.#workers.get(victim.metadata.uid!)?.evict(eviction);
    }
    while (victims.some((victim) => !this.#hasEnded(victim.metadata.uid!))) await this.#clock.sleep(100, signal);
    this.#run(worker);
  }

  /** Its containers have ended and its status is final. */
  #hasEnded(uid: string): boolean {
    return (this.#workers.get(uid)?.state ?? 'terminated') === 'terminated';
  }

  #run(worker: PodWorker): void {
    worker.trigger();
    this.#localStorage.watch(worker.pod);
    this.#eviction.watch();
  }

  /** Upstream: evictPod. */
  #evict(pod: Pod, message: string, graceSeconds: number, disruption?: string): void {
    const reason = 'Evicted';
    this.#podEvent(pod, 'Warning', reason, message);
    const eviction = { reason, message, ...(disruption !== undefined && { disruption }) };
    this.#workers.get(pod.metadata.uid!)?.evict(eviction, graceSeconds);
  }

  /** Upstream: rejectPod. */
  #reject(worker: PodWorker, refusal: { reason: string; message: string }): void {
    const { pod } = worker;
    this.#podEvent(pod, 'Warning', refusal.reason, refusal.message);
    const message = `Pod was rejected: ${refusal.message}`;
    this.#statuses.set(pod, {
      ...pod.status,
      phase: 'Failed',
      reason: refusal.reason,
      message,
      observedGeneration: pod.metadata.generation,
      conditions: generateConditions(pod, pod.status ?? {}, { ...pod.status, phase: 'Failed' }, false),
    });
    worker.reject(refusal.reason, message);
  }

  #onPodGone(pod: Pod): void {
    const uid = pod.metadata.uid!;
    const worker = this.#workers.get(uid);
    if (!worker) return;
    this.#gone.add(uid);
    if (worker.state === 'terminated') this.#onTerminated(uid);
    else worker.removed();
  }

  /** Pods that are gone from the API while their worker still ends. */
  readonly #gone = new Set<string>();

  #onTerminated(uid: string): void {
    const worker = this.#workers.get(uid);
    const gone = this.#gone.has(uid);
    // A finished pod keeps its containers for their logs; a deleted one leaves nothing behind.
    if (gone || worker?.pod.metadata.deletionTimestamp) {
      this.#group?.spawn('pod-cleanup', async () => {
        await this.#removeFromRuntime(uid);
        this.#static?.forgotten(uid);
      });
    }
    if (gone) this.#forget(uid);
  }

  #forget(uid: string): void {
    this.#gone.delete(uid);
    this.#workers.get(uid)?.stop();
    this.#workers.delete(uid);
    this.#statuses.remove(uid);
    this.#images.forget(uid);
  }

  async #removeFromRuntime(uid: string): Promise<void> {
    const { sandboxes, containers } = await this.#podRuntime.status(uid);
    for (const container of containers) await this.#runtime.removeContainer(container.id);
    for (const sandbox of sandboxes) await this.#runtime.removePodSandbox(sandbox.id);
  }

  /** Pods that went away while no kubelet looked leave the runtime. Upstream: HandlePodCleanups. */
  async #removeOrphans(signal: AbortSignal): Promise<void> {
    const left = await this.#runtime.listPodUids();
    if (left.length === 0) return;
    await this.#pods.waitForSync(signal);
    for (const uid of left) if (!this.#workers.has(uid)) await this.#removeFromRuntime(uid);
  }

  #latest(uid: string): Pod | undefined {
    if (this.#gone.has(uid)) return undefined;
    if (this.#static?.has(uid)) return this.#static.mirrorOf(uid);
    return this.#workers.get(uid)?.pod;
  }

  #couldRun(uid: string): boolean {
    return this.#workers.get(uid)?.couldHaveRunningContainers ?? false;
  }

  *#activePods(): Iterable<Pod> {
    for (const worker of this.#workers.values()) {
      if (worker.state !== 'terminated' && !isTerminalPhase(this.#statuses.get(worker.uid)?.phase)) yield worker.pod;
    }
  }

  async #serviceEnvironment(namespace: string, links: boolean): Promise<ReadonlyMap<string, string>> {
    const list = async (ns: string): Promise<readonly Readonly<KubeObject>[]> => {
      const { services } = this.#deps;
      if (services) {
        if (!services.hasSynced())
          throw new Error('services have not yet been read at least once, cannot construct envvars');
        return services.list(ns);
      }
      return (await this.#api.of('services').namespace(ns).list()).items;
    };
    return serviceEnvironment(links ? await list(namespace) : [], await list('default'), links);
  }

  #nodeWarning(cause: Parameters<typeof withCause>[0], reason: string, message: string): void {
    const about = this.#agent?.reference;
    if (about) withCause(cause, () => this.#events.event(about, 'Warning', reason, message));
  }

  readonly #podEvent = (pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string): void => {
    withCause(podCause(pod), () => this.#events.event(reference(pod), type, reason, message));
  };

  readonly #containerEvent = (
    pod: Pod,
    container: string,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
  ): void => {
    const fieldPath = containerFieldPath(pod, container);
    withCause(podCause(pod), () => this.#events.event({ ...reference(pod), fieldPath }, type, reason, message));
  };
}

function reference(pod: Pod) {
  const { namespace, name = '', uid, resourceVersion } = pod.metadata;
  return { apiVersion: 'v1', kind: 'Pod', namespace, name, uid, resourceVersion };
}
