/**
 * `/klab/v1/…`: what Kubernetes has no word for. Behind the same authentication and RBAC as everything else; history
 * needs `get` on the object's resource besides, and Secret values are masked unless asked for.
 */
import { apiVersionOf, type ResourceDefinition } from '../api/index.ts';
import { newBadRequest, newConflict, newForbidden, parseDuration } from '../apimachinery/index.ts';
import {
  type Authorizer,
  decodeStoredObject,
  type KlabRoute,
  type RequestContext,
  type ServerResponse,
} from '../apiserver/index.ts';
import { assert, rfc3339, rfc3339Micro, type VirtualClock } from '../base/index.ts';
import { type EtcdCluster, EtcdError, type EtcdServerApi, type HistoryEntry, type KV } from '../etcd/index.ts';
import {
  type DecisionStore,
  decisionToWire,
  encodeSchedulerConfig,
  extensionPoints,
  nodeUse,
  type Scheduler,
} from '../scheduler/index.ts';
import type { ReadableHistory } from './external-etcd.ts';
import { imageRoutes } from './image-routes.ts';
import type { ClusterImages } from './images.ts';
import { type ImportDeps, importObjects } from './import.ts';
import type { NetworkCheckDeps } from './network-check.ts';
import { networkRoutes } from './network-routes.ts';
import { memberIndex, raftRoutes, raftRoutesElsewhere } from './raft-routes.ts';
import { bodyOf } from './route-body.ts';

export interface KlabRouteDeps {
  readonly clock: VirtualClock;
  /** klab's own; undefined on another etcd. */
  readonly etcd: EtcdCluster | undefined;
  /** Why something about its members cannot be asked of another etcd. */
  readonly notHere: (what: string) => string;
  readonly store: KV;
  readonly history: ReadableHistory;
  readonly decisions: DecisionStore;
  readonly scheduler: () => Scheduler | undefined;
  readonly definitions: readonly ResourceDefinition[];
  readonly authorizer: () => Authorizer | undefined;
  readonly nodes: () => readonly object[];
  readonly components: () => readonly object[];
  readonly images: ClusterImages;
  readonly network: () => NetworkCheckDeps;
  readonly storageMediaType?: ImportDeps['mediaType'];
}

const ok = (object: object): ServerResponse => ({ code: 200, body: { kind: 'object', object } });

function integer(context: RequestContext, name: string): number | undefined {
  const text = context.request.query.get(name);
  if (text === null || text === '') return undefined;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw newBadRequest(`${name} must be a whole number, not "${text}"`);
  return value;
}

export function klabRoutes(deps: KlabRouteDeps): KlabRoute[] {
  return [
    ...clockRoutes(deps.clock),
    ...etcdRoutes(deps),
    ...schedulerRoutes(deps),
    ...partRoutes(deps),
    ...imageRoutes(deps.images),
    ...networkRoutes(deps.clock, deps.network),
    importRoute(deps),
  ];
}

/** Takes over objects of another cluster; needs the right to do everything, which `*` on nonResourceURLs is. */
function importRoute({ store, definitions, storageMediaType }: KlabRouteDeps): KlabRoute {
  return {
    path: '/klab/v1/import',
    verb: 'post',
    description: 'take over objects of another cluster as they are, without running them',
    handler: async (context) => {
      const { items } = bodyOf(context);
      if (!Array.isArray(items)) throw newBadRequest('items must be a list of objects');
      const deps = { kv: store, definitions, mediaType: storageMediaType };
      return ok({ kind: 'ImportResult', ...(await importObjects(deps, items, context.provenance)) });
    },
  };
}

/** What there is; the control door (control.ts) changes it. */
function partRoutes({ nodes, components }: KlabRouteDeps): KlabRoute[] {
  const list = (kind: string, items: () => readonly object[]) => async () => ok({ kind, items: items() });
  return [
    {
      path: '/klab/v1/nodes',
      verb: 'get',
      description: 'list the simulated machines',
      handler: list('MachineList', nodes),
    },
    {
      path: '/klab/v1/components',
      verb: 'get',
      description: 'list the components of the control plane and their state',
      handler: list('ComponentList', components),
    },
  ];
}

