import type { KubeObject } from '../apimachinery/index.ts';
import type { FileFlags } from './write/flags.ts';
import { readFileFlags } from './write/read-files.ts';

/**
 * Objects of `-f` or `-k` for commands that only need to know which they are; undefined when neither is given. The reader
 * is loaded when there are any.
 */
export async function readObjects(
  flags: FileFlags,
  verb: string,
  signal?: AbortSignal,
): Promise<KubeObject[] | undefined> {
  return (await readFileFlags(flags, verb, signal))?.map((manifest) => manifest.object);
}
