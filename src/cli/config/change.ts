/** What changes kubeconfigs: `klab config set-*`, `delete-*`, `rename-context`, `use-context`, `set`, `unset`. Upstream: kubectl/pkg/cmd/config. */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { exitCodes, UserError } from '../exit-codes.ts';
import type { WriteIo } from '../write/io.ts';
import { parsePairs } from '../write/live-objects.ts';
import { usageError } from '../write/usage.ts';
import { ConfigAccess, type Entry } from './config-files.ts';
import { setProperty, unsetProperty } from './property.ts';
import type { ConfigFlags } from './show.ts';

/** @throws UserError unless there are so many words. */
function exactly(count: number, words: readonly string[]): void {
  if (words.length !== count) throw new UserError(`Unexpected args: [${words.join(' ')}]`, exitCodes.usage);
}

const quoted = (text: string) => JSON.stringify(text);

export async function configUseContext(words: readonly string[], flags: ConfigFlags, io: WriteIo): Promise<void> {
  exactly(1, words);
  const name = words[0]!;
  if (name === '') throw new UserError('empty context names are not allowed');
  await new ConfigAccess(flags.kubeconfig).modify(
    (config) => {
      if (!config.contexts.has(name)) throw new UserError(`no context exists with the name: ${quoted(name)}`);
      config.currentContext = name;
    },
    { relativize: true },
  );
  io.write(`Switched to context ${quoted(name)}.\n`);
}

export interface SetContextFlags extends ConfigFlags {
  readonly current?: boolean;
  readonly cluster?: string;
  readonly user?: string;
  readonly namespace?: string;
}

export async function configSetContext(words: readonly string[], flags: SetContextFlags, io: WriteIo): Promise<void> {
  if (words.length > 1) exactly(1, words);
  const [given = ''] = words;
  if (given === '' && !flags.current) throw new UserError('you must specify a non-empty context name or --current');
  if (given !== '' && flags.current) throw new UserError('you cannot specify both a context name and --current');
  const [name, existed] = await new ConfigAccess(flags.kubeconfig).modify(
    (config): [string, boolean] => {
      const name = flags.current ? config.currentContext : given;
      if (name === '') throw new UserError('no current context is set');
      const existed = config.contexts.has(name);
      const { cluster, user, namespace } = flags;
      config.contexts.set(name, {
        ...config.contexts.get(name),
        ...(cluster !== undefined && { cluster }),
        ...(user !== undefined && { user }),
        ...(namespace !== undefined && { namespace }),
      });
      return [name, existed];
    },
    { relativize: true },
  );
  io.write(`Context ${quoted(name)} ${existed ? 'modified' : 'created'}.\n`);
}

export interface SetClusterFlags extends ConfigFlags {
  readonly server?: string;
  readonly 'tls-server-name'?: string;
  readonly 'insecure-skip-tls-verify'?: boolean;
  readonly 'certificate-authority'?: string;
  readonly 'embed-certs'?: boolean;
  readonly 'proxy-url'?: string;
}

/** @throws UserError in Go's words for a file that is not there. */
function mustExist(flag: string, path: string): void {
  if (!existsSync(path)) {
    throw new UserError(`could not stat ${flag} file ${path}: stat ${path}: no such file or directory`);
  }
}

const base64Of = (path: string) => readFileSync(path).toString('base64');

export async function configSetCluster(words: readonly string[], flags: SetClusterFlags, io: WriteIo): Promise<void> {
  exactly(1, words);
  const name = words[0]!;
  const { 'certificate-authority': ca, 'insecure-skip-tls-verify': insecure, 'embed-certs': embed = false } = flags;
  if (name === '') throw new UserError('you must specify a non-empty cluster name');
  if (insecure && ca) {
    throw new UserError('you cannot specify a certificate authority and insecure mode at the same time');
  }
  if (embed) {
    if (!ca) throw new UserError('you must specify a --certificate-authority to embed');
    mustExist('certificate-authority', ca);
  }
  const change = (entry: Entry) => {
    if (flags.server !== undefined) {
      entry['server'] = flags.server;
      // The name belonged to the former server.
      entry['tls-server-name'] = '';
    }
    if (flags['tls-server-name'] !== undefined) entry['tls-server-name'] = flags['tls-server-name'];
    if (insecure !== undefined) {
      entry['insecure-skip-tls-verify'] = insecure;
      if (insecure) clear(entry, 'certificate-authority', 'certificate-authority-data');
    }
    if (ca !== undefined) {
      if (embed) entry['certificate-authority-data'] = base64Of(ca);
      else entry['certificate-authority'] = resolve(ca);
      clear(entry, 'insecure-skip-tls-verify', embed ? 'certificate-authority' : 'certificate-authority-data');
    }
    if (flags['proxy-url'] !== undefined) entry['proxy-url'] = flags['proxy-url'];
  };
  await new ConfigAccess(flags.kubeconfig).modify(
    ({ clusters }) => {
      const entry = { ...clusters.get(name) };
      change(entry);
      clusters.set(name, entry);
    },
    { relativize: true },
  );
  io.write(`Cluster ${quoted(name)} set.\n`);
}