/** @throws StatusError BadRequest. */
function durationMs(text: unknown): number {
  try {
    const ms = typeof text === 'string' ? parseDuration(text) : Number.NaN;
    if (ms >= 0) return ms;
  } catch {
    // Said below, with examples.
  }
  throw newBadRequest(`duration must be like 90s or 1h30m, not "${String(text)}"`);
}

function clockRoutes(clock: VirtualClock): KlabRoute[] {
  const state = () =>
    ok({ now: rfc3339Micro(clock.now()), epochMs: clock.now(), speed: clock.speed, paused: clock.speed === 0 });
  return [
    {
      path: '/klab/v1/clock',
      verb: 'get',
      description: 'read the cluster clock: its time, its speed, whether it is paused',
      handler: async () => state(),
    },
    {
      path: '/klab/v1/clock',
      verb: 'post',
      description: 'pause, resume, step or advance the cluster clock, or set its speed',
      handler: async (context) => {
        const { action, duration, factor } = bodyOf(context);
        switch (action) {
          case 'pause':
            clock.pause();
            break;
          case 'resume':
            if (clock.speed === 0) clock.setSpeed(1);
            break;
          case 'speed':
            if (typeof factor !== 'number' || !(factor >= 0) || factor > 1e6) {
              throw newBadRequest('factor must be a number from 0 to 1000000');
            }
            clock.setSpeed(factor);
            break;
          case 'step':
            await clock.step();
            break;
          case 'advance': {
            await clock.advance(durationMs(duration));
            break;
          }
          default:
            throw newBadRequest(`action must be pause, resume, step, advance or speed, not "${String(action)}"`);
        }
        return state();
      },
    },
  ];
}

/** The served resource that a key of the store belongs to, with the object's place. */
function objectOfKey(
  definitions: readonly ResourceDefinition[],
  key: string,
): { definition: ResourceDefinition; namespace: string; name: string } | undefined {
  if (!key.startsWith('/registry/')) return undefined;
  const path = key.slice('/registry/'.length);
  let best: ResourceDefinition | undefined;
  for (const definition of definitions) {
    const { etcdPrefix } = definition;
    if (path.startsWith(`${etcdPrefix}/`) && etcdPrefix.length > (best?.etcdPrefix.length ?? -1)) best = definition;
    else if (best?.etcdPrefix === etcdPrefix && apiVersionOf(definition) === definition.storageVersion)
      best = definition;
  }
  if (!best) return undefined;
  const rest = path.slice(best.etcdPrefix.length + 1).split('/');
  const name = rest.pop() ?? '';
  return { definition: best, namespace: best.namespaced ? (rest[0] ?? '') : '', name };
}

const masked = '(masked; add --show-secrets to see it)';

const isProtobuf = (value: Uint8Array): boolean => Buffer.from(value.subarray(0, 4)).toString('latin1') === 'k8s\0';

/** Objects, in JSON or protobuf, as objects; others as text or base64. Secret data is masked. */
function decodeValue(
  value: Uint8Array | undefined,
  { showSecrets, raw }: { readonly showSecrets: boolean; readonly raw: boolean },
): { value?: unknown; base64?: string } {
  if (!value) return {};
  const object: any = raw && showSecrets ? undefined : decodeStoredObject(value);
  if (raw && (object !== undefined ? object.kind !== 'Secret' : showSecrets || !isProtobuf(value))) {
    return { base64: Buffer.from(value).toString('base64') };
  }
  if (raw) return { value: masked };
  if (object === undefined) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    // An object that cannot be read might be a Secret.
    if (!showSecrets && isProtobuf(value)) return { value: masked };
    const text = bytes.toString('utf8');
    return /^[\x20-\x7e\s]*$/.test(text) ? { value: text } : { base64: bytes.toString('base64') };
  }
  if (object.kind === 'Secret' && !showSecrets) {
    for (const field of ['data', 'stringData']) {
      if (object[field]) object[field] = Object.fromEntries(Object.keys(object[field]).map((key) => [key, masked]));
    }
    for (const name of Object.keys(object.metadata?.annotations ?? {})) {
      if (name === 'kubectl.kubernetes.io/last-applied-configuration') object.metadata.annotations[name] = masked;
    }
  }
  return { value: object };
}

