/** `klab wait`. Upstream: kubectl/pkg/cmd/wait (1.36). */
import { isNotFound, isResourceExpired, type KubeObject, newNotFound } from '../../apimachinery/index.ts';
import { wallClock } from '../../base/index.ts';
import { statusOfEvent } from '../../client/index.ts';
import { ManyErrors } from '../errors.ts';
import { exitCodes, UserError } from '../exit-codes.ts';
import { durationFlag } from '../flag-values.ts';
import { itemsOf } from '../get/fetch.ts';
import type { Output } from '../get/plan.ts';
import { ObjectPrinter, objectName } from '../printers/object-printer.ts';
import { parseOutputFormat } from '../printers/output-format.ts';
import { type ResourceTarget, selectResources } from '../resource-args.ts';
import type { Session } from '../session.ts';
import { parseWaitCondition, type WaitCondition } from './conditions.ts';

export interface WaitRequest {
  readonly words: readonly string[];
  /** Objects of `-f` files. */
  readonly objects?: readonly KubeObject[];
  /** Conditions, all to be met one after the other. */
  readonly for: readonly string[];
  /** Default 30s. Zero: check once. Negative: a week. */
  readonly timeout?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly all?: boolean;
  readonly allNamespaces?: boolean;
  readonly output?: string;
}

/** Time a wait has, shared by all its objects. */
interface Deadline {
  /** Aborts when the time is over or the user interrupts. */
  readonly signal: AbortSignal;
  /** Check once, do not wait. */
  readonly once: boolean;
  readonly over: () => boolean;
}

/** @throws UserError (exit code 3) naming what did not come true in time. */
export async function waitFor(session: Session, request: WaitRequest, io: Output): Promise<void> {
  if (request.for.length === 0) throw new UserError('unrecognized condition: []', exitCodes.usage);
  const conditions = request.for.map(parseWaitCondition);
  const timeoutMs = durationFlag('timeout', request.timeout ?? '30s');
  const limit = new AbortController();
  const timer = wallClock.schedule(timeoutMs < 0 ? 7 * 86_400_000 : timeoutMs, () => limit.abort());
  const deadline: Deadline = {
    signal: session.signal ? AbortSignal.any([session.signal, limit.signal]) : limit.signal,
    once: timeoutMs === 0,
    over: () => limit.signal.aborted,
  };
  try {
    await run(session, request, conditions, deadline, io);
  } finally {
    timer.cancel();
  }
}

async function run(
  session: Session,
  request: WaitRequest,
  conditions: readonly WaitCondition[],
  deadline: Deadline,
  io: Output,
): Promise<void> {
  const print = metPrinter(request, io);
  const forDelete = conditions.some(({ kind }) => kind === 'delete');
  const forCreate = conditions.some(({ kind }) => kind === 'create');
  const errors: Error[] = [];
  const targets = forCreate ? await untilCreated(session, request, deadline) : await named(session, request);
  for (const target of targets) {
    try {
      for (const condition of conditions) {
        const object = condition.kind === 'create' ? target.object : await met(session, target, condition, deadline);
        const shown = object ?? target.object;
        // What was never there is gone without a word.
        if (shown) print(shown);
      }
    } catch (error) {
      session.signal?.throwIfAborted();
      if (forDelete && isNotFound(error)) continue;
      errors.push(error as Error);
    }
  }
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new ManyErrors(errors);
  if (targets.length === 0 && !forDelete) throw new UserError('no matching resources found');
}

interface NamedTarget extends ResourceTarget {
  readonly name: string;
  readonly object?: Readonly<KubeObject>;
}

