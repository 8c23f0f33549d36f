import { ApiCommand, attachToPod, Flags, usageError } from '../src/cli/index.ts';

export default class Attach extends ApiCommand {
  static override summary = 'Join the streams of a running container.';
  static override usage = 'attach (POD | TYPE/NAME) [-c CONTAINER] [flags]';
  static override strict = false;
  static override examples = ['<%= config.bin %> attach web -it'];
  static override flags = {
    container: Flags.string({ char: 'c', summary: 'the container' }),
    stdin: Flags.boolean({ char: 'i', summary: 'pass input on' }),
    tty: Flags.boolean({ char: 't', summary: 'a terminal' }),
    quiet: Flags.boolean({ char: 'q', summary: 'only what the container says' }),
    protocol: Flags.string({ summary: 'websocket or spdy; default websocket, or KLAB_STREAM_PROTOCOL' }),
    'pod-running-timeout': Flags.string({ summary: 'how long a pod may take to run', default: '1m0s' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(Attach);
    if (words.length === 0) throw usageError('attach', 'at least 1 argument is required for attach');
    if (words.length > 2)
      throw usageError('attach', `expected POD, TYPE/NAME, or TYPE NAME, (at most 2 arguments) saw ${words.length}`);
    process.exit(await attachToPod(() => this.session(flags), words, flags, this.streams));
  }
}