function historyItem(entry: HistoryEntry, show: { readonly showSecrets: boolean; readonly raw: boolean }): object {
  return {
    key: Buffer.from(entry.key).toString('utf8'),
    revision: entry.revision,
    version: entry.version,
    createRevision: entry.createRevision,
    // As JSON has it: an ID that no number holds is text.
    ...(entry.lease !== 0 && { lease: typeof entry.lease === 'bigint' ? String(entry.lease) : entry.lease }),
    type: entry.value === undefined ? 'delete' : entry.version === 1 ? 'create' : 'update',
    // Of what others wrote to a real etcd nobody knows when.
    ...(entry.time > 0 && { time: rfc3339(entry.time) }),
    ...(entry.provenance && {
      actor: entry.provenance.actor,
      ...(entry.provenance.agent !== undefined && { agent: entry.provenance.agent }),
      ...(entry.provenance.cause && { cause: entry.provenance.cause }),
    }),
    ...decodeValue(entry.value, show),
  };
}

function showOf(context: RequestContext): { showSecrets: boolean; raw: boolean } {
  const { query } = context.request;
  return { showSecrets: query.get('showSecrets') === 'true', raw: query.get('raw') === 'true' };
}

function etcdRoutes({ etcd, notHere, history, definitions, authorizer }: KlabRouteDeps): KlabRoute[] {
  const authorize = (context: RequestContext, key: string, verb: 'get' | 'delete' = 'get') => {
    const place = objectOfKey(definitions, key);
    const attributes = {
      user: context.user,
      verb,
      namespace: place?.namespace ?? '',
      apiGroup: place?.definition.group ?? '',
      apiVersion: place?.definition.version ?? '',
      resource: place?.definition.plural ?? '*',
      subresource: '',
      name: place?.name ?? '',
      path: '',
      resourceRequest: true,
    };
    const verdict = authorizer()?.authorize(attributes);
    if (verdict && verdict.decision !== 'allow') {
      const resource = { group: attributes.apiGroup, resource: attributes.resource };
      throw newForbidden(resource, attributes.name, `User "${context.user.name}" cannot read the history of this key`);
    }
  };
  const memberOf = (context: RequestContext): EtcdServerApi => {
    const wanted = context.request.query.get('member');
    assert(etcd, 'only the routes of klab’s own members ask');
    return etcd.member(wanted ? memberIndex(etcd, wanted) : etcd.members.indexOf(etcd.live.current));
  };
  return [
    {
      path: '/klab/v1/etcd/history',
      verb: 'get',
      description: "read every revision of a key of the store; needs get on the object's resource",
      handler: async (context) => {
        const key = context.request.query.get('key');
        if (!key) throw newBadRequest('key is required, e.g. ?key=/registry/pods/default/web');
        authorize(context, key);
        const show = showOf(context);
        const entries = await history.history(Buffer.from(key), {
          limit: integer(context, 'limit') ?? 100,
          ...(integer(context, 'before') !== undefined && { before: integer(context, 'before') }),
        });
        return ok({ kind: 'KeyHistory', key, items: entries.map((entry) => historyItem(entry, show)) });
      },
    },
    {
      path: '/klab/v1/etcd/changes',
      verb: 'get',
      description: 'read the changes of the store between two revisions, by prefix',
      handler: async (context) => {
        const prefix = context.request.query.get('prefix') ?? '';
        authorize(context, prefix);
        const to = integer(context, 'to') ?? (await history.revision());
        const entries = await history.changes({
          from: integer(context, 'from') ?? Math.max(0, to - 100),
          to,
          ...(prefix !== '' && { prefix: Buffer.from(prefix) }),
          limit: integer(context, 'limit') ?? 1000,
        });
        const show = showOf(context);
        return ok({ kind: 'ChangeList', items: entries.map((entry) => historyItem(entry, show)) });
      },
    },
    {
      path: '/klab/v1/etcd/purge',
      verb: 'post',
      description: "erase the past of a key from the disk; needs delete on the object's resource",
      handler: async (context) => {
        const { key } = bodyOf(context);
        if (typeof key !== 'string' || key === '') throw newBadRequest('key is required');
        authorize(context, key, 'delete');
        if (!etcd) throw newBadRequest(notHere('the past on the disks of its members'));
        try {
          return ok({ kind: 'KeyPurge', key, ...(await etcd.purge(Buffer.from(key))) });
        } catch (error) {
          if (error instanceof EtcdError && error.code === 'FailedPrecondition')
            throw newConflict({ group: '', resource: 'keys' }, key, error.message);
          throw error;
        }
      },
    },
    ...(etcd ? raftRoutes({ etcd, memberOf, integer, bodyOf }) : raftRoutesElsewhere(notHere)),
  ];
}

