/**
 * What a lab is on disk: a folder with README.md (title, a summary paragraph, sections), check.sh, manifests, and perhaps
 * lab.json. klab brings its own below fixtures/labs; any other folder of that shape is a lab as well.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, isAbsolute, join, resolve } from 'node:path';
import { packageRoot } from '../../base/index.ts';
import { exitCodes, UserError } from '../exit-codes.ts';

export interface Lab {
  readonly name: string;
  /** Where its files are, absolute. */
  readonly folder: string;
  readonly builtIn: boolean;
  readonly title: string;
  /** The first paragraph of the text, as one line. */
  readonly summary: string;
  readonly text: string;
  readonly settings: LabSettings;
}

/** lab.json: what the lab's cluster is like. */
export interface LabSettings {
  /** Heading in the list; default "Own labs". */
  readonly group?: string;
  /** Default 3. */
  readonly nodes?: number;
  /** Default 1. */
  readonly etcdMembers?: number;
}

/** Order of the list. */
const groups = ['Releases', 'Pods', 'Workloads', 'Operations', 'Coordination', 'API principles', 'Architecture'];

export const labsFolder = (): string => join(packageRoot(), 'fixtures', 'labs');

/** klab's own labs, in the order of the list. */
export function builtInLabs(): Lab[] {
  const folder = labsFolder();
  const rank = (lab: Lab) => groups.indexOf(lab.settings.group ?? '');
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => readLab(join(folder, entry.name), true))
    .sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
}

/** A name from the list, or a folder: whatever has a slash, or is `.`. @throws UserError */
export function findLab(word: string): Lab {
  const isFolder = /[/\\]/.test(word) || word === '.' || word === '..' || isAbsolute(word);
  if (isFolder) {
    const folder = resolve(word);
    if (!existsSync(folder) || !statSync(folder).isDirectory()) throw new UserError(`there is no folder ${word}`);
    return readLab(folder, false);
  }
  if (/^[a-z0-9-]+$/.test(word) && existsSync(join(labsFolder(), word, 'README.md'))) {
    return readLab(join(labsFolder(), word), true);
  }
  const here = existsSync(join(word, 'check.sh')) ? `; for the folder of that name: ./${word}` : '';
  throw new UserError(`there is no lab "${word}"; klab lab list shows them${here}`);
}

/** @throws UserError that names what is missing or wrong */
export function readLab(folder: string, builtIn: boolean): Lab {
  const name = basename(folder);
  if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name) || name.length > 50) {
    throw new UserError(
      `a lab is named after its folder, in at most 50 lower case letters, digits and "-"; "${name}" is not such a name`,
      exitCodes.usage,
    );
  }
  for (const file of ['README.md', 'check.sh']) {
    if (!existsSync(join(folder, file))) throw new UserError(`${folder} is no lab: it has no ${file}`);
  }
  const text = readFileSync(join(folder, 'README.md'), 'utf8').replaceAll('\r\n', '\n');
  const title = /^# +(.+)$/m.exec(text)?.[1]?.trim();
  if (!title) throw new UserError(`${join(folder, 'README.md')}: a lab's text begins with its title, as "# Canary"`);
  const after = text.slice(text.indexOf('\n', text.indexOf(title)) + 1);
  const summary = (after.split(/\n\s*\n/).find((part) => part.trim() !== '') ?? '').trim().replaceAll(/\s+/g, ' ');
  return { name, folder, builtIn, title, summary, text, settings: readSettings(join(folder, 'lab.json')) };
}

function readSettings(file: string): LabSettings {
  if (!existsSync(file)) return {};
  const wrong = (what: string) => new UserError(`${file}: ${what}`);
  let data: unknown;
  try {
    data = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw wrong((error as Error).message);
  }
  if (typeof data !== 'object' || data === null || Array.isArray(data)) throw wrong('must be an object');
  for (const [key, value] of Object.entries(data)) {
    if (key === 'group') {
      if (typeof value !== 'string') throw wrong('group must be a string');
    } else if (key === 'nodes') {
      if (!Number.isInteger(value) || value < 0 || value > 10_000) throw wrong('nodes must be a whole number from 0');
    } else if (key === 'etcdMembers') {
      if (![1, 3, 5].includes(value)) throw wrong('etcdMembers must be 1, 3 or 5');
    } else throw wrong(`unknown field "${key}"; there are group, nodes and etcdMembers`);
  }
  return data;
}

/** A section of the text by its heading, with the heading; empty when there is none. */
export function section(lab: Lab, heading: string): string {
  const lines = lab.text.split('\n');
  const from = lines.indexOf(`## ${heading}`);
  if (from < 0) return '';
  const length = lines.slice(from + 1).findIndex((line) => line.startsWith('## '));
  return lines
    .slice(from, length < 0 ? undefined : from + 1 + length)
    .join('\n')
    .trim();
}
