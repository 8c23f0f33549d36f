import { Flags, OwnEtcdCommand, printRaftNews } from '../../../src/cli/index.ts';

export default class EtcdRaftWatch extends OwnEtcdCommand {
  static override summary =
    'Watch the members of etcd live: roles, terms, logs side by side and messages; lines of what is new in a pipe.';
  static override examples = [
    '<%= config.bin %> etcd raft watch',
    '<%= config.bin %> etcd raft watch --no-live --heartbeats',
    '<%= config.bin %> etcd raft watch -o json | jq -r \'.members[] | select(.role == "leader").name\'',
  ];
  static override flags = {
    output: Flags.string({ char: 'o', summary: 'output format: json (one picture a line)', options: ['json'] }),
    heartbeats: Flags.boolean({ summary: 'heartbeats and their answers, too (key h on the screen)' }),
    entries: Flags.integer({
      summary: 'newest entries of each log that are looked at when it is not the screen',
      default: 50,
      min: 1,
      max: 200,
    }),
    live: Flags.boolean({
      summary: 'the live screen (default: when stdout and stdin are a terminal)',
      allowNo: true,
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(EtcdRaftWatch);
    const { output, heartbeats, entries } = flags;
    const session = await this.session(flags);
    const { signal } = this;
    const live = flags.live ?? (process.stdout.isTTY === true && process.stdin.isTTY === true);
    if (live && output === undefined) {
      const { showRaft } = await import('../../../src/tui/index.ts');
      await showRaft(session, { heartbeats, signal });
      return;
    }
    await printRaftNews(session, { output, heartbeats, entries }, this.output, signal);
    signal.throwIfAborted();
  }
}
