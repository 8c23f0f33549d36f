/** One simulated container: its processes, files, log, ports, and how it ended. */
import { type Clock, isAbort, type Prng } from '../../../base/index.ts';
import { canonicalIp, familyOf } from '../../../net/index.ts';
import {
  type ContainerConfig,
  type ContainerRuntimeState,
  type ContainerStats,
  type ExecResult,
  type ExecStreams,
  type PodSandboxConfig,
  type RuntimeContainerStatus,
  RuntimeError,
} from '../types.ts';
import { commandOf } from './command-table.ts';
import { CpuMeter } from './cpu-meter.ts';
import type { Listener, NetworkFabric, Peer } from './fabric-types.ts';
import { FileError, FileSystem } from './file-system.ts';
import type { ImageDefinition } from './images.ts';
import { commandMs, cpuLimitOf, type LoadModel, loadModelOf } from './load.ts';
import { LogStore } from './log-store.ts';
import { MemoryMeter } from './memory-meter.ts';
import { emptySource, Killed, Process, type Sink, type Source, TextSink, type World } from './process.ts';
import { generalServer } from './servers.ts';
import type { CommandTable } from './shell/interpreter.ts';
import { ContainerStreams, clientSink, followSize, StreamSource, typeInto } from './streams.ts';
import { Terminal } from './terminal.ts';

export interface SimSandbox {
  readonly id: string;
  readonly config: PodSandboxConfig;
  readonly createdAt: number;
  readonly ips: readonly string[];
  ready: boolean;
}

export interface SimContainerDeps {
  readonly clock: Clock;
  readonly prng: Prng;
  readonly fabric: NetworkFabric;
  readonly table: CommandTable;
  readonly onExit: (container: SimContainer) => void;
}

/** Upstream: MaxContainerTerminationMessageLogLength, …LogLines, MaxContainerTerminationMessageLength. */
const terminationLogBytes = 2048;
const terminationLogLines = 80;
const terminationMessageBytes = 4096;
const maxExecOutput = 16 * 1024 * 1024;

export class SimContainer {
  readonly id: string;
  readonly sandbox: SimSandbox;
  readonly config: ContainerConfig;
  readonly log: LogStore;
  readonly #deps: SimContainerDeps;
  readonly #image: ImageDefinition;
  readonly #imageName: string;
  readonly #fs: FileSystem;
  readonly #createdAt: number;
  readonly #ports: { close(): void }[] = [];
  readonly #execs = new Set<Process>();
  readonly #streams: ContainerStreams;
  readonly #load: LoadModel;
  #cpu: CpuMeter | undefined;
  readonly #memory: MemoryMeter;
  /** What the image's own writing is thought to have put on the disk. */
  readonly #disk: MemoryMeter;
  #state: ContainerRuntimeState = 'created';
  #startedAt = 0;
  #finishedAt = 0;
  #exitCode = 0;
  #reason = '';
  #message = '';
  #lost = false;
  #outOfMemory = false;
  #endReason: string | undefined;
  #process: Process | undefined;
  #done: Promise<void> = Promise.resolve();

