import { Args, EtcdCommand, etcdElect, etcdObserve, Flags, usageError } from '../../src/cli/index.ts';

export default class EtcdElect extends EtcdCommand {
  static override summary = 'Campaign to lead an election of etcd, or follow who leads.';
  static override examples = [
    '<%= config.bin %> etcd elect backup host-1',
    '<%= config.bin %> etcd elect backup --listen',
  ];
  static override args = {
    election: Args.string({ description: 'its name', required: true }),
    proposal: Args.string({ description: 'what the others see of the leader' }),
  };
  static override flags = {
    listen: Flags.boolean({ char: 'l', summary: 'only follow who leads' }),
    ttl: Flags.integer({
      summary: 'seconds after which the lead is free when its holder has died',
      default: 60,
      min: 1,
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdElect);
    const { election, proposal } = args;
    if (flags.listen) await this.withEtcd(flags, (kv) => etcdObserve(kv, election, this.io));
    else if (proposal === undefined) throw usageError('etcd elect', 'elect takes an election name and a proposal');
    else await this.withEtcd(flags, (kv) => etcdElect(kv, { election, proposal, ttl: flags.ttl }, this.io));
  }
}
