import {
  ApiCommand,
  dryRunFlag,
  Flags,
  fileFlags,
  printFlags,
  requireFlags,
  scale,
  selectFlags,
} from '../src/cli/index.ts';

export default class Scale extends ApiCommand {
  static override summary = 'Set how many replicas a workload has.';
  static override usage = 'scale --replicas=COUNT (-f FILE | TYPE NAME)';
  static override strict = false;
  static override examples = ['<%= config.bin %> scale deploy web --replicas=3'];
  static override flags = {
    ...printFlags,
    ...dryRunFlag,
    ...fileFlags,
    ...selectFlags,
    replicas: Flags.integer({ summary: 'how many' }),
    'current-replicas': Flags.integer({ summary: 'only when it is this many now', default: -1 }),
    timeout: Flags.string({ summary: 'how long to wait until as many are there; 0 does not wait', default: '0s' }),
    'resource-version': Flags.string({ summary: 'only if the object is at this version' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(Scale);
    requireFlags(flags, 'replicas');
    await scale(words, { ...flags, replicas: flags.replicas! }, () => this.session(flags), this.streams);
  }
}
