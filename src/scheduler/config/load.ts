/**
 * Reads KubeSchedulerConfiguration v1, or the Policy of old, fills in defaults and refuses what upstream refuses.
 * Upstream: cmd/kube-scheduler/app/options/configfile.go, scheduler/apis/config/v1 (1.36).
 */
import { decodeYaml, parseDuration, type YamlDocument } from '../../apimachinery/index.ts';
import type { ExtenderConfig } from '../extender/extender.ts';
import { readExtenderTls } from '../extender/tls.ts';
import { decodeConfiguration } from './decode.ts';
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
import { validateComponent } from './validate-component.ts';

type Raw = Readonly<Record<string, any>>;

const apiVersion = 'kubescheduler.config.k8s.io/v1';
const kind = 'KubeSchedulerConfiguration';

function isRecord(value: unknown): value is Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function pluginSet(raw: Raw | undefined): PluginSet {
  const entries = (list: readonly Raw[] | undefined): PluginEntry[] =>
    (list ?? []).map(({ name = '', weight }) => ({ name, ...(weight ? { weight } : {}) }));
  return { enabled: entries(raw?.['enabled']), disabled: entries(raw?.['disabled']) };
}

/** @throws SchedulerConfigError with everything that is wrong. */
export function loadSchedulerConfig(text: string): SchedulerConfig {
  let document: YamlDocument | undefined;
  try {
    document = decodeYaml(text)[0];
  } catch (error) {
    throw new SchedulerConfigError([`couldn't decode as ${kind}: ${(error as Error).message}`]);
  }
  return schedulerConfig(document?.value ?? {}, text, document ? duplicatesOf(document, text) : []);
}

/** Fields given twice, in the words of Go's YAML reader or, for JSON, of its JSON reader. */
function duplicatesOf({ duplicates, locate }: YamlDocument, text: string): readonly string[] {
  if (duplicates.length === 0 || text.trimStart().startsWith('{')) return duplicates;
  const lines = duplicates.map((each) => {
    const path: string = JSON.parse(each.slice(each.indexOf('"')));
    return `  line ${locate(path).line}: key ${JSON.stringify(path.slice(path.lastIndexOf('.') + 1))} already set in map`;
  });
  return [`yaml: unmarshal errors:\n${lines.join('\n')}`];
}

/** The same of an object. Nothing given: the defaults. */
export function schedulerConfig(
  given: unknown = { apiVersion, kind },
  text = JSON.stringify(given),
  duplicates: readonly string[] = [],
): SchedulerConfig {
  if (!isRecord(given)) throw new SchedulerConfigError([`couldn't decode as ${kind}`]);
  const notes: string[] = [];
  let source = given;
  if (given['kind'] === 'Policy') {
    const converted = policyToConfiguration(given);
    notes.push(...converted.notes);
    source = converted.configuration;
  }
  const top = decodeConfiguration(source, text, duplicates);
  const profileList: readonly Raw[] = top['profiles'] ?? [];
  const single = profileList.length <= 1;
  const profiles = (profileList.length === 0 ? [{}] : profileList).map((profile) => readProfile(profile, single));
  const extenders: readonly Raw[] = top['extenders'] ?? [];
  const config: SchedulerConfig = {
    profiles: profiles.map(({ profile }) => profile),
    percentageOfNodesToScore: top['percentageOfNodesToScore'] ?? 0,
    podInitialBackoffSeconds: top['podInitialBackoffSeconds'] ?? 1,
    podMaxBackoffSeconds: top['podMaxBackoffSeconds'] ?? 10,
    parallelism: top['parallelism'] ?? 16,
    extenders: extenders.map(readExtender),
    notes,
  };
  const problems = [
    ...validateComponent(top),
    ...validateConfig(
      config,
      profiles.map(({ names }) => names),
    ),
  ];
  if (problems.length > 0) throw new SchedulerConfigError(problems);
  return { ...config, extenders: withTls(config.extenders, extenders) };
}

function readProfile(raw: Raw, single: boolean) {
  const plugins = Object.fromEntries(
    Object.entries(defaultPluginSets()).map(([point, set]) => [
      point,
      mergePluginSet(set, pluginSet(raw['plugins']?.[point])),
    ]),
  ) as unknown as ProfileConfig['plugins'];
  const args = new Map<string, PluginArgs>();
  const names: string[] = [];
  for (const { name = '', args: values } of (raw['pluginConfig'] ?? []) as readonly Raw[]) {
    names.push(name);
    const { apiVersion: _version, kind: _kind, ...rest } = isRecord(values) ? values : ({} as Raw);
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

function readExtender({ httpTimeout, enableHTTPS: _https, tlsConfig: _tls, ...rest }: Raw): ExtenderConfig {
  const httpTimeoutMs = httpTimeout ? parseDuration(httpTimeout) : 0;
  return {
    ...(rest as Omit<ExtenderConfig, 'httpTimeoutMs' | 'tls'>),
    ...(httpTimeoutMs > 0 && { httpTimeoutMs }),
  };
}

/** With what each is reached by. Upstream: buildExtenders, which runs after validation. */
function withTls(extenders: readonly ExtenderConfig[], raw: readonly Raw[]): ExtenderConfig[] {
  return extenders.map((extender, i) => {
    const { tlsConfig, enableHTTPS } = raw[i]!;
    const tls = readExtenderTls(isRecord(tlsConfig) ? tlsConfig : undefined, enableHTTPS === true);
    return tls ? { ...extender, tls } : extender;
  });
}
