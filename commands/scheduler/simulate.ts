import { ApiCommand, Flags, schedulerSimulate } from '../../src/cli/index.ts';

export default class SchedulerSimulate extends ApiCommand {
  static override summary = 'Place a workload on a copy of a cluster, or on a made-up one, and compare configurations.';
  static override description =
    'Nothing is created. The important go first and, where nothing is free, evict lesser pods, whose controllers make them ' +
    'anew. Without --config the scheduler of a klab cluster decides as it is configured; extenders are asked, but bind nothing. Limit ranges and quotas are not applied. Fragmentation is the share of the free room that is lost to pods of the largest request because it is scattered over nodes. With --nodes or --shape no cluster is needed. A shape is KEY=VALUE pairs: cpu, memory, pods and ' +
    'other resources, zone=a|b|c (in turn), price (of an hour), count, taint=KEY=VALUE:EFFECT; all else are labels.';
  static override examples = [
    '<%= config.bin %> scheduler simulate -f web.yaml',
    '<%= config.bin %> scheduler simulate -f web.yaml --nodes 10 --shape "cpu=4,memory=16Gi,zone=a|b,price=0.2"',
    '<%= config.bin %> scheduler simulate -f web.yaml --config spread.yaml --config pack.yaml --context prod',
  ];
  static override flags = {
    filename: Flags.string({ char: 'f', summary: 'manifests of the workload', multiple: true, required: true }),
    nodes: Flags.integer({ summary: 'nodes of each shape', min: 0, max: 20_000 }),
    shape: Flags.string({ summary: 'a shape of nodes of a made-up cluster', multiple: true }),
    config: Flags.string({ summary: 'a KubeSchedulerConfiguration; two are compared', multiple: true }),
    seed: Flags.string({ summary: 'seed of the ties' }),
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(SchedulerSimulate);
    const { filename: files, nodes, shape: shapes, config: configs, seed, output, namespace } = flags;
    const request = { files, nodes, shapes, configs, seed, output, namespace, signal: this.signal };
    this.print(await schedulerSimulate(request, () => this.session(flags)));
  }
}
