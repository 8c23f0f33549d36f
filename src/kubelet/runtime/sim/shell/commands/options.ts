/** Command-line options as getopt reads them. */
export interface ParsedArgs {
  readonly flags: ReadonlySet<string>;
  /** The last one wins; `all` has every one, in order. */
  readonly values: ReadonlyMap<string, string>;
  readonly all: ReadonlyMap<string, readonly string[]>;
  readonly rest: readonly string[];
  readonly bad?: string;
}

/**
 * @param spec letters; a letter followed by `:` takes a value. Long options are given as `name` or `name:` in `long`.
 */
export function parseArgs(args: readonly string[], spec: string, long: readonly string[] = []): ParsedArgs {
  const flags = new Set<string>();
  const values = new Map<string, string>();
  const all = new Map<string, string[]>();
  const set = (name: string, value: string) => {
    values.set(name, value);
    all.set(name, [...(all.get(name) ?? []), value]);
  };
  const rest: string[] = [];
  let bad: string | undefined;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === '--') {
      rest.push(...args.slice(i + 1));
      break;
    }
    if (arg.startsWith('--')) {
      const at = arg.indexOf('=');
      const name = at < 0 ? arg.slice(2) : arg.slice(2, at);
      if (long.includes(`${name}:`)) set(name, at < 0 ? (args[++i] ?? '') : arg.slice(at + 1));
      else if (long.includes(name)) flags.add(name);
      else bad ??= arg;
    } else if (arg.length > 1 && arg.startsWith('-') && !/^-\d+$/.test(arg)) {
      for (let k = 1; k < arg.length; k++) {
        const letter = arg[k]!;
        const at = spec.indexOf(letter);
        if (at < 0) bad ??= `-${letter}`;
        else if (spec[at + 1] === ':') {
          set(letter, k + 1 < arg.length ? arg.slice(k + 1) : (args[++i] ?? ''));
          break;
        } else flags.add(letter);
      }
    } else rest.push(arg);
  }
  return { flags, values, all, rest, ...(bad === undefined ? {} : { bad }) };
}
