import {
  BaseCommand,
  bringUp,
  chalk,
  componentFlags,
  durationFlag,
  Flags,
  mergeContext,
  nameFlag,
  readComponentFlags,
  repeatableFlags,
  runInForeground,
  type StartRequest,
} from '../src/cli/index.ts';

/** Flags of upstream's components, read as they read them. */
const passed = Object.fromEntries(
  componentFlags.map(({ name, component, kind, summary }) => {
    const helpValue = kind === 'file' ? 'FILE' : kind === 'bool' ? 'true|false' : 'VALUE';
    const options = { summary, helpGroup: component, helpValue };
    return [name, repeatableFlags.has(name) ? Flags.string({ ...options, multiple: true }) : Flags.string(options)];
  }),
);

export default class Up extends BaseCommand {
  static override summary = 'Start a cluster: API server, etcd, controllers, scheduler and simulated nodes.';
  static override description =
    'Starts the background server of a cluster and waits until the API is ready, all nodes are Ready and namespace ' +
    'default can run pods. Adds the context klab-<name> to your kubeconfig and makes it current. Flags of ' +
    'kube-apiserver and kube-controller-manager have their names there, and may also follow after --. All are ' +
    'remembered; an empty value is the default again.';
  static override examples = [
    '<%= config.bin %> up',
    '<%= config.bin %> up --nodes 5 --name dev',
    '<%= config.bin %> up -v',
    '<%= config.bin %> up --clock virtual --seed demo',
    '<%= config.bin %> up --nodes 0 --no-scheduler --controllers=-* --runtime-config=api/beta=true',
  ];

  static override usage = 'up [FLAGS] [-- FLAGS OF THE COMPONENTS]';
  static override strict = false;

  static override flags = {
    ...passed,
    nodes: Flags.integer({ summary: 'number of simulated nodes (default 3)', min: 0, max: 10_000 }),
    'etcd-members': Flags.integer({ summary: 'members of the embedded etcd: 1, 3 or 5 (default 1)' }),
    store: Flags.string({ summary: 'where state lives (default sqlite)', options: ['sqlite', 'memory'] }),
    clock: Flags.string({ summary: 'the cluster clock (default real)', options: ['real', 'virtual'] }),
    seed: Flags.string({ summary: 'seed of all randomness that the API shows' }),
    'secure-port': Flags.integer({
      summary: 'port of the API server (default 6443 if free, else a free one)',
      min: 1,
      max: 65_535,
    }),
    'etcd-port': Flags.integer({
      summary: 'port of the first etcd member (default 2379 if free)',
      min: 1,
      max: 65_535,
    }),
    controllers: Flags.string({
      summary: "controllers to run, as kube-controller-manager's flag: *, foo, -foo",
      multiple: true,
      delimiter: ',',
    }),
    scheduler: Flags.boolean({ summary: 'run the scheduler', default: true, allowNo: true }),
    merge: Flags.boolean({
      summary: 'add the context to your kubeconfig and make it current',
      default: true,
      allowNo: true,
    }),
    foreground: Flags.boolean({ summary: 'serve in this process until Ctrl-C' }),
    timeout: Flags.string({ summary: 'how long to wait until the cluster is ready', default: '60s' }),
    verbose: Flags.boolean({ char: 'v', summary: 'narrate the boot' }),
  };

  async run(): Promise<void> {
    const parsed = await this.parse(Up);
    const { flags } = parsed;
    const words = componentFlags.flatMap(({ name }) =>
      [(flags as Record<string, unknown>)[name] ?? []].flat().map((value) => `--${name}=${value}`),
    );
    const components = readComponentFlags([...words, ...this.wordsOf(parsed)]);
    const members = flags['etcd-members'];
    if (members !== undefined && ![1, 3, 5].includes(members)) {
      this.fail(`--etcd-members must be 1, 3 or 5, not ${members}`, 2);
    }
    const request: StartRequest = {
      ...(flags.nodes !== undefined && { nodes: flags.nodes }),
      ...(members !== undefined && { etcdMembers: members }),
      ...(flags.store && { store: flags.store as 'sqlite' | 'memory' }),
      ...(flags.clock && { clock: flags.clock as 'real' | 'virtual' }),
      ...(flags.seed !== undefined && { seed: flags.seed }),
      ...(flags['secure-port'] && { apiPort: flags['secure-port'], explicitApiPort: true }),
      ...(flags['etcd-port'] && { etcdPorts: [flags['etcd-port']], explicitEtcdPort: true }),
      ...(flags.controllers && { controllers: flags.controllers }),
      ...(!flags.scheduler && { scheduler: false }),
      ...(Object.keys(components).length > 0 && { flags: components }),
    };
    const onPhase = (phase: { text: string; detail?: boolean; ms: number }) => {
      if (!flags.verbose && phase.detail) return;
      this.say(`${chalk.dim(`${phase.ms.toFixed(0).padStart(5)} ms`)}  ${phase.text}`);
    };
    const timeoutMs = durationFlag('timeout', flags.timeout);

    if (flags.foreground) {
      await runInForeground(flags.name, request, {
        onPhase,
        signal: this.signal,
        onReady: async (info) => {
          if (flags.merge) this.say(await mergeContext(info));
          this.say(`cluster "${flags.name}" is up at ${info.api.endpoint}; Ctrl-C stops it`);
        },
      });
      return;
    }

    const { info, started } = await bringUp(flags.name, request, {
      onPhase: flags.verbose ? onPhase : undefined,
      signal: this.signal,
      timeoutMs,
    });
    if (!started) {
      this.say(
        `cluster "${flags.name}" is already running (pid ${info.pid}, ${info.nodes} nodes, API at ${info.api.endpoint})`,
      );
      if (Object.keys(components).length > 0) {
        const name = nameFlag(flags.name);
        this.say(`its flags stay as they were; to change them: klab down${name} && klab up${name} …`);
      }
      if (flags.merge) this.say(await mergeContext(info));
      return;
    }
    this.say(`${chalk.green('✓')} cluster "${flags.name}" is up: ${info.nodes} nodes, API at ${info.api.endpoint}`);
    if (flags.merge) this.say(await mergeContext(info));
    this.say(
      `Try: klab apply -f FILE${nameFlag(flags.name)} · kubectl get nodes · klab get pods -A${nameFlag(flags.name)}`,
    );
  }
}
