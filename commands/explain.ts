import { ApiCommand, Args, explain, Flags } from '../src/cli/index.ts';

export default class Explain extends ApiCommand {
  static override summary = 'Describe the fields of a resource, from the documentation that the server gives.';
  static override examples = [
    '<%= config.bin %> explain pods',
    '<%= config.bin %> explain pod.spec.containers',
    '<%= config.bin %> explain deploy.spec.strategy --recursive',
    '<%= config.bin %> explain hpa --api-version=autoscaling/v2',
  ];
  static override args = {
    type: Args.string({ description: 'TYPE[.FIELD…], e.g. pod.spec.containers', required: true }),
  };
  static override flags = {
    recursive: Flags.boolean({ summary: 'names and types of all fields below' }),
    'api-version': Flags.string({ summary: 'the group and version to look in, e.g. apps/v1' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Explain);
    const session = await this.session(flags);
    this.write(
      await explain(session, { word: args.type, recursive: flags.recursive, apiVersion: flags['api-version'] }),
    );
  }
}
