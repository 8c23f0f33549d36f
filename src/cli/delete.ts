/** `klab delete`: objects by name, selector or manifest, and waiting until they are gone. Upstream: kubectl/pkg/cmd/delete. */
import { isNotFound, type KubeObject } from '../apimachinery/index.ts';
import { Prng, silentLogger, wallClock } from '../base/index.ts';
import { Reflector, type ResourceDescription } from '../client/index.ts';
import { targetOf, typeName } from './apply/target.ts';
import { ManyErrors } from './errors.ts';
import { exitCodes, UserError } from './exit-codes.ts';
import { inOrder } from './in-order.ts';
import type { Manifest } from './manifests/manifest.ts';
import { selectResources } from './resource-args.ts';
import type { Session } from './session.ts';
import type { WriteIo } from './write/io.ts';

/** Requests under way at once. */
const parallel = 16;

export interface DeleteRequest {
  readonly words: readonly string[];
  readonly manifests?: readonly Manifest[];
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly all: boolean;
  readonly allNamespaces: boolean;
  readonly now: boolean;
  readonly force: boolean;
  /** −1: the object's own. */
  readonly gracePeriodSeconds: number;
  readonly cascade: string;
  readonly wait: boolean;
  /** 0: until it is gone. */
  readonly timeoutMs: number;
  readonly ignoreNotFound: boolean;
  readonly dryRun: 'none' | 'client' | 'server';
  /** `name`. */
  readonly output?: string;
  /** Nothing goes before `confirm` says so. */
  readonly interactive?: boolean;
}

export interface DeleteIo {
  readonly print: (text: string) => void;
  readonly say: (text: string) => void;
  /** Asks the user; needed for `interactive`. */
  readonly confirm?: (question: string) => Promise<boolean>;
}

interface Victim {
  readonly resource: ResourceDescription;
  readonly namespace: string;
  readonly name: string;
}

type Propagation = 'Background' | 'Foreground' | 'Orphan';

const cascades: Readonly<Record<string, Propagation>> = {
  background: 'Background',
  true: 'Background',
  foreground: 'Foreground',
  orphan: 'Orphan',
  false: 'Orphan',
};

interface Checked extends DeleteRequest {
  readonly propagation: Propagation;
}

/** Flags that depend on each other. @throws UserError */
export function checkDelete(request: DeleteRequest, say: (text: string) => void): Checked {
  const usage = (text: string) => new UserError(text, exitCodes.usage);
  let { gracePeriodSeconds, wait, ignoreNotFound } = request;
  if (request.all && request.labelSelector) throw usage('cannot set --all and --selector at the same time');
  const propagation = Object.hasOwn(cascades, request.cascade) ? cascades[request.cascade] : undefined;
  if (!propagation) {
    throw usage(`invalid cascade value (${request.cascade}). Must be "background", "foreground", or "orphan"`);
  }
  if (request.now) {
    if (gracePeriodSeconds !== -1) throw usage('--now and --grace-period cannot be specified together');
    gracePeriodSeconds = 1;
  }
  if (gracePeriodSeconds === 0 && !request.force) {
    // Nobody asked for a forced deletion: the shortest graceful one.
    gracePeriodSeconds = 1;
  }
  if (request.force) {
    if (gracePeriodSeconds < 0) gracePeriodSeconds = 0;
    if (gracePeriodSeconds > 0) throw usage('--force and --grace-period greater than 0 cannot be specified together');
    say(
      'Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. The resource may continue to run on the cluster indefinitely.',
    );
  }
  // A selection is what is there: what went meanwhile is no error.
  if (request.all || request.labelSelector || request.fieldSelector) ignoreNotFound = true;
  if (request.dryRun !== 'none') wait = false;
  return { ...request, gracePeriodSeconds, wait, ignoreNotFound, propagation };
}

