/** The base of `klab lab …`: a lab's cluster follows from its name, whatever KLAB_NAME says. */
import { string } from '@oclif/core/flags';
import { BaseCommand } from '../base-command.ts';
import type { LabIo } from './lab.ts';

export abstract class LabCommand extends BaseCommand {
  static override baseFlags = {
    name: string({ summary: "the lab's cluster (default lab-LAB)", helpGroup: 'GLOBAL', helpValue: 'CLUSTER' }),
  } as never;

  /** undefined: the cluster that follows from the lab. */
  protected clusterFlag(flags: object): string | undefined {
    return (flags as { name?: string }).name;
  }

  protected get io(): LabIo {
    return { print: (text) => this.print(text), say: (text) => this.say(text), signal: this.signal };
  }
}
