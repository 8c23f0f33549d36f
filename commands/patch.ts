import {
  ApiCommand,
  dryRunFlag,
  Flags,
  fieldManagerFlag,
  fileFlags,
  patchObjects,
  printFlags,
} from '../src/cli/index.ts';

export default class Patch extends ApiCommand {
  static override summary = 'Change fields of objects with a patch.';
  static override usage = 'patch (-f FILE | TYPE NAME) -p PATCH [flags]';
  static override strict = false;
  static override examples = ['<%= config.bin %> patch deploy web -p {"spec":{"replicas":2}}'];
  static override flags = {
    ...printFlags,
    ...dryRunFlag,
    ...fieldManagerFlag('kubectl-patch'),
    ...fileFlags,
    patch: Flags.string({ char: 'p', summary: 'the patch, JSON or YAML' }),
    'patch-file': Flags.string({ summary: 'a file with the patch' }),
    type: Flags.string({ summary: 'json, merge or strategic', default: 'strategic' }),
    subresource: Flags.string({ summary: 'patch this subresource, as status' }),
    local: Flags.boolean({ summary: 'patch what -f says, without storing' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(Patch);
    await patchObjects(words, flags, () => this.session(flags), this.streams);
  }
}
