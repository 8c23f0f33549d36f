import { ControlCommand, exitCodes, Flags, nodeNames, pressNode, printData, UserError } from '../../src/cli/index.ts';

export default class NodePressure extends ControlCommand {
  static override summary = 'Let a machine run short of memory, disk or process ids, so that its kubelet evicts pods.';
  static override description =
    'Processes of the machine that are no containers take what is free but for a little: less than the hard eviction ' +
    'threshold. Within 10 s the node has the condition, is tainted, and its kubelet evicts pods one by one until it is ' +
    'above the threshold again; new BestEffort pods are refused. The condition goes 5 minutes after the shortage. ' +
    'There is a threshold for pid only with klab up --eviction-hard. A reboot of the machine lifts memory and pid.';
  static override usage = 'node pressure NODE memory|disk|pid';
  static override examples = [
    '<%= config.bin %> node pressure node-2 memory',
    '<%= config.bin %> node pressure node-2 disk --available 1Gi',
    '<%= config.bin %> node pressure node-2 memory --lift',
  ];
  static override strict = false;
  static override flags = {
    available: Flags.string({
      summary: 'how much to leave (default: nine tenths of the threshold)',
      helpValue: '50Mi',
    }),
    lift: Flags.boolean({ summary: 'give back what was taken', exclusive: ['available'] }),
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const parsed = await this.parse(NodePressure);
    const { flags } = parsed;
    const usage = 'klab node pressure NODE memory|disk|pid';
    const [node, resource, ...rest] = this.wordsOf(parsed);
    if (resource === undefined || rest.length > 0) throw new UserError(`usage: ${usage}`, exitCodes.usage);
    const [name] = nodeNames([node!], usage);
    const { available, lift } = flags;
    const done = await pressNode(this.target(flags), name!, { resource, lift, ...(available && { available }) });
    if (flags.output) this.print(printData(done, flags.output as 'json' | 'yaml'));
    else if (lift) this.print(`node/${name} has ${done.available} of ${resource} left`);
    else this.print(`node/${name} has ${done.available} of ${resource} left; it evicts pods below ${done.threshold}`);
  }
}