function clear(entry: Entry, ...fields: string[]): void {
  for (const field of fields) delete entry[field];
}

export interface SetCredentialsFlags extends ConfigFlags {
  readonly 'client-certificate'?: string;
  readonly 'client-key'?: string;
  readonly 'embed-certs'?: boolean;
  readonly token?: string;
  readonly username?: string;
  readonly password?: string;
  readonly 'auth-provider'?: string;
  readonly 'auth-provider-arg'?: readonly string[];
  readonly 'exec-command'?: string;
  readonly 'exec-api-version'?: string;
  readonly 'exec-interactive-mode'?: string;
  readonly 'exec-provide-cluster-info'?: boolean;
  readonly 'exec-arg'?: readonly string[];
  readonly 'exec-env'?: readonly string[];
}

export async function configSetCredentials(
  words: readonly string[],
  flags: SetCredentialsFlags,
  io: WriteIo,
): Promise<void> {
  if (words.length !== 1) throw new UserError(`unexpected args: [${words.join(' ')}]`, exitCodes.usage);
  const name = words[0]!;
  checkCredentials(name, flags);
  const change = (entry: Entry) => {
    for (const field of ['client-certificate', 'client-key'] as const) {
      const path = flags[field];
      if (path === undefined) continue;
      if (flags['embed-certs']) entry[`${field}-data`] = base64Of(path);
      else entry[field] = resolve(path);
      clear(entry, flags['embed-certs'] ? field : `${field}-data`);
    }
    const { token, username, password } = flags;
    if (token !== undefined) entry['token'] = token;
    if (username !== undefined) entry['username'] = username;
    if (password !== undefined) entry['password'] = password;
    changeAuthProvider(entry, flags);
    changeExec(entry, flags);
    // A way to authenticate replaces the other.
    const setToken = Boolean(token);
    const setBasic = Boolean(username) || Boolean(password);
    if (setBasic && !setToken) clear(entry, 'token');
    if (setToken && !setBasic) clear(entry, 'username', 'password');
  };
  await new ConfigAccess(flags.kubeconfig).modify(
    ({ users }) => {
      const entry = structuredClone(users.get(name) ?? {});
      change(entry);
      users.set(name, entry);
    },
    { relativize: true },
  );
  io.write(`User ${quoted(name)} set.\n`);
}

function checkCredentials(name: string, flags: SetCredentialsFlags): void {
  if (name === '') throw new UserError('you must specify a non-empty user name');
  const methods = [flags.token && '--token', (flags.username || flags.password) && '--username/--password'];
  const given = methods.filter(Boolean);
  if (given.length > 1) {
    throw new UserError(`you cannot specify more than one authentication method at the same time: ${given.join(', ')}`);
  }
  if (flags['embed-certs']) {
    const { 'client-certificate': cert, 'client-key': key } = flags;
    if (!cert && !key) throw new UserError('you must specify a --client-certificate or --client-key to embed');
    if (cert) mustExist('client-certificate', cert);
    if (key) mustExist('client-key', key);
  }
  const mode = flags['exec-interactive-mode'];
  if (mode !== undefined && !['IfAvailable', 'Always', 'Never'].includes(mode)) {
    throw new UserError('invalid interactive mode type, can be only IfAvailable, Never, Always');
  }
}

