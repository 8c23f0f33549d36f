import { ApiCommand, execInPod, Flags, usageError } from '../src/cli/index.ts';

export default class Exec extends ApiCommand {
  static override summary = 'Run a command in a container.';
  static override usage = 'exec (POD | TYPE/NAME) [-c CONTAINER] [flags] -- COMMAND [ARGS…]';
  static override strict = false;
  static override examples = ['<%= config.bin %> exec web -- date', '<%= config.bin %> exec -it deploy/web -- sh'];
  static override flags = {
    container: Flags.string({ char: 'c', summary: 'the container' }),
    stdin: Flags.boolean({ char: 'i', summary: 'pass input on' }),
    tty: Flags.boolean({ char: 't', summary: 'a terminal' }),
    quiet: Flags.boolean({ char: 'q', summary: 'only what the container says' }),
    protocol: Flags.string({ summary: 'websocket or spdy; default websocket, or KLAB_STREAM_PROTOCOL' }),
    'pod-running-timeout': Flags.string({ summary: 'how long a pod may take to run', default: '1m0s' }),
  };

  async run(): Promise<void> {
    const { flags, words, afterDash } = await this.parseWords(Exec);
    if (words.length === 0) throw usageError('exec', 'pod, type/name or --filename must be specified');
    if (afterDash.length === 0) {
      throw usageError(
        'exec',
        words.length > 1
          ? 'exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead'
          : 'you must specify at least one command for the container',
      );
    }
    process.exit(await execInPod(() => this.session(flags), words, afterDash, flags, this.streams));
  }
}
