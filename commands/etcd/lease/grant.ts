import { Args, EtcdCommand, etcdLeaseGrant, Flags } from '../../../src/cli/index.ts';

export default class EtcdLeaseGrant extends EtcdCommand {
  static override summary = 'Make a lease: keys that hang on it go when it is not kept alive.';
  static override examples = [
    '<%= config.bin %> etcd lease grant 30',
    '<%= config.bin %> etcd put --lease $(<%= config.bin %> etcd lease grant 30 --id-only) /services/web/a 10.0.0.1',
  ];
  static override args = { ttl: Args.string({ description: 'seconds it lives without keep-alive', required: true }) };
  static override flags = { 'id-only': Flags.boolean({ summary: 'print only its ID' }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdLeaseGrant);
    await this.withEtcd(flags, (kv) => etcdLeaseGrant(kv, args.ttl, flags['id-only'], this.io));
  }
}
