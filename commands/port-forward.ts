import { ApiCommand, Flags, forward, usageError } from '../src/cli/index.ts';

export default class PortForward extends ApiCommand {
  static override summary = 'Forward local ports to a pod.';
  static override usage = 'port-forward (POD | TYPE/NAME) [LOCAL:]REMOTE… [flags]';
  static override strict = false;
  static override examples = [
    '<%= config.bin %> port-forward web 8080:80',
    '<%= config.bin %> port-forward svc/web :80',
  ];
  static override flags = {
    address: Flags.string({
      summary: 'addresses to listen on',
      multiple: true,
      multipleNonGreedy: true,
      delimiter: ',',
    }),
    protocol: Flags.string({ summary: 'websocket or spdy; default websocket, or KLAB_STREAM_PROTOCOL' }),
    'pod-running-timeout': Flags.string({ summary: 'how long a pod may take to run', default: '1m0s' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(PortForward);
    if (words.length < 2) throw usageError('port-forward', 'TYPE/NAME and list of ports are required for port-forward');
    await forward(await this.session(flags), words.slice(0, 1), words.slice(1), flags, this.streams, (port) => {
      const host = port.address.includes(':') ? `[${port.address}]` : port.address;
      this.print(`Forwarding from ${host}:${port.local} -> ${port.remote}`);
    });
  }
}
