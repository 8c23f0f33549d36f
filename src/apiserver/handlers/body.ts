import { decodeProtobuf, ProtobufError, type TypeMeta } from '../../api/index.ts';
import { decodeJson, decodeYaml, FormatError, isObject, newBadRequest } from '../../apimachinery/index.ts';
import { requestEncoding } from '../http/negotiate.ts';
import { jsonType } from '../registry/decode.ts';
import type { ServerRequest } from '../types.ts';

export interface Body {
  readonly value: unknown;
  /** `duplicate field "spec.foo"`. */
  readonly duplicates: readonly string[];
}

const none: readonly string[] = [];

export interface ReadBodyOptions {
  readonly encoding?: 'json' | 'yaml';
  /** The kind of a protobuf body that does not say. */
  readonly expected?: TypeMeta;
  /** What to throw when the bytes cannot be read. Default: a bad request that says why. */
  readonly failed?: (why: string, bytes: Uint8Array) => Error;
}

/**
 * The body's value, or undefined without one.
 * @throws StatusError 400, 415
 */
export function readBodyValue(request: ServerRequest, options: ReadBodyOptions = {}): Body | undefined {
  const { body } = request;
  if (!body) return undefined;
  if (body.object !== undefined) return { value: body.object, duplicates: none };
  const { bytes } = body;
  if (!bytes || bytes.length === 0) return undefined;
  const as = options.encoding ?? requestEncoding(request.headers['content-type']);
  try {
    if (as === 'protobuf') return { value: decodeProtobuf(bytes, options.expected), duplicates: none };
    return as === 'yaml' ? fromYaml(bytes) : decodeJson(bytes);
  } catch (error) {
    if (!(error instanceof FormatError || error instanceof ProtobufError)) throw error;
    const why = as === 'yaml' ? `error converting YAML to JSON: yaml: ${withoutFile(error.message)}` : error.message;
    throw options.failed?.(as === 'json' ? `${typeMetaFailed}${why}` : why, bytes) ?? newBadRequest(why);
  }
}

function fromYaml(bytes: Uint8Array): Body | undefined {
  return decodeYaml(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'))[0];
}

/** `<input>:1:5: …` → `line 1: …`. */
function withoutFile(message: string): string {
  return message.replace(/^<input>:(\d+):\d+: /, 'line $1: ');
}

/** JSON is first read for what it is. Upstream: apimachinery/pkg/runtime/serializer/json/meta.go. */
const typeMetaFailed = "couldn't get version/kind; json parse error: ";
const typeMetaStruct =
  'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';

/**
 * A body that must be there and be an object with sensible type meta, or `null`, which is an empty one.
 * @throws StatusError 400
 */
export function requireObject(
  request: ServerRequest,
  expected: TypeMeta,
): Body & { readonly value: Record<string, any> } {
  const unrecognized = (why: string, bytes = request.body?.bytes ?? new Uint8Array()) =>
    newBadRequest(`the object provided is unrecognized (must be of type ${expected.kind}): ${why} (${summary(bytes)})`);
  const body = readBodyValue(request, { expected, failed: unrecognized });
  if (!body) throw unrecognized(`${typeMetaFailed}unexpected end of JSON input`);
  const value = body.value ?? {};
  if (!isObject(value)) {
    throw unrecognized(
      `${typeMetaFailed}json: cannot unmarshal ${jsonType(value)} into Go value of type ${typeMetaStruct}`,
    );
  }
  for (const field of ['apiVersion', 'kind']) {
    const text = value[field] ?? '';
    if (typeof text === 'string') continue;
    throw unrecognized(
      `${typeMetaFailed}json: cannot unmarshal ${jsonType(text)} into Go struct field .${field} of type string`,
    );
  }
  const apiVersion = (value['apiVersion'] as string | undefined) ?? '';
  if (apiVersion.split('/').length > 2) throw unrecognized(`unexpected GroupVersion string: ${apiVersion}`);
  return { ...body, value };
}

const summaryBytes = 30;

/** The beginning of a body: as it is when it looks like JSON, else in hex. Upstream: handlers/rest.go summarizeData. */
function summary(bytes: Uint8Array): string {
  if (bytes.length === 0) return '<empty>';
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, summaryBytes));
  const text = start.toString(bytes[0] === 0x7b ? 'utf8' : 'hex');
  return bytes.length > summaryBytes ? `${text} ...` : text;
}
