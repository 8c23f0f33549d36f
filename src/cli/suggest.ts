/** What someone may have meant who typed a command or a flag that is not there. Upstream: cobra's SuggestionsFor. */
import { distance } from 'fastest-levenshtein';
import { type CommandNode, subcommands } from './completion/tree.ts';

/** Cobra's SuggestionsMinimumDistance. */
const near = 2;

/**
 * Names like the one typed: at most two edits away, or what was typed is how they begin; of a name of several words
 * also its last (`--port` for `--secure-port`). In the order of `names`.
 */
export function suggestionsFor(typed: string, names: Iterable<string>): string[] {
  const word = typed.toLowerCase();
  if (word === '') return [];
  const like = (name: string) => distance(word, name) <= Math.min(near, word.length - 1) || name.startsWith(word);
  return [...names].filter((name) => like(name.toLowerCase()) || name.toLowerCase().endsWith(`-${word}`));
}

/** The names as cobra lists them below its error; nothing when there are none. */
export function didYouMean(names: readonly string[]): string {
  return names.length === 0 ? '' : `\n\nDid you mean this?\n${names.map((name) => `\t${name}\n`).join('')}`;
}

/** Where the help of a command stands: `create:secret`; of klab itself: empty. */
export const seeHelp = (id: string): string => `See '${['klab', ...wordsOf(id), '--help'].join(' ')}' for usage.`;

/**
 * Of a command line whose command is not there: the first word that is none, below which command, and what is like it.
 * @param words as typed: commands first
 */
export function unknownCommand(root: CommandNode, words: readonly string[]): string {
  let parent = root;
  let at = 0;
  for (; at < words.length - 1; at++) {
    const next = parent.children.get(words[at]!);
    if (!next) break;
    parent = next;
  }
  const word = words[at] ?? '';
  const names = suggestionsFor(
    word,
    subcommands(parent).map(({ id }) => id.slice(id.lastIndexOf(':') + 1)),
  );
  const path = ['klab', ...wordsOf(parent.id)].join(' ');
  const said = `unknown command ${JSON.stringify(word)} for ${JSON.stringify(path)}${didYouMean(names)}`;
  return `${said.trimEnd()}\n${seeHelp(parent.id)}`;
}

const wordsOf = (id: string): string[] => (id === '' ? [] : id.split(/[: ]/));
