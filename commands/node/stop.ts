import { ControlCommand, Flags, listNodes, nodeNames, showNodes, switchNode } from '../../src/cli/index.ts';

export default class NodeStop extends ControlCommand {
  static override summary = 'Switch machines off: heartbeats and containers end at once.';
  static override description =
    'As when the power fails: the node is NotReady after 50 s without a heartbeat, then tainted, and its pods are evicted when their tolerations of 300 s are over. klab clock advance 6m shows it at once.';
  static override usage = 'node stop NODE...';
  static override examples = ['<%= config.bin %> node stop node-2', '<%= config.bin %> node stop node-2 node-3'];
  static override strict = false;
  static override flags = {
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml', 'name'] }),
  };

  async run(): Promise<void> {
    const parsed = await this.parse(NodeStop);
    const { flags } = parsed;
    const names = nodeNames(this.wordsOf(parsed), 'klab node stop NODE');
    const target = this.target(flags);
    const done = [];
    for (const name of names) {
      done.push(await switchNode(target, name, 'stop'));
      if (!flags.output) this.print(`node/${name} stopped`);
    }
    if (flags.output) this.print(showNodes(done, flags.output));
    const left = (await listNodes(target)).filter(({ state }) => state !== 'stopped');
    if (left.length === 0) this.say('warning: no node of the cluster runs now; its pods wait until one is started');
  }
}
