import { BaseCommand, clusterFlags } from './base-command.ts';
import type { ControlTarget } from './control.ts';
import { sessionFlags } from './session.ts';

/** Base of the commands that speak to a klab server's control door. */
export abstract class ControlCommand extends BaseCommand {
  static override baseFlags = { ...clusterFlags, boot: sessionFlags.boot };

  protected target(flags: { readonly name: string; readonly boot: boolean }): ControlTarget {
    return { name: flags.name, boot: flags.boot, say: (text) => this.say(text), signal: this.signal };
  }
}
