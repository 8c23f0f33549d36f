import { ApiCommand } from '../api-command.ts';
import { UserError } from '../exit-codes.ts';

/** The base of commands of `klab etcd` that only klab's own etcd can serve: they go through the API server. */
export abstract class OwnEtcdCommand extends ApiCommand {
  override async init(): Promise<void> {
    if (this.argv.some((word) => /^--(endpoints|cacert|cert|key)(=|$)/.test(word))) {
      const what = this.id?.replaceAll(':', ' ') ?? 'this command';
      throw new UserError(
        `klab ${what} shows and changes klab's own etcd: another etcd gives its clients neither its Raft nor its past`,
        2,
      );
    }
    await super.init();
  }
}
