import { StatusError } from '../../apimachinery/index.ts';
import type { Manifest } from '../manifests/manifest.ts';

/** The server's refusal with what was being done to which file before it, as kubectl has it. */
export function whileDoing(doing: string, error: Error, manifest: Manifest): Error {
  if (!(error instanceof StatusError)) return error;
  const where = `error when ${doing} ${JSON.stringify(manifest.position.file)}`;
  return new StatusError({ ...error.status, message: `${where}: ${error.status.message ?? ''}` });
}
