import { Args, ControlCommand, Flags, printData, switchComponent } from '../../src/cli/index.ts';

export default class ComponentStart extends ControlCommand {
  static override summary = 'Start a component that was stopped; it goes on where the cluster is now.';
  static override examples = [
    '<%= config.bin %> component start apiserver',
    '<%= config.bin %> component start controller-manager',
    '<%= config.bin %> component start kubelet node-2',
    '<%= config.bin %> component start proxy node-2',
  ];
  static override args = {
    component: Args.string({
      description: 'apiserver, controller-manager, scheduler, kubelet or proxy',
      required: true,
    }),
    node: Args.string({ description: 'the node, of a kubelet or a proxy' }),
  };
  static override flags = {
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ComponentStart);
    const done = await switchComponent(this.target(flags), args.component, args.node, 'start');
    if (flags.output) this.print(printData(done, flags.output as 'json' | 'yaml'));
    else this.print(`component/${done.name}${done.node ? ` on node/${done.node}` : ''} started`);
  }
}
