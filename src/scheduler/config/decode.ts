/**
 * Strict decoding: unknown and duplicate fields, wrong types, arguments of another plugin.
 * Upstream: KubeSchedulerConfiguration.DecodeNestedObjects, apimachinery/pkg/runtime/serializer/json.
 */
import { decodeTyped, deepCopy, FormatError, isObject, parseDuration } from '../../apimachinery/index.ts';
import { configSchema, configSchemas } from './schema.ts';
import { SchedulerConfigError } from './types.ts';

type Raw = Record<string, any>;

const apiVersion = 'kubescheduler.config.k8s.io/v1';
const kind = 'KubeSchedulerConfiguration';
const unregistered = (given: string, version: string) =>
  `no kind "${given}" is registered for version "${version}" in scheme "pkg/scheduler/apis/config/scheme/scheme.go:30"`;

/**
 * A copy of the configuration with the types that it should have.
 * @param text what it was read from, for messages.
 * @param duplicates what reading found twice.
 * @throws SchedulerConfigError with upstream's message.
 */
export function decodeConfiguration(given: Raw, text: string, duplicates: readonly string[]): Raw {
  if (!given['kind']) throw new SchedulerConfigError([`Object 'Kind' is missing in '${text}'`]);
  if (!given['apiVersion']) throw new SchedulerConfigError([`Object 'apiVersion' is missing in '${text}'`]);
  if (given['apiVersion'] !== apiVersion || given['kind'] !== kind) {
    throw new SchedulerConfigError([unregistered(String(given['kind']), String(given['apiVersion']))]);
  }
  const raw = deepCopy(given);
  const strict = [...duplicates, ...decodeStruct(raw, kind, '')];
  const leader = raw['leaderElection'] as Raw | undefined;
  for (const field of ['leaseDuration', 'renewDeadline', 'retryPeriod']) checkDuration(leader, field, '');
  for (const extender of (raw['extenders'] ?? []) as Raw[]) checkDuration(extender, 'httpTimeout', '');
  refuse(strict);
  const nested: string[] = [];
  for (const [i, { pluginConfig }] of ((raw['profiles'] ?? []) as Raw[]).entries()) {
    for (const [j, { name = '', args }] of ((pluginConfig ?? []) as Raw[]).entries()) {
      const at = `decoding .profiles[${i}].pluginConfig[${j}]: `;
      const unknown = decodeArgs(name, args, at);
      if (unknown.length > 0) {
        const inner = `strict decoding error: ${unknown.join(', ')}`;
        nested.push(`${at}strict decoding error: decoding args for plugin ${name}: ${inner}`);
      }
    }
  }
  refuse(nested);
  return raw;
}

function refuse(problems: readonly string[]): void {
  if (problems.length > 0) throw new SchedulerConfigError([`strict decoding error: ${problems.join(', ')}`]);
}

/** Unknown fields of a plugin's arguments, which get their types in place. */
function decodeArgs(name: string, args: unknown, at: string): string[] {
  const type = `${name}Args`;
  if (!configSchema(type) || args === undefined || args === null) return [];
  const prefix = `${at}decoding args for plugin ${name}: `;
  if (!isObject(args)) {
    const found = Array.isArray(args) ? 'array' : typeof args === 'boolean' ? 'bool' : typeof args;
    const fields = 'APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\""';
    const why = `json: cannot unmarshal ${found} into Go value of type struct { ${fields} }`;
    throw new SchedulerConfigError([`${prefix}couldn't get version/kind; json parse error: ${why}`]);
  }
  const given = args as Raw;
  const version = given['apiVersion'] || apiVersion;
  const argsKind = given['kind'] || type;
  if (version !== apiVersion || !configSchema(argsKind)) {
    throw new SchedulerConfigError([prefix + unregistered(argsKind, version)]);
  }
  if (argsKind !== type) {
    const group = 'kubescheduler.config.k8s.io';
    throw new SchedulerConfigError([
      `${at}args for plugin ${name} were not of type ${type}.${group}, got ${argsKind}.${group}`,
    ]);
  }
  const emptyShape = name === 'VolumeBinding' && Array.isArray(given['shape']) && given['shape'].length === 0;
  const unknown = decodeStruct(given, type, prefix);
  // Decoding drops empty lists. This one is refused for being there at all.
  if (emptyShape) given['shape'] = [];
  for (const field of ['filterTimeout', 'bindingTimeout']) checkDuration(given, field, prefix);
  return unknown;
}

function decodeStruct(raw: Raw, name: string, prefix: string): string[] {
  try {
    return decodeTyped(raw, configSchema(name)!, configSchemas, { kind: name });
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new SchedulerConfigError([prefix + error.message]);
  }
}

function checkDuration(owner: Raw | undefined, field: string, prefix: string): void {
  const value = owner?.[field];
  if (value === undefined || value === null) return;
  if (typeof value !== 'string') {
    const found = typeof value === 'boolean' ? 'bool' : Array.isArray(value) ? 'array' : typeof value;
    throw new SchedulerConfigError([`${prefix}json: cannot unmarshal ${found} into Go value of type string`]);
  }
  try {
    parseDuration(value);
  } catch (error) {
    throw new SchedulerConfigError([prefix + (error as Error).message]);
  }
}
