import { Flags, OwnEtcdCommand, raftAct } from '../../../src/cli/index.ts';

export default class EtcdRaftHeal extends OwnEtcdCommand {
  static override summary = 'Undo partitions, cuts, slow links and held messages between the members of etcd.';
  static override examples = ['<%= config.bin %> etcd raft heal'];
  static override flags = {
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(EtcdRaftHeal);
    this.print(await raftAct(await this.session(flags), { action: 'heal' }, flags.output));
  }
}
