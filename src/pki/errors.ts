/** What can go wrong with keys, certificates and tokens. `message` says which and why. */
export type PkiErrorCode =
  | 'Malformed'
  | 'Unsupported'
  | 'BadSignature'
  | 'Expired'
  | 'NotYetValid'
  | 'UnknownAuthority'
  | 'WrongUsage'
  | 'Incomplete';

export class PkiError extends Error {
  override readonly name = 'PkiError';
  readonly code: PkiErrorCode;
  constructor(code: PkiErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
