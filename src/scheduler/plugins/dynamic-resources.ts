/**
 * Claims of a pod must be allocated to devices the node reaches, or be allocatable there.
 * Upstream: scheduler/framework/plugins/dynamicresources/dynamicresources.go (1.36).
 */
import type { Pod, ResourceClaim } from '../../api/index.ts';
import { deepEqual, parseDuration } from '../../apimachinery/index.ts';
import type { Clock, Prng } from '../../base/index.ts';
import type { EventRecorder, KubeClient } from '../../client/index.ts';
import { Allocator, type ClaimChoices } from '../devices/allocator.ts';
import { ClaimBinder, hasBindingConditions, isReady } from '../devices/binding.ts';
import type { DeviceCatalog, NodeSelectorFields } from '../devices/catalog.ts';
import { type AllocationFields, allocationOf, type Claim, type ClaimTracker } from '../devices/claims.ts';
import { countDevices } from '../devices/count.ts';
import { ExtendedClaim, removeExtended, type Variant, writeExtended } from '../devices/extended-claim.ts';
import type { ExtendedClassSource } from '../devices/extended-classes.ts';
import { claimsOf, isReservedFor } from '../devices/pod-claims.ts';
import { AllocationError, type ClassSource, requestsOf } from '../devices/requests.ts';
import { allocationFor } from '../devices/result.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import type { CycleState, Plugin, PostFilterResult, Refusal } from '../framework/types.ts';
import { termMatches } from './node-affinity.ts';
import { normalizeDefault } from './normalize.ts';

const name = 'DynamicResources';
/** Upstream: FirstAvailableDeviceRequestMaxSize. The first alternative scores so much, each further one less. */
const maxAlternatives = 8;

/** What there is of devices. */
export interface DeviceSources {
  readonly claims: ClaimTracker;
  readonly catalog: DeviceCatalog;
  readonly deviceClass: ClassSource;
  /** Absent: classes provide no extended resources. Upstream: the gate DRAExtendedResource. */
  readonly extendedClass?: ExtendedClassSource;
}

export interface DynamicResourcesDeps {
  readonly devices: DeviceSources;
  readonly client: KubeClient;
  readonly clock: Clock;
  /** Ids of shares. Absent: nothing is bound here (dry runs). */
  readonly prng?: Prng;
  readonly events?: EventRecorder;
  readonly onError?: (message: string, error: unknown) => void;
}

/** Upstream: DynamicResourcesArgs. `filterTimeout` is read and means nothing: see the README. */
export interface DynamicResourcesArgs {
  readonly filterTimeout?: string;
  /** How long devices may take to be ready. Default 10m. */
  readonly bindingTimeout?: string;
}

interface State {
  /** Those that the pod names. */
  readonly claims: Claim[];
  /** The one for its extended resources, when classes provide some. */
  readonly extended?: ExtendedClaim;
  /** What was decided for those that are not allocated; set by Reserve. */
  readonly decided: Map<number, AllocationFields>;
  readonly allocator?: Allocator;
  readonly byNode: Map<string, readonly ClaimChoices[]>;
  /** Allocated claims that some node cannot use. */
  readonly unavailable: Set<number>;
}

const refuse = (reason: string, detail?: string): Refusal => ({
  code: 'UnschedulableAndUnresolvable',
  reasons: [reason],
  ...(detail !== undefined && { detail }),
});

const fault = (message: string): Refusal => ({ code: 'Error', reasons: [message] });

const unsuccessful = (reason: string): PostFilterResult => ({ success: false, reasons: [reason] });

