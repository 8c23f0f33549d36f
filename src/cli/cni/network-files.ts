/** Network configurations from files and folders, as a runtime of Kubernetes finds them. Upstream: libcni/conf.go. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { type NetworkConfig, type PluginConfig, parseNetworkConfig, parsePluginConfig } from '../../net/index.ts';
import { UserError } from '../exit-codes.ts';

/** Where container runtimes look. */
export const defaultConfFolder = '/etc/cni/net.d';

const extensions = ['.conf', '.conflist', '.json'];

export interface FoundNetwork {
  readonly network: NetworkConfig;
  readonly file: string;
  readonly warnings: readonly string[];
}

/**
 * Reads `at`, a file or a folder. In a folder it is the network named, or that of the first file by name, as containerd has it.
 * @throws UserError where nothing is found; CniError for what is found and wrong.
 */
export function findNetwork(at: string, name?: string): FoundNetwork {
  const stat = statSync(at, { throwIfNoEntry: false });
  if (!stat) throw new UserError(`no network configuration: ${at} does not exist`);
  if (!stat.isDirectory()) {
    const found = readNetwork(at);
    if (name !== undefined && found.network.name !== name) {
      throw new UserError(`${at} configures network "${found.network.name}", not "${name}"`);
    }
    return found;
  }
  const files = confFiles(at);
  if (files.length === 0)
    throw new UserError(`no network configuration in ${at}: it has no ${extensions.join(', ')} file`);
  if (name === undefined) return readNetwork(files[0]!);
  const all = files.map(readNetwork);
  const found = all.find(({ network }) => network.name === name);
  if (found) return found;
  const names = all.map(({ network }) => network.name).join(', ');
  throw new UserError(`no network "${name}" in ${at}: there ${all.length === 1 ? 'is' : 'are'} ${names}`);
}

function readNetwork(file: string): FoundNetwork {
  const network = parseNetworkConfig(readText(file), file);
  const more = network.loadOnlyInlinedPlugins || network.single ? [] : besidePlugins(join(dirname(file), network.name));
  if (network.plugins.length + more.length === 0) throw new UserError(`${file}: no plugins in list`);
  const warnings: string[] = [];
  if (network.single && network.offeredVersions.some((version) => !version.startsWith('0.'))) {
    warnings.push(`${file}: CNI 1.0 knows no configuration without a list; runtimes take it as a list of one plugin`);
  }
  if (!network.single && extname(file) === '.conf') {
    warnings.push(`${file}: a list of plugins belongs into a .conflist file: runtimes read a .conf as a single plugin`);
  }
  return { network: { ...network, plugins: [...network.plugins, ...more] }, file, warnings };
}

/** Plugins of a network from the folder of its name, after those of its list. Upstream: since libcni 1.3. */
function besidePlugins(folder: string): PluginConfig[] {
  const isFolder = statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false;
  if (!isFolder) return [];
  const files = readdirSync(folder).filter((name) => name.endsWith('.conf'));
  return files.sort().map((name) => parsePluginConfig(readText(join(folder, name)), join(folder, name)));
}

function confFiles(folder: string): string[] {
  const names = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && extensions.includes(extname(entry.name)))
    .map((entry) => entry.name);
  return names.sort().map((name) => join(folder, name));
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UserError(`${file} cannot be read: ${(error as Error).message}`);
  }
}
