import {
  ApiCommand,
  dryRunFlag,
  Flags,
  fieldManagerFlag,
  fileFlags,
  printFlags,
  selectFlags,
  setEnv,
} from '../../src/cli/index.ts';

export default class SetEnv extends ApiCommand {
  static override summary = 'Set environment variables of containers.';
  static override usage = 'set env (-f FILE | TYPE NAME) NAME=VALUE… NAME-… [flags]';
  static override strict = false;
  static override examples = [
    '<%= config.bin %> set env deploy/web MODE=dev',
    '<%= config.bin %> set env deploy/web --list',
    '<%= config.bin %> set env deploy/web --from=configmap/settings',
  ];
  static override flags = {
    ...printFlags,
    ...dryRunFlag,
    ...fieldManagerFlag('kubectl-set'),
    ...fileFlags,
    ...selectFlags,
    local: Flags.boolean({ summary: 'change what -f says, without a server' }),
    containers: Flags.string({ char: 'c', summary: 'names of containers, with wildcards', default: '*' }),
    env: Flags.string({ char: 'e', summary: 'NAME=VALUE (may be repeated)', multiple: true, multipleNonGreedy: true }),
    from: Flags.string({ summary: 'a config map or secret to take variables from' }),
    keys: Flags.string({
      summary: 'keys of --from, with commas',
      multiple: true,
      multipleNonGreedy: true,
      delimiter: ',',
    }),
    list: Flags.boolean({ summary: 'show what is set' }),
    overwrite: Flags.boolean({ summary: 'replace other values', default: true, allowNo: true }),
    prefix: Flags.string({ summary: 'put before names of --from' }),
    resolve: Flags.boolean({ summary: 'with --list: show referenced values' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(SetEnv);
    await setEnv(words, flags, () => this.session(flags), this.streams);
  }
}
