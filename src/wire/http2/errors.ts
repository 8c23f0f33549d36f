/** Error codes of GOAWAY and RST_STREAM. RFC 9113, section 7. */
export const http2Code = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  connectError: 10,
  enhanceYourCalm: 11,
} as const;

export type Http2Code = (typeof http2Code)[keyof typeof http2Code];

/** The connection cannot go on: its peer gets GOAWAY with `code` and `message`. */
export class Http2Error extends Error {
  readonly code: Http2Code;

  constructor(code: Http2Code, message: string) {
    super(message);
    this.name = 'Http2Error';
    this.code = code;
  }
}
