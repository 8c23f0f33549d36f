/**
 * `klab __complete WORDS…`: what may stand where the cursor is, for the scripts of `klab completion`. Commands and flags
 * come from the manifest, names from a cluster that runs; no cluster is ever booted for it.
 */
import type { SessionRequest } from '../session.ts';
import { type Answer, anyFile, type Candidate, directive, nothing, printAnswer } from './answer.ts';
import { completeValue } from './flag-values.ts';
import { flagsOf, type Line, parseLine } from './line.ts';
import { LiveNames, type Names } from './names.ts';
import { type CommandNode, readCommandTree, subcommands } from './tree.ts';
import { wordRules } from './words.ts';

/** @param words what follows `klab`, the last one being typed. @throws whatever a server or a kubeconfig answers */
export async function complete(
  root: CommandNode,
  words: readonly string[],
  namesOf: (line: Line) => Names,
): Promise<Answer> {
  const line = parseLine(root, words);
  if (line.unknown) return nothing;
  const { at, command } = line;
  switch (at.in) {
    case 'flag':
      return { candidates: flagCandidates(root, line, at.text), directive: directive.noFiles };
    case 'value':
      return at.flag ? completeValue(at.flag, at.text, line, namesOf(line)) : anyFile;
    case 'rest':
      return command.id === 'test' ? anyFile : nothing;
    case 'word': {
      const below = line.words.length === 0 ? commandCandidates(command, at.text) : [];
      if (below.length > 0) return { candidates: below, directive: directive.noFiles };
      const rule = wordRules[command.id];
      return rule ? rule(at.text, line, namesOf(line)) : nothing;
    }
  }
}

function commandCandidates(command: CommandNode, text: string): Candidate[] {
  const help = command.id === '' ? [{ value: 'help', description: 'Help about any command' }] : [];
  const below = subcommands(command).map(({ id, summary }) => ({
    value: id.slice(id.lastIndexOf(':') + 1),
    description: summary,
  }));
  return [...below, ...help].filter(({ value }) => value.startsWith(text)).sort((a, b) => (a.value < b.value ? -1 : 1));
}

/** Flags not given yet, or that may be given again. `-` alone offers the short ones as well. */
function flagCandidates(root: CommandNode, line: Line, text: string): Candidate[] {
  const out: Candidate[] = [{ value: '--help', description: 'Help for this command' }];
  for (const flag of flagsOf(root, line.command).values()) {
    if (line.flags.has(flag.name) && !flag.multiple) continue;
    out.push({ value: `--${flag.name}`, description: flag.summary });
    if (flag.allowNo) out.push({ value: `--no-${flag.name}`, description: `not: ${flag.summary}` });
    if (flag.char) out.push({ value: `-${flag.char}`, description: flag.summary });
  }
  return out.filter(({ value }) => value.startsWith(text)).sort((a, b) => (a.value < b.value ? -1 : 1));
}

/** The server and the namespace that the line's own flags choose. */
function requestOf(line: Line): SessionRequest {
  const given = (name: string) => line.flags.get(name)?.at(-1);
  // In some commands `--name` is an object's.
  const cluster = line.command.flags.get('name')?.global === false ? undefined : given('name');
  const [namespace, context, kubeconfig, as] = ['namespace', 'context', 'kubeconfig', 'as'].map(given);
  return {
    name: cluster ?? (process.env['KLAB_NAME'] || 'default'),
    ...(namespace !== undefined && { namespace }),
    ...(context !== undefined && { context }),
    ...(kubeconfig !== undefined && { kubeconfig }),
    ...(as !== undefined && { as, 'as-group': line.flags.get('as-group') ?? [] }),
  };
}

/** The whole command: writes the answer to stdout, and to stderr why there is none. */
export async function runComplete(words: readonly string[], descriptions: boolean): Promise<void> {
  let names: LiveNames | undefined;
  let answer: Answer;
  try {
    answer = await complete(readCommandTree(), words, (line) => {
      names ??= new LiveNames(requestOf(line));
      return names;
    });
  } catch (error) {
    // A shell that completes shows no errors; whoever runs this by hand reads them.
    process.stderr.write(`${(error as Error).message}\n`);
    answer = nothing;
  } finally {
    await names?.close();
  }
  process.stdout.write(printAnswer(answer, descriptions));
}