  constructor(
    deps: SimContainerDeps,
    init: { id: string; sandbox: SimSandbox; config: ContainerConfig; image: ImageDefinition; imageName: string },
  ) {
    this.#deps = deps;
    this.id = init.id;
    this.sandbox = init.sandbox;
    this.config = init.config;
    this.#image = init.image;
    this.#imageName = init.imageName;
    this.#createdAt = deps.clock.now();
    this.log = new LogStore(deps.clock);
    this.#streams = new ContainerStreams(this.log, init.config, (signal) => this.#process?.signal(signal));
    this.#fs = new FileSystem({
      now: () => deps.clock.now(),
      mounts: init.config.mounts,
      readOnlyRoot: init.config.readOnlyRootFilesystem,
    });
    this.#load = loadModelOf(init.config.image, init.image);
    this.#memory = new MemoryMeter(deps.clock, {
      base: this.#load.memoryBytes,
      limit: init.config.memoryLimitBytes,
      onOutOfMemory: () => this.#killForMemory(),
    });
    this.#disk = new MemoryMeter(deps.clock, { base: 0, onOutOfMemory: () => {} });
    this.#fillRoot();
  }

  get podUid(): string {
    return this.sandbox.config.metadata.uid;
  }

  /** Of a user's image that takes its time. */
  get startDelayMs(): number | undefined {
    return this.#image.user?.startDelayMs;
  }

  get state(): ContainerRuntimeState {
    return this.#state;
  }

  /** Starts the first process. @throws RuntimeError when there is no such program. */
  start(): void {
    const { config } = this;
    const image = this.#image;
    if (image.user?.startError !== undefined) throw this.#failStartWith(image.user.startError);
    const argv =
      config.command.length > 0
        ? [...config.command, ...config.args]
        : [...image.entrypoint, ...(config.args.length > 0 ? config.args : image.cmd)];
    const process = this.#newProcess({
      stdin: this.#streams.stdin,
      stdout: this.#streams.sink('stdout'),
      stderr: this.#streams.sink('stderr'),
      terminal: this.#streams.terminal,
      isInit: true,
    });
    const own = config.command.length === 0 ? image.user?.main : undefined;
    const run = own ? () => own(process, config.args) : this.#program(process, argv);
    if (!run) throw this.#failStart(argv[0] ?? '');
    this.#process = process;
    this.#state = 'running';
    this.#startedAt = this.#deps.clock.now();
    this.#cpu = new CpuMeter(this.#startedAt, { idle: this.#load.idleCores, limit: cpuLimitOf(config) });
    this.#done = this.#supervise(process, run);
  }

  /** TERM, then KILL when `seconds` are over. */
  async stop(seconds: number): Promise<void> {
    const process = this.#process;
    if (this.#state !== 'running' || !process) return;
    if (seconds <= 0) process.kill(137);
    else {
      process.signal('TERM');
      const timer = this.#deps.clock.schedule(seconds * 1000, () => process.kill(137));
      await this.#done;
      timer.cancel();
    }
    await this.#done;
  }

  kill(): void {
    this.#process?.kill(137);
    for (const exec of this.#execs) exec.kill(137);
  }

  /** The machine went down with it: containerd's answer for a container whose end nobody saw. */
  lost(): void {
    if (this.#state !== 'running') return;
    this.#lost = true;
    this.kill();
  }

  status(): RuntimeContainerStatus {
    const { config } = this;
    return {
      id: this.id,
      sandboxId: this.sandbox.id,
      metadata: config.metadata,
      state: this.#state,
      createdAt: this.#createdAt,
      startedAt: this.#startedAt,
      finishedAt: this.#finishedAt,
      exitCode: this.#exitCode,
      reason: this.#reason,
      message: this.#message,
      image: this.#imageName,
      requestedImage: config.image,
      imageRef: config.imageRef,
      user: {
        uid: config.runAsUser ?? 0,
        gid: config.runAsGroup ?? 0,
        supplementalGroups: config.supplementalGroups ?? [config.runAsGroup ?? 0],
      },
    };
  }

  stats(): ContainerStats {
    const usage = this.#cpu?.usage(this.#deps.clock.now());
    return {
      id: this.id,
      name: this.config.metadata.name,
      cpuUsageNanoCores: usage?.nanoCores ?? 0,
      cpuUsageCoreNanoSeconds: usage?.total ?? 0,
      memoryWorkingSetBytes: this.#memory.used,
      writableLayerBytes: this.diskBytes,
      inodesUsed: this.inodes,
      processes: this.processes,
      ...(usage?.windowEnd === undefined ? {} : { sampledAt: usage.windowEnd }),
    };
  }

  /** Bytes of the working set now; nothing once it has ended. */
  get memoryBytes(): number {
    return this.#state === 'running' ? this.#memory.used : 0;
  }

  /** What it wrote outside volumes, with its log. Stays until the container is removed. */
  get diskBytes(): number {
    return this.#fs.root.bytes + this.log.bytes + this.#disk.used;
  }

  get inodes(): number {
    return this.#fs.root.inodes;
  }

  /** The first one, and those of `exec`. */
  get processes(): number {
    return this.#state === 'running' ? 1 + this.#execs.size : 0;
  }

  async execSync(command: readonly string[], timeoutSeconds: number): Promise<ExecResult> {
    const stdout = new TextSink(maxExecOutput);
    const stderr = new TextSink(maxExecOutput);
    const process = this.#newProcess({ stdin: emptySource, stdout, stderr, isInit: false });
    const timer =
      timeoutSeconds > 0 ? this.#deps.clock.schedule(timeoutSeconds * 1000, () => process.kill(timedOut)) : undefined;
    try {
      const exitCode = await this.#runExec(process, command);
      if (exitCode === timedOut) {
        throw new RuntimeError(
          'DeadlineExceeded',
          `failed to exec in container: timeout ${timeoutSeconds}s exceeded: context deadline exceeded`,
        );
      }
      return { stdout: stdout.text, stderr: stderr.text, exitCode };
    } finally {
      timer?.cancel();
    }
  }

  async exec(command: readonly string[], streams: ExecStreams, signal: AbortSignal): Promise<number> {
    const toStdout = clientSink((chunk) => streams.stdout(chunk));
    const terminal = streams.tty
      ? new Terminal({
          write: async (text) => void (await toStdout.write(text)),
          interrupt: (typed) => process.signal(typed),
        })
      : undefined;
    const source = streams.stdin && !terminal ? new StreamSource(streams.stdin) : undefined;
    const stdin = terminal && streams.stdin ? terminal.input : source;
    const process = this.#newProcess({
      stdin: stdin ?? emptySource,
      stdout: terminal?.output ?? toStdout,
      stderr: terminal?.output ?? clientSink((chunk) => streams.stderr(chunk)),
      terminal,
      isInit: false,
    });
    const background: Promise<void>[] = [];
    if (terminal && streams.stdin) {
      background.push(typeInto(terminal, streams.stdin).finally(() => terminal.hangUp()));
    }
    if (terminal && streams.resize) background.push(followSize(terminal, streams.resize));
    // They end with the client's streams.
    for (const task of background) task.catch(() => {});
    const onAbort = () => process.kill(137);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      return await this.#runExec(process, command);
    } finally {
      signal.removeEventListener('abort', onAbort);
      void source?.close().catch(() => {});
    }
  }

  /** Resolves when the first process has ended. */
  async attach(streams: ExecStreams, signal: AbortSignal): Promise<void> {
    if (this.#state !== 'running') {
      throw new RuntimeError('Unknown', `container is in CONTAINER_${this.#state.toUpperCase()} state`);
    }
    await this.#streams.attach(streams, signal);
  }

  async #runExec(process: Process, command: readonly string[]): Promise<number> {
    if (this.#state !== 'running')
      throw new RuntimeError('Unknown', `container is in CONTAINER_${this.#state.toUpperCase()} state`);
    const own = this.#image.user?.command(command);
    const { only } = this.#image;
    const isOnly = only !== undefined && command[0]?.split('/').at(-1) === only.program;
    const run = own
      ? () => own(process, command.slice(1))
      : only && !only.shell && !isOnly
        ? undefined
        : commandOf(this.#deps.table, process, command);
    if (!run) {
      if (!this.#image.complete && (!only || isOnly)) {
        this.#note(`exec of "${command.join(' ')}", which is not part of the simulation: taken as successful`);
        return 0;
      }
      throw new RuntimeError(
        'Unknown',
        `failed to exec in container: failed to start exec: OCI runtime exec failed: exec failed: unable to start container process: exec: "${command[0]}": executable file not found in $PATH: unknown`,
      );
    }
    this.#execs.add(process);
    this.#work(commandMs);
    try {
      return await run();
    } catch (error) {
      if (error instanceof Killed) return error.exitCode;
      throw error;
    } finally {
      this.#execs.delete(process);
    }
  }

  /** The program a command line names, or what stands in for it. */
  #program(process: Process, argv: readonly string[]): (() => Promise<number>) | undefined {
    const image = this.#image;
    if (argv.length === 0) return () => generalServer(process, `the image ${this.config.image} is simulated`);
    const known = commandOf(this.#deps.table, process, argv);
    if (known) return known;
    if (image.complete) return undefined;
    return () => generalServer(process, `the command "${argv.join(' ')}" of ${this.config.image} is simulated`);
  }

  /** The kernel kills all processes of the container: SIGKILL, and nothing they could do about it. */
  #killForMemory(): void {
    if (this.#state !== 'running' || this.#outOfMemory) return;
    this.#outOfMemory = true;
    this.kill();
  }

  #failStart(word: string): RuntimeError {
    const where = word.startsWith('/')
      ? `stat ${word}: no such file or directory`
      : 'executable file not found in $PATH';
    return this.#failStartWith(
      `failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: "${word}": ${where}`,
    );
  }

  #failStartWith(message: string): RuntimeError {
    this.#message = message;
    this.#state = 'exited';
    this.#finishedAt = this.#deps.clock.now();
    this.#exitCode = 128;
    this.#reason = 'StartError';
    this.log.close();
    this.#deps.onExit(this);
    return new RuntimeError('Unknown', this.#message);
  }

  async #supervise(process: Process, run: () => Promise<number>): Promise<void> {
    let exitCode: number;
    try {
      exitCode = await run();
    } catch (error) {
      if (error instanceof Killed) exitCode = error.exitCode;
      else if (isAbort(error)) exitCode = 137;
      else {
        // A bug of a simulated program must not take the cluster down; the container shows it.
        this.#note(`simulated program failed: ${(error as Error).message}`);
        exitCode = 139;
      }
    }
    // With its first process a container ends.
    process.kill(137);
    for (const exec of this.#execs) exec.kill(137);
    for (const port of this.#ports.splice(0)) port.close();
    this.#streams.close();
    this.#state = 'exited';
    this.#finishedAt = this.#deps.clock.now();
    this.#memory.close();
    this.#disk.close();
    this.#exitCode = this.#lost ? 255 : exitCode;
    this.#reason = this.#reasonOf(exitCode);
    this.log.close();
    this.#message = await this.#terminationMessage(exitCode);
    this.#deps.onExit(this);
  }

  #reasonOf(exitCode: number): string {
    if (this.#lost) return 'Unknown';
    if (this.#outOfMemory) return 'OOMKilled';
    return this.#endReason ?? (exitCode === 0 ? 'Completed' : 'Error');
  }

  async #terminationMessage(exitCode: number): Promise<string> {
    const { terminationMessagePath, fallbackToLogs } = this.config;
    try {
      const text = this.#fs.stat(terminationMessagePath) ? await this.#fs.read(terminationMessagePath) : '';
      if (text !== '') return text.slice(0, terminationMessageBytes);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
    }
    return fallbackToLogs && exitCode !== 0 ? this.log.tail(terminationLogLines, terminationLogBytes) : '';
  }

  #newProcess(init: {
    stdin: Source;
    stdout: Sink;
    stderr: Sink;
    isInit: boolean;
    terminal?: Terminal | undefined;
  }): Process {
    const { config, sandbox } = this;
    const env = new Map<string, string>(Object.entries({ ...this.#image.env, HOSTNAME: sandbox.config.hostname }));
    for (const { name, value } of config.env) env.set(name, value);
    if (!env.has('HOME')) env.set('HOME', '/root');
    if (init.terminal && !env.has('TERM')) env.set('TERM', 'xterm');
    return new Process(this.#world, { ...init, env, cwd: config.workingDir || this.#image.workingDir });
  }

  get #world(): World {
    const { clock, prng, fabric } = this.#deps;
    const { config, sandbox } = this;
    const [podIP = ''] = sandbox.ips;
    const { name, namespace } = sandbox.config.metadata;
    const peer: Peer = { ip: podIP, ips: sandbox.ips, node: sandbox.config.node.name, namespace, pod: name };
    return {
      clock,
      prng,
      fs: this.#fs,
      fabric,
      sandbox: sandbox.config,
      config,
      image: this.#image,
      podIP,
      peer,
      log: (stream, text) => this.log.write(stream, text),
      note: (text) => this.#note(text),
      burn: (cores) => {
        const stop = this.#cpu?.burn(cores, clock.now());
        return () => stop?.(clock.now());
      },
      work: (coreMs) => this.#work(coreMs),
      memory: this.#memory,
      fillDisk: (bytesPerSecond, max) => this.#disk.grow(bytesPerSecond, max),
      endAs: (reason) => {
        this.#endReason = reason;
      },
      listen: (port, server) => {
        const listener = this.#charged(server);
        for (const ip of sandbox.ips) this.#ports.push(fabric.listen(ip, port, listener, peer));
        this.#openHostPorts(port);
      },
    };
  }

  /** What the kubelet hands to portmap for a port of the container's. Upstream: kubecontainer.MakePortMappings */
  #openHostPorts(port: number | '*'): void {
    const { config, sandbox } = this;
    const { fabric } = this.#deps;
    for (const { containerPort, hostPort, hostIP = '', protocol = 'TCP' } of config.ports) {
      if (containerPort !== port || hostPort === undefined || protocol !== 'TCP') continue;
      const anywhere = hostIP === '' || hostIP === '0.0.0.0' || hostIP === '::';
      for (const ip of sandbox.config.hostIPs) {
        // A pod of the host's network has the port by listening on it.
        if (sandbox.ips.includes(ip) || (!anywhere && canonicalIp(hostIP) !== canonicalIp(ip))) continue;
        const family = familyOf(ip);
        if (hostIP === '0.0.0.0' && family !== 'IPv4') continue;
        if (hostIP === '::' && family !== 'IPv6') continue;
        const target = sandbox.ips.find((own) => familyOf(own) === family);
        if (target !== undefined) this.#ports.push(fabric.forward(ip, hostPort, { ip: target, port: containerPort }));
      }
    }
  }

  #work(coreMs: number): void {
    this.#cpu?.add(coreMs, this.#deps.clock.now());
  }

  /** The server, with what its answers cost. */
  #charged(server: Listener): Listener {
    if (!server.http) return server;
    return {
      ...server,
      http: (request, peer) => {
        this.#work(this.#load.requestMs);
        return server.http!(request, peer);
      },
    };
  }

  #note(text: string): void {
    this.log.write('stdout', `klab: ${text}\n`);
  }

  /** What the kubelet and the runtime put into every container. */
  #fillRoot(): void {
    const { config } = this.sandbox;
    const file = (content: string) => ({ kind: 'file' as const, content, mode: 0o644, mtime: this.#createdAt });
    const { root } = this.#fs;
    const aliases = config.hostAliases.map(({ ip, hostnames }) => `${ip}\t${hostnames.join('\t')}\n`).join('');
    const own = this.sandbox.ips.map((ip) => `${ip}\t${config.hostname}\n`).join('');
    root.set('/etc/hostname', file(`${config.hostname}\n`));
    root.set(
      '/etc/hosts',
      file(
        `# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n${own}${aliases === '' ? '' : `\n# Entries added by HostAliases.\n${aliases}`}`,
      ),
    );
    const { servers, searches, options } = config.dns;
    const lines: string[] = [];
    if (searches.length > 0) lines.push(`search ${searches.join(' ')}`);
    for (const server of servers) lines.push(`nameserver ${server}`);
    if (options.length > 0) lines.push(`options ${options.join(' ')}`);
    root.set('/etc/resolv.conf', file(lines.map((line) => `${line}\n`).join('')));
  }
}

/** Exit code by which a timed-out exec is known here; no program ends with it. */
const timedOut = -1;
