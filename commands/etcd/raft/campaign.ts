import { Args, Flags, OwnEtcdCommand, raftAct } from '../../../src/cli/index.ts';

export default class EtcdRaftCampaign extends OwnEtcdCommand {
  static override summary = 'Let a member of etcd stand for election now.';
  static override description =
    'As in etcd, members that hear a leader give no votes, so while there is one the member asks in vain: see klab etcd ' +
    'raft messages. Cut the leader off or pause it first; klab etcd raft transfer hands over a working leadership.';
  static override examples = ['<%= config.bin %> etcd raft campaign m2'];
  static override strict = false;
  static override args = { member: Args.string({ description: 'name or ID of the member', required: true }) };
  static override flags = {
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(EtcdRaftCampaign);
    const action = { action: 'campaign', members: argv as string[] };
    this.print(await raftAct(await this.session(flags), action, flags.output));
  }
}
