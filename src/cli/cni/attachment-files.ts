/** Attachments remembered in a folder, one file each, in libcni's form. */
import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type AttachmentStore,
  attachmentFile,
  CniError,
  decodeAttachment,
  encodeAttachment,
  type JsonObject,
  type RememberedAttachment,
} from '../../net/index.ts';
import { UserError } from '../exit-codes.ts';

const absent = (error: unknown) => (error as NodeJS.ErrnoException).code === 'ENOENT';

export class AttachmentFiles implements AttachmentStore {
  readonly #results: string;
  readonly #locks: string;
  readonly #warn: (text: string) => void;

  /** `folder`: as libcni's cache folder, with `results` in it. */
  constructor(folder: string, warn: (text: string) => void = () => {}) {
    this.#results = join(folder, 'results');
    this.#locks = join(folder, 'locks');
    this.#warn = warn;
  }

  get(network: string, containerId: string, ifname: string): RememberedAttachment | undefined {
    const file = this.#file(network, containerId, ifname);
    try {
      return decodeAttachment(readFileSync(file, 'utf8'), file);
    } catch (error) {
      if (absent(error)) return undefined;
      throw error;
    }
  }

  /** In one step: a reader, or a start after a crash, finds the whole file or none. */
  put(attachment: RememberedAttachment, result: JsonObject): void {
    mkdirSync(this.#results, { recursive: true, mode: 0o700 });
    const file = this.#file(attachment.network, attachment.containerId, attachment.ifname);
    const temporary = join(this.#results, `.${process.pid}.tmp`);
    writeFileSync(temporary, encodeAttachment(attachment, result), { mode: 0o600 });
    renameSync(temporary, file);
  }

  delete(network: string, containerId: string, ifname: string): void {
    rmSync(this.#file(network, containerId, ifname), { force: true });
  }

  /** All that can be read, by file name; of the others the user is warned. */
  list(): RememberedAttachment[] {
    let names: string[];
    try {
      names = readdirSync(this.#results).filter((name) => !name.startsWith('.'));
    } catch (error) {
      if (absent(error)) return [];
      throw error;
    }
    return names.sort().flatMap((name) => {
      const file = join(this.#results, name);
      try {
        return [decodeAttachment(readFileSync(file, 'utf8'), file)];
      } catch (error) {
        if (absent(error)) return [];
        if (!(error instanceof CniError)) throw error;
        this.#warn(error.message);
        return [];
      }
    });
  }

  /**
   * Runs alone among all klabs of this folder that work on the container: a runtime must not run operations of one container
   * at the same time. @throws UserError when another does.
   */
  async alone<T>(containerId: string, act: () => Promise<T>): Promise<T> {
    mkdirSync(this.#locks, { recursive: true, mode: 0o700 });
    const lock = join(this.#locks, containerId);
    this.#lock(lock, containerId);
    try {
      return await act();
    } finally {
      rmSync(lock, { force: true });
    }
  }

  #lock(lock: string, containerId: string): void {
    const own = `${lock}.${process.pid}.tmp`;
    writeFileSync(own, String(process.pid), { mode: 0o600 });
    try {
      for (;;) {
        try {
          // The name appears with the holder already in it.
          linkSync(own, lock);
          return;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        }
        const holder = readHolder(lock);
        if (holder !== undefined && isAlive(holder)) {
          throw new UserError(
            `process ${holder} works on container ${containerId}: a runtime must not run two operations of one container at once`,
          );
        }
        // Its holder died; whoever comes first takes over.
        rmSync(lock, { force: true });
      }
    } finally {
      rmSync(own, { force: true });
    }
  }

  #file(network: string, containerId: string, ifname: string): string {
    return join(this.#results, attachmentFile(network, containerId, ifname));
  }
}

function readHolder(lock: string): number | undefined {
  try {
    return Number(readFileSync(lock, 'utf8'));
  } catch (error) {
    if (absent(error)) return undefined;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
