import { encodeJson } from './json-encode.ts';

/** JSON bytes; the rare objects with integers beyond 2^53 (bigints) go the slow way. */
export function toJson(object: unknown): Uint8Array {
  try {
    return Buffer.from(JSON.stringify(object));
  } catch (error) {
    if (error instanceof TypeError) return encodeJson(object);
    throw error;
  }
}
