import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { PkiError } from './errors.ts';

/** `-----BEGIN <label>-----` around base64 in lines of 64, with a final newline. */
export function encodePem(label: string, der: Uint8Array): string {
  const body = Buffer.from(der)
    .toString('base64')
    .replaceAll(/.{1,64}/g, '$&\n');
  return `-----BEGIN ${label}-----\n${body}-----END ${label}-----\n`;
}

/** Every block of that label, in order. */
export function decodePem(pem: string, label: string): Uint8Array[] {
  const pattern = new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]*?)-----END ${label}-----`, 'g');
  return [...pem.matchAll(pattern)].map((match) => Buffer.from(match[1]!, 'base64'));
}

/** The first block of that label; throws `Malformed` when there is none. */
export function decodeOnePem(pem: string, label: string): Uint8Array {
  const [first] = decodePem(pem, label);
  if (!first) throw new PkiError('Malformed', `no ${label} block in PEM text`);
  return first;
}

/** Writes a private file: 0600, folders made on the way 0700, never half written. */
export function writePrivateFile(path: string, text: string): void {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const unfinished = `${path}.new`;
  writeFileSync(unfinished, text, { mode: 0o600 });
  // `mode` only counts for a file that did not exist.
  chmodSync(unfinished, 0o600);
  renameSync(unfinished, path);
}

export function readTextIfExists(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}
