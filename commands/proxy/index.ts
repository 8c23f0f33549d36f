import { ApiCommand, apiProxyDefaults, Flags, planApiProxy, serveApiProxy } from '../../src/cli/index.ts';

export default class ProxyApi extends ApiCommand {
  static override summary =
    'Serve the API over plain HTTP on this machine, or show the rules of kube-proxy (klab proxy rules …).';
  static override description =
    'Requests go to the API server with your credentials, so that curl and web pages need none. Files of a folder can be ' +
    'served beside it. Requests for exec and attach, and those that come under a foreign host name, are refused.';
  static override usage = 'proxy [--port=PORT] [--www=static-dir] [--www-prefix=prefix] [--api-prefix=prefix]';
  static override strict = false;
  static override examples = [
    '<%= config.bin %> proxy --port=8011 --www=./local/www/',
    '<%= config.bin %> proxy --port=0 --api-prefix=/k8s-api',
    '<%= config.bin %> proxy --unix-socket=./api.sock',
  ];
  static override flags = {
    www: Flags.string({ char: 'w', summary: 'also serve the files of this folder' }),
    'www-prefix': Flags.string({ char: 'P', summary: 'the path of the files', default: '/static/' }),
    'api-prefix': Flags.string({ summary: 'the path of the API', default: '/' }),
    'accept-paths': Flags.string({
      summary: 'regular expressions: paths to accept',
      default: apiProxyDefaults['accept-paths'],
    }),
    'reject-paths': Flags.string({
      summary: 'regular expressions: paths to refuse, even accepted ones',
      default: apiProxyDefaults['reject-paths'],
    }),
    'accept-hosts': Flags.string({
      summary: 'regular expressions: host names to accept',
      default: apiProxyDefaults['accept-hosts'],
    }),
    'reject-methods': Flags.string({
      summary: "regular expressions: methods to refuse ('POST,PUT,PATCH')",
      default: apiProxyDefaults['reject-methods'],
    }),
    port: Flags.integer({ char: 'p', summary: 'the port to listen on; 0: any free one', default: 8001 }),
    address: Flags.string({ summary: 'the address to listen on', default: '127.0.0.1' }),
    'disable-filter': Flags.boolean({
      summary: 'refuse nothing: dangerous on a port that others reach',
      allowNo: true,
    }),
    'unix-socket': Flags.string({ char: 'u', summary: 'listen on this unix socket' }),
    keepalive: Flags.string({ summary: 'time between signs of life on the connection to the server', default: '0s' }),
    'append-server-path': Flags.boolean({
      summary: "put the path of the context's server before each request's",
      allowNo: true,
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(ProxyApi);
    const plan = planApiProxy(flags, (text) => this.say(text));
    await serveApiProxy(await this.session(flags), plan, flags['append-server-path'] ?? false, this.streams);
  }
}
