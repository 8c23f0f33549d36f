/** Every command and flag that the real kubectl names in its help is klab's too, or stands in the README of `src/cli` with a reason. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { kubectlPath } from '../helpers/clients.ts';
import { root, run } from '../helpers/lab.ts';

interface KubectlCommand {
  readonly name: string;
  readonly flags: readonly string[];
}

const helpOf = async (words: readonly string[]) => (await run(kubectlPath(), [...words, '--help'])).stdout;

/** Names below headings as "Available Commands:". */
function subcommandsOf(help: string): string[] {
  const sections = help.split(/\n(?=\S)/).filter((section) => /^[A-Z].*commands.*:\n/i.test(section));
  return sections.flatMap((section) => [...section.matchAll(/^ {2}(\S+)/gm)].map(([, name]) => name!));
}

/** All commands that do something themselves. */
async function walk(words: readonly string[]): Promise<KubectlCommand[]> {
  const help = await helpOf(words);
  const subcommands = subcommandsOf(help).filter((name) => name !== 'help');
  const below = await Promise.all(subcommands.map((name) => walk([...words, name])));
  const options = help.split('\nOptions:\n')[1] ?? '';
  const flags = [...options.matchAll(/^\s+(?:-\w, )?--([a-z0-9-]+)(?=[=,:])/gm)].map(([, name]) => name!);
  const own = words.length > 0 && (subcommands.length === 0 || flags.length > 0);
  return [...(own ? [{ name: words.join(' '), flags }] : []), ...below.flat()];
}

/** The table's rows: a command and what it lacks, `command` for all of it. */
function listed(): Set<string> {
  const text = readFileSync(join(root, 'src', 'cli', 'README.md'), 'utf8');
  const table = text.split("### kubectl's flags that klab has not\n")[1]!.split('\n## ')[0]!;
  const rows = [...table.matchAll(/^\| (`[^|]*`) +\| ([^|]+?) +\| *([^|]*?) *\|$/gm)];
  const out = new Set<string>();
  for (const [, commands, what, why] of rows) {
    expect(why, `a reason for ${commands} ${what}`).not.toBe('');
    for (const [, command] of commands!.matchAll(/`([^`]+)`/g)) {
      if (what === 'the command') out.add(command!);
      for (const [, flag] of what!.matchAll(/`--([^`]+)`/g)) out.add(`${command} --${flag}`);
    }
  }
  return out;
}

it('what klab lacks of kubectl is listed with a reason', async () => {
  const manifest = JSON.parse(readFileSync(join(root, 'oclif.manifest.json'), 'utf8')) as {
    commands: Record<string, { readonly flags: object; readonly aliases?: readonly string[] }>;
  };
  const ours = new Map(Object.entries(manifest.commands));
  for (const command of Object.values(manifest.commands)) {
    for (const alias of command.aliases ?? []) ours.set(alias, command);
  }
  const others: Record<string, string> = { 'top node': 'top:nodes', 'top pod': 'top:pods' };
  const theirs = await walk([]);
  expect(theirs.length).toBeGreaterThan(80);
  const lacking = theirs.flatMap(({ name, flags }) => {
    const command = ours.get(others[name] ?? name.replaceAll(' ', ':'));
    if (!command) return [name];
    return flags.filter((flag) => !Object.hasOwn(command.flags, flag)).map((flag) => `${name} --${flag}`);
  });
  const known = listed();
  expect(lacking.filter((name) => !known.has(name))).toEqual([]);
  // What is listed is something that kubectl has: a word misspelt would hide nothing.
  const all = new Set(theirs.flatMap(({ name, flags }) => [name, ...flags.map((flag) => `${name} --${flag}`)]));
  expect([...known].filter((name) => !all.has(name))).toEqual([]);
}, 120_000);
