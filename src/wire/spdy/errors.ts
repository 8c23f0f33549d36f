/** The session cannot go on; the code is what GOAWAY says of it. */
export class SpdyError extends Error {
  override readonly name = 'SpdyError';
  readonly code: 'ProtocolError' | 'InternalError';
  constructor(code: SpdyError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
