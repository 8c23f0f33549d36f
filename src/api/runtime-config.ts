/**
 * Which resources a cluster serves. Upstream: `--runtime-config` and `--feature-gates` of kube-apiserver,
 * apiserver/pkg/server/resourceconfig/helpers.go.
 */
import { apiVersionOf, type ResourceDefinition } from './definition.ts';
import { withGatedFields } from './gated-fields.ts';
import { optionalResources } from './optional.ts';
import { builtinResources } from './resources.ts';

/** Every built-in resource, those that are off by default last. */
export const allResources: readonly ResourceDefinition[] = [
  ...builtinResources,
  ...optionalResources.map((row) => withGatedFields(row, {})),
];

/** Gates that resources hang on: their stage; all are off by default in 1.36. */
const gateStages: Readonly<Record<string, 'Alpha' | 'Beta'>> = {
  ClusterTrustBundle: 'Beta',
  DRADeviceTaintRules: 'Beta',
  DRAResourcePoolStatus: 'Alpha',
  GenericWorkload: 'Alpha',
  PodCertificateRequest: 'Beta',
  StorageVersionAPI: 'Alpha',
  StorageVersionMigrator: 'Beta',
};

/** What stands in `--runtime-config` cannot be read or names nothing. */
export class RuntimeConfigError extends Error {
  override readonly name = 'RuntimeConfigError';
}

export interface ResourcesForOptions {
  /** `api/all=true,certificates.k8s.io/v1beta1=true,apps/v1/deployments=false`, or the same as a map. */
  readonly runtimeConfig?: string | Readonly<Record<string, string | boolean>>;
  /** By name; `AllAlpha` and `AllBeta` stand for all of a stage. */
  readonly featureGates?: Readonly<Record<string, boolean>>;
}

function parseSettings(config: ResourcesForOptions['runtimeConfig']): Map<string, boolean> {
  const pairs =
    typeof config === 'string'
      ? config
          .split(',')
          .map((pair) => pair.trim())
          .filter((pair) => pair !== '')
          .map((pair): [string, string] => {
            const equals = pair.indexOf('=');
            return equals < 0 ? [pair, ''] : [pair.slice(0, equals).trim(), pair.slice(equals + 1).trim()];
          })
      : Object.entries(config ?? {});
  const settings = new Map<string, boolean>();
  for (const [key, value] of pairs) {
    const text = String(value).toLowerCase();
    if (!['', 'true', 'false', '1', '0', 't', 'f'].includes(text)) {
      throw new RuntimeConfigError(`invalid value of ${key}: ${value}`);
    }
    settings.set(key, ['', 'true', '1', 't'].includes(text));
  }
  return settings;
}

const stageOf = (version: string): 'alpha' | 'beta' | 'ga' => {
  if (version.includes('alpha')) return 'alpha';
  return version.includes('beta') ? 'beta' : 'ga';
};

/**
 * The resources of a cluster with these flags. Without any it is `builtinResources`.
 * @throws RuntimeConfigError when the text names a version or value that does not exist.
 */
export function resourcesFor(options: ResourcesForOptions = {}): readonly ResourceDefinition[] {
  const settings = parseSettings(options.runtimeConfig);
  const gates = options.featureGates ?? {};
  if (settings.size === 0 && Object.keys(gates).length === 0) return builtinResources;
  checkNames(settings);
  const asked = allResources.filter((row) => isAsked(row, settings) && isGateOpen(row, gates));
  return Object.keys(gates).length === 0 ? asked : asked.map((row) => withGatedFields(row, gates));
}

function checkNames(settings: ReadonlyMap<string, boolean>): void {
  const known = new Set(allResources.flatMap((row) => [apiVersionOf(row), `${apiVersionOf(row)}/${row.plural}`]));
  for (const key of settings.keys()) {
    if (/^api\/(all|ga|beta|alpha)$/.test(key) || known.has(key)) continue;
    const group = key.includes('/') ? key.split('/')[0]! : '';
    // Versions that are gone are ignored upstream, groups that never were are not.
    if (group === '' || !allResources.some((row) => row.group === group)) {
      throw new RuntimeConfigError(`unknown api groups ${key}`);
    }
  }
}

/** The most specific setting wins: resource, version, stage, all. */
function isAsked(row: ResourceDefinition, settings: ReadonlyMap<string, boolean>): boolean {
  const version = apiVersionOf(row);
  const keys = [`${version}/${row.plural}`, version, `api/${stageOf(row.version)}`, 'api/all'];
  for (const key of keys) {
    const value = settings.get(key);
    if (value !== undefined) return value;
  }
  return row.default !== false;
}

function isGateOpen(row: ResourceDefinition, gates: Readonly<Record<string, boolean>>): boolean {
  const gate = row.featureGate;
  return gate === undefined || (gates[gate] ?? gates[`All${gateStages[gate]}`] ?? false);
}
