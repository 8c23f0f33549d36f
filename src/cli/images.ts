/** `klab image`: images of one's own. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { printData, renderTable } from './output.ts';
import type { Session } from './session.ts';

interface ImageInfo {
  readonly name: string;
  readonly kind: string;
  readonly file: string;
  readonly digest: string;
  readonly size: number;
  readonly source?: string;
}

const path = '/klab/v1/images';

/** Reads the file here; the server looks it over. Returns the image's name. */
export async function addImage({ client, signal }: Session, file: string, name: string | undefined): Promise<string> {
  const body = { file: basename(file), text: readFileSync(file, 'utf8'), ...(name !== undefined && { name }) };
  const added: ImageInfo = (await client.request({ method: 'POST', path, body, signal })).body;
  return added.name;
}

export async function listImages({ client, signal }: Session): Promise<readonly ImageInfo[]> {
  return (await client.raw(path, { signal })).items;
}

export async function showImage({ client, signal }: Session, name: string): Promise<ImageInfo> {
  return client.raw(path, { query: { name }, signal });
}

export async function removeImage({ client, signal }: Session, name: string): Promise<void> {
  await client.request({ method: 'DELETE', path, query: { name }, signal });
}

export function showImages(images: readonly ImageInfo[], output: string | undefined): string {
  if (output === 'json' || output === 'yaml') return printData(images, output);
  if (output === 'name') return images.map(({ name }) => name).join('\n');
  const rows = images.map(({ name, kind, file, digest, size }) => [
    name,
    kind,
    file,
    digest.slice('sha256:'.length).slice(0, 12),
    `${Math.round(size / 1e5) / 10} MB`,
  ]);
  return renderTable(['NAME', 'KIND', 'FILE', 'DIGEST', 'SIZE'], rows);
}