/** The manifests of `-f` or `-k`, read before a cluster is booted; undefined when neither is given. */
export async function readForDelete(
  flags: { readonly filename?: readonly string[]; readonly recursive: boolean; readonly kustomize?: string },
  signal?: AbortSignal,
): Promise<Manifest[] | undefined> {
  if (flags.filename?.length && flags.kustomize)
    throw new UserError('only one of -f or -k can be specified', exitCodes.usage);
  if (flags.kustomize !== undefined) {
    const { buildKustomization } = await import('./kustomize/build.ts');
    return buildKustomization(flags.kustomize, { signal });
  }
  if (!flags.filename?.length) return undefined;
  const { readManifests } = await import('./manifests/read.ts');
  return readManifests(flags.filename, { recursive: flags.recursive, signal, verb: 'deleted' });
}

/** @throws UserError, StatusError; ManyErrors when several objects failed (the others are deleted all the same). */
export async function deleteObjects(session: Session, raw: DeleteRequest, io: DeleteIo): Promise<void> {
  const request = checkDelete(raw, io.say);
  const errors: Error[] = [];
  const victims = await select(session, request, errors);
  const gone: (Victim & { readonly uid: string | undefined })[] = [];
  let found = 0;
  if (request.interactive) {
    if (errors.length > 0) throw errors.length === 1 ? errors[0] : new ManyErrors(errors);
    if (victims.length === 0) return io.print('No resources found');
    if (!(await io.confirm?.(questionOf(victims)))) return io.print('deletion is cancelled');
  }
  await inOrder(
    victims,
    { limit: parallel, signal: session.signal },
    async (victim) => {
      try {
        return await deleteOne(session, victim, request);
      } catch (error) {
        return error as Error;
      }
    },
    (result, victim) => {
      if (result instanceof Error) {
        if (isNotFound(result) && request.ignoreNotFound) return;
        errors.push(result);
        return;
      }
      found++;
      gone.push({ ...victim, uid: uidOf(result) });
      io.print(line(victim, request));
    },
  );
  session.signal?.throwIfAborted();
  if (found === 0 && errors.length === 0) io.print('No resources found');
  if (request.wait && gone.length > 0) await awaitGone(session, gone, request.timeoutMs);
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new ManyErrors(errors);
}

async function select(session: Session, request: Checked, errors: Error[]): Promise<Victim[]> {
  if (request.manifests) {
    if (request.words.length > 0) throw new UserError('cannot combine -f with names', exitCodes.usage);
    const out: Victim[] = [];
    for (const manifest of request.manifests) {
      try {
        const { resource, namespace, name } = await targetOf(session, manifest);
        if (name === '') throw new UserError('resource name may not be empty');
        out.push({ resource, namespace, name });
      } catch (error) {
        errors.push(error as Error);
      }
    }
    return out;
  }
  const selection = await selectResources(session, request.words, {
    command: 'delete',
    allNamespaces: request.allNamespaces,
    labelSelector: request.labelSelector,
    fieldSelector: request.fieldSelector,
    all: request.all,
  });
  const out: Victim[] = [];
  const { labelSelector, fieldSelector } = selection;
  for (const { resource, namespace, name } of selection.targets) {
    if (name !== undefined) {
      out.push({ resource, namespace, name });
      continue;
    }
    if (resource.verbs && !resource.verbs.includes('list')) continue;
    const calls = session.client.resource(resource).namespace(namespace);
    for await (const { items } of calls.pages({ labelSelector, fieldSelector, signal: session.signal })) {
      for (const { metadata } of items)
        out.push({ resource, namespace: metadata.namespace ?? '', name: metadata.name! });
    }
  }
  return out;
}

async function deleteOne(session: Session, victim: Victim, request: Checked): Promise<Readonly<KubeObject> | object> {
  const calls = session.client.resource(victim.resource).namespace(victim.namespace);
  if (request.dryRun === 'client') return calls.get(victim.name, { signal: session.signal });
  return calls.delete(victim.name, {
    propagationPolicy: request.propagation,
    ...(request.gracePeriodSeconds >= 0 && { gracePeriodSeconds: request.gracePeriodSeconds }),
    dryRun: request.dryRun === 'server',
    signal: session.signal,
  });
}

