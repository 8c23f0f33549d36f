import { protobufMediaType } from '../../api/index.ts';
import { newNotAcceptable, newUnsupportedMediaType } from '../../apimachinery/index.ts';

/** What klab reads and writes. PATCH has its own list, and what has no protobuf message is never written as protobuf. */
export const mediaTypes = ['application/json', 'application/yaml', protobufMediaType] as const;
const streamMediaTypes = ['application/json;stream=watch', `${protobufMediaType};stream=watch`] as const;

export type Encoding = 'json' | 'yaml' | 'protobuf';

/** One alternative of an Accept header. */
export interface Clause {
  readonly type: string;
  readonly subtype: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly q: number;
}

export interface Convert {
  readonly kind: string;
  readonly group: string;
  readonly version: string;
}

export interface Negotiated {
  readonly encoding: Encoding;
  readonly pretty: boolean;
  /** `as`, `g`, `v`: the client wants another kind, e.g. Table. */
  readonly convert?: Convert;
  /** `profile=local|nopeer` of aggregated discovery. */
  readonly profile?: string;
}

export interface NegotiateOptions {
  /** The answer is a watch. */
  readonly stream?: boolean;
  /** Whether a transformation can be done; asked for each clause that names one. Default: none can. */
  allowConvert?(convert: Convert): boolean;
  /** Whether the answer, so transformed, can be protobuf. Default: it cannot. */
  allowProtobuf?(convert: Convert | undefined): boolean;
}

const plainJson: Negotiated = { encoding: 'json', pretty: false };

/**
 * The encoding of an answer: the first alternative, by quality and then by how specific it is, that klab can write.
 * Throws StatusError 406. Upstream: apiserver/pkg/endpoints/handlers/negotiation/negotiate.go.
 */
export function negotiate(accept: string | undefined, options: NegotiateOptions = {}): Negotiated {
  if (accept === undefined || accept === '' || accept === 'application/json' || accept === '*/*') return plainJson;
  for (const clause of parseAccept(accept)) {
    const encoding = encodingOf(clause);
    if (!encoding || (options.stream && encoding === 'yaml')) continue;
    const { parameters } = clause;
    if (parameters['stream'] !== undefined && parameters['stream'] !== 'watch') continue;
    if (parameters['sv']) continue;
    const convert = convertOf(parameters);
    if (convert && !options.allowConvert?.(convert)) continue;
    if (encoding === 'protobuf' && !options.allowProtobuf?.(convert)) continue;
    return {
      encoding,
      pretty: parameters['pretty'] === '1',
      ...(convert ? { convert } : {}),
      ...(parameters['profile'] ? { profile: parameters['profile'] } : {}),
    };
  }
  throw newNotAcceptable(options.stream ? streamMediaTypes : mediaTypes);
}

/** `pretty=true|1|…`, else the tools that people read: curl, Wget, browsers. */
export function wantsPretty(query: URLSearchParams, userAgent: string | undefined): boolean {
  const value = query.get('pretty');
  if (value !== null && value !== '') return /^(1|t|T|true|TRUE|True)$/.test(value);
  return userAgent !== undefined && /^(curl|Wget|Mozilla\/5\.0)/.test(userAgent);
}

/** Encoding of a request body. Throws StatusError 415. Absent = JSON, as upstream. */
export function requestEncoding(contentType: string | undefined): Encoding {
  if (contentType === undefined || contentType === '') return 'json';
  switch (contentType.split(';', 1)[0]!.trim().toLowerCase()) {
    case 'application/json':
      return 'json';
    case 'application/yaml':
      return 'yaml';
    case protobufMediaType:
      return 'protobuf';
    default:
      throw newUnsupportedMediaType(mediaTypes);
  }
}

function encodingOf({ type, subtype }: Clause): Encoding | undefined {
  if (type === '*' && subtype === '*') return 'json';
  if (type !== 'application') return undefined;
  if (subtype === '*' || subtype === 'json') return 'json';
  if (subtype === 'yaml') return 'yaml';
  return subtype === 'vnd.kubernetes.protobuf' ? 'protobuf' : undefined;
}

function convertOf(parameters: Readonly<Record<string, string>>): Negotiated['convert'] {
  const { as, g, v } = parameters;
  if (as === undefined && g === undefined && v === undefined) return undefined;
  return { kind: as ?? '', group: g ?? '', version: v ?? '' };
}

/** The alternatives of an Accept header, best first. */
export function parseAccept(header: string): Clause[] {
  const clauses: Clause[] = [];
  for (const part of header.split(',')) {
    const [media = '', ...rest] = part.split(';').map((piece) => piece.trim());
    const [type = '', subtype = ''] = media.toLowerCase().split('/');
    if (type === '' || subtype === '') continue;
    const parameters: Record<string, string> = {};
    let q = 1;
    for (const piece of rest) {
      const equals = piece.indexOf('=');
      if (equals < 0) continue;
      const key = piece.slice(0, equals).trim();
      const value = piece.slice(equals + 1).trim();
      if (key === 'q') q = Number.parseFloat(value) || 0;
      else parameters[key] = value;
    }
    clauses.push({ type, subtype, parameters, q });
  }
  // Stable: alternatives of equal rank keep the client's order.
  return clauses.sort((a, b) => b.q - a.q || wildcards(a) - wildcards(b));
}

function wildcards({ type, subtype }: Clause): number {
  return (type === '*' ? 1 : 0) + (subtype === '*' ? 1 : 0);
}