/** Every object meant, with its name; lists are read now. */
async function named(session: Session, request: WaitRequest): Promise<NamedTarget[]> {
  const out: NamedTarget[] = [];
  for (const object of request.objects ?? []) {
    const resource = await session.resolveKind(object.apiVersion, object.kind);
    const namespace = resource.namespaced ? object.metadata.namespace || session.namespace : '';
    out.push({ resource, namespace, name: object.metadata.name ?? '', object });
  }
  if (request.objects && request.words.length === 0) return out;
  const { targets, labelSelector, fieldSelector } = await selectResources(session, request.words, {
    command: 'wait',
    all: request.all,
    allNamespaces: request.allNamespaces,
    labelSelector: request.labelSelector,
    fieldSelector: request.fieldSelector,
  });
  for (const target of targets) {
    if (target.name !== undefined) {
      out.push({ ...target, name: target.name });
      continue;
    }
    const { resource } = target;
    const objects = session.client.resource(resource).namespace(target.namespace);
    for await (const page of objects.pages({ labelSelector, fieldSelector, signal: session.signal })) {
      for (const object of itemsOf(page) ?? []) {
        const { name = '', namespace = '' } = object.metadata;
        out.push({ resource, namespace, name, object });
      }
    }
  }
  return out;
}

/** Asks every half second until something is there. */
async function untilCreated(session: Session, request: WaitRequest, deadline: Deadline): Promise<NamedTarget[]> {
  for (;;) {
    const targets = await named(session, request);
    const found: NamedTarget[] = [];
    for (const target of targets) {
      const objects = session.client.resource(target.resource).namespace(target.namespace);
      const object = await objects.get(target.name, { signal: session.signal }).catch((error: unknown) => {
        if (isNotFound(error)) return undefined;
        throw error;
      });
      if (object) found.push({ ...target, object });
    }
    if (targets.length > 0 && found.length === targets.length) return found;
    if (deadline.once || deadline.over()) throw notInTime('timed out waiting for the condition');
    await wallClock.sleep(500, deadline.signal).catch(() => session.signal?.throwIfAborted());
  }
}

/** The object once the condition is met; undefined when it was to be deleted and was not there. */
async function met(
  session: Session,
  target: NamedTarget,
  condition: WaitCondition,
  deadline: Deadline,
): Promise<Readonly<KubeObject> | undefined> {
  const { resource, name } = target;
  const objects = session.client.resource(resource).namespace(target.namespace);
  const fieldSelector = `metadata.name=${name}`;
  const late = () => notInTime(`timed out waiting for the condition on ${resource.plural}/${name}`);
  let last: Readonly<KubeObject> | undefined;
  for (;;) {
    const list = await objects.list({ fieldSelector, signal: session.signal });
    const object = itemsOf(list)?.[0];
    if (condition.kind === 'delete' && !object) return last;
    if (condition.kind === 'object') {
      if (!object) throw newNotFound({ group: resource.group, resource: resource.plural }, name);
      if (condition.met(object)) return object;
    }
    last = object ?? last;
    if (deadline.once) throw notInTime(`condition not met for ${resource.plural}/${name}`);
    if (deadline.over()) throw late();
    try {
      const { signal } = deadline;
      const { resourceVersion } = list.metadata;
      for await (const event of await objects.watch({ fieldSelector, resourceVersion, signal })) {
        // The server tells why it ends the watch; a fresh list goes on from there.
        const failure = statusOfEvent(event);
        if (failure && !isResourceExpired(failure)) throw failure;
        if (failure) break;
        const seen = event.object as KubeObject;
        if (event.type === 'DELETED') {
          if (condition.kind === 'delete') return seen;
          break;
        }
        if (condition.kind === 'object' && event.type !== 'BOOKMARK' && condition.met(seen)) return seen;
      }
    } catch (error) {
      session.signal?.throwIfAborted();
      if (!deadline.over()) throw error;
    }
    session.signal?.throwIfAborted();
    if (deadline.over()) throw late();
  }
}

function notInTime(message: string): UserError {
  return new UserError(message, exitCodes.notInTime);
}

/** `pod/web condition met`, or the object in the format asked for. */
function metPrinter(request: WaitRequest, io: Output): (object: Readonly<KubeObject>) => void {
  const format = parseOutputFormat(request.output, {
    formats: ['json', 'yaml', 'name', 'jsonpath', 'jsonpath-as-json', 'jsonpath-file'],
  });
  if (format.kind === 'table') return (object) => io.out(`${objectName(object)} condition met\n`);
  const printer = new ObjectPrinter(format);
  return (object) => io.out(printer.text(object));
}
