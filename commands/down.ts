import { BaseCommand, Flags, forgetContext, nameFlag, takeDown } from '../src/cli/index.ts';

export default class Down extends BaseCommand {
  static override summary = 'Stop a cluster; its state stays unless --purge.';
  static override examples = ['<%= config.bin %> down', '<%= config.bin %> down --purge --name dev'];
  static override flags = {
    purge: Flags.boolean({
      summary: "also delete the cluster's state and its kubeconfig context; what --etcd-servers keeps stays there",
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Down);
    const { ran, existed, left } = await takeDown(flags.name, { purge: flags.purge });
    if (flags.purge) {
      const forgotten = await forgetContext(flags.name);
      this.say(existed ? `cluster "${flags.name}" and its state are deleted` : `there is no cluster "${flags.name}"`);
      if (forgotten) this.say(forgotten);
      if (left) this.say(`its objects stay in the etcd at ${left.servers}, under ${left.prefix}/`);
    } else if (ran) {
      this.say(`cluster "${flags.name}" is stopped; klab up${nameFlag(flags.name)} brings it back`);
    } else {
      this.say(`cluster "${flags.name}" is not running`);
    }
  }
}
