/** Errors of the CNI protocol. Upstream: the CNI specification 1.1 ("Error"), pkg/types of containernetworking/cni. */

/** What the specification means by each code. */
const meanings: Readonly<Record<number, string>> = {
  1: 'incompatible CNI version',
  2: 'unsupported field in network configuration',
  3: 'container unknown or does not exist',
  4: 'invalid necessary environment variables',
  5: 'I/O failure',
  6: 'failed to decode content',
  7: 'invalid network configuration',
  8: 'invalid network namespace',
  11: 'try again later',
  50: 'the plugin is not available: it cannot serve ADD',
  51: 'the plugin is not available, and containers it serves may have limited connectivity',
  999: 'internal error',
};

/** A code in words; codes up to 99 are the specification's, from 100 on the plugin's own. */
export function codeMeaning(code: number): string {
  return meanings[code] ?? (code >= 100 ? 'the plugin’s own code' : 'reserved by the specification');
}

/** Codes that this side uses of its own. */
export const cniCodes = {
  incompatibleVersion: 1,
  unknownContainer: 3,
  badEnvironment: 4,
  ioFailure: 5,
  decodingFailure: 6,
  badConfig: 7,
  tryAgainLater: 11,
} as const;

/** What kind of thing failed: the one that asks, or a plugin and how. */
export type CniFailure =
  /** The configuration or the request breaks the specification; no plugin ran. */
  | 'request'
  /** No executable of that name. */
  | 'missing'
  /** The plugin answered with an error of its own. */
  | 'refused'
  /** The plugin's answer is none: half-written, empty, not JSON. */
  | 'garbled'
  | 'timeout'
  | 'killed';

export interface CniErrorDetail {
  readonly failure: CniFailure;
  readonly code?: number;
  /** The plugin's longer text. */
  readonly details?: string;
  readonly plugin?: string;
  readonly stderr?: string;
  /** What the plugin had been given on its standard input. */
  readonly stdin?: string;
}

export class CniError extends Error {
  override readonly name = 'CniError';
  readonly detail: CniErrorDetail;

  constructor(message: string, detail: CniErrorDetail) {
    super(message);
    this.detail = detail;
  }
}

/** Refused before any plugin ran. */
export const badRequest = (message: string, code: number = cniCodes.badConfig): CniError =>
  new CniError(message, { failure: 'request', code });
