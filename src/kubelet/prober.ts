/**
 * Startup, readiness and liveness probes: one worker a probe, on the cluster clock.
 * Upstream: pkg/kubelet/prober/{prober_manager,worker,prober}.go.
 */
import { type Clock, parseTime, type Timer } from '../base/index.ts';
import { expand } from './expansion.ts';
import {
  type Container,
  containerShouldRestart,
  findStatus,
  isSidecar,
  isTerminalPhase,
  type Pod,
  type PodStatus,
  type Probe,
} from './pod-types.ts';
import { type ProbeVerdict, resolvePort, runProbe } from './probe-actions.ts';
import type { ContainerRuntime } from './runtime/types.ts';

export { resolvePort };

export type ProbeType = 'startup' | 'readiness' | 'liveness';
export type ProbeResult = 'success' | 'failure' | 'unknown';

const initialResult: Record<ProbeType, ProbeResult> = { startup: 'unknown', readiness: 'failure', liveness: 'success' };
const words: Record<ProbeType, string> = { startup: 'Startup', readiness: 'Readiness', liveness: 'Liveness' };

export interface ProberDeps {
  readonly clock: Clock;
  readonly runtime: ContainerRuntime;
  /** The status manager's copy. */
  readonly podStatus: (uid: string) => PodStatus | undefined;
  readonly latestPod: (uid: string) => Pod | undefined;
  readonly containerEvent: (
    pod: Pod,
    container: string,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
  ) => void;
  /** A result changed: the pod has to be looked at again. */
  readonly onResult: (uid: string) => void;
}

export class ProbeManager {
  readonly #deps: ProberDeps;
  /** Keyed pod uid, then `container/type`. */
  readonly #workers = new Map<string, Map<string, Worker>>();
  /** Keyed `type/containerID`. */
  readonly #results = new Map<string, ProbeResult>();

  constructor(deps: ProberDeps) {
    this.#deps = deps;
  }

