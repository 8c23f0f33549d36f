/** Defaults and bounds of LimitRanges. Upstream: plugin/pkg/admission/limitranger/admission.go (1.36). */
import type { LimitRange, LimitRangeItem, PersistentVolumeClaim, Pod } from '../../api/index.ts';
import { type Amounts, aggregateContainerLimits, aggregateContainerRequests, amountsFrom } from '../../api/index.ts';
import type { KubeObject, Quantity } from '../../apimachinery/index.ts';
import type { AdmissionAttributes, AdmissionPlugin, ObjectReader } from '../types.ts';
import { admissionForbidden, resourceOf } from './forbidden.ts';

const annotation = 'kubernetes.io/limit-ranger';

type Container = NonNullable<NonNullable<Pod['spec']>['containers']>[number];

export function limitRanger(reader: ObjectReader): AdmissionPlugin {
  const ranges = (attributes: AdmissionAttributes) =>
    reader.list('limitranges', attributes.namespace) as readonly Readonly<LimitRange>[];
  return {
    name: 'LimitRanger',
    handles: (operation) => operation === 'CREATE' || operation === 'UPDATE',
    admit(attributes) {
      if (!supports(attributes) || attributes.operation !== 'CREATE' || resourceOf(attributes) !== 'pods') return;
      for (const range of ranges(attributes)) giveDefaults(attributes.object as KubeObject & Pod, range);
    },
    validate(attributes) {
      if (!supports(attributes)) return;
      const pod = resourceOf(attributes) === 'pods';
      for (const range of ranges(attributes)) {
        const errors: string[] = [];
        for (const item of range.spec?.limits ?? []) {
          if (pod) errors.push(...podErrors(attributes.object as unknown as Pod, item));
          else errors.push(...claimErrors(attributes.object as unknown as PersistentVolumeClaim, item));
        }
        if (errors.length === 0) continue;
        // Upstream's aggregate of errors: one alone as it is, several in brackets.
        const unique = [...new Set(errors)];
        throw admissionForbidden(attributes, unique.length === 1 ? unique[0]! : `[${unique.join(', ')}]`);
      }
    },
  };
}

function supports(attributes: AdmissionAttributes): boolean {
  const { subresource, operation, object } = attributes;
  if (!object || object.metadata?.deletionTimestamp !== undefined) return false;
  const resource = resourceOf(attributes);
  if (resource === 'persistentvolumeclaims') return subresource === '';
  if (resource !== 'pods') return false;
  // Containers of a pod change by resize only.
  return operation === 'CREATE' ? subresource === '' : subresource === 'resize';
}

/** What containers leave out, from the range's Container item; says so in an annotation. */
function giveDefaults(pod: KubeObject & Pod, range: Readonly<LimitRange>): void {
  const said: string[] = [];
  const item = (range.spec?.limits ?? []).find(({ type }) => type === 'Container');
  if (!item) return;
  for (const [kind, list] of [
    ['container', pod.spec?.containers ?? []],
    ['init container', pod.spec?.initContainers ?? []],
  ] as const) {
    for (const container of list) {
      const requests = fill(container, 'requests', item.defaultRequest);
      const limits = fill(container, 'limits', item.default);
      if (requests.length > 0) said.push(`${requests.join(', ')} request for ${kind} ${container.name}`);
      if (limits.length > 0) said.push(`${limits.join(', ')} limit for ${kind} ${container.name}`);
    }
  }
  if (said.length === 0) return;
  pod.metadata.annotations = {
    ...pod.metadata.annotations,
    [annotation]: `LimitRanger plugin set: ${said.join('; ')}`,
  };
}

function fill(
  container: Container,
  list: 'requests' | 'limits',
  defaults: Readonly<Record<string, string | number>> | undefined,
): string[] {
  const given = (container.resources?.[list] ?? {}) as Record<string, string | number>;
  const missing = Object.keys(defaults ?? {}).filter((name) => given[name] === undefined);
  if (missing.length === 0) return [];
  const filled = { ...given };
  for (const name of missing) filled[name] = defaults![name]!;
  container.resources = { ...container.resources, [list]: filled };
  return missing.sort();
}

