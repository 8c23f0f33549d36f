import type { KubeObject } from '../apimachinery/index.ts';

/** Objects of manifests for commands that only need to know which they are. The reader is loaded when there are any. */
export async function readObjects(
  names: readonly string[],
  options: { readonly recursive?: boolean; readonly verb: string },
): Promise<KubeObject[]> {
  const { readManifests } = await import('./manifests/read.ts');
  return (await readManifests(names, options)).map((manifest) => manifest.object);
}