  /** Starts the workers of a pod's probes that have none. */
  addPod(pod: Pod): void {
    const uid = pod.metadata.uid!;
    const containers = [...(pod.spec.initContainers ?? []).filter(isSidecar), ...pod.spec.containers];
    for (const container of containers) {
      for (const type of ['startup', 'readiness', 'liveness'] as const) {
        const spec = probeOf(container, type);
        if (!spec) continue;
        let workers = this.#workers.get(uid);
        if (!workers) {
          workers = new Map();
          this.#workers.set(uid, workers);
        }
        const key = `${container.name}/${type}`;
        if (workers.has(key)) continue;
        const worker = new Worker(this.#deps, this, pod, container, type, spec);
        workers.set(key, worker);
        worker.start();
      }
    }
  }

  removePod(uid: string): void {
    for (const worker of this.#workers.get(uid)?.values() ?? []) worker.stop();
    this.#workers.delete(uid);
  }

  /** While a pod terminates only readiness is still of interest. */
  stopLivenessAndStartup(uid: string): void {
    for (const worker of this.#workers.get(uid)?.values() ?? []) {
      if (worker.type !== 'readiness') worker.stop();
    }
  }

  stop(): void {
    for (const uid of [...this.#workers.keys()]) this.removePod(uid);
  }

  result(type: ProbeType, containerID: string | undefined): ProbeResult | undefined {
    return containerID === undefined ? undefined : this.#results.get(`${type}/${containerID}`);
  }

  setResult(type: ProbeType, containerID: string, result: ProbeResult, uid: string): void {
    const key = `${type}/${containerID}`;
    const before = this.#results.get(key);
    if (before === result) return;
    this.#results.set(key, result);
    this.#deps.onResult(uid);
  }

  dropResult(type: ProbeType, containerID: string): void {
    this.#results.delete(`${type}/${containerID}`);
  }

  forget(uid: string, key: string): void {
    this.#workers.get(uid)?.delete(key);
  }

  /** Sets `started` and `ready` of each container status. */
  updatePodStatus(pod: Pod, status: PodStatus): void {
    const uid = pod.metadata.uid!;
    for (const container of status.containerStatuses ?? []) {
      container.started = this.#started(uid, container);
      container.ready = container.started && this.#ready(uid, container);
    }
    for (const container of status.initContainerStatuses ?? []) {
      container.started = this.#started(uid, container);
      const spec = pod.spec.initContainers?.find((c) => c.name === container.name);
      if (spec && isSidecar(spec)) container.ready = container.started && this.#ready(uid, container);
      else if (container.state.terminated?.exitCode === 0) container.ready = true;
    }
  }

  #started(uid: string, container: { name: string; state: any; containerID?: string; started?: boolean }): boolean {
    if (!container.state.running) return false;
    const result = this.result('startup', container.containerID);
    if (result !== undefined) return result === 'success';
    return !this.#workers.get(uid)?.has(`${container.name}/startup`);
  }

  #ready(uid: string, container: { name: string; state: any; containerID?: string }): boolean {
    if (!container.state.running) return false;
    if (this.result('readiness', container.containerID) === 'success') return true;
    const worker = this.#workers.get(uid)?.get(`${container.name}/readiness`);
    worker?.trigger();
    return worker === undefined;
  }
}

function probeOf(container: Container, type: ProbeType): Probe | undefined {
  if (type === 'startup') return container.startupProbe;
  return type === 'readiness' ? container.readinessProbe : container.livenessProbe;
}

class Worker {
  readonly type: ProbeType;
  readonly #deps: ProberDeps;
  readonly #manager: ProbeManager;
  readonly #pod: Pod;
  readonly #container: Container;
  readonly #spec: Probe;
  readonly #uid: string;
  #containerID = '';
  #lastResult: ProbeResult | undefined;
  #run = 0;
  #onHold = false;
  #timer: Timer | undefined;
  #probing = false;
  #triggered = false;
  #stopped = false;

  constructor(deps: ProberDeps, manager: ProbeManager, pod: Pod, container: Container, type: ProbeType, spec: Probe) {
    this.#deps = deps;
    this.#manager = manager;
    this.#pod = pod;
    this.#container = container;
    this.type = type;
    this.#spec = spec;
    this.#uid = pod.metadata.uid!;
  }

  start(): void {
    this.#arm(0);
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#timer?.cancel();
    if (this.#containerID !== '') this.#manager.dropResult(this.type, this.#containerID);
    this.#manager.forget(this.#uid, `${this.#container.name}/${this.type}`);
  }

  /** Probes now, unless it is doing so; the period starts anew. */
  trigger(): void {
    if (this.#stopped || this.#triggered || this.#onHold) return;
    this.#triggered = true;
    if (!this.#probing) this.#arm(0);
  }

  #arm(ms: number): void {
    this.#timer?.cancel();
    this.#timer = this.#deps.clock.schedule(ms, () => void this.#tick());
  }

  async #tick(): Promise<void> {
    if (this.#probing || this.#stopped) return;
    this.#probing = true;
    this.#triggered = false;
    const periodMs = (this.#spec.periodSeconds ?? 10) * 1000;
    const startedAt = this.#deps.clock.monotonic();
    const keepGoing = await this.#probeOnce();
    this.#probing = false;
    if (this.#stopped) return;
    if (!keepGoing) return this.stop();
    // A ticker: the next tick is a period after the last one began; a trigger during the probe runs at once.
    const left = periodMs - (this.#deps.clock.monotonic() - startedAt);
    this.#arm(Math.max(0, left));
  }

  /** Returns whether the worker goes on. */
  async #probeOnce(): Promise<boolean> {
    const status = this.#deps.podStatus(this.#uid);
    if (!status) return true;
    if (isTerminalPhase(status.phase)) return false;
    const { name } = this.#container;
    let current = findStatus(status.containerStatuses, name);
    if (!current?.containerID) current = findStatus(status.initContainerStatuses, name);
    if (!current?.containerID) return true;

    if (this.#containerID !== current.containerID) {
      if (this.#containerID !== '') this.#manager.dropResult(this.type, this.#containerID);
      this.#containerID = current.containerID;
      this.#set(initialResult[this.type]);
      this.#onHold = false;
    }
    if (this.#onHold) return true;
    const { running, terminated } = current.state;
    if (!running) {
      this.#set('failure');
      return !terminated || containerShouldRestart(this.#container, this.#pod.spec, terminated.exitCode);
    }
    const pod = this.#deps.latestPod(this.#uid) ?? this.#pod;
    if (pod.metadata.deletionTimestamp && this.type !== 'readiness') {
      this.#set('success');
      return false;
    }
    const sinceStart = this.#deps.clock.now() - parseTime(running.startedAt ?? '');
    if (sinceStart < (this.#spec.initialDelaySeconds ?? 0) * 1000) return true;
    if (current.started ? this.type === 'startup' : this.type !== 'startup') return true;
    const verdict = await this.#probe(pod, status);
    if (verdict && !this.#stopped) this.#settle(verdict);
    return true;
  }

  #settle(result: ProbeResult): void {
    if (this.#lastResult === result) this.#run++;
    else {
      this.#lastResult = result;
      this.#run = 1;
    }
    const { failureThreshold = 3, successThreshold = 1 } = this.#spec;
    if (result === 'failure' && this.#run < failureThreshold) return;
    if (result === 'success' && this.#run < successThreshold) return;
    this.#set(result);
    if ((this.type === 'liveness' && result === 'failure') || this.type === 'startup') {
      // No more probing until there is a new container.
      this.#onHold = true;
      this.#run = 0;
    }
  }

  #set(result: ProbeResult): void {
    this.#manager.setResult(this.type, this.#containerID, result, this.#uid);
  }

  /** Undefined: the probe itself failed; its result is thrown away. */
  async #probe(pod: Pod, status: PodStatus): Promise<ProbeResult | undefined> {
    const word = words[this.type];
    const warn = (message: string, reason = 'Unhealthy') =>
      this.#deps.containerEvent(pod, this.#container.name, 'Warning', reason, message);
    let verdict: ProbeVerdict;
    try {
      const command = this.#spec.exec?.command?.map((part) => expand(part, (name) => staticEnv(this.#container, name)));
      verdict = await runProbe(this.#deps.runtime, this.#spec, {
        container: this.#container,
        containerId: this.#containerID.replace(/^[^:]*:\/\//, ''),
        podIP: status.podIP ?? '',
        command: command ?? [],
      });
    } catch (error) {
      warn(`${word} probe errored and resulted in unknown state: ${(error as Error).message}`);
      return undefined;
    }
    if (verdict.result === 'warning') warn(`${word} probe warning: ${verdict.output}`, 'ProbeWarning');
    if (verdict.result === 'failure') warn(`${word} probe failed: ${verdict.output}`);
    return verdict.result === 'failure' ? 'failure' : 'success';
  }
}

/** Exec probes see only variables with a literal value. */
function staticEnv(container: Container, name: string): string | undefined {
  return container.env?.find((variable) => variable.name === name && variable.valueFrom === undefined)?.value;
}
