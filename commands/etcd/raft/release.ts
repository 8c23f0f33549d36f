import { Flags, OwnEtcdCommand, raftAct } from '../../../src/cli/index.ts';

export default class EtcdRaftRelease extends OwnEtcdCommand {
  static override summary = 'Deliver all held messages of etcd and hold back no more.';
  static override examples = ['<%= config.bin %> etcd raft release'];
  static override flags = {
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(EtcdRaftRelease);
    this.print(await raftAct(await this.session(flags), { action: 'release' }, flags.output));
  }
}
