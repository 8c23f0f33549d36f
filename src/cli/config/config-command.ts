/** The base of `klab config`: they read and write the user's kubeconfig and need no cluster. */
import { string } from '@oclif/core/flags';
import { BaseCommand, clusterFlags } from '../base-command.ts';

export abstract class ConfigCommand extends BaseCommand {
  static override baseFlags = {
    ...clusterFlags,
    kubeconfig: string({
      summary: "this file and no other, instead of $KUBECONFIG's files or ~/.kube/config",
      helpGroup: 'GLOBAL',
      helpValue: 'FILE',
    }),
    context: string({ summary: 'instead of the current context', helpGroup: 'GLOBAL', helpValue: 'CONTEXT' }),
  };
}
