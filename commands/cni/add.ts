import { BaseCommand, cniAdd, cniAttachFlags, cniAttachRequest, Flags } from '../../src/cli/index.ts';

export default class CniAdd extends BaseCommand {
  static override summary = "Attach a network namespace to a network, by the network's CNI plugins.";
  static override description =
    'Executes real plugins as the CNI specification (0.1.0 to 1.1.0) says a container runtime does: each gets its part of the ' +
    'configuration on stdin, with the result of the plugin before it, and environment variables. When one fails, those that ran ' +
    'are told DEL. --explain tells the story plugin by plugin. The result is remembered for check, del and gc. Plugins need root.';
  static override examples = [
    'ip netns add pod && <%= config.bin %> cni add --conf lab.conflist --netns pod --explain',
    `<%= config.bin %> cni add --netns pod --cap 'portMappings=[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}]'`,
    '<%= config.bin %> cni add -f /etc/cni/net.d --network lab --netns /run/netns/pod --container-id web-1 -o json',
  ];
  static override flags = {
    ...cniAttachFlags,
    undo: Flags.boolean({ summary: 'tell plugins DEL when one fails', default: true, allowNo: true }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(CniAdd);
    const io = {
      print: (text: string) => this.print(text),
      say: (text: string) => this.say(text),
      signal: this.signal,
    };
    await cniAdd({ ...cniAttachRequest(flags), undo: flags.undo }, io);
  }
}
