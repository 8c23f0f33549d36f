import { ControlCommand, Flags, nodeNames, showNodes, switchNode } from '../../src/cli/index.ts';

export default class NodeStart extends ControlCommand {
  static override summary =
    'Switch machines on again: a reboot, after which their kubelets start the containers of the pods they still own.';
  static override description = 'The disk is as it was: containers are found dead and started again in place.';
  static override usage = 'node start NODE...';
  static override examples = ['<%= config.bin %> node start node-2', '<%= config.bin %> node start node-2 node-3'];
  static override strict = false;
  static override flags = {
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml', 'name'] }),
  };

  async run(): Promise<void> {
    const parsed = await this.parse(NodeStart);
    const { flags } = parsed;
    const names = nodeNames(this.wordsOf(parsed), 'klab node start NODE');
    const target = this.target(flags);
    const done = [];
    for (const name of names) {
      done.push(await switchNode(target, name, 'start'));
      if (!flags.output) this.print(`node/${name} started`);
    }
    if (flags.output) this.print(showNodes(done, flags.output));
  }
}
