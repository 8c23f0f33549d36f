/** Commands that fill a disk, as examples of storage limits do. */
import { FileError, normalize } from '../../file-system.ts';
import type { Program } from './lines.ts';
import { byteSize } from './sizes.ts';

/** More than any file of the simulation may hold is not made up first. */
const maxBytes = 64 * 1024 * 1024;

/** `dd if=/dev/zero of=/cache/file bs=1M count=2`. Upstream: busybox coreutils/dd.c. */
const dd: Program = async (process, args) => {
  const operands = new Map(args.map((arg) => [arg.slice(0, arg.indexOf('=')), arg.slice(arg.indexOf('=') + 1)]));
  const block = byteSize(operands.get('bs') ?? '512');
  const count = operands.has('count') ? Number(operands.get('count')) : Number.POSITIVE_INFINITY;
  if (!block || !(count >= 0)) {
    await process.complain(`dd: invalid number '${block ? operands.get('count') : operands.get('bs')}'`);
    return 1;
  }
  const from = operands.get('if');
  const to = operands.get('of');
  const endless = from === '/dev/zero' || from === '/dev/urandom' || from === '/dev/random';
  try {
    const wanted = block * count;
    const content = endless
      ? '\0'.repeat(Math.min(wanted, maxBytes))
      : (from === undefined
          ? await process.readAll()
          : await process.world.fs.read(normalize(from, process.cwd))
        ).slice(0, Math.min(wanted, maxBytes));
    if (to === undefined) await process.print(content);
    else process.world.fs.write(normalize(to, process.cwd), content);
    if (endless && wanted > maxBytes) throw new FileError('ENOSPC', 'No space left on device');
    const whole = Math.floor(content.length / block);
    const rest = content.length % block === 0 ? 0 : 1;
    await process.complain(`${whole}+${rest} records in\n${whole}+${rest} records out`);
    return 0;
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    const inWriting = error.code === 'ENOSPC';
    await process.complain(
      inWriting ? `dd: error writing '${to}': ${error.message}` : `dd: can't open '${from ?? to}': ${error.message}`,
    );
    return 1;
  }
};

/** `fallocate -l 2M FILE`, `truncate -s 2M FILE`. */
const sized =
  (name: string, flag: string): Program =>
  async (process, args) => {
    const at = args.findIndex((arg) => arg.startsWith(flag));
    const text = args[at] === flag ? args[at + 1] : args[at]?.slice(flag.length);
    const size = byteSize(text ?? '');
    const file = args.filter((_, i) => i !== at && !(args[at] === flag && i === at + 1)).at(-1);
    if (size === undefined || file === undefined) {
      await process.complain(`${name}: invalid number '${text ?? ''}'`);
      return 1;
    }
    try {
      if (size > maxBytes) throw new FileError('ENOSPC', 'No space left on device');
      process.world.fs.write(normalize(file, process.cwd), '\0'.repeat(size));
      return 0;
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      await process.complain(`${name}: ${file}: ${error.message}`);
      return 1;
    }
  };

export const diskCommands: Record<string, Program> = {
  dd,
  fallocate: sized('fallocate', '-l'),
  truncate: sized('truncate', '-s'),
};
