/** `stress` and `stress-ng`: keep cores busy, as load generators of autoscaling examples do. */
import type { Program } from './lines.ts';

function seconds(text: string | undefined): number {
  const match = /^(\d+(?:\.\d+)?)([smh]?)$/.exec(text ?? '');
  if (!match) return Number.POSITIVE_INFINITY;
  return Number(match[1]) * { s: 1, m: 60, h: 3600 }[match[2] || 's']!;
}

const forever = 2 ** 40;

/** `--cpu N`, `--timeout 30s`; a share of a core with stress-ng's `--cpu-load PERCENT`. */
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
  const limit = seconds(value('--timeout', '-t'));
  await process.print(`stress: info: [1] dispatching hogs: ${workers} cpu, 0 io, 0 vm, 0 hdd\n`);
  const stop = process.world.burn(workers * share);
  try {
    await process.sleep(Math.min(limit * 1000, forever));
  } finally {
    stop();
  }
  await process.print(`stress: info: [1] successful run completed in ${Math.round(limit)}s\n`);
  return 0;
};
