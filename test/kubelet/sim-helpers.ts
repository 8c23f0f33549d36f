/** One simulated node without a kubelet: runs single containers and reads what they printed. */
import { Prng, silentLogger, VirtualClock } from '../../src/base/index.ts';
import {
  type FabricHooks,
  type ImageCatalog,
  MemoryFabric,
  SimRuntime,
  type SimRuntimeOptions,
} from '../../src/kubelet/index.ts';
import type { ContainerConfig, PodSandboxConfig } from '../../src/kubelet/runtime/types.ts';

export const startMs = 1_795_341_600_000; // 2026-11-22T10:00:00Z

export class SimNode {
  readonly clock = new VirtualClock({ startMs });
  readonly fabric: MemoryFabric;
  readonly runtime: SimRuntime;
  #pods = 0;

  constructor(hooks: FabricHooks = {}, options: SimRuntimeOptions = {}, images?: ImageCatalog) {
    this.fabric = new MemoryFabric({ clock: this.clock }, hooks);
    const deps = {
      clock: this.clock,
      prng: new Prng('test'),
      log: silentLogger,
      fabric: this.fabric,
      ...(images && { images }),
    };
    this.runtime = new SimRuntime(deps, { sandboxMs: 0, startMs: 0, pullMs: () => 0, ...options });
  }

  async sandbox(overrides: Partial<PodSandboxConfig> = {}): Promise<string> {
    const n = ++this.#pods;
    return this.runtime.runPodSandbox({
      metadata: { name: `pod-${n}`, namespace: 'default', uid: `uid-${n}`, attempt: 0 },
      hostname: `pod-${n}`,
      hostNetwork: false,
      hostIPs: ['172.18.0.2'],
      dns: {
        servers: ['10.96.0.10'],
        searches: ['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local'],
        options: ['ndots:5'],
      },
      hostAliases: [],
      labels: {},
      annotations: {},
      node: { name: 'n1', podCIDRs: ['10.244.0.0/24'] },
      ...overrides,
    });
  }

  async start(overrides: Partial<ContainerConfig> = {}, sandboxId?: string): Promise<string> {
    const sandbox = sandboxId ?? (await this.sandbox());
    const id = await this.runtime.createContainer(sandbox, {
      metadata: { name: 'main', attempt: 0 },
      role: 'app',
      image: 'busybox:1.38',
      imageRef: 'docker.io/library/busybox@sha256:0',
      command: [],
      args: [],
      workingDir: '',
      env: [],
      mounts: [],
      ports: [],
      probePorts: [],
      stdin: false,
      tty: false,
      readOnlyRootFilesystem: false,
      terminationMessagePath: '/dev/termination-log',
      fallbackToLogs: false,
      labels: {},
      annotations: {},
      ...overrides,
    });
    await this.runtime.startContainer(id);
    return id;
  }

  async logs(
    id: string,
    options: { timestamps?: boolean; tailLines?: number; limitBytes?: number } = {},
  ): Promise<string> {
    let text = '';
    const all = { follow: false, timestamps: false, ...options };
    for await (const chunk of this.runtime.containerLogs(id, all, new AbortController().signal))
      text += Buffer.from(chunk).toString();
    return text;
  }

  /** Runs a container to its end, within `limitMs` of virtual time. */
  async run(
    overrides: Partial<ContainerConfig>,
    limitMs = 600_000,
  ): Promise<{ output: string; exitCode: number; ms: number }> {
    const began = this.clock.monotonic();
    const id = await this.start(overrides);
    const ended = await this.clock.advanceUntil(
      async () => (await this.runtime.containerStatus(id)).state === 'exited',
      limitMs,
    );
    if (!ended) throw new Error(`still running after ${limitMs} ms:\n${await this.logs(id)}`);
    const { exitCode } = await this.runtime.containerStatus(id);
    return { output: await this.logs(id), exitCode, ms: this.clock.monotonic() - began };
  }

  script(text: string, overrides: Partial<ContainerConfig> = {}) {
    return this.run({ command: ['sh', '-c', text], ...overrides });
  }
}
