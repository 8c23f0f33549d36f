import { Args, ControlCommand, Flags, printData, switchComponent } from '../../src/cli/index.ts';

export default class ComponentStop extends ControlCommand {
  static override summary = 'Stop a component; the rest of the cluster lives on.';
  static override examples = [
    '<%= config.bin %> component stop apiserver',
    '<%= config.bin %> component stop controller-manager',
    '<%= config.bin %> component stop kubelet node-2',
    '<%= config.bin %> component stop proxy node-2',
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
    const { args, flags } = await this.parse(ComponentStop);
    const done = await switchComponent(this.target(flags), args.component, args.node, 'stop');
    if (flags.output) this.print(printData(done, flags.output as 'json' | 'yaml'));
    else this.print(`component/${done.name}${done.node ? ` on node/${done.node}` : ''} stopped`);
  }
}