export function dynamicResources(deps: DynamicResourcesDeps, args: DynamicResourcesArgs = {}): Plugin {
  const { devices, client, clock, prng, events, onError } = deps;
  const { claims: tracker, catalog, deviceClass, extendedClass } = devices;
  const timeoutMs = args.bindingTimeout === undefined ? 600_000 : parseDuration(args.bindingTimeout);
  const writing = { client, clock, tracker };
  const binder = new ClaimBinder(writing, timeoutMs);
  const stateOf = (state: CycleState) => state.get<State>(name);

  /** A request of the claim names a class that is not there. */
  const missingClass = (claim: Claim): Refusal | undefined => {
    for (const { name: request, exactly, firstAvailable = [] } of requestsOf(claim)) {
      const classes = exactly
        ? [[request, exactly.deviceClassName] as const]
        : firstAvailable.map((other) => [`${request}/${other.name}`, other.deviceClassName] as const);
      for (const [where, wanted] of classes) {
        if (!wanted) return fault(`request ${where}: unsupported request type`);
        if (!deviceClass(wanted)) return refuse(`request ${where}: device class ${wanted} does not exist`);
      }
    }
    return undefined;
  };

  /** Is the allocated claim of use on the node? */
  const isAvailable = (claim: Claim, node: NodeInfo): boolean => {
    const selector = allocationOf(claim)?.nodeSelector as NodeSelectorFields | undefined;
    if (selector && !selector.nodeSelectorTerms.some((term) => termMatches(term, node))) return false;
    if (!hasBindingConditions(claim)) return true;
    try {
      return isReady(claim) || !binder.isLate(claim);
    } catch {
      // Its device has failed: PostFilter may free it.
      return false;
    }
  };

  /** Why the node does not have what the claims ask for, for those who read the decision. */
  const shortage = (open: readonly Claim[], variant: Variant | undefined, node: NodeInfo): string => {
    const names = open.filter((claim) => claim !== variant?.claim).map(({ metadata }) => metadata.name);
    const parts = names.length > 0 ? [`no devices left for ${names.join(', ')}`] : [];
    const resources = new Set(variant?.mappings.map(({ resourceName }) => resourceName));
    for (const resource of resources) {
      const provider = extendedClass!(resource)!;
      const { all, taken } = countDevices(devices, provider, node);
      const found = `${all} ${all === 1 ? 'device matches' : 'devices match'}, ${all - taken} free`;
      parts.push(`extended resource ${resource} is provided by DeviceClass ${provider.metadata.name}: ${found}`);
    }
    return parts.join('; ');
  };

  return {
    name,
    events: [
      { resource: 'nodes', actions: ['add', 'updateLabel', 'updateAllocatable'] },
      {
        resource: 'resourceclaims',
        actions: ['add', 'update'],
        hint({ pod }, old, now) {
          const own = claimsOf(pod, tracker);
          if (typeof own === 'string') return false;
          const [before, after] = [old as Claim | undefined, now as Claim];
          if (before && allocationOf(before) && !allocationOf(after)) return true;
          if (!own.some(({ metadata }) => metadata.uid === after.metadata.uid)) return false;
          return !before || !deepEqual(before.status ?? {}, after.status ?? {});
        },
      },
      {
        resource: 'pods',
        actions: ['updateGeneratedClaim'],
        hint: ({ uid }, _old, now) => now?.metadata.uid === uid && typeof claimsOf(now as Pod, tracker) !== 'string',
      },
      { resource: 'deviceclasses', actions: ['add', 'update'] },
      { resource: 'resourceslices', actions: ['add', 'update'] },
    ],
    preEnqueue(pod) {
      if (!pod.spec?.resourceClaims?.length) return undefined;
      const own = claimsOf(pod, tracker);
      return typeof own === 'string' ? refuse(own) : undefined;
    },
    preFilter(state, info) {
      const { pod } = info;
      const nothing: State = { claims: [], decided: new Map(), byNode: new Map(), unavailable: new Set() };
      state.set(name, nothing);
      const claims = pod.spec?.resourceClaims?.length ? claimsOf(pod, tracker) : [];
      if (typeof claims === 'string') return refuse(claims);
      const extended = extendedClass && ExtendedClaim.of(info, extendedClass, () => tracker.extendedOf(pod));
      if (claims.length === 0 && !extended) return { skip: true };
      let open = extended !== undefined && !extended.stale;
      for (const claim of claims) {
        if (allocationOf(claim)) continue;
        open = true;
        const { namespace, name: claimName, uid } = claim.metadata;
        if (tracker.pending(uid!)) {
          return refuse(`resource claim ${namespace}/${claimName} is in the process of being allocated`);
        }
        const problem = missingClass(claim);
        if (problem) return problem;
      }
      const allocator = open ? new Allocator(catalog, tracker, deviceClass) : undefined;
      const more = { ...(allocator && { allocator }), ...(extended && { extended }) };
      state.set(name, { ...nothing, claims: [...claims], ...more } satisfies State);
      return undefined;
    },
    filter(state, _pod, node) {
      const own = stateOf(state);
      if (!own || (own.claims.length === 0 && !own.extended)) return undefined;
      if (own.extended?.stale) {
        const left = own.extended.stale.metadata.name;
        return refuse('cannot schedule extended resource claim', `${left} is left from an attempt that failed`);
      }
      const variant = own.extended?.variantFor(node.name, node.allocatable.scalar);
      if (typeof variant === 'string') {
        return refuse('cannot fit resource', `the node has no ${variant}, and no DeviceClass provides it`);
      }
      if (own.claims.length === 0 && !variant) {
        own.byNode.set(node.name, []);
        return undefined;
      }
      let useless: Claim | undefined;
      for (const [i, claim] of own.claims.entries()) {
        if (!allocationOf(claim) || isAvailable(claim, node)) continue;
        own.unavailable.add(i);
        useless ??= claim;
      }
      if (useless) {
        const detail = `claim ${useless.metadata.name} is allocated to devices that are elsewhere or not ready`;
        if (!own.allocator) return refuse('resourceclaim not available on the node', detail);
      }
      if (!own.allocator) return undefined;
      const open = own.claims.filter((claim) => !allocationOf(claim));
      if (variant) open.push(variant.claim);
      try {
        const result = own.allocator.allocate(node, open);
        if (!result.claims) {
          if (result.timedOut) return fault(`node ${node.name}: timed out trying to allocate devices`);
          return refuse(result.reason ?? 'cannot allocate all claims', shortage(open, variant, node));
        }
        if (useless) return refuse('resourceclaim not available on the node');
        own.byNode.set(node.name, result.claims);
        return undefined;
      } catch (error) {
        if (error instanceof AllocationError) return fault(error.message);
        throw error;
      }
    },
    postFilter(state, { pod }) {
      const own = stateOf(state);
      // Another plugin's PreFilter came first and refused. Upstream's words, which end PostFilter.
      if (!own) return { ...unsuccessful('not found'), final: true };
      if (own.claims.length === 0 && !own.extended) return unsuccessful('no new claims to deallocate');
      const done = (reason: string, work: Promise<void>) =>
        work.then(
          () => unsuccessful(reason),
          (error: unknown) => ({ ...unsuccessful(String((error as Error).message)), final: true }),
        );
      for (const i of own.unavailable) {
        const claim = own.claims[i]!;
        const users = claim.status?.reservedFor ?? [];
        if (users.length > 1 || (users.length === 1 && users[0]!.uid !== pod.metadata.uid)) continue;
        return done('deallocation of ResourceClaim completed', binder.deallocate(claim));
      }
      const stale = own.extended?.stale;
      if (stale) return done('deletion of ResourceClaim completed', removeExtended(stale, writing));
      return unsuccessful('still not schedulable');
    },
    preScore: (state) => (stateOf(state)?.claims.length ? undefined : 'skip'),
    score(state, _pod, node) {
      const { claims, byNode } = stateOf(state)!;
      const chosen = byNode.get(node.name);
      if (!chosen) return 0;
      let score = 0;
      for (const claim of claims) {
        const results = allocationOf(claim)?.devices.results.map(({ request }) => request);
        const met = new Set(
          results ?? chosen.find(({ plan }) => plan.claim === claim)?.choices.map(({ wish }) => wish.name),
        );
        for (const { name: request, firstAvailable = [] } of requestsOf(claim)) {
          const at = firstAvailable.findIndex((other) => met.has(`${request}/${other.name}`));
          if (at >= 0) score += maxAlternatives - at;
        }
      }
      return score;
    },
    normalizeScores: (_state, _pod, scores) => normalizeDefault(scores, 100, false),
    reserve(state, _pod, node) {
      const own = stateOf(state);
      if (!own?.allocator) return undefined;
      const chosen = own.byNode.get(node);
      if (!chosen) return fault('claim allocation not found for node');
      for (const choices of chosen) {
        const allocation = allocationFor(choices, node, () => prng?.uuid() ?? '');
        const { claim } = choices.plan;
        const variant = own.extended?.on(node);
        if (claim === variant?.claim) own.extended!.reserved = { variant, allocation };
        else own.decided.set(own.claims.indexOf(claim), allocation);
        tracker.setPending(claim, allocation);
      }
      return undefined;
    },
    unreserve(state, { pod }) {
      const own = stateOf(state);
      for (const [i, claim] of own?.claims.entries() ?? []) {
        if (own!.decided.has(i)) tracker.setPending(claim, undefined);
        if (!allocationOf(claim) || !isReservedFor(claim, pod)) continue;
        binder
          .release(claim, pod)
          .catch((error: unknown) => onError?.(`claim ${claim.metadata.name} is still reserved`, error));
      }
      const { reserved, written } = own?.extended ?? {};
      if (reserved) tracker.setPending(reserved.variant.claim, undefined);
      if (!written) return;
      removeExtended(written, writing).catch((error: unknown) =>
        onError?.(`claim ${written.metadata.name} could not be deleted`, error),
      );
    },
    preBindPreFlight(state) {
      const own = stateOf(state);
      return own !== undefined && (own.claims.length > 0 || own.extended !== undefined);
    },
    async preBind(state, { pod }, node, signal) {
      const own = stateOf(state);
      if (!own) return;
      for (const [i, claim] of own.claims.entries()) {
        if (isReservedFor(claim, pod)) continue;
        own.claims[i] = (await binder.bind(claim, own.decided.get(i), pod, signal)) as Readonly<ResourceClaim>;
      }
      const { extended } = own;
      if (extended?.reserved) await writeExtended(extended, writing, binder, pod, signal);
      const all = extended?.written ? [...own.claims, extended.written] : own.claims;
      if (!all.some(hasBindingConditions)) return;
      const text = `waiting for binding conditions for device on node ${node}`;
      events?.event(pod, 'Normal', 'BindingConditionsPending', text);
      const keys = all.map(({ metadata }) => [metadata.namespace!, metadata.name!] as const);
      await binder.waitReady(keys, signal);
    },
  };
}
