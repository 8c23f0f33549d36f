import { ApiCommand, dryRunFlag, Flags, fieldManagerFlag, printFlags, requireFlags, runPod } from '../src/cli/index.ts';

export default class Run extends ApiCommand {
  static override summary = 'Run an image in a pod.';
  static override usage = 'run NAME --image=IMAGE [flags] [-- COMMAND…]';
  static override strict = false;
  static override examples = [
    '<%= config.bin %> run web --image=nginx --port=80 --expose',
    '<%= config.bin %> run -it --rm tmp --image=busybox --restart=Never -- sh',
  ];
  static override flags = {
    ...printFlags,
    ...dryRunFlag,
    ...fieldManagerFlag('kubectl-run'),
    image: Flags.string({ summary: 'the image' }),
    annotations: Flags.string({ summary: 'KEY=VALUE (may be repeated)', multiple: true, multipleNonGreedy: true }),
    attach: Flags.boolean({ summary: 'join the streams of the container' }),
    command: Flags.boolean({ summary: 'what follows -- is the command, not its arguments' }),
    env: Flags.string({ summary: 'NAME=VALUE (may be repeated)', multiple: true, multipleNonGreedy: true }),
    expose: Flags.boolean({ summary: 'make a service for --port too' }),
    'image-pull-policy': Flags.string({ summary: 'Always, IfNotPresent or Never' }),
    labels: Flags.string({ char: 'l', summary: 'KEY=VALUE,…' }),
    'override-type': Flags.string({ summary: 'json, merge or strategic', default: 'merge' }),
    overrides: Flags.string({ summary: 'JSON that is merged into the pod' }),
    'pod-running-timeout': Flags.string({ summary: 'how long the pod may take to run', default: '1m0s' }),
    port: Flags.string({ summary: 'the port that the container exposes' }),
    privileged: Flags.boolean({ summary: 'with all rights on the node' }),
    protocol: Flags.string({ summary: 'websocket or spdy' }),
    quiet: Flags.boolean({ char: 'q', summary: 'only what the container says' }),
    restart: Flags.string({ summary: 'Always, OnFailure or Never', default: 'Always' }),
    rm: Flags.boolean({ summary: 'delete the pod in the end' }),
    stdin: Flags.boolean({ char: 'i', summary: 'pass input on' }),
    tty: Flags.boolean({ char: 't', summary: 'a terminal' }),
  };

  async run(): Promise<void> {
    const { flags, words, afterDash } = await this.parseWords(Run);
    requireFlags(flags, 'image');
    process.exit(
      await runPod(words, afterDash, { ...flags, image: flags.image! }, () => this.session(flags), this.streams),
    );
  }
}
