import { BaseCommand, Flags, importCluster, nameFlag, printData, sessionFlags } from '../src/cli/index.ts';

export default class Import extends BaseCommand {
  static override summary = 'Copy a real cluster into a klab cluster where nothing runs, to ask why and what if.';
  static override description =
    'Takes nodes, pods, volumes, claims, classes, budgets and workloads from the API of a cluster or from files of ' +
    'kubectl get -o yaml|json into a new klab cluster without nodes and controllers of its own: statuses are kept, ' +
    'bound pods stay bound, nothing is evicted. The scheduler tries the pending pods and records why they are pending. ' +
    'Secrets and events are never taken. What the user of the context may not list is left out and told.';
  static override examples = [
    '<%= config.bin %> import --context prod --name prod-copy',
    '<%= config.bin %> import -f dump.yaml --name prod-copy && <%= config.bin %> scheduler why web-0 --name prod-copy',
    'kubectl get nodes,pods,pv,pvc,sc -A -o json | <%= config.bin %> import -f - --name prod-copy',
  ];
  static override flags = {
    filename: Flags.string({
      char: 'f',
      summary: 'files, folders or URLs of objects; - is stdin',
      multiple: true,
      exclusive: ['context', 'kubeconfig'],
    }),
    context: sessionFlags.context,
    kubeconfig: sessionFlags.kubeconfig,
    config: Flags.string({ summary: "the cluster's KubeSchedulerConfiguration, to decide as its scheduler does" }),
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Import);
    const { name, filename: files, context, kubeconfig, config, output } = flags;
    if (!files && context === undefined && kubeconfig === undefined) {
      this.fail('say where from: --context CONTEXT, --kubeconfig FILE or -f FILE', 2);
    }
    const summary = await importCluster(
      { name, ...(files && { files }), context, kubeconfig, ...(config !== undefined && { config }) },
      { say: (text) => this.say(text), signal: this.signal },
    );
    if (output === 'json' || output === 'yaml') {
      this.print(printData(summary, output));
      return;
    }
    for (const [kind, count] of Object.entries(summary.imported)) this.print(`${kind}: ${count} imported`);
    for (const [what, count] of Object.entries(summary.skipped)) this.print(`${what} (${count})`);
    this.say(
      `cluster "${name}" holds them; try: klab get pods -A${nameFlag(name)} · klab scheduler why POD${nameFlag(name)}`,
    );
  }
}
