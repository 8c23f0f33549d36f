/** What a simulated process may hold at once: its text lies in the memory of klab itself. */

/** Characters of input, or of all variables of a shell: some more than the files of a container may be together. */
export const maxHeldCharacters = 24 * 1024 * 1024;
/** Lines that `sort` and the like hold. */
export const maxHeldLines = 500_000;

/** A command wants to hold more than it may: it fails as one whose malloc has failed. */
export class OutOfMemory extends Error {
  override readonly name = 'OutOfMemory';
  constructor() {
    super('out of memory');
  }
}
