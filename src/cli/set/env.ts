/** `klab set env`. Upstream: kubectl/pkg/cmd/set/set_env.go, set/env. */
import { isEnvVarName, type KubeObject } from '../../apimachinery/index.ts';
import { UserError } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import type { WriteIo } from '../write/io.ts';
import { eachLiveObject, oneLiveObject } from '../write/live-objects.ts';
import { readFileFlags } from '../write/read-files.ts';
import { type Container, type EnvVar, podSpecOf, type SetFlags, setOn } from './set.ts';

export interface EnvFlags extends SetFlags {
  readonly containers?: string;
  readonly env?: readonly string[];
  readonly from?: string;
  readonly keys?: readonly string[];
  readonly list?: boolean;
  readonly overwrite?: boolean;
  readonly prefix?: string;
  readonly resolve?: boolean;
}

interface EnvChange {
  readonly add: readonly EnvVar[];
  readonly remove: readonly string[];
}

/** `A=b` sets, `C-` removes, `-` reads lines from stdin. */
export function parseEnv(specs: readonly string[]): EnvChange {
  const add: EnvVar[] = [];
  const remove: string[] = [];
  const seen = new Set<string>();
  for (const spec of specs) {
    const at = spec.indexOf('=');
    if (at >= 0) {
      const name = spec.slice(0, at);
      if (isEnvVarName(name).length > 0)
        throw new UserError(`${JSON.stringify(name)} is not a valid key name: ${isEnvVarName(name).join(';')}`);
      seen.add(name);
      add.push({ name, value: spec.slice(at + 1) });
    } else if (spec.endsWith('-')) remove.push(spec.slice(0, -1));
    else throw new UserError(`unknown environment variable: ${spec}`);
  }
  for (const name of remove) {
    if (seen.has(name))
      throw new UserError(
        `can not both modify and remove environment variable ${JSON.stringify(name)} in the same command`,
      );
  }
  return { add, remove };
}

/** `*` and `?` as in a shell. */
function matcher(pattern = '*'): (name: string) => boolean {
  const source = [...pattern]
    .map((c) => (c === '*' ? '.*' : c === '?' ? '.' : c.replace(/[.+^${}()|[\]\\]/, '\\$&')))
    .join('');
  const regex = new RegExp(`^${source}$`);
  return (name) => regex.test(name);
}

const envName = (key: string) => key.toUpperCase().replace(/[^A-Z0-9_]/g, '_');

async function envFrom(session: Session, flags: EnvFlags, io: WriteIo): Promise<EnvVar[]> {
  const source = await oneLiveObject(
    session,
    { command: 'set env', words: [flags.from!] },
    'at most one source may be given',
  );
  const { kind } = source.object;
  if (kind !== 'Secret' && kind !== 'ConfigMap') throw new UserError(`unsupported resource specified in --from`);
  const ref = kind === 'Secret' ? 'secretKeyRef' : 'configMapKeyRef';
  const wanted = flags.keys?.length ? new Set(flags.keys) : undefined;
  const keys = Object.keys((source.object as { data?: object }).data ?? {}).sort();
  return keys
    .filter((key) => !wanted || wanted.has(key))
    .map((key) => {
      const name = envName(key);
      if (name !== key) io.say(`Warning: key ${key} transferred to ${name}`);
      return { name: `${flags.prefix ?? ''}${name}`, valueFrom: { [ref]: { name: source.name, key } } };
    });
}

export async function setEnv(
  words: readonly string[],
  flags: EnvFlags,
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<void> {
  const resources = words.filter((word) => !isEnvWord(word));
  const change = parseEnv([...words.filter(isEnvWord), ...(flags.env ?? [])]);
  if (resources.length === 0 && !flags.filename?.length && !flags.kustomize) {
    throw new UserError('one or more resources must be specified as <resource> <name> or <resource>/<name>');
  }
  if (flags.list && flags.output) throw new UserError('--list and --output may not be specified together');
  if (flags.keys?.length && !flags.from)
    throw new UserError('when specifying --keys, a configmap or secret must be provided with --from');
  const chosen = matcher(flags.containers);
  const containersOf = (object: KubeObject) => {
    const spec = podSpecOf(object);
    const all = [...(spec.initContainers ?? []), ...spec.containers].filter(({ name }) => chosen(name));
    if (all.length === 0)
      io.say(
        `warning: ${object.kind.toLowerCase()}s/${object.metadata.name} does not have any containers matching ${JSON.stringify(flags.containers)}`,
      );
    return all;
  };
  if (flags.list) {
    const manifests = await readFileFlags(flags, 'listed', io.signal);
    const opened = await session();
    await eachLiveObject(
      opened,
      { command: 'set env', words: resources, manifests, selector: flags.selector, all: flags.all },
      ({ object }) => {
        for (const container of containersOf(object)) listEnv(object, container, io);
      },
    );
    return;
  }
  const add = [...(flags.from ? await envFrom(await session(), flags, io) : []), ...change.add];
  await setOn(resources, flags, session, io, 'env updated', (object) => {
    for (const container of containersOf(object)) {
      if (flags.overwrite === false) {
        for (const { name, value } of add) {
          const old = container.env?.find((entry) => entry.name === name);
          if (old && old.value !== value)
            throw new UserError(`'${name}' already has a value (${old.value ?? ''}), and --overwrite is false`);
        }
      }
      container.env = merged(container.env ?? [], add, change.remove);
      if (container.env.length === 0) delete container.env;
    }
  });
}

const isEnvWord = (word: string) => word.includes('=') || (word.endsWith('-') && word.length > 1) || word === '-';

/** Existing variables keep their place; of one name the last value counts. */
function merged(old: readonly EnvVar[], add: readonly EnvVar[], remove: readonly string[]): EnvVar[] {
  const out: EnvVar[] = old.filter(({ name }) => !remove.includes(name)).map((entry) => ({ ...entry }));
  for (const entry of add) {
    const at = out.findIndex(({ name }) => name === entry.name);
    if (at >= 0) out[at] = entry;
    else out.push(entry);
  }
  return out;
}

function listEnv(object: KubeObject, container: Container, io: WriteIo): void {
  io.write(`# ${object.kind} ${object.metadata.name}, container ${container.name}\n`);
  for (const { name, value, valueFrom } of container.env ?? []) {
    io.write(valueFrom ? `# ${name} from ${sourceText(valueFrom)}\n` : `${name}=${value ?? ''}\n`);
  }
}

function sourceText(from: any): string {
  if (from.configMapKeyRef) return `configmap ${from.configMapKeyRef.name}, key ${from.configMapKeyRef.key}`;
  if (from.secretKeyRef) return `secret ${from.secretKeyRef.name}, key ${from.secretKeyRef.key}`;
  if (from.fieldRef) return `field path ${from.fieldRef.fieldPath}`;
  if (from.resourceFieldRef) {
    const { containerName, resource } = from.resourceFieldRef;
    return containerName ? `resource field ${containerName}/${resource}` : `resource field ${resource}`;
  }
  return 'invalid valueFrom';
}
