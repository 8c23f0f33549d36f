/** Resource amounts: of containers, pods and nodes. Upstream: component-helpers/resource (1.36). */
import type { Pod, ResourceRequirements } from '../../api/index.ts';
import { addQuantity, canonicalQuantity, compareBytes, compareQuantity } from '../../apimachinery/index.ts';
import type { DescribeWriter } from './writer.ts';

export type Amounts = Readonly<Record<string, string | number>>;

export function sortedNames(amounts: Readonly<Record<string, unknown>> | undefined): string[] {
  return Object.keys(amounts ?? {}).sort(compareBytes);
}

export function describeResources(w: DescribeWriter, resources: ResourceRequirements | undefined, level: number): void {
  for (const [title, amounts] of [
    ['Limits', resources?.limits],
    ['Requests', resources?.requests],
  ] as const) {
    const names = sortedNames(amounts);
    if (names.length > 0) w.line(level, `${title}:`);
    for (const name of names) w.line(level + 1, `${name}:`, canonicalQuantity(amounts![name]!));
  }
}

/**
 * Requests or limits of a pod: its containers together with the init containers that stay, or the largest moment of
 * its start, whichever is more, and its overhead. Amounts set for the whole pod win.
 */
export function podAmounts(pod: Readonly<Pod>, list: 'requests' | 'limits'): Record<string, string> {
  const spec = pod.spec;
  const statuses = new Map((pod.status?.containerStatuses ?? []).map((status) => [status.name, status]));
  let total: Record<string, string> = {};
  for (const container of spec?.containers ?? []) {
    const wanted = container.resources?.[list];
    const actual = list === 'requests' ? statuses.get(container.name)?.resources?.requests : undefined;
    total = plus(total, actual ? most(wanted, actual) : wanted);
  }
  let staying: Record<string, string> = {};
  let starting: Record<string, string> = {};
  for (const container of spec?.initContainers ?? []) {
    const wanted = container.resources?.[list];
    if (container.restartPolicy === 'Always') {
      total = plus(total, wanted);
      staying = plus(staying, wanted);
      starting = most(starting, staying);
    } else starting = most(starting, plus(staying, wanted));
  }
  total = most(total, starting);
  const whole = (spec as { resources?: ResourceRequirements } | undefined)?.resources?.[list];
  if (whole) total = { ...total, ...plus({}, whole) };
  const { overhead } = spec ?? {};
  if (!overhead) return total;
  if (list === 'requests') return plus(total, overhead);
  // Overhead raises only limits that are set.
  return plus(total, Object.fromEntries(Object.entries(overhead).filter(([name]) => name in total)));
}

export function plus(a: Amounts, b: Amounts | undefined): Record<string, string> {
  const out: Record<string, string> = canonical(a);
  for (const [name, amount] of Object.entries(b ?? {})) {
    out[name] = out[name] === undefined ? canonicalQuantity(amount) : addQuantity(out[name], amount);
  }
  return out;
}

function most(a: Amounts | undefined, b: Amounts | undefined): Record<string, string> {
  const out: Record<string, string> = canonical(a);
  for (const [name, amount] of Object.entries(b ?? {})) {
    if (out[name] === undefined || compareQuantity(amount, out[name]) > 0) out[name] = canonicalQuantity(amount);
  }
  return out;
}

function canonical(amounts: Amounts | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(amounts ?? {}).map(([name, amount]) => [name, canonicalQuantity(amount)]));
}
