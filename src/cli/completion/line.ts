/** A command line that is still being typed, taken apart: which command, which flags, what the cursor stands in. */
import type { CommandNode, FlagNode } from './tree.ts';

export interface Line {
  readonly command: CommandNode;
  /** Words after the command that are no flags. */
  readonly words: readonly string[];
  /** Values of the flags given so far, by long name; a switch has the value ''. */
  readonly flags: ReadonlyMap<string, readonly string[]>;
  /** A word of klab's that is not a command stands where one belongs. */
  readonly unknown: boolean;
  readonly at: Cursor;
}

/** What is to be completed. */
export type Cursor =
  /** The name of a flag: `text` begins with `-`. */
  | { readonly in: 'flag'; readonly text: string }
  /** The value of a flag, after a space or after `=`; `flag` undefined when klab does not know it. */
  | { readonly in: 'value'; readonly flag: FlagNode | undefined; readonly text: string }
  | { readonly in: 'word'; readonly text: string }
  /** After `--`: another program's words. */
  | { readonly in: 'rest'; readonly text: string };

/** @param words what follows `klab`; the last one is what the cursor stands in, perhaps empty. */
export function parseLine(root: CommandNode, words: readonly string[]): Line {
  const text = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  let command = root;
  let unknown = false;
  const operands: string[] = [];
  const flags = new Map<string, string[]>();
  const give = (flag: FlagNode | undefined, value: string) => {
    if (flag) flags.set(flag.name, [...(flags.get(flag.name) ?? []), value]);
  };
  const line = (at: Cursor): Line => ({ command, words: operands, flags, unknown, at });

  for (let i = 0; i < before.length; i++) {
    const word = before[i]!;
    if (word === '--') return line({ in: 'rest', text });
    if (word.startsWith('-') && word !== '-') {
      const { flag, value } = flagOf(root, command, word);
      if (!flag?.takesValue || value !== undefined) {
        give(flag, value ?? '');
      } else if (i + 1 === before.length) {
        return line({ in: 'value', flag, text });
      } else give(flag, before[++i]!);
      continue;
    }
    if (i === 0 && word === 'help') continue;
    const next = operands.length === 0 ? command.children.get(word) : undefined;
    if (next) command = next;
    else if (command.runs) operands.push(word);
    else unknown = true;
  }
  if (text.startsWith('-') && text !== '-') {
    const equals = text.indexOf('=');
    if (equals < 0) return line({ in: 'flag', text });
    const { flag } = flagOf(root, command, text);
    return line({ in: 'value', flag, text: text.slice(equals + 1) });
  }
  return line(text === '-' ? { in: 'flag', text } : { in: 'word', text });
}

/** `--namespace`, `--namespace=shop`, `-n`, `-nshop`, `-n=shop`; undefined for what no command knows. */
function flagOf(root: CommandNode, command: CommandNode, word: string): { flag?: FlagNode; value?: string } {
  const known = flagsOf(root, command);
  if (word.startsWith('--')) {
    const equals = word.indexOf('=');
    const flag = known.get(equals < 0 ? word.slice(2) : word.slice(2, equals));
    return { ...(flag && { flag }), ...(equals >= 0 && { value: word.slice(equals + 1) }) };
  }
  const chars = new Map([...known.values()].flatMap((flag) => (flag.char ? [[flag.char, flag] as const] : [])));
  // `-it`, `-Aw`: switches may stand together, the last may take a value.
  for (let i = 1; i < word.length; i++) {
    const flag = chars.get(word[i]!);
    if (!flag) return {};
    const rest = word.slice(i + 1);
    if (flag.takesValue) return { flag, ...(rest !== '' && { value: rest.replace(/^=/, '') }) };
    if (rest === '' || rest.startsWith('=')) return { flag, value: rest.slice(1) };
  }
  return {};
}

/** A command's flags; before there is one, those that may stand in front of it. */
export function flagsOf(root: CommandNode, command: CommandNode): ReadonlyMap<string, FlagNode> {
  if (command.flags.size > 0) return command.flags;
  return new Map([...(root.children.get('get')?.flags ?? [])].filter(([, flag]) => flag.global));
}