/** The configuration as it works, defaults and all. */
function describeScheduler({ config, profiles }: Scheduler): object {
  const { profiles: given, extenders, ...rest } = config;
  return {
    ...rest,
    extenders: extenders.length,
    profiles: [...profiles.values()].map(({ schedulerName, plugins, points, weights }) => ({
      schedulerName,
      plugins: plugins.map(({ plugin: { name } }) => ({
        name,
        points: extensionPoints.filter((point) => points[point].some((plugin) => plugin.name === name)),
        ...(weights.has(name) && { weight: weights.get(name) }),
        args: given.find((profile) => profile.schedulerName === schedulerName)?.args.get(name) ?? {},
      })),
    })),
  };
}

function schedulerRoutes({ decisions, scheduler }: KlabRouteDeps): KlabRoute[] {
  return [
    {
      path: '/klab/v1/scheduler/decisions/{namespace}/{name}',
      verb: 'get',
      description: 'read how the scheduler decided about a pod, by attempt',
      handler: async (context, { namespace, name }) => {
        const all = decisions.of(namespace!, name!);
        const attempt = integer(context, 'attempt');
        const byColumns = context.request.query.get('columns') === 'true';
        const items = attempt === undefined ? all.slice(-1) : all.filter((decision) => decision.attempt === attempt);
        return ok({
          kind: 'DecisionList',
          attempts: all.map(({ attempt: number, result, startedAt, message, node }) => ({
            attempt: number,
            result,
            startedAt,
            message,
            node,
          })),
          items: items.map((decision) =>
            byColumns ? decisionToWire(decision) : { ...decision, nodes: decision.nodes },
          ),
        });
      },
    },
    {
      path: '/klab/v1/scheduler/config',
      verb: 'get',
      description: 'read the profiles of the scheduler: which plugin runs where, with what weight and arguments',
      handler: async () => {
        const running = scheduler();
        if (!running) return ok({ kind: 'SchedulerProfileList', running: false, profiles: [] });
        return ok({ kind: 'SchedulerProfileList', running: true, ...describeScheduler(running) });
      },
    },
    {
      path: '/klab/v1/scheduler/configuration',
      verb: 'get',
      description: 'read the configuration of the scheduler as dry runs elsewhere need it, without private keys',
      handler: async () => {
        const running = scheduler();
        const config = running && encodeSchedulerConfig(running.config);
        return ok({ kind: 'SchedulerConfiguration', running: running !== undefined, ...(config && { config }) });
      },
    },
    {
      path: '/klab/v1/scheduler/recent',
      verb: 'get',
      description: 'list the newest decisions of the scheduler, after a serial number',
      handler: async (context) =>
        ok({ kind: 'DecisionSummaryList', items: decisions.recent(integer(context, 'after')) }),
    },
    {
      path: '/klab/v1/scheduler/queue',
      verb: 'get',
      description: 'list the pods that wait to be scheduled, and why; with lengths=true only how many',
      handler: async (context) => {
        const queue = scheduler()?.queue;
        if (!queue) return ok({ kind: 'SchedulingQueue', running: false });
        if (context.request.query.get('lengths') === 'true') {
          return ok({ kind: 'SchedulingQueue', running: true, lengths: queue.lengths });
        }
        const items = [...queue.entries()].map(({ pod, queue: where }) => ({
          pod: pod.info.key,
          queue: pod.gatedBy ? 'gated' : where,
          priority: pod.info.priority,
          attempts: pod.attempts,
          since: rfc3339(pod.timestamp),
          refusedBy: [...pod.unschedulablePlugins].sort(),
        }));
        return ok({ kind: 'SchedulingQueue', running: true, lengths: queue.lengths, items });
      },
    },
    {
      path: '/klab/v1/scheduler/nodes',
      verb: 'get',
      description: 'list how full the nodes are, as the scheduler counts',
      handler: async () => {
        const running = scheduler();
        return ok({
          kind: 'NodeUseList',
          running: running !== undefined,
          items: running ? nodeUse(running.cache) : [],
        });
      },
    },
  ];
}
