import { ApiCommand, cpFiles, Flags, usageError } from '../src/cli/index.ts';

export default class Cp extends ApiCommand {
  static override summary = 'Copy files to and from a container.';
  static override usage = 'cp SOURCE TARGET [flags]';
  static override strict = false;
  static override examples = [
    '<%= config.bin %> cp web:/etc/hosts hosts',
    '<%= config.bin %> cp conf shop/web:/tmp/conf',
  ];
  static override flags = {
    container: Flags.string({ char: 'c', summary: 'the container' }),
    'no-preserve': Flags.boolean({ summary: 'leave out owner and permissions' }),
    protocol: Flags.string({ summary: 'websocket or spdy; default websocket, or KLAB_STREAM_PROTOCOL' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(Cp);
    if (words.length !== 2) throw usageError('cp', 'source and destination are required');
    const session = (namespace: string | undefined) =>
      this.session(namespace === undefined ? flags : { ...flags, namespace });
    await cpFiles(words[0]!, words[1]!, flags, session, this.streams);
  }
}
