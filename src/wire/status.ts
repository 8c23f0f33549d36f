/** gRPC status codes (google.rpc.Code). */
export const grpcCode = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

export type GrpcCode = (typeof grpcCode)[keyof typeof grpcCode];

/** A call that ended with a status other than OK, on either side. */
export class GrpcError extends Error {
  override readonly name = 'GrpcError';
  readonly code: GrpcCode;
  /** True when the request certainly never reached a server: repeating it cannot apply it twice. */
  readonly unsent: boolean;

  constructor(code: GrpcCode, message: string, options: ErrorOptions & { unsent?: boolean } = {}) {
    super(message, options);
    this.code = code;
    this.unsent = options.unsent ?? false;
  }
}

/** `grpc-message`: UTF-8, everything outside printable ASCII and `%` percent-encoded. */
export function encodeMessage(text: string): string {
  if (/^[\x20-\x24\x26-\x7e]*$/.test(text)) return text;
  let out = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    out += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}

/** The inverse; an escape that is none stays as it is. */
export function decodeMessage(text: string): string {
  if (!text.includes('%')) return text;
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const hex = text[i] === '%' ? /^[0-9a-fA-F]{2}/.exec(text.slice(i + 1, i + 3)) : null;
    if (hex) i += 2;
    bytes.push(hex ? Number.parseInt(hex[0], 16) : text.charCodeAt(i));
  }
  return Buffer.from(bytes).toString('utf8');
}

const timeoutUnitsMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** `grpc-timeout` in ms; undefined when absent or malformed. */
export function parseTimeout(header: string | undefined): number | undefined {
  const match = header && /^(\d{1,8})([HMSmun])$/.exec(header);
  return match ? Number(match[1]) * timeoutUnitsMs[match[2]!]! : undefined;
}

/** At most eight digits: ms, then seconds. */
export function formatTimeout(ms: number): string {
  const whole = Math.max(0, Math.ceil(ms));
  return whole < 1e8 ? `${whole}m` : `${Math.min(99_999_999, Math.ceil(whole / 1000))}S`;
}
