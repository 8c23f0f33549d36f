export type ProxyErrorCode = 'NotPermitted' | 'NotSupported' | 'NoNamespace' | 'ProgramMissing' | 'LoadFailed';

/** Rules could not be loaded. The message is for the user. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError';
  readonly code: ProxyErrorCode;
  constructor(code: ProxyErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
