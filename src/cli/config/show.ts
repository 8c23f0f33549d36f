/** `klab config view`, `get-contexts`, `get-clusters`, `get-users`, `current-context`. Upstream: kubectl/pkg/cmd/config. */
import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { KubeObject } from '../../apimachinery/index.ts';
import { ManyErrors } from '../errors.ts';
import { UserError } from '../exit-codes.ts';
import { TabWriter, tableTabs } from '../printers/tab-writer.ts';
import type { PrintFlags } from '../write/flags.ts';
import type { WriteIo } from '../write/io.ts';
import { ResultPrinter } from '../write/result-printer.ts';
import { usageError } from '../write/usage.ts';
import { type Config, ConfigAccess, type Entry, serialize } from './config-files.ts';

export interface ConfigFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
}

export interface ConfigViewFlags extends ConfigFlags, PrintFlags {
  readonly merge?: boolean;
  readonly flatten?: boolean;
  readonly minify?: boolean;
  readonly raw?: boolean;
}

export function configView(words: readonly string[], flags: ConfigViewFlags, io: WriteIo): void {
  if (words.length > 0) throw usageError('config view', `unexpected arguments: [${words.join(' ')}]`);
  const access = new ConfigAccess(flags.kubeconfig);
  const merge = flags.merge ?? access.explicit === undefined;
  const printer = new ResultPrinter({ ...flags, output: flags.output || 'yaml' }, 'none', io.write);
  if (!merge && access.explicit === undefined) {
    throw new UserError('if merge==false a precise file must be specified');
  }
  const config = merge ? access.load() : access.loadFile(access.explicit!);
  if (flags.minify) minify(config, flags.context);
  if (flags.flatten) flatten(config, access);
  else if (!flags.raw) redact(config);
  printer.print(serialize(config) as unknown as KubeObject, '');
}

/** Only what the current context needs. Upstream: clientcmdapi.MinifyConfig. */
function minify(config: Config, context: string | undefined): void {
  if (context) config.currentContext = context;
  const name = config.currentContext;
  if (name === '') throw new UserError('current-context must exist in order to minify');
  const current = config.contexts.get(name);
  if (!current) throw new UserError(`cannot locate context ${name}`);
  const only = (map: Map<string, Entry>, key: string | undefined, what: string) => {
    if (!key) return new Map<string, Entry>();
    const entry = map.get(key);
    if (!entry) throw new UserError(`cannot locate ${what} ${key}`);
    return new Map([[key, entry]]);
  };
  config.clusters = only(config.clusters, current['cluster'], 'cluster');
  config.users = only(config.users, current['user'], 'user');
  config.contexts = new Map([[name, current]]);
}

/** Files become inline data. Upstream: clientcmdapi.FlattenConfig. */
function flatten(config: Config, access: ConfigAccess): void {
  const inline = (map: Map<string, Entry>, ...fields: string[]) => {
    for (const [name, entry] of map) {
      const folder = dirname(resolve(access.originOf(entry)));
      const out = { ...entry };
      for (const field of fields) {
        const path = out[field];
        if (typeof path !== 'string' || path === '') continue;
        if (out[`${field}-data`]) throw new UserError('cannot have values for both path and contents');
        out[`${field}-data`] = readBase64(isAbsolute(path) ? path : join(folder, path));
        out[field] = '';
      }
      map.set(name, out);
    }
  };
  inline(config.users, 'client-certificate', 'client-key');
  inline(config.clusters, 'certificate-authority');
}

/** A file's content as kubeconfigs hold it. @throws UserError in Go's words. */
function readBase64(path: string): string {
  try {
    return readFileSync(path).toString('base64');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new UserError(`open ${path}: ${code === 'ENOENT' ? 'no such file or directory' : message}`);
  }
}

/** Secrets and long data hidden. Upstream: clientcmdapi.{RedactSecrets,ShortenConfig}. */
function redact(config: Config): void {
  const hide = (map: Map<string, Entry>, words: Readonly<Record<string, string>>) => {
    for (const [name, entry] of map) {
      const out = { ...entry };
      for (const [field, word] of Object.entries(words)) if (out[field]) out[field] = word;
      map.set(name, out);
    }
  };
  const [data, secret] = ['DATA+OMITTED', 'REDACTED'];
  hide(config.clusters, { 'certificate-authority-data': data });
  hide(config.users, { 'client-certificate-data': data, 'client-key-data': data, token: secret, password: secret });
}

export function configGetContexts(
  names: readonly string[],
  flags: ConfigFlags & { readonly output?: string; readonly 'no-headers'?: boolean },
  io: WriteIo,
): void {
  const { output = '' } = flags;
  if (output !== '' && output !== 'name') {
    throw new UserError(
      `--output ${output} is not available in kubectl config get-contexts; resetting to default output format`,
    );
  }
  const config = new ConfigAccess(flags.kubeconfig).load();
  const known = names.length === 0 ? [...config.contexts.keys()] : names.filter((name) => config.contexts.has(name));
  const missing = names.filter((name) => !config.contexts.has(name));
  const out = new TabWriter(tableTabs);
  if (output === '' && !flags['no-headers']) out.write('CURRENT\tNAME\tCLUSTER\tAUTHINFO\tNAMESPACE\n');
  for (const name of known.sort()) {
    const { cluster = '', user = '', namespace = '' } = config.contexts.get(name)!;
    const mark = config.currentContext === name ? '*' : ' ';
    out.write(output === 'name' ? `${name}\n` : `${mark}\t${name}\t${cluster}\t${user}\t${namespace}\n`);
  }
  io.write(out.flush());
  const errors = missing.map((name) => new UserError(`context ${name} not found`));
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new ManyErrors(errors);
}

/** The names of all clusters or users. */
export function configGetNames(section: 'clusters' | 'users', flags: ConfigFlags, io: WriteIo): void {
  const names = [...new ConfigAccess(flags.kubeconfig).load()[section].keys()].sort();
  io.write(['NAME', ...names].map((name) => `${name}\n`).join(''));
}

export function configCurrentContext(flags: ConfigFlags, io: WriteIo): void {
  const { currentContext } = new ConfigAccess(flags.kubeconfig).load();
  if (currentContext === '') throw new UserError('current-context is not set');
  io.write(`${currentContext}\n`);
}
