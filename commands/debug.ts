import { ApiCommand, debug, Flags } from '../src/cli/index.ts';

export default class Debug extends ApiCommand {
  static override summary = 'Look into a pod or a node with a container made for it.';
  static override description =
    'Adds an ephemeral container to a running pod, starts a changed copy of a pod with --copy-to, or a pod in the namespaces of a node.';
  static override usage = 'debug (POD | TYPE/NAME) [flags] [-- COMMAND [ARGS…]]';
  static override strict = false;
  static override examples = [
    '<%= config.bin %> debug web -it --image=busybox --target=web',
    '<%= config.bin %> debug web -it --image=busybox --copy-to=web-debug --share-processes',
    '<%= config.bin %> debug web --copy-to=web-debug --set-image=*=busybox',
    '<%= config.bin %> debug node/node-1 -it --image=busybox',
  ];
  static override flags = {
    'arguments-only': Flags.boolean({ summary: 'what follows -- are arguments, not the command' }),
    attach: Flags.boolean({ summary: 'join the container; default with --stdin', allowNo: true }),
    container: Flags.string({ char: 'c', summary: 'the name of the container' }),
    'copy-to': Flags.string({ summary: 'make a copy of the pod with this name' }),
    custom: Flags.string({ summary: 'JSON or YAML file of a partial container, merged into the profile' }),
    env: Flags.string({ summary: 'NAME=VALUE,… (may be repeated)', multiple: true, multipleNonGreedy: true }),
    filename: Flags.string({
      char: 'f',
      summary: 'file that names what to debug',
      multiple: true,
      multipleNonGreedy: true,
      delimiter: ',',
    }),
    image: Flags.string({ summary: 'the image of the container' }),
    'image-pull-policy': Flags.string({ summary: 'Always, IfNotPresent or Never' }),
    'keep-annotations': Flags.boolean({ summary: 'with --copy-to: the annotations of the pod' }),
    'keep-init-containers': Flags.boolean({
      summary: 'with --copy-to: its init containers',
      default: true,
      allowNo: true,
    }),
    'keep-labels': Flags.boolean({ summary: 'with --copy-to: its labels' }),
    'keep-liveness': Flags.boolean({ summary: 'with --copy-to: its liveness probes' }),
    'keep-readiness': Flags.boolean({ summary: 'with --copy-to: its readiness probes' }),
    'keep-startup': Flags.boolean({ summary: 'with --copy-to: its startup probes' }),
    profile: Flags.string({
      summary: 'general, baseline, restricted, netadmin, sysadmin, or legacy',
      default: 'general',
    }),
    protocol: Flags.string({ summary: 'websocket or spdy; default websocket, or KLAB_STREAM_PROTOCOL' }),
    quiet: Flags.boolean({ char: 'q', summary: 'only what the container says' }),
    replace: Flags.boolean({ summary: 'with --copy-to: delete the pod' }),
    'same-node': Flags.boolean({ summary: 'with --copy-to: on the node of the pod' }),
    'set-image': Flags.string({
      summary: 'with --copy-to: CONTAINER=IMAGE,…; * is every container',
      multiple: true,
      multipleNonGreedy: true,
    }),
    'share-processes': Flags.boolean({ summary: 'with --copy-to: one process namespace', allowNo: true }),
    stdin: Flags.boolean({ char: 'i', summary: 'keep its input open' }),
    target: Flags.string({ summary: 'the container whose processes are looked at' }),
    tty: Flags.boolean({ char: 't', summary: 'a terminal' }),
  };

  async run(): Promise<void> {
    const { flags, words, afterDash } = await this.parseWords(Debug);
    process.exit(await debug(words, afterDash, flags, () => this.session(flags), this.streams));
  }
}
