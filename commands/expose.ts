import {
  ApiCommand,
  clusterName,
  dryRunFlag,
  expose,
  Flags,
  fieldManagerFlag,
  fileFlags,
  printFlags,
} from '../src/cli/index.ts';

export default class Expose extends ApiCommand {
  static override summary = 'Make a service for a workload, a pod or a service.';
  static override usage = 'expose (-f FILE | TYPE NAME) [--port=PORT] [flags]';
  static override strict = false;
  static override examples = ['<%= config.bin %> expose deploy web --port=80'];
  static override flags = {
    ...printFlags,
    ...dryRunFlag,
    ...fieldManagerFlag('kubectl-expose'),
    ...fileFlags,
    name: Flags.string({ summary: 'name of the service; the cluster is then named by KLAB_NAME' }),
    port: Flags.string({ summary: 'the port of the service' }),
    protocol: Flags.string({ summary: 'TCP, UDP or SCTP' }),
    'target-port': Flags.string({ summary: 'number or name of the port of the pods' }),
    type: Flags.string({ summary: 'ClusterIP, NodePort, LoadBalancer or ExternalName' }),
    'cluster-ip': Flags.string({ summary: 'an address, or None' }),
    'external-ip': Flags.string({ summary: 'another address' }),
    'load-balancer-ip': Flags.string({ summary: 'the balancer address to ask for' }),
    labels: Flags.string({ char: 'l', summary: 'labels of the service' }),
    selector: Flags.string({ summary: 'labels of the pods' }),
    'session-affinity': Flags.string({ summary: 'None or ClientIP' }),
    overrides: Flags.string({ summary: 'JSON that is merged into the service' }),
    'override-type': Flags.string({ summary: 'json, merge or strategic', default: 'merge' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(Expose);
    await expose(words, flags, () => this.session({ ...flags, name: clusterName() }), this.streams);
  }
}