function changeAuthProvider(entry: Entry, flags: SetCredentialsFlags): void {
  const name = flags['auth-provider'];
  if (name !== undefined && entry['auth-provider']?.name !== name) entry['auth-provider'] = { name };
  if (!entry['auth-provider']) return;
  const { set, remove } = parsePairs(flags['auth-provider-arg'] ?? [], 'auth-provider-arg');
  const config = { ...entry['auth-provider'].config };
  for (const key of remove) delete config[key];
  entry['auth-provider'].config = { ...config, ...set };
}

function changeExec(entry: Entry, flags: SetCredentialsFlags): void {
  const command = flags['exec-command'];
  if (command !== undefined) entry['exec'] = entry['exec'] ? { ...entry['exec'], command, args: null } : { command };
  const exec = entry['exec'];
  if (!exec) return;
  if (flags['exec-api-version'] !== undefined) exec.apiVersion = flags['exec-api-version'];
  if (flags['exec-arg']?.length) exec.args = flags['exec-arg'];
  if (flags['exec-interactive-mode'] !== undefined) exec.interactiveMode = flags['exec-interactive-mode'];
  const info = flags['exec-provide-cluster-info'];
  if (info !== undefined) exec.provideClusterInfo = info;
  if (!flags['exec-env']?.length) return;
  const { set, remove } = parsePairs(flags['exec-env'], 'exec-env');
  const env = ((exec.env ?? []) as { name: string; value: string }[]).filter(({ name }) => !remove.includes(name));
  for (const [name, value] of Object.entries(set)) {
    const known = env.find((variable) => variable.name === name);
    if (known) known.value = value;
    else env.push({ name, value });
  }
  exec.env = env;
}

export async function configDelete(
  what: 'cluster' | 'context' | 'user',
  words: readonly string[],
  flags: ConfigFlags,
  io: WriteIo,
): Promise<void> {
  if (words.length !== 1) {
    if (what === 'user') throw usageError('config delete-user', 'user to delete is required');
    exactly(1, words);
  }
  const name = words[0]!;
  const access = new ConfigAccess(flags.kubeconfig);
  const file = access.defaultFile;
  const wasCurrent = await access.modify(
    (config) => {
      if (!config[`${what}s`].delete(name)) throw new UserError(`cannot delete ${what} ${name}, not in ${file}`);
      return what === 'context' && config.currentContext === name;
    },
    { relativize: true },
  );
  if (wasCurrent) {
    io.say('warning: this removed your active context, use "klab config use-context" to select a different one');
  }
  io.write(`deleted ${what} ${name} from ${file}\n`);
}

export async function configRenameContext(words: readonly string[], flags: ConfigFlags, io: WriteIo): Promise<void> {
  exactly(2, words);
  const [from = '', to = ''] = words;
  if (to === '') throw new UserError('You must specify a new non-empty context name');
  const access = new ConfigAccess(flags.kubeconfig);
  const file = access.defaultFile;
  await access.modify(
    (config) => {
      const context = config.contexts.get(from);
      if (!context) throw new UserError(`cannot rename the context ${quoted(from)}, it's not in ${file}`);
      if (config.contexts.has(to)) {
        throw new UserError(
          `cannot rename the context ${quoted(from)}, the context ${quoted(to)} already exists in ${file}`,
        );
      }
      config.contexts.set(to, context);
      config.contexts.delete(from);
      if (config.currentContext === from) config.currentContext = to;
    },
    { relativize: true },
  );
  io.write(`Context ${quoted(from)} renamed to ${quoted(to)}.\n`);
}

export async function configSet(
  words: readonly string[],
  flags: ConfigFlags & { readonly 'set-raw-bytes'?: boolean },
  io: WriteIo,
): Promise<void> {
  exactly(2, words);
  const [path = '', value = ''] = words;
  if (value === '') throw new UserError('you cannot use set to unset a property');
  if (path === '') throw new UserError('you must specify a property');
  await new ConfigAccess(flags.kubeconfig).modify(
    (config) => setProperty(config, path, value, flags['set-raw-bytes'] ?? false),
    { relativize: false },
  );
  io.write(`Property ${quoted(path)} set.\n`);
}

export async function configUnset(words: readonly string[], flags: ConfigFlags, io: WriteIo): Promise<void> {
  exactly(1, words);
  const [path = ''] = words;
  if (path === '') throw new UserError('you must specify a property');
  await new ConfigAccess(flags.kubeconfig).modify((config) => unsetProperty(config, path), { relativize: false });
  io.write(`Property ${quoted(path)} unset.\n`);
}
