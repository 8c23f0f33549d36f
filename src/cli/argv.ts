/** Command lines as kubectl users write them, turned into what the parser takes. Upstream: spf13/pflag. */
import { exitCodes, UserError } from './exit-codes.ts';

export interface FlagShape {
  readonly type: 'boolean' | 'option';
  readonly allowNo?: boolean;
  readonly multiple?: boolean;
  readonly char?: string;
}

const truths: Readonly<Record<string, boolean>> = {
  '1': true,
  t: true,
  T: true,
  true: true,
  TRUE: true,
  True: true,
  '0': false,
  f: false,
  F: false,
  false: false,
  FALSE: false,
  False: false,
};

/**
 * `--watch=true` and `--wait=false` become the flag or its absence; of a flag given twice that takes one value, the
 * last counts. What follows `--` stays as it is.
 */
export function normalizeArgv(argv: readonly string[], flags: Readonly<Record<string, FlagShape>>): string[] {
  const names = new Map<string, string>();
  for (const [name, { char }] of Object.entries(flags)) if (char) names.set(char, name);
  const out: string[][] = [];
  const placeOf = new Map<string, number>();
  const put = (name: string, words: string[]) => {
    const earlier = placeOf.get(name);
    if (earlier !== undefined) out[earlier] = [];
    placeOf.set(name, out.length);
    out.push(words);
  };
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === '--') return [...out.flat(), ...argv.slice(i)];
    const match = /^(?:--([^=]+)|-([A-Za-z]))(?:=(.*))?$/s.exec(word);
    const name = match?.[1] ?? (match?.[2] === undefined ? undefined : names.get(match[2]));
    const flag = name === undefined ? undefined : flags[name];
    if (!match || name === undefined || !flag) {
      // `-oyaml`, `-Aw`, or no flag at all.
      const glued = /^-([A-Za-z])./s.exec(word);
      const gluedName = glued ? names.get(glued[1]!) : undefined;
      if (gluedName !== undefined && flags[gluedName]!.type === 'option' && !flags[gluedName]!.multiple) {
        put(gluedName, [word]);
      } else out.push([word]);
      continue;
    }
    const value = match[3];
    if (flag.type === 'boolean') {
      if (value === undefined) {
        out.push([word]);
        continue;
      }
      const truth = Object.hasOwn(truths, value) ? truths[value] : undefined;
      if (truth === undefined) {
        throw new UserError(
          `invalid argument ${JSON.stringify(value)} for "${word.slice(0, word.indexOf('='))}" flag: strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`,
          exitCodes.usage,
        );
      }
      if (truth) out.push([`--${name}`]);
      else if (flag.allowNo) out.push([`--no-${name}`]);
      continue;
    }
    const words = value === undefined ? [word, ...argv.slice(i + 1, i + 2)] : [word];
    if (value === undefined) i++;
    if (flag.multiple) out.push(words);
    else put(name, words);
  }
  return out.flat();
}
