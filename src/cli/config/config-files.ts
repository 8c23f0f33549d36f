/**
 * Kubeconfigs as `klab config` reads and changes them: entries of all files together, each remembering its file, paths as
 * written. A change goes to the file that defines the entry; a new entry to the first file that exists.
 * Upstream: client-go/tools/clientcmd/{config,loader}.go.
 */
import { existsSync } from 'node:fs';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { deepEqual } from '../../apimachinery/index.ts';
import {
  type KubeconfigFile,
  kubeconfigPaths,
  kubeconfigPathToWrite,
  readKubeconfigFile,
  withKubeconfigsLocked,
  writeKubeconfig,
} from '../../client/index.ts';

/** One cluster, user or context; fields by their names in files. */
export type Entry = Record<string, any>;

export const sections = ['clusters', 'contexts', 'users'] as const;
export type Section = (typeof sections)[number];

/** The field of a list's items that holds the entry. */
const itemField = { clusters: 'cluster', contexts: 'context', users: 'user' } as const;

export interface Config {
  clusters: Map<string, Entry>;
  contexts: Map<string, Entry>;
  users: Map<string, Entry>;
  currentContext: string;
  preferences: Entry;
  extensions: unknown;
}

/** Which files are meant: `--kubeconfig`, else `$KUBECONFIG`'s list, else `~/.kube/config`. */
export class ConfigAccess {
  readonly explicit: string | undefined;
  /** The file of each entry, by section and name. */
  readonly #origins = new Map<Entry, string>();

  constructor(explicit?: string) {
    this.explicit = explicit || undefined;
  }

  get paths(): readonly string[] {
    return this.explicit === undefined ? kubeconfigPaths() : [this.explicit];
  }

  /** Where what belongs to no file yet is written; also the file that messages name. */
  get defaultFile(): string {
    return this.explicit ?? kubeconfigPathToWrite();
  }

  /** The file that defines an entry that `load` returned. */
  originOf(entry: Entry): string {
    return this.#origins.get(entry) ?? this.defaultFile;
  }

  /** All files merged: the first that sets a name wins. Files that do not exist are empty. @throws KubeconfigError */
  load(): Config {
    const config = emptyConfig();
    for (const path of this.paths) {
      if (!existsSync(path)) continue;
      const file = parse(readKubeconfigFile(path));
      for (const section of sections) {
        for (const [name, entry] of file[section]) {
          if (config[section].has(name)) continue;
          config[section].set(name, entry);
          this.#origins.set(entry, path);
        }
      }
      config.currentContext ||= file.currentContext;
      config.preferences = { ...file.preferences, ...config.preferences };
      config.extensions ??= file.extensions;
    }
    return config;
  }

  /** One file alone, empty when it does not exist. */
  loadFile(path: string): Config {
    if (!existsSync(path)) return emptyConfig();
    const config = parse(readKubeconfigFile(path));
    for (const section of sections) for (const entry of config[section].values()) this.#origins.set(entry, path);
    return config;
  }

  /**
   * Changes the merged configuration and writes what differs, each to its file, under the files' locks. `relativize` writes
   * paths below a file's folder relative to it.
   */
  modify<R>(change: (config: Config) => R, options: { readonly relativize: boolean }): Promise<R> {
    return withKubeconfigsLocked(this.paths, () => {
      const before = this.load();
      const after = structuredClone(before);
      const result = change(after);
      this.#write(before, after, options.relativize);
      return result;
    });
  }

