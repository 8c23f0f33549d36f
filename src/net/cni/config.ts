/**
 * Network configurations: lists of plugins, and the single ones from before 1.0.
 * Upstream: the CNI specification 1.1, section 1; libcni/conf.go.
 */
import { decodeJson, FormatError } from '../../apimachinery/index.ts';
import { badRequest, CniError, cniCodes } from './cni-error.ts';
import { checkNetworkName } from './names.ts';
import { isVersion, oldestVersion } from './versions.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

export interface PluginConfig {
  /** The executable's name. */
  readonly type: string;
  /** What the runtime may hand to it, as the configuration says. */
  readonly capabilities: ReadonlySet<string>;
  /** All of it, as written. */
  readonly config: JsonObject;
}

export interface NetworkConfig {
  readonly name: string;
  /** `cniVersion` and `cniVersions`, without repeats. */
  readonly offeredVersions: readonly string[];
  readonly disableCheck: boolean;
  readonly disableGC: boolean;
  /** 1.1: when true, plugins are only those written here; else a folder beside the file, of the network's name, may have more. */
  readonly loadOnlyInlinedPlugins: boolean;
  readonly plugins: readonly PluginConfig[];
  /** One plugin without a list: done away with in 1.0. */
  readonly single: boolean;
  /** As it was read, for the cache. */
  readonly text: string;
}

/**
 * Reads a network configuration. `file` is named in errors.
 * @throws CniError: code 6 with line and column for what is not JSON, code 7 for what breaks the specification, code 1 for a
 * `cniVersion` that is none.
 */
export function parseNetworkConfig(text: string, file: string): NetworkConfig {
  const config = parseObject(text, file);
  try {
    return networkConfig(config, text);
  } catch (error) {
    if (error instanceof CniError) throw new CniError(`${file}: ${error.message}`, error.detail);
    throw error;
  }
}

/** A plugin's configuration from a file of its own. @throws CniError */
export function parsePluginConfig(text: string, file: string): PluginConfig {
  const config = parseObject(text, file);
  try {
    return pluginConfig(config, '');
  } catch (error) {
    if (error instanceof CniError) throw new CniError(`${file}: ${error.message}`, error.detail);
    throw error;
  }
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parseObject(text: string, file: string): JsonObject {
  try {
    const { value, duplicates } = decodeJson(text);
    if (duplicates.length > 0) throw badRequest(`${file}: ${duplicates.join(', ')}`);
    if (!isObject(value)) throw badRequest(`${file}: a network configuration is a JSON object`);
    return value;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const at = error.position === undefined ? '' : `:${error.position.line}:${error.position.column}`;
    throw badRequest(`${file}${at}: ${error.message}`, cniCodes.decodingFailure);
  }
}

function networkConfig(config: JsonObject, text: string): NetworkConfig {
  const { name, plugins } = config;
  if (typeof name !== 'string') {
    throw badRequest(name === undefined ? 'no name' : `name must be a string, not ${JSON.stringify(name)}`);
  }
  checkNetworkName(name);
  const common = {
    name,
    offeredVersions: offeredVersions(config),
    disableCheck: flag(config, 'disableCheck'),
    disableGC: flag(config, 'disableGC'),
    loadOnlyInlinedPlugins: flag(config, 'loadOnlyInlinedPlugins'),
    text,
  };
  if (plugins === undefined) {
    if (config['type'] === undefined) {
      throw badRequest(
        'neither "plugins" nor "type": a configuration is a list of plugins, or a single one with a type',
      );
    }
    return { ...common, plugins: [pluginConfig(config, '')], single: true };
  }
  if (!Array.isArray(plugins)) throw badRequest(`plugins must be a list, not ${JSON.stringify(plugins)}`);
  const read = plugins.map((plugin, i) => pluginConfig(plugin, `plugins[${i}]`));
  if (read.length === 0 && common.loadOnlyInlinedPlugins) throw badRequest('no plugins in list');
  return { ...common, plugins: read, single: false };
}

function offeredVersions({ cniVersion = oldestVersion, cniVersions = [] }: JsonObject): string[] {
  if (!Array.isArray(cniVersions)) throw badRequest('cniVersions must be a list of versions');
  const all = [...new Set([cniVersion, ...cniVersions])];
  for (const version of all) {
    if (typeof version !== 'string' || !isVersion(version)) {
      throw badRequest(
        `cniVersion ${JSON.stringify(version)} is no version: they are three numbers, as "1.0.0"`,
        cniCodes.incompatibleVersion,
      );
    }
  }
  return all as string[];
}

/** Booleans; libcni also takes them as strings. */
function flag(config: JsonObject, field: string): boolean {
  const value = config[field];
  if (value === undefined || value === false || value === 'false') return false;
  if (value === true || value === 'true') return true;
  throw badRequest(`${field} must be true or false, not ${JSON.stringify(value)}`);
}

function pluginConfig(config: unknown, at: string): PluginConfig {
  const head = at === '' ? '' : `${at}: `;
  if (!isObject(config))
    throw badRequest(`${head}a plugin's configuration is an object, not ${JSON.stringify(config)}`);
  const { type, capabilities = {} } = config;
  if (typeof type !== 'string' || type === '') throw badRequest(`${head}missing 'type'`);
  // Upstream: invoke.FindInPath. The type names an executable of the plugin folders and nothing else.
  if (type.includes('/') || type === '.' || type === '..') {
    throw badRequest(`${head}invalid plugin name: ${JSON.stringify(type)} must not contain path separators`);
  }
  if (!isObject(capabilities) || !Object.values(capabilities).every((value) => typeof value === 'boolean')) {
    throw badRequest(`${head}capabilities must say true or false for each, as {"portMappings": true}`);
  }
  const on = Object.entries(capabilities).flatMap(([name, enabled]) => (enabled ? [name] : []));
  return { type, capabilities: new Set(on), config };
}
