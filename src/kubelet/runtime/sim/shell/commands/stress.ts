/** `stress` and `stress-ng`: keep cores busy and memory taken, as examples of autoscaling and of limits do. */
import { seconds } from './durations.ts';
import type { Program } from './lines.ts';
import { byteSize } from './sizes.ts';

const forever = 2 ** 40;
/** stress's own default of --vm-bytes. */
const defaultVmBytes = 256 * 1024 * 1024;

/** `--cpu N`, `--vm N --vm-bytes 150M`, `--timeout 30s`; a share of a core with stress-ng's `--cpu-load PERCENT`. */
export const stress: Program = async (process, args) => {
  const value = (...flags: string[]): string | undefined => {
    for (const [i, arg] of args.entries()) {
      for (const flag of flags) {
        if (arg === flag) return args[i + 1];
        if (flag.startsWith('--') && arg.startsWith(`${flag}=`)) return arg.slice(flag.length + 1);
      }
    }
    return undefined;
  };
  const workers = Number(value('--cpu', '-c') ?? 0);
  const share = Number(value('--cpu-load', '-l') ?? 100) / 100;
  const hogs = Number(value('--vm', '-m') ?? 0);
  const vmBytes = byteSize(value('--vm-bytes') ?? '') ?? defaultVmBytes;
  const limit = seconds(value('--timeout', '-t'));
  await process.print(`stress: info: [1] dispatching hogs: ${workers} cpu, 0 io, ${hogs} vm, 0 hdd\n`);
  const stop = process.world.burn(workers * share);
  const free = process.world.memory.take(hogs * vmBytes);
  try {
    await process.sleep(Math.min(limit * 1000, forever));
  } finally {
    stop();
    free();
  }
  await process.print(`stress: info: [1] successful run completed in ${Math.round(limit)}s\n`);
  return 0;
};
