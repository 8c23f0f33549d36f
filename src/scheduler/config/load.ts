/**
 * Reads KubeSchedulerConfiguration v1, or the Policy of old, fills in defaults and refuses what upstream refuses.
 * Upstream: cmd/kube-scheduler/app/options/configfile.go, scheduler/apis/config/v1 (1.36).
 */
import { decodeYaml, parseDuration } from '../../apimachinery/index.ts';
import type { ExtenderConfig } from '../extender/extender.ts';
import { extensionPoints } from '../framework/types.ts';
import { defaultArguments, defaultPluginSets, mergePluginSet, pluginsWithArguments } from './defaults.ts';
import { policyToConfiguration } from './legacy-policy.ts';
import {
  type PluginArgs,
  type PluginEntry,
  type PluginSet,
  type ProfileConfig,
  type SchedulerConfig,
  SchedulerConfigError,
} from './types.ts';
import { validateConfig } from './validate.ts';

type Raw = Readonly<Record<string, any>>;

const apiVersion = 'kubescheduler.config.k8s.io/v1';
const kind = 'KubeSchedulerConfiguration';

const topFields = [
  'apiVersion',
  'kind',
  'parallelism',
  'leaderElection',
  'clientConnection',
  'healthzBindAddress',
  'metricsBindAddress',
  'enableProfiling',
  'enableContentionProfiling',
  'percentageOfNodesToScore',
  'podInitialBackoffSeconds',
  'podMaxBackoffSeconds',
  'profiles',
  'extenders',
  'delayCacheUntilActive',
];
const profileFields = ['schedulerName', 'percentageOfNodesToScore', 'plugins', 'pluginConfig'];
const extenderFields = [
  'urlPrefix',
  'filterVerb',
  'preemptVerb',
  'prioritizeVerb',
  'weight',
  'bindVerb',
  'enableHTTPS',
  'tlsConfig',
  'httpTimeout',
  'nodeCacheCapable',
  'managedResources',
  'ignorable',
];

function isRecord(value: unknown): value is Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

class Reader {
  readonly unknown: string[] = [];

  record(value: unknown, path: string, known: readonly string[]): Raw {
    if (value === undefined || value === null) return {};
    if (!isRecord(value)) throw new SchedulerConfigError([`${path || 'the configuration'} must be an object`]);
    for (const key of Object.keys(value)) {
      if (!known.includes(key)) this.unknown.push(`unknown field "${path === '' ? key : `${path}.${key}`}"`);
    }
    return value;
  }

  list(value: unknown, path: string): readonly unknown[] {
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value)) throw new SchedulerConfigError([`${path} must be a list`]);
    return value;
  }

  pluginSet(value: unknown, path: string): PluginSet {
    const raw = this.record(value, path, ['enabled', 'disabled']);
    const entries = (name: string): PluginEntry[] =>
      this.list(raw[name], `${path}.${name}`).map((entry, i) => {
        const { name: plugin = '', weight } = this.record(entry, `${path}.${name}[${i}]`, ['name', 'weight']);
        return { name: plugin, ...(weight ? { weight } : {}) };
      });
    return { enabled: entries('enabled'), disabled: entries('disabled') };
  }
}

/** @throws SchedulerConfigError with everything that is wrong. */
export function loadSchedulerConfig(text: string): SchedulerConfig {
  let parsed: unknown;
  try {
    parsed = decodeYaml(text)[0]?.value;
  } catch (error) {
    throw new SchedulerConfigError([`couldn't decode as ${kind}: ${(error as Error).message}`]);
  }
  return schedulerConfig(parsed ?? {});
}

