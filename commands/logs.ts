import { ApiCommand, Flags, printLogs } from '../src/cli/index.ts';

export default class Logs extends ApiCommand {
  static override summary = 'Print the logs of a container in a pod, as kubectl logs does.';
  static override usage = 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]';
  static override strict = false;
  static override examples = [
    '<%= config.bin %> logs web-5d8',
    '<%= config.bin %> logs -f deploy/web -c app',
    '<%= config.bin %> logs -l app=web --all-containers --prefix',
    '<%= config.bin %> logs -p web-5d8 --tail 20',
  ];

  static override flags = {
    follow: Flags.boolean({ char: 'f', summary: 'go on printing as the log grows' }),
    previous: Flags.boolean({ char: 'p', summary: 'the log of the previous instance of the container' }),
    container: Flags.string({ char: 'c', summary: 'the container' }),
    selector: Flags.string({ char: 'l', summary: 'label selector of the pods' }),
    'all-containers': Flags.boolean({ summary: 'all containers of the pods' }),
    'all-pods': Flags.boolean({ summary: 'all pods of the workload; prints prefixes' }),
    prefix: Flags.boolean({ summary: 'begin every line with its pod and container' }),
    timestamps: Flags.boolean({ summary: 'begin every line with its time' }),
    since: Flags.string({ summary: 'only lines newer than this, e.g. 5s, 2m, 3h' }),
    'since-time': Flags.string({ summary: 'only lines after this time (RFC 3339)' }),
    tail: Flags.integer({ summary: 'lines from the end; -1 for all (default -1, 10 with a selector)' }),
    'limit-bytes': Flags.integer({ summary: 'bytes at most' }),
    'ignore-errors': Flags.boolean({ summary: 'go on when a log cannot be read' }),
    'max-log-requests': Flags.integer({ summary: 'logs followed at once at most', default: 5 }),
    'pod-running-timeout': Flags.string({ summary: 'how long a followed container may take to start', default: '20s' }),
  };

  async run(): Promise<void> {
    const parsed = await this.parse(Logs);
    const { flags } = parsed;
    await printLogs(
      await this.session(flags),
      {
        words: this.wordsOf(parsed),
        container: flags.container,
        labelSelector: flags.selector,
        follow: flags.follow,
        previous: flags.previous,
        timestamps: flags.timestamps,
        allContainers: flags['all-containers'],
        allPods: flags['all-pods'],
        prefix: flags.prefix,
        since: flags.since,
        sinceTime: flags['since-time'],
        tail: flags.tail,
        limitBytes: flags['limit-bytes'],
        ignoreErrors: flags['ignore-errors'],
        maxLogRequests: flags['max-log-requests'],
        podRunningTimeout: flags['pod-running-timeout'],
      },
      this.output,
    );
  }
}
