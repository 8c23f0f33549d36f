import { Args, Flags, OwnEtcdCommand, raftAct } from '../../../src/cli/index.ts';

export default class EtcdRaftTransfer extends OwnEtcdCommand {
  static override summary = 'Hand the leadership of etcd to a member.';
  static override examples = ['<%= config.bin %> etcd raft transfer m2'];
  static override strict = false;
  static override args = {
    member: Args.string({ description: 'name or ID of the member that shall lead', required: true }),
  };
  static override flags = {
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(EtcdRaftTransfer);
    const action = { action: 'transfer', members: argv as string[] };
    this.print(await raftAct(await this.session(flags), action, flags.output));
  }
}
