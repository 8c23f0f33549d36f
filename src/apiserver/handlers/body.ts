import { decodeJson, decodeYaml, FormatError, isObject, newBadRequest } from '../../apimachinery/index.ts';
import { requestEncoding } from '../http/negotiate.ts';
import type { ServerRequest } from '../types.ts';

export interface Body {
  readonly value: unknown;
  /** `duplicate field "spec.foo"`. */
  readonly duplicates: readonly string[];
}

const none: readonly string[] = [];

/** The body's value, or undefined without one. @throws StatusError 400, 415 */
export function readBodyValue(request: ServerRequest, encoding?: 'json' | 'yaml'): Body | undefined {
  const { body } = request;
  if (!body) return undefined;
  if (body.object !== undefined) return { value: body.object, duplicates: none };
  if (!body.bytes || body.bytes.length === 0) return undefined;
  const as = encoding ?? requestEncoding(request.headers['content-type']);
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

/** A body that must be there and be an object. @throws StatusError 400 */
export function requireObject(request: ServerRequest, kind: string): Body & { readonly value: Record<string, any> } {
  const body = readBodyValue(request);
  if (body && isObject(body.value)) return body as Body & { readonly value: Record<string, any> };
  throw newBadRequest(
    `the object provided is unrecognized (must be of type ${kind}): couldn't get version/kind; json parse error: ${
      body ? 'json: cannot unmarshal into Go value of type struct' : 'unexpected end of JSON input (<empty>)'
    }`,
  );
}
