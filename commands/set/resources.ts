import {
  ApiCommand,
  dryRunFlag,
  Flags,
  fieldManagerFlag,
  fileFlags,
  printFlags,
  selectFlags,
  setResources,
} from '../../src/cli/index.ts';

export default class SetResources extends ApiCommand {
  static override summary = 'Set requests and limits of containers.';
  static override usage = 'set resources (-f FILE | TYPE NAME) [--limits=…] [--requests=…]';
  static override strict = false;
  static override examples = ['<%= config.bin %> set resources deploy web --limits=cpu=500m,memory=256Mi'];
  static override flags = {
    ...printFlags,
    ...dryRunFlag,
    ...fieldManagerFlag('kubectl-set'),
    ...fileFlags,
    ...selectFlags,
    local: Flags.boolean({ summary: 'change what -f says, without a server' }),
    limits: Flags.string({ summary: 'RESOURCE=VALUE,…' }),
    requests: Flags.string({ summary: 'RESOURCE=VALUE,…' }),
    containers: Flags.string({ char: 'c', summary: 'name of the container, * for all', default: '*' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(SetResources);
    await setResources(words, flags, () => this.session(flags), this.streams);
  }
}
