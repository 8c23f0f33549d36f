/** klab's commands as completion sees them: a tree by words, read from oclif's manifest. No command is loaded for it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../base/index.ts';

export interface FlagNode {
  readonly name: string;
  readonly char?: string;
  readonly summary: string;
  /** False for switches. */
  readonly takesValue: boolean;
  /** `--no-NAME` is a flag too. */
  readonly allowNo: boolean;
  readonly multiple: boolean;
  /** The only values it takes, when they are few. */
  readonly options?: readonly string[];
  /** Of every command of its family: the cluster, the namespace, the user. */
  readonly global: boolean;
}

export interface CommandNode {
  /** `create:secret:generic`; empty for klab itself. */
  readonly id: string;
  summary: string;
  readonly children: Map<string, CommandNode>;
  readonly flags: Map<string, FlagNode>;
  /** False for a word that only gathers others, such as `config`. */
  runs: boolean;
}

interface Manifest {
  readonly commands: Record<string, ManifestCommand>;
}

interface ManifestCommand {
  readonly summary?: string;
  readonly description?: string;
  readonly hidden?: boolean;
  readonly aliases?: readonly string[];
  readonly flags: Record<string, ManifestFlag>;
}

interface ManifestFlag {
  readonly name: string;
  readonly char?: string;
  readonly summary?: string;
  readonly description?: string;
  readonly type: 'option' | 'boolean';
  readonly allowNo?: boolean;
  readonly multiple?: boolean;
  readonly hidden?: boolean;
  readonly helpGroup?: string;
  readonly options?: readonly string[];
}

export type Topics = Readonly<Record<string, { readonly description?: string }>>;

/** The tree of the klab that is running. */
export function readCommandTree(): CommandNode {
  const read = (name: string) => JSON.parse(readFileSync(join(packageRoot(), name), 'utf8'));
  return commandTree(read('oclif.manifest.json'), read('package.json').oclif.topics);
}

/** An alias is another key of its command's node; hidden commands and flags are left out. */
export function commandTree(manifest: Manifest, topics: Topics = {}): CommandNode {
  const root = node('', '');
  for (const [id, command] of Object.entries(manifest.commands)) {
    if (command.hidden) continue;
    const place = nodeAt(root, id.split(':'), topics);
    place.runs = true;
    place.summary = firstLine(command.summary ?? command.description ?? '') || place.summary;
    for (const flag of Object.values(command.flags)) if (!flag.hidden) place.flags.set(flag.name, flagNode(flag));
    for (const alias of command.aliases ?? []) {
      const words = alias.split(/[: ]/);
      nodeAt(root, words.slice(0, -1), topics).children.set(words.at(-1)!, place);
    }
  }
  return root;
}

/** Commands and topics below a node, by name; aliases are taken when typed, but not offered. */
export function subcommands(parent: CommandNode): CommandNode[] {
  const own = [...parent.children].filter(([word, { id }]) => id.slice(id.lastIndexOf(':') + 1) === word);
  return own.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, child]) => child);
}

function nodeAt(root: CommandNode, words: readonly string[], topics: Topics): CommandNode {
  let here = root;
  for (const [i, word] of words.entries()) {
    let next = here.children.get(word);
    if (!next) {
      const path = words.slice(0, i + 1);
      next = node(path.join(':'), topics[path.join(' ')]?.description ?? '');
      here.children.set(word, next);
    }
    here = next;
  }
  return here;
}

const node = (id: string, summary: string): CommandNode => ({
  id,
  summary,
  children: new Map(),
  flags: new Map(),
  runs: false,
});

function flagNode(flag: ManifestFlag): FlagNode {
  return {
    name: flag.name,
    ...(flag.char !== undefined && { char: flag.char }),
    summary: firstLine(flag.summary ?? flag.description ?? ''),
    takesValue: flag.type === 'option',
    allowNo: flag.allowNo ?? false,
    multiple: flag.multiple ?? false,
    ...(flag.options && { options: flag.options }),
    global: flag.helpGroup === 'GLOBAL',
  };
}

const firstLine = (text: string): string => text.split('\n', 1)[0]!.trim();
