/**
 * The images users brought, shared by all nodes of a cluster: what the simulated registry holds besides everybody's.
 * A name is found with or without its registry, `library/` and `:latest`.
 */
import { createHash } from 'node:crypto';
import { type ImageDefinition, parseImageName, type UserImageProgram } from '../images.ts';
import { behaviourImage } from './behaviour-program.ts';
import { decodeBehaviour } from './decode-behaviour.ts';
import { ImageSourceError } from './fields.ts';
import { type CheckedModule, checkModule } from './module-check.ts';
import { moduleImage } from './module-image.ts';

/** As it was given, and as it is kept. */
export interface ImageSource {
  /** `shop:1`. */
  readonly name: string;
  /** Name of the file, for messages. Its end tells what it is: .yaml and .yml, .js, .mjs, .ts and .mts. */
  readonly file: string;
  readonly text: string;
}

/** What is kept of an image: enough to have it again without looking it over. */
export interface ImageRecord extends ImageSource {
  readonly module?: CheckedModule;
}

export interface UserImage extends ImageSource {
  readonly record: ImageRecord;
  readonly kind: 'behaviour' | 'module';
  /** `docker.io/library/shop:1`. */
  readonly normalized: string;
  readonly digest: string;
  /** Bytes, as pulled. */
  readonly size: number;
  readonly pull: { readonly timeMs?: number; readonly error?: string; readonly failures?: number };
  readonly definition: ImageDefinition;
}

const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Of an image that does not say. */
const defaultSize = 20_000_000;
/** Longer ones are no programs that somebody wrote. */
export const maxSourceBytes = 1024 * 1024;
const maxImages = 1_000;

export class ImageCatalog {
  readonly #images = new Map<string, UserImage>();

  find(image: string): UserImage | undefined {
    return this.#images.size === 0 ? undefined : this.#images.get(parseImageName(image).normalized);
  }

  /** By name. */
  list(): readonly UserImage[] {
    return [...this.#images.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Takes the place of an image of that name. Running containers keep theirs. */
  add(image: UserImage): void {
    if (this.#images.size >= maxImages && !this.#images.has(image.normalized)) {
      throw new ImageSourceError(`there are ${maxImages} images already; remove some with: klab image rm NAME`);
    }
    this.#images.set(image.normalized, image);
  }

  /** False: there is none. */
  remove(name: string): boolean {
    return this.#images.delete(parseImageName(name).normalized);
  }
}

/**
 * Reads an image and checks it. `name` may be missing when the file says it.
 * @throws ImageSourceError, its message a line a mistake with file:line:column.
 */
export async function readImage(source: Omit<ImageSource, 'name'> & { readonly name?: string }): Promise<UserImage> {
  const { file, text } = source;
  if (Buffer.byteLength(text) > maxSourceBytes) {
    throw new ImageSourceError(`${file}:1:1: the file is larger than ${maxSourceBytes / 1024} KiB`);
  }
  const yaml = /\.ya?ml$/.test(file);
  if (!yaml && !/\.[cm]?[jt]s$/.test(file)) {
    throw new ImageSourceError(`${file}:1:1: an image is a .js, .mjs, .ts or .mts module, or a .yaml behaviour file`);
  }
  if (yaml) {
    const name = nameOf(source.name ?? decodeBehaviour(text, file).name, file);
    return restoreImage({ name, file, text });
  }
  const module = await checkModule(text, file);
  return restoreImage({ name: nameOf(source.name ?? module.name, file), file, text, module });
}

/** @throws ImageSourceError when what was kept cannot be read any more. */
export function restoreImage(record: ImageRecord): UserImage {
  const { name, file, text, module } = record;
  if (module) {
    const program = moduleImage(module.code, file, name, module.commands);
    return made(record, 'module', program, {}, undefined, module.ports);
  }
  const behaviour = decodeBehaviour(text, file);
  const { size, pull, ports } = behaviour;
  return made(record, 'behaviour', behaviourImage({ ...behaviour, name }), pull, size, ports);
}

function made(
  record: ImageRecord,
  kind: UserImage['kind'],
  user: UserImageProgram,
  pull: UserImage['pull'],
  size = defaultSize,
  ports: readonly number[] = [],
): UserImage {
  const { name, file, text } = record;
  return {
    name,
    file,
    text,
    record,
    kind,
    normalized: parseImageName(name).normalized,
    digest: `sha256:${createHash('sha256').update(text).digest('hex')}`,
    size,
    pull,
    definition: {
      family: 'user',
      entrypoint: [],
      cmd: [],
      complete: false,
      env: { PATH: path },
      workingDir: '/',
      ...(ports[0] !== undefined && { defaultPort: ports[0] }),
      user,
    },
  };
}

/** @throws ImageSourceError */
function nameOf(name: string | undefined, file: string): string {
  if (!name)
    throw new ImageSourceError(`${file}:1:1: the image has no name; write one into the file, or use --name shop:1`);
  if (!/^[a-z0-9][a-z0-9._/:-]*$/.test(name) || name.length > 255) {
    throw new ImageSourceError(
      `${file}:1:1: "${name}" is no image name; write it as in shop:1 or example.com/team/shop:1`,
    );
  }
  return name;
}
