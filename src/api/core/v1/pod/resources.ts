/**
 * Effective resources of a pod and its QoS class. Upstream: component-helpers/resource/helpers.go,
 * pkg/apis/core/helper/qos/qos.go (1.36).
 */
import { parseQuantity, type Quantity } from '../../../../apimachinery/index.ts';
import type { Container, Pod, PodSpec } from '../../../types.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

/** Name → amount. */
export type Amounts = Map<string, Quantity>;

export const isHugePages = (name: string): boolean => name.startsWith('hugepages-');

/** Resources that `spec.resources` may name. */
export const isPodLevelResource = (name: string): boolean => name === 'cpu' || name === 'memory' || isHugePages(name);

/** What cannot be read is left out: validation names it. */
export function amountsOf(list: Readonly<Record<string, string | number>> | undefined): Amounts {
  const amounts: Amounts = new Map();
  for (const [name, text] of Object.entries(list ?? {})) {
    try {
      amounts.set(name, parseQuantity(text));
    } catch {
      // Validation names it.
    }
  }
  return amounts;
}

function addAll(total: Amounts, amounts: Amounts): void {
  for (const [name, amount] of amounts) {
    const known = total.get(name);
    total.set(name, known === undefined ? amount : known.add(amount));
  }
}

function takeMax(total: Amounts, amounts: Amounts): void {
  for (const [name, amount] of amounts) {
    const known = total.get(name);
    if (known === undefined || amount.compare(known) > 0) total.set(name, amount);
  }
}

/**
 * Sum over the containers, or what an init container needs while it runs beside the sidecars started before it, whichever
 * is more.
 */
function aggregate(spec: Readonly<PodSpec>, listOf: (container: Container) => Amounts): Amounts {
  const total: Amounts = new Map();
  for (const container of spec.containers ?? []) addAll(total, listOf(container));
  const sidecars: Amounts = new Map();
  const initPeak: Amounts = new Map();
  for (const container of spec.initContainers ?? []) {
    const amounts = listOf(container);
    if (container.restartPolicy === 'Always') {
      addAll(total, amounts);
      addAll(sidecars, amounts);
      takeMax(initPeak, sidecars);
    } else {
      const running = new Map(sidecars);
      addAll(running, amounts);
      takeMax(initPeak, running);
    }
  }
  takeMax(total, initPeak);
  return total;
}

export function aggregateContainerRequests(spec: Readonly<PodSpec>): Amounts {
  return aggregate(spec, (container) => amountsOf(container.resources?.requests));
}

export function aggregateContainerLimits(spec: Readonly<PodSpec>): Amounts {
  return aggregate(spec, (container) => amountsOf(container.resources?.limits));
}

/** What the scheduler and quota count: pod-level requests where given, else the containers', plus overhead. */
export function podRequests(pod: Readonly<Pod>): Amounts {
  const spec = pod.spec;
  const total: Amounts = new Map();
  if (!spec) return total;
  addAll(total, aggregateContainerRequests(spec));
  for (const [name, amount] of amountsOf(spec.resources?.requests)) total.set(name, amount);
  addAll(total, amountsOf(spec.overhead));
  return total;
}

const isQosResource = (name: string): boolean => name === 'cpu' || name === 'memory';

function positive(list: Readonly<Record<string, string | number>> | undefined): Amounts {
  const amounts = amountsOf(list);
  for (const [name, amount] of amounts) {
    if (!isQosResource(name) || amount.sign <= 0) amounts.delete(name);
  }
  return amounts;
}

/** QoS class as the API server sets it at creation. */
export function podQosClass(pod: Readonly<Pod>): QosClass {
  const spec = pod.spec;
  const podLevel = spec?.resources;
  const holders = podLevel
    ? [podLevel]
    : [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].map((container) => container.resources ?? {});
  const requests: Amounts = new Map();
  const limits: Amounts = new Map();
  let everyLimit = true;
  for (const holder of holders) {
    addAll(requests, positive(holder.requests));
    const holderLimits = positive(holder.limits);
    addAll(limits, holderLimits);
    if (!holderLimits.has('cpu') || !holderLimits.has('memory')) everyLimit = false;
  }
  if (requests.size === 0 && limits.size === 0) return 'BestEffort';
  const equal = [...requests].every(([name, amount]) => limits.get(name)?.compare(amount) === 0);
  return everyLimit && equal && requests.size === limits.size ? 'Guaranteed' : 'Burstable';
}