/** What is asked before anything goes. */
function questionOf(victims: readonly Victim[]): string {
  const lines = victims.map(({ resource, name }) => {
    const kind = resource.kind.toLowerCase();
    return `${resource.group === '' ? kind : `${kind}.${resource.group}`}/${name}`;
  });
  return `You are about to delete the following ${victims.length} resource(s):\n${lines.join('\n')}\nDo you want to continue? (y/N): `;
}

/** True when the user's next line is a y. */
export async function confirmed(question: string, io: WriteIo): Promise<boolean> {
  const { createInterface } = await import('node:readline/promises');
  io.write(question);
  const lines = createInterface({ input: process.stdin });
  try {
    for await (const text of lines) return text.trim().toLowerCase() === 'y';
    return false;
  } finally {
    lines.close();
  }
}

/** The object still there, or a Status that says which went. */
function uidOf(answer: object): string | undefined {
  const { kind, metadata, details } = answer as {
    kind?: string;
    metadata?: { uid?: string };
    details?: { uid?: string };
  };
  return kind === 'Status' ? details?.uid : metadata?.uid;
}

function line({ resource, namespace, name }: Victim, request: Checked): string {
  const type = typeName(resource);
  if (request.output === 'name') return `${type}/${name}`;
  const how = request.gracePeriodSeconds === 0 ? 'force deleted' : 'deleted';
  const where = namespace === '' ? '' : ` from ${namespace} namespace`;
  const suffix = request.dryRun === 'client' ? ' (dry run)' : request.dryRun === 'server' ? ' (server dry run)' : '';
  return `${type} "${name}" ${how}${where}${suffix}`;
}

/** Waits until each of these incarnations is gone; another object of the same name does not count. */
async function awaitGone(
  session: Session,
  victims: readonly (Victim & { readonly uid: string | undefined })[],
  timeoutMs: number,
): Promise<void> {
  const stop = new AbortController();
  const signal = session.signal ? AbortSignal.any([session.signal, stop.signal]) : stop.signal;
  const left = new Set(victims);
  const groups = Map.groupBy(victims, ({ resource, namespace }) => `${resource.group}/${resource.plural}/${namespace}`);
  const timer = timeoutMs > 0 ? wallClock.schedule(timeoutMs, () => stop.abort()) : undefined;
  try {
    await Promise.all(
      [...groups.values()].map(async (group) => {
        const finished = new AbortController();
        const { resource, namespace } = group[0]!;
        const check = (live: ReadonlyMap<string, string | undefined>) => {
          for (const victim of group) {
            const uid = live.get(victim.name);
            if (uid === undefined || (victim.uid !== undefined && uid !== victim.uid)) left.delete(victim);
          }
          if (!group.some((victim) => left.has(victim))) finished.abort();
        };
        const live = new Map<string, string | undefined>();
        const reflector = new Reflector(
          session.client.resource(resource).namespace(namespace),
          {
            async replace(objects) {
              live.clear();
              for (const { metadata } of objects) live.set(metadata.name!, metadata.uid);
              check(live);
            },
            apply(type, { metadata }) {
              if (type === 'DELETED') live.delete(metadata.name!);
              else live.set(metadata.name!, metadata.uid);
              check(live);
            },
          },
          { clock: wallClock, prng: new Prng('delete-wait'), log: silentLogger },
          group.length === 1 ? { fieldSelector: `metadata.name=${group[0]!.name}` } : {},
        );
        await reflector.run(AbortSignal.any([signal, finished.signal]));
      }),
    );
  } finally {
    timer?.cancel();
  }
  session.signal?.throwIfAborted();
  if (left.size === 0) return;
  const names = [...left].map(({ resource, name }) => `${resource.plural}/${name}`);
  throw new UserError(`timed out waiting for the condition on ${names.join(', ')}`, exitCodes.notInTime);
}
