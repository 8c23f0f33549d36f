/** Images that users bring: kept in the cluster's folder, a file each, and known to all of its nodes. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../base/index.ts';
import {
  ImageCatalog,
  type ImageRecord,
  type ImageSource,
  ImageSourceError,
  readImage,
  restoreImage,
  type UserImage,
} from '../kubelet/index.ts';
import { writeFileAtomically } from './state.ts';

/** As `klab image ls` shows it. */
export interface ImageInfo {
  readonly name: string;
  readonly kind: 'behaviour' | 'module';
  readonly file: string;
  readonly digest: string;
  /** Bytes, as pulled. */
  readonly size: number;
}

export class ClusterImages {
  readonly catalog = new ImageCatalog();
  readonly #folder: string | undefined;

  /** Without a folder nothing is kept. What is damaged is left out, and the log says so. */
  constructor(dir: string | undefined, log: Logger) {
    this.#folder = dir === undefined ? undefined : join(dir, 'images');
    if (this.#folder === undefined || !existsSync(this.#folder)) return;
    for (const file of readdirSync(this.#folder).sort()) {
      if (!file.endsWith('.json')) continue;
      try {
        this.catalog.add(restoreImage(JSON.parse(readFileSync(join(this.#folder, file), 'utf8')) as ImageRecord));
      } catch (error) {
        if (!(error instanceof SyntaxError || error instanceof ImageSourceError)) throw error;
        log.warn('an image cannot be read and is left out', { file, error: error.message });
      }
    }
  }

  list(): ImageInfo[] {
    return this.catalog.list().map(infoOf);
  }

  /** Undefined: there is none of that name. */
  show(name: string): (ImageInfo & { readonly source: string }) | undefined {
    const image = this.catalog.find(name);
    return image && { ...infoOf(image), source: image.text };
  }

  /** In place of one of that name; containers that run keep what they have. @throws ImageSourceError */
  async add(source: Omit<ImageSource, 'name'> & { readonly name?: string }): Promise<ImageInfo> {
    const image = await readImage(source);
    this.catalog.add(image);
    if (this.#folder !== undefined) {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      writeFileAtomically(this.#fileOf(image), `${JSON.stringify(image.record)}\n`);
    }
    return infoOf(image);
  }

  /** False: there is none of that name. */
  remove(name: string): boolean {
    const image = this.catalog.find(name);
    if (!image) return false;
    this.catalog.remove(name);
    if (this.#folder !== undefined) rmSync(this.#fileOf(image), { force: true });
    return true;
  }

  /** Names have characters that file systems do not like. */
  #fileOf({ normalized }: UserImage): string {
    return join(this.#folder!, `${createHash('sha256').update(normalized).digest('hex').slice(0, 16)}.json`);
  }
}

function infoOf({ name, kind, file, digest, size }: UserImage): ImageInfo {
  return { name, kind, file, digest, size };
}
