import { ApiCommand, apiVersions } from '../src/cli/index.ts';

export default class ApiVersions extends ApiCommand {
  static override summary = 'List the API versions that the server knows, as group/version.';
  static override examples = ['<%= config.bin %> api-versions'];

  async run(): Promise<void> {
    const { flags } = await this.parse(ApiVersions);
    this.print(await apiVersions(await this.session(flags)));
  }
}
