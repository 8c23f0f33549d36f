import { UserError } from '../exit-codes.ts';
import type { Manifest } from '../manifests/manifest.ts';
import type { FileFlags } from './flags.ts';

/** The manifests of `-f` or `-k`; undefined when neither is given. Read before a cluster is booted. */
export async function readFileFlags(
  flags: FileFlags,
  verb: string,
  signal?: AbortSignal,
): Promise<Manifest[] | undefined> {
  if (flags.filename?.length && flags.kustomize) throw new UserError('only one of -f or -k can be specified');
  if (flags.kustomize !== undefined) {
    const { buildKustomization } = await import('../kustomize/build.ts');
    return buildKustomization(flags.kustomize, { signal });
  }
  if (!flags.filename?.length) return undefined;
  const { readManifests } = await import('../manifests/read.ts');
  return readManifests(flags.filename, { recursive: flags.recursive, signal, verb });
}