  #write(before: Config, after: Config, relativize: boolean): void {
    const files = new Map<string, Config>();
    const fileOf = (path: string): Config => {
      let file = files.get(path);
      if (!file) {
        file = existsSync(path) ? parse(readKubeconfigFile(path)) : emptyConfig();
        files.set(path, file);
      }
      return file;
    };
    if (before.currentContext !== after.currentContext) this.#writeCurrentContext(before, after, fileOf);
    if (!deepEqual(before.preferences, after.preferences)) fileOf(this.defaultFile).preferences = after.preferences;
    for (const section of sections) {
      for (const [name, entry] of after[section]) {
        const old = before[section].get(name);
        if (old && deepEqual(old, entry)) continue;
        const path = old ? this.originOf(old) : this.#originOfRenamed(before, section, entry);
        fileOf(path)[section].set(name, relativize ? withRelativePaths(entry, path) : entry);
      }
      for (const [name, entry] of before[section]) {
        if (!after[section].has(name)) fileOf(this.originOf(entry))[section].delete(name);
      }
    }
    for (const [path, file] of files) writeKubeconfig(path, serialize(file));
  }

  /** A context under a new name stays in its file. */
  #originOfRenamed(before: Config, section: Section, entry: Entry): string {
    for (const old of before[section].values()) if (deepEqual(old, entry)) return this.originOf(old);
    return this.defaultFile;
  }

  /** To the default file; when it is cleared, in the file that sets it. */
  #writeCurrentContext(before: Config, after: Config, fileOf: (path: string) => Config): void {
    if (after.currentContext !== '') {
      fileOf(this.defaultFile).currentContext = after.currentContext;
      return;
    }
    for (const path of this.paths) {
      if (!existsSync(path)) continue;
      const file = fileOf(path);
      if (file.currentContext === before.currentContext) {
        file.currentContext = '';
        return;
      }
    }
  }
}

function emptyConfig(): Config {
  const map = () => new Map<string, Entry>();
  return {
    clusters: map(),
    contexts: map(),
    users: map(),
    currentContext: '',
    preferences: {},
    extensions: undefined,
  };
}

function parse(file: KubeconfigFile): Config {
  const config = emptyConfig();
  for (const section of sections) {
    for (const item of (file[section] ?? []) as { name: string }[]) {
      const entry = (item as Entry)[itemField[section]] ?? {};
      if (!config[section].has(item.name)) config[section].set(item.name, entry);
    }
  }
  config.currentContext = file['current-context'] ?? '';
  config.preferences = (file.preferences as Entry | undefined) ?? {};
  config.extensions = file['extensions'];
  return config;
}

/** As upstream writes it: lists sorted by name and null when empty, empty fields left out but for those always shown. */
export function serialize(config: Config): KubeconfigFile {
  const listOf = (section: Section) => {
    const names = [...config[section].keys()].sort();
    if (names.length === 0) return null;
    return names.map((name) => ({ name, [itemField[section]]: tidy(config[section].get(name)!, section) }));
  };
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: listOf('clusters'),
    contexts: listOf('contexts'),
    users: listOf('users'),
    'current-context': config.currentContext,
    ...(Object.keys(config.preferences).length > 0 && { preferences: config.preferences }),
    ...(config.extensions !== undefined && { extensions: config.extensions }),
  } as KubeconfigFile;
}

function tidy(entry: Entry, section: Section): Entry {
  const out: Entry = {};
  for (const [field, value] of Object.entries(entry)) if (!isEmpty(value)) out[field] = value;
  if (section === 'clusters') out['server'] ??= '';
  if (section === 'contexts') return { ...out, cluster: out['cluster'] ?? '', user: out['user'] ?? '' };
  if (section === 'users' && out['exec'] !== undefined) {
    const { args, env, provideClusterInfo, command, ...others } = out['exec'] as Entry;
    const rest = Object.fromEntries(Object.entries(others).filter(([, value]) => !isEmpty(value)));
    out['exec'] = {
      ...rest,
      command: command ?? '',
      args: args ?? null,
      env: env ?? null,
      provideClusterInfo: provideClusterInfo ?? false,
    };
  }
  return out;
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === false) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

const pathFields = ['certificate-authority', 'client-certificate', 'client-key', 'tokenFile'];

/** Paths inside the file's folder become relative to it; those that would step out stay. Upstream: RelativizePathWithNoBacksteps. */
function withRelativePaths(entry: Entry, file: string): Entry {
  const folder = dirname(resolve(file));
  const out = { ...entry };
  for (const field of pathFields) {
    const path = out[field];
    if (typeof path !== 'string' || path === '' || !isAbsolute(path)) continue;
    const short = relative(folder, path);
    if (!short.startsWith('..') && !isAbsolute(short)) out[field] = short;
  }
  return out;
}
