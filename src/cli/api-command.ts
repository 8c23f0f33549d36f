/** The base of commands that speak to the Kubernetes API: the session's flags, opened once, closed at the end. */
import { BaseCommand, clusterFlags } from './base-command.ts';
import type { Output } from './get/plan.ts';
import { openSession, type Session, type SessionRequest, sessionFlags } from './session.ts';

export abstract class ApiCommand extends BaseCommand {
  static override baseFlags = { ...clusterFlags, ...sessionFlags };
  #session: Session | undefined;

  /** The connection that the flags ask for. */
  protected async session(flags: SessionRequest): Promise<Session> {
    this.#session ??= await openSession(flags, { say: (text) => this.say(text), signal: this.signal });
    return this.#session;
  }

  /** stdout and stderr for calls that print as they go. */
  protected get output(): Output {
    return { out: (text) => this.write(text), err: (line) => this.say(line) };
  }

  override async finally(error: Error | undefined): Promise<void> {
    await this.#session?.close();
    await super.finally(error);
  }
}
