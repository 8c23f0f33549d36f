import {
  BaseCommand,
  clusterStatus,
  componentStates,
  componentSummary,
  Flags,
  historyText,
  humanBytes,
  printData,
} from '../src/cli/index.ts';

export default class Status extends BaseCommand {
  static override summary = 'Show whether a cluster runs, where its doors and files are, and how large it is.';
  static override examples = ['<%= config.bin %> status', '<%= config.bin %> status -o json | jq -r .kubeconfig'];
  static override flags = {
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Status);
    const status = await clusterStatus(flags.name);
    const components = status.running ? await componentStates(flags.name) : undefined;
    if (flags.output) {
      this.print(printData({ ...status, ...(components && { components }) }, flags.output as 'json' | 'yaml'));
      return;
    }
    const rows: [string, string][] = [
      [
        'cluster',
        `${status.name} (${status.running ? 'running' : status.starting ? `starting, pid ${status.pid}` : 'stopped'})`,
      ],
      ...(status.running
        ? ([
            ['server', `pid ${status.pid}, klab ${status.version}, since ${status.startedAt}`],
            ['API', status.api!.endpoint],
            [
              'etcd',
              `${status.etcd!.endpoints.join(', ')} (${status.etcd!.external ? "not klab's own" : `${status.etcdMembers} member${status.etcdMembers === 1 ? '' : 's'}`})`,
            ],
            ['kubeconfig', status.kubeconfig!],
            ...(status.dns
              ? [
                  [
                    'dns',
                    `${status.dns.address}:${status.dns.port} (dig @${status.dns.address} -p ${status.dns.port} NAME)`,
                  ],
                ]
              : []),
            ...(status.loadBalancers ?? []).map(({ service, address, port, protocol, host, hostPort }) => [
              'load balancer',
              `${service} ${address}:${port}/${protocol}${host === address && hostPort === port ? '' : `, here ${host}:${hostPort}`}`,
            ]),
            ...(status.ingress ? [['ingress', `${status.ingress.http}, ${status.ingress.https}`]] : []),
          ] as [string, string][])
        : []),
      ...(components ? ([['components', componentSummary(components)]] as [string, string][]) : []),
      ['nodes', String(status.nodes ?? '-')],
      [
        'store',
        `${status.etcd?.external ? 'that etcd; who wrote what, and decisions, are here' : (status.store ?? 'sqlite')}, ${humanBytes(status.sizes.databaseBytes + status.sizes.walBytes)}`,
      ],
      ...(status.history && !status.etcd?.external
        ? ([['history', historyText(status.history)]] as [string, string][])
        : []),
      ['clock', status.clock ?? 'real'],
      ['state', `${status.dir}, ${humanBytes(status.sizes.totalBytes)}`],
      ['log', status.log],
    ];
    const width = Math.max(...rows.map(([label]) => label.length));
    for (const [label, value] of rows) this.print(`${label.padEnd(width)}   ${value}`);
  }
}
