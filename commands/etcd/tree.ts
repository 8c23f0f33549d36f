import { Args, EtcdCommand, etcdTree, Flags } from '../../src/cli/index.ts';

export default class EtcdTree extends EtcdCommand {
  static override summary = 'Show keys of etcd as a directory tree.';
  static override examples = [
    '<%= config.bin %> etcd tree',
    '<%= config.bin %> etcd tree /registry/pods --depth 1',
    '<%= config.bin %> etcd tree /registry --rev 120 -o json',
  ];
  static override args = { prefix: Args.string({ description: 'only keys that begin so', default: '' }) };
  static override flags = {
    depth: Flags.integer({ summary: 'at most so many levels', min: 1 }),
    rev: Flags.integer({ summary: 'as of this revision', min: 0 }),
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdTree);
    const { depth, rev: revision, output } = flags;
    const request = { prefix: args.prefix, depth, revision, output };
    this.print(await this.withEtcd(flags, (kv) => etcdTree(kv, request, this.signal)));
  }
}
