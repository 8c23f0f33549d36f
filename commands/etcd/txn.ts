import { text } from 'node:stream/consumers';
import { EtcdCommand, etcdOutput, etcdTxn, Flags } from '../../src/cli/index.ts';

export default class EtcdTxn extends EtcdCommand {
  static override summary = 'Run a transaction: compares, and what to do when they hold and when not.';
  static override description =
    "Reads etcdctl's grammar from stdin: compares, an empty line, requests for success, an empty line, requests for " +
    'failure. A compare is mod("KEY") > "0" (value, mod, create, version or lease; =, !=, < or >); a request is get, put or del.';
  static override examples = [
    `printf 'version("lock") = "0"\\n\\nput lock "me"\\n\\nget lock\\n' | <%= config.bin %> etcd txn`,
    '<%= config.bin %> etcd txn < swap.txn',
  ];
  static override flags = {
    'show-secrets': Flags.boolean({ summary: 'show the values of Secrets' }),
    ...etcdOutput,
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(EtcdTxn);
    if (process.stdin.isTTY)
      this.say('compares, success requests, failure requests; an empty line ends each, Ctrl-D all:');
    const input = await text(process.stdin);
    const options = { output: flags.output, showSecrets: flags['show-secrets'] };
    await this.withEtcd(flags, (kv) => etcdTxn(kv, input, options, this.io));
  }
}
