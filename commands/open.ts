import { ApiCommand, Flags, openTarget, usageError } from '../src/cli/index.ts';

export default class Open extends ApiCommand {
  static override summary = 'Show what a service, a deployment or an ingress serves, in the browser.';
  static override usage = 'open (svc/NAME | deploy/NAME | ingress/NAME) [flags]';
  static override strict = false;
  static override examples = [
    '<%= config.bin %> open svc/web',
    '<%= config.bin %> open ingress/shop --no-browser -o json',
  ];
  static override flags = {
    port: Flags.string({ summary: 'the port, when there are several' }),
    browser: Flags.boolean({ summary: 'open the browser', default: true, allowNo: true }),
    output: Flags.string({ char: 'o', summary: 'json: the address as data' }),
    protocol: Flags.string({ summary: 'websocket or spdy; default websocket, or KLAB_STREAM_PROTOCOL' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(Open);
    if (words.length !== 1) throw usageError('open', 'one TYPE/NAME is required');
    await openTarget(await this.session(flags), words[0]!, flags, this.streams);
  }
}
