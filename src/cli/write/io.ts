/** Where a command's words go. */
export interface WriteIo {
  /** stdout, exactly as it is. */
  readonly write: (text: string) => void;
  /** A line on stderr. */
  readonly say: (text: string) => void;
  readonly signal?: AbortSignal;
}
