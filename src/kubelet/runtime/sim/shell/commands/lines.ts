/** Reading input line by line. */
import { FileError, normalize } from '../../file-system.ts';
import { type Process, type Source, TextSource } from '../../process.ts';

export type Program = (process: Process, args: readonly string[]) => Promise<number>;

/** Opens each file (`-` and none: standard input) and gives it to `each`. Returns 1 when one could not be read. */
export async function eachInput(
  command: string,
  process: Process,
  files: readonly string[],
  each: (source: Source, name: string) => Promise<boolean | undefined>,
): Promise<number> {
  if (files.length === 0) {
    await each(process.stdin, '-');
    return 0;
  }
  let status = 0;
  for (const file of files) {
    let source = process.stdin;
    if (file !== '-') {
      try {
        source = new TextSource(await process.world.fs.read(normalize(file, process.cwd)));
      } catch (error) {
        if (!(error instanceof FileError)) throw error;
        const verb = error.code === 'ENOENT' ? "can't open" : 'read error:';
        await process.complain(
          error.code === 'ENOENT'
            ? `${command}: ${verb} '${file}': ${error.message}`
            : `${command}: ${verb} ${error.message}`,
        );
        status = 1;
        continue;
      }
    }
    if ((await each(source, file)) === false) break;
  }
  return status;
}

/** Calls `each` with every line until it answers false. */
export async function eachLine(
  process: Process,
  source: Source,
  each: (line: string) => Promise<boolean>,
): Promise<void> {
  for (;;) {
    const line = await process.until(source.readLine());
    if (line === undefined) return;
    await process.step();
    if ((await each(line)) === false) return;
  }
}
