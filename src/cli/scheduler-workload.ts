/** The manifests of a simulation, checked and defaulted as an API server would before anything counts on them. */
import type { ResourceDefinition } from '../api/index.ts';
import { decodeTyped, FieldErrorList, FormatError, type KubeObject, newInvalid } from '../apimachinery/index.ts';
import { builtinTypeOf } from './apply/client-side.ts';
import { describeFailure } from './apply/failure.ts';
import { UserError } from './exit-codes.ts';
import { excerpt, type Manifest, positionText } from './manifests/manifest.ts';
import type { Session } from './session.ts';
import { readFileFlags } from './write/read-files.ts';

/** Kinds that a simulation reads, by API group. */
const read: Readonly<Record<string, string>> = {
  Pod: '',
  ReplicationController: '',
  PersistentVolumeClaim: '',
  Deployment: 'apps',
  ReplicaSet: 'apps',
  StatefulSet: 'apps',
  DaemonSet: 'apps',
  Job: 'batch',
  CronJob: 'batch',
  PriorityClass: 'scheduling.k8s.io',
};

/** Rules about what may be created at all, which are admission's and not the scheduler's. */
const admission = ['LimitRange', 'ResourceQuota'];

export interface Workload {
  readonly objects: readonly KubeObject[];
  /** Sentences about what was in the files and is not part of the simulation. */
  readonly notes: readonly string[];
}

function refuse(manifest: Manifest, text: string, field?: string): never {
  const at = (field !== undefined && manifest.locate(field)) || manifest.position;
  const line = field === undefined ? undefined : manifest.line(at.line);
  throw new UserError(`${positionText(at)}: ${text}${line === undefined ? '' : `\n${excerpt(line, at)}`}`);
}

async function checked(manifest: Manifest, rows: readonly ResourceDefinition[]): Promise<KubeObject> {
  const object = structuredClone(manifest.object) as KubeObject;
  const { apiVersion = '', kind = '' } = object;
  const row = rows.find(
    (of) => of.kind === kind && apiVersion === (of.group ? `${of.group}/${of.version}` : of.version),
  );
  if (!row || row.group !== read[kind]) {
    const right = read[kind] ? `${read[kind]}/v1` : 'v1';
    refuse(manifest, `no kind "${kind}" in version "${apiVersion}"; it is in ${right}`);
  }
  if (!object.metadata?.name && !object.metadata?.generateName) refuse(manifest, `${kind} has no metadata.name`);
  const name = object.metadata.name ?? '';
  try {
    const type = await builtinTypeOf(row);
    const unknown = type ? decodeTyped(object as Record<string, unknown>, type.schema, type.schemas, { kind }) : [];
    if (unknown.length > 0) {
      refuse(manifest, `${kind} "${name}": ${unknown.join(', ')}`, /"(.*)"/.exec(unknown[0]!)?.[1]);
    }
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    refuse(manifest, `${kind} "${name}" cannot be read: ${error.message}`);
  }
  const { strategy } = row;
  strategy.applyDefaults?.(object);
  object.metadata.uid ??= `simulated-${name}`;
  strategy.prepareForCreate?.(object, { namespace: object.metadata.namespace ?? '', now: 0, subresource: '' });
  const errors = new FieldErrorList();
  strategy.validate?.(object, errors);
  if (errors.length > 0) {
    throw new UserError(describeFailure(manifest, newInvalid({ group: row.group, kind }, name, errors.errors)));
  }
  return object;
}

const named = (objects: readonly Readonly<KubeObject>[]): string => {
  const names = objects.map(({ kind, metadata }) => `${kind}/${metadata?.name ?? '?'}`);
  return names.length <= 5 ? names.join(', ') : `${names.slice(0, 5).join(', ')} and ${names.length - 5} more`;
};

/** @throws UserError with file, line and column of what an API server would refuse. */
export async function readWorkload(files: readonly string[], signal?: AbortSignal): Promise<Workload> {
  const manifests = (await readFileFlags({ filename: files, recursive: true }, 'simulated', signal)) ?? [];
  const { builtinResources } = await import('../api/index.ts');
  const objects: KubeObject[] = [];
  const rules: KubeObject[] = [];
  const others: KubeObject[] = [];
  for (const manifest of manifests) {
    const { object } = manifest;
    if (object.kind! in read) objects.push(await checked(manifest, builtinResources));
    else (admission.includes(object.kind!) ? rules : others).push(object);
  }
  const notes: string[] = [];
  if (rules.length > 0)
    notes.push(`${named(rules)}: limits and quotas are not applied, pods count as they are written.`);
  if (others.length > 0) notes.push(`${named(others)}: not simulated, the scheduler places pods only.`);
  return { objects, notes };
}

/** What a cluster's limit ranges and quotas might change about pods in these namespaces, in a sentence each. */
export async function unaskedRules(session: Session, namespaces: ReadonlySet<string>): Promise<string[]> {
  const out: string[] = [];
  for (const [word, effect] of [
    ['limitranges', 'would give pods requests that they do not name'],
    ['resourcequotas', 'may refuse some of these pods'],
  ] as const) {
    const resource = await session.find(word);
    if (!resource) continue;
    const { items } = await session.client.resource(resource).list({ signal: session.signal });
    const mine = items.filter(({ metadata }) => namespaces.has(metadata.namespace ?? ''));
    if (mine.length === 0) continue;
    const names = mine.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
    const listed =
      names.length <= 3 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
    out.push(`${resource.kind} ${listed}: not applied here; in the cluster it ${effect}.`);
  }
  return out;
}
