import { EtcdCommand, etcdLock, Flags, runProgram, usageError } from '../../src/cli/index.ts';

export default class EtcdLock extends EtcdCommand {
  static override summary =
    'Hold a lock of etcd until interrupted, or while a program runs; its exit code is that of the program.';
  static override description =
    'The program finds ETCD_LOCK_KEY and ETCD_LOCK_REV in its environment: a write that compares the key is one that only the holder makes.';
  static override usage = 'etcd lock NAME [flags] [-- PROGRAM ARGS…]';
  static override strict = false;
  static override examples = [
    '<%= config.bin %> etcd lock deploy',
    '<%= config.bin %> etcd lock deploy -- ./migrate.sh',
  ];
  static override flags = {
    ttl: Flags.integer({ summary: 'seconds after which it is free when its holder has died', default: 10, min: 1 }),
  };

  async run(): Promise<void> {
    const { flags, words, afterDash } = await this.parseWords(EtcdLock);
    const [name] = words;
    if (name === undefined || words.length > 1)
      throw usageError('etcd lock', 'lock takes one lock name, and a program after --');
    const request = { name, ttl: flags.ttl, program: afterDash };
    process.exitCode = await this.withEtcd(flags, (kv) => etcdLock(kv, request, runProgram, this.io));
  }
}