function podErrors(pod: Readonly<Pod>, item: Readonly<LimitRangeItem>): string[] {
  if (item.type === 'Container') {
    const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
    return containers.flatMap((container) =>
      boundErrors(item, amountsFrom(container.resources?.requests), amountsFrom(container.resources?.limits)),
    );
  }
  if (item.type !== 'Pod' || !pod.spec) return [];
  const podLevel = (pod.spec as { resources?: { requests?: Record<string, string>; limits?: Record<string, string> } })
    .resources;
  const requests = new Map([...aggregateContainerRequests(pod.spec), ...amountsFrom(podLevel?.requests)]);
  const limits = new Map([...aggregateContainerLimits(pod.spec), ...amountsFrom(podLevel?.limits)]);
  return boundErrors(item, requests, limits);
}

function claimErrors(claim: Readonly<PersistentVolumeClaim>, item: Readonly<LimitRangeItem>): string[] {
  if (item.type !== 'PersistentVolumeClaim') return [];
  const { requests, limits } = claim.spec?.resources ?? {};
  const [asked, limited] = [amountsFrom(requests as never), amountsFrom(limits as never)];
  return sorted(item.min)
    .map(([name, bound]) => tooSmall(item.type, name, bound, asked.get(name), limited.get(name)))
    .concat(
      sorted(item.max).map(([name, bound]) => {
        // A claim is limited by what it asks for.
        const request = asked.get(name);
        if (!request) return noMaximum(item.type, name, bound, 'request');
        return request.compare(bound) > 0 ? aboveMaximum(item.type, name, bound, request, 'request') : undefined;
      }),
    )
    .filter((error) => error !== undefined);
}

function boundErrors(item: Readonly<LimitRangeItem>, requests: Amounts, limits: Amounts): string[] {
  const { type } = item;
  const errors: (string | undefined)[] = [];
  for (const [name, bound] of sorted(item.min)) {
    errors.push(tooSmall(type, name, bound, requests.get(name), limits.get(name)));
  }
  for (const [name, bound] of sorted(item.max)) {
    const [request, limit] = [requests.get(name), limits.get(name)];
    if (!limit) errors.push(noMaximum(type, name, bound, 'limit'));
    else if (limit.compare(bound) > 0) errors.push(aboveMaximum(type, name, bound, limit, 'limit'));
    if (limit && request && request.compare(bound) > 0) {
      errors.push(aboveMaximum(type, name, bound, request, 'request'));
    }
  }
  for (const [name, bound] of sorted(item.maxLimitRequestRatio)) {
    errors.push(wrongRatio(type, name, bound, requests.get(name), limits.get(name)));
  }
  return errors.filter((error) => error !== undefined);
}

function sorted(list: Readonly<Record<string, string | number>> | undefined): [string, Quantity][] {
  return [...amountsFrom(list)].sort(([a], [b]) => (a < b ? -1 : 1));
}

function tooSmall(
  type: string,
  name: string,
  bound: Quantity,
  request: Quantity | undefined,
  limit: Quantity | undefined,
): string | undefined {
  const usage = `minimum ${name} usage per ${type} is ${bound}`;
  if (!request) return `${usage}.  No request is specified`;
  if (request.compare(bound) < 0) return `${usage}, but request is ${request}`;
  if (limit && limit.compare(bound) < 0) return `${usage}, but limit is ${limit}`;
  return undefined;
}

function noMaximum(type: string, name: string, bound: Quantity, what: 'limit' | 'request'): string {
  return `maximum ${name} usage per ${type} is ${bound}.  No ${what} is specified`;
}

function aboveMaximum(type: string, name: string, bound: Quantity, value: Quantity, what: 'limit' | 'request'): string {
  return `maximum ${name} usage per ${type} is ${bound}, but ${what} is ${value}`;
}

function wrongRatio(
  type: string,
  name: string,
  bound: Quantity,
  request: Quantity | undefined,
  limit: Quantity | undefined,
): string | undefined {
  const head = `${name} max limit to request ratio per ${type} is ${bound}`;
  if (!request || request.isZero) return `${head}, but no request is specified or request is 0`;
  if (!limit || limit.isZero) return `${head}, but no limit is specified or limit is 0`;
  const ratio = limit.toNumber() / request.toNumber();
  if (ratio <= bound.toNumber()) return undefined;
  return `${head}, but provided ratio is ${ratio.toFixed(6)}`;
}
