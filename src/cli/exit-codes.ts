/** Exit codes that scripts can rely on. */
export const exitCodes = {
  ok: 0,
  /** The API, the cluster or a file refused. */
  failed: 1,
  /** The command line is wrong. */
  usage: 2,
  /** A condition was not met in time. */
  notInTime: 3,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Thrown by commands to end with a message for the user and an exit code; never shows a stack. */
export class UserError extends Error {
  override readonly name = 'UserError';
  readonly exitCode: ExitCode;
  constructor(message: string, exitCode: ExitCode = exitCodes.failed, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
