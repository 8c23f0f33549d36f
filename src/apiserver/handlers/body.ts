import { decodeJson, decodeYaml, FormatError, isObject, newBadRequest } from '../../apimachinery/index.ts';
import { requestEncoding } from '../http/negotiate.ts';
import { decodeProtobuf, type TypeMeta } from '../serializer/protobuf/envelope.ts';
import { ProtobufError } from '../serializer/protobuf/reader.ts';
import type { ServerRequest } from '../types.ts';

export interface Body {
  readonly value: unknown;
  /** `duplicate field "spec.foo"`. */
  readonly duplicates: readonly string[];
}

const none: readonly string[] = [];

/**
 * The body's value, or undefined without one. `expected`: the kind of a protobuf body that does not say.
 * @throws StatusError 400, 415
 */
export function readBodyValue(
  request: ServerRequest,
  options: { readonly encoding?: 'json' | 'yaml'; readonly expected?: TypeMeta } = {},
): Body | undefined {
  const { body } = request;
  if (!body) return undefined;
  if (body.object !== undefined) return { value: body.object, duplicates: none };
  if (!body.bytes || body.bytes.length === 0) return undefined;
  const as = options.encoding ?? requestEncoding(request.headers['content-type']);
  if (as === 'protobuf') return fromProtobuf(body.bytes, options.expected);
  try {
    return as === 'yaml' ? fromYaml(body.bytes) : decodeJson(body.bytes);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw newBadRequest(
      as === 'yaml' ? `error decoding YAML: ${error.message}` : `error decoding JSON: ${error.message}`,
    );
  }
}

function fromYaml(bytes: Uint8Array): Body | undefined {
  return decodeYaml(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'))[0];
}

function fromProtobuf(bytes: Uint8Array, expected: TypeMeta | undefined): Body {
  try {
    return { value: decodeProtobuf(bytes, expected), duplicates: none };
  } catch (error) {
    if (!(error instanceof ProtobufError)) throw error;
    const wanted = expected ? `the object provided is unrecognized (must be of type ${expected.kind}): ` : '';
    throw newBadRequest(`${wanted}${error.message}`);
  }
}

/** A body that must be there and be an object. @throws StatusError 400 */
export function requireObject(
  request: ServerRequest,
  expected: TypeMeta,
): Body & { readonly value: Record<string, any> } {
  const body = readBodyValue(request, { expected });
  if (body && isObject(body.value)) return body as Body & { readonly value: Record<string, any> };
  throw newBadRequest(
    `the object provided is unrecognized (must be of type ${expected.kind}): couldn't get version/kind; json parse error: ${
      body ? 'json: cannot unmarshal into Go value of type struct' : 'unexpected end of JSON input (<empty>)'
    }`,
  );
}