/** The same of an object. Nothing given: the defaults. */
export function schedulerConfig(given: unknown = { apiVersion, kind }): SchedulerConfig {
  if (!isRecord(given)) throw new SchedulerConfigError([`couldn't decode as ${kind}`]);
  const notes: string[] = [];
  let raw = given;
  if (given['kind'] === 'Policy') {
    const converted = policyToConfiguration(given);
    notes.push(...converted.notes);
    raw = converted.configuration;
  }
  if (raw['kind'] === undefined || raw['kind'] === '') {
    throw new SchedulerConfigError([`Object 'Kind' is missing in '${JSON.stringify(given)}'`]);
  }
  if (raw['apiVersion'] !== apiVersion || raw['kind'] !== kind) {
    const at = `no kind "${raw['kind']}" is registered for version "${raw['apiVersion'] ?? ''}" in scheme`;
    throw new SchedulerConfigError([`${at} "pkg/scheduler/apis/config/scheme/scheme.go:30"`]);
  }
  const reader = new Reader();
  const top = reader.record(raw, '', topFields);
  const profileList = reader.list(top['profiles'], 'profiles');
  const single = profileList.length <= 1;
  const profiles = (profileList.length === 0 ? [{}] : profileList).map((profile, i) =>
    readProfile(reader, profile, i, single),
  );
  const config: SchedulerConfig = {
    profiles: profiles.map(({ profile }) => profile),
    percentageOfNodesToScore: top['percentageOfNodesToScore'] ?? 0,
    podInitialBackoffSeconds: top['podInitialBackoffSeconds'] ?? 1,
    podMaxBackoffSeconds: top['podMaxBackoffSeconds'] ?? 10,
    parallelism: top['parallelism'] ?? 16,
    extenders: reader.list(top['extenders'], 'extenders').map((extender, i) => readExtender(reader, extender, i)),
    notes,
  };
  if (reader.unknown.length > 0)
    throw new SchedulerConfigError([`strict decoding error: ${reader.unknown.join(', ')}`]);
  const problems = validateConfig(
    config,
    profiles.map(({ names }) => names),
  );
  if (problems.length > 0) throw new SchedulerConfigError(problems);
  return config;
}

function readProfile(reader: Reader, given: unknown, index: number, single: boolean) {
  const path = `profiles[${index}]`;
  const raw = reader.record(given, path, profileFields);
  const custom = reader.record(raw['plugins'], `${path}.plugins`, ['multiPoint', ...extensionPoints]);
  const defaults = defaultPluginSets();
  const plugins = Object.fromEntries(
    Object.entries(defaults).map(([point, set]) => [
      point,
      mergePluginSet(set, reader.pluginSet(custom[point], `${path}.plugins.${point}`)),
    ]),
  ) as unknown as ProfileConfig['plugins'];
  const args = new Map<string, PluginArgs>();
  const names: string[] = [];
  for (const [i, entry] of reader.list(raw['pluginConfig'], `${path}.pluginConfig`).entries()) {
    const { name = '', args: values } = reader.record(entry, `${path}.pluginConfig[${i}]`, ['name', 'args']);
    names.push(name);
    const { apiVersion: _version, kind: argsKind, ...rest } = isRecord(values) ? values : ({} as Raw);
    if (argsKind !== undefined && argsKind !== `${name}Args` && pluginsWithArguments.includes(name)) {
      throw new SchedulerConfigError([
        `${path}.pluginConfig[${i}].args: Invalid value: "${argsKind}": has to match plugin args`,
      ]);
    }
    if (!args.has(name)) args.set(name, defaultArguments(name, rest));
  }
  for (const name of pluginsWithArguments) if (!args.has(name)) args.set(name, defaultArguments(name));
  const profile: ProfileConfig = {
    schedulerName: raw['schedulerName'] ?? (single ? 'default-scheduler' : ''),
    plugins,
    args,
    ...(typeof raw['percentageOfNodesToScore'] === 'number' && {
      percentageOfNodesToScore: raw['percentageOfNodesToScore'],
    }),
  };
  return { profile, names };
}

function readExtender(reader: Reader, given: unknown, index: number): ExtenderConfig {
  const { httpTimeout, enableHTTPS, tlsConfig, ...rest } = reader.record(given, `extenders[${index}]`, extenderFields);
  let httpTimeoutMs = 0;
  if (httpTimeout !== undefined) {
    try {
      httpTimeoutMs = parseDuration(String(httpTimeout));
    } catch (error) {
      throw new SchedulerConfigError([`extenders[${index}].httpTimeout: ${(error as Error).message}`]);
    }
  }
  const pem = (data: unknown) => (typeof data === 'string' ? Buffer.from(data, 'base64').toString('utf8') : undefined);
  const tls = isRecord(tlsConfig) ? tlsConfig : undefined;
  const [ca, cert, key] = [pem(tls?.['caData']), pem(tls?.['certData']), pem(tls?.['keyData'])];
  return {
    ...(rest as Omit<ExtenderConfig, 'httpTimeoutMs' | 'tls'>),
    ...(httpTimeoutMs > 0 && { httpTimeoutMs }),
    ...((tls || enableHTTPS) && {
      tls: {
        // Without a CA, upstream does not verify when it is only told to use HTTPS.
        insecure: tls?.['insecure'] === true || (enableHTTPS === true && ca === undefined),
        ...(tls?.['serverName'] && { serverName: tls['serverName'] as string }),
        ...(ca && { ca }),
        ...(cert && { cert }),
        ...(key && { key }),
      },
    }),
  };
}
