import { ControlCommand, Flags, listNodes, showNodes } from '../../src/cli/index.ts';

export default class NodeLs extends ControlCommand {
  static override summary = 'List the simulated machines of a cluster, also those that are stopped.';
  static override description =
    'What the machines are. What the cluster makes of them, kubectl get nodes tells: a machine that was just stopped is ' +
    'still Ready there until its heartbeats have been missed for long enough.';
  static override examples = ['<%= config.bin %> node ls', '<%= config.bin %> node ls -o json'];
  static override flags = {
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml', 'name'] }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(NodeLs);
    const nodes = await listNodes(this.target(flags));
    if (nodes.length === 0 && flags.output === undefined) this.say('no nodes; add one with: klab node add');
    else this.print(showNodes(nodes, flags.output));
  }
}
