import { ControlCommand, Flags, nodeNames, removeNode } from '../../src/cli/index.ts';

export default class NodeRemove extends ControlCommand {
  static override summary = 'Take machines away for good, with their Node, Lease and CSINode.';
  static override description =
    'Without --drain it is as if the machine burned down and kubectl delete node followed: the garbage collector takes ' +
    'its pods. With --drain they are evicted first, within their disruption budgets, as kubectl drain does with ' +
    '--ignore-daemonsets, --delete-emptydir-data and --force.';
  static override usage = 'node remove NODE...';
  static override examples = ['<%= config.bin %> node remove node-3', '<%= config.bin %> node remove node-3 --drain'];
  static override strict = false;
  static override flags = {
    drain: Flags.boolean({ summary: 'evict its pods first' }),
  };

  async run(): Promise<void> {
    const parsed = await this.parse(NodeRemove);
    const { flags } = parsed;
    for (const name of nodeNames(this.wordsOf(parsed), 'klab node remove NODE')) {
      await removeNode(this.target(flags), name, flags.drain);
      this.print(`node/${name} removed`);
    }
  }
}
