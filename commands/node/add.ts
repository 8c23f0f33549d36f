import { Args, addNodes, ControlCommand, Flags, readPairs, readTaints, showNodes } from '../../src/cli/index.ts';

export default class NodeAdd extends ControlCommand {
  static override summary = 'Add simulated machines, which join the cluster by themselves.';
  static override examples = [
    '<%= config.bin %> node add',
    '<%= config.bin %> node add --count 3 --zone zone-d',
    '<%= config.bin %> node add big --capacity cpu=96,memory=768Gi',
    '<%= config.bin %> node add --labels gpu=a100 --taints gpu=a100:NoSchedule --capacity nvidia.com/gpu=8',
  ];
  static override args = { node: Args.string({ description: 'its name (default: node-<n>)' }) };
  static override flags = {
    count: Flags.integer({ summary: 'how many (default 1)', min: 1 }),
    zone: Flags.string({ summary: 'topology.kubernetes.io/zone (default: zone-a, zone-b, zone-c in turn)' }),
    labels: Flags.string({ summary: 'labels, as in disk=ssd,team=a', multiple: true }),
    taints: Flags.string({ summary: 'taints, as in gpu=yes:NoSchedule', multiple: true }),
    capacity: Flags.string({ summary: 'capacity, as in cpu=16,memory=64Gi,pods=250', multiple: true }),
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml', 'name'] }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(NodeAdd);
    const nodes = await addNodes(this.target(flags), {
      ...(args.node !== undefined && { name: args.node }),
      ...(flags.count !== undefined && { count: flags.count }),
      ...(flags.zone !== undefined && { zone: flags.zone }),
      ...(flags.labels && { labels: readPairs('labels', flags.labels) }),
      ...(flags.taints && { taints: readTaints(flags.taints) }),
      ...(flags.capacity && { capacity: readPairs('capacity', flags.capacity) }),
    });
    if (flags.output) this.print(showNodes(nodes, flags.output));
    else for (const { name } of nodes) this.print(`node/${name} added`);
  }
}
