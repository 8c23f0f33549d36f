/**
 * What evaluating costs, counted while it happens.
 * Upstream: cel-go interpreter/runtimecost.go, apiserver/pkg/cel/library/cost.go (CallCost), common/cost.go.
 */
import { FormatValue } from './library/kubernetes.ts';
import { CelList, CelMap, OpaqueValue, sizeOf, type Value } from './values.ts';

/** Per character of text that is walked over. */
export const stringTraversalCost = 0.1;
/** Per character of a regular expression. */
export const regexCost = 0.25;
export const listCreationCost = 10;
export const mapCreationCost = 30;
export const structCreationCost = 40;

/** A tenth per unit, rounded up, in the floating point upstream uses: 70 characters cost 8. */
export function tenth(size: number): number {
  return Math.ceil(size * stringTraversalCost);
}

export class CostLimitExceeded extends Error {
  constructor() {
    super('operation cancelled: actual cost limit exceeded');
  }
}

/** List operations cost one walk over the list and all in it; here Go rounds down. */
function traversal(value: Value): number {
  if (typeof value === 'string') return Math.floor(Buffer.byteLength(value) * stringTraversalCost);
  if (value instanceof Uint8Array) return Math.floor(value.length * stringTraversalCost);
  if (value instanceof CelList) return value.items.reduce<number>((sum, item) => sum + traversal(item), 0);
  if (value instanceof CelMap) {
    return value.keys().reduce<number>((sum, key) => sum + traversal(key) + traversal(value.get(key)!), 0);
  }
  return 1;
}

const oneUnit = new Set(
  (
    'serviceAccount path group resource subresource namespace name allowed reason error errored masked prefixLength ' +
    'family isUnspecified isLoopback isLinkLocalMulticast isLinkLocalUnicast isGlobalUnicast format.named sign ' +
    'asInteger isInteger asApproximateFloat isGreaterThan isLessThan compareTo add sub major minor patch getScheme ' +
    'getHostname getHost getPort getEscapedPath getQuery'
  ).split(' '),
);

export function isOneUnit(fn: string): boolean {
  return oneUnit.has(fn);
}

/** One authorizer check. */
export const authorizerCheckCost = 350_000;

/** Parsing the text, and a list and a struct for every two characters. */
export function selectorCost(length: number): number {
  return listCreationCost + tenth(length) + Math.ceil(length * 0.5) * (listCreationCost + structCreationCost);
}

/** undefined: not a function of Kubernetes' libraries. */
function libraryCost(fn: string, overloadId: string, args: readonly Value[], result: Value): number | undefined {
  if (oneUnit.has(fn)) return 1;
  const first = (): number => sizeOf(args[0]!);
  switch (fn) {
    case 'check':
      return authorizerCheckCost;
    case 'fieldSelector':
    case 'labelSelector':
      return selectorCost(sizeOf(args[1]!));
    case 'isSorted':
    case 'sum':
    case 'max':
    case 'min':
    case 'indexOf':
    case 'lastIndexOf':
      return traversal(args[0]!);
    case 'url':
    case 'lowerAscii':
    case 'upperAscii':
    case 'substring':
    case 'trim':
    case 'jsonpatch.escapeKey':
    case 'cidr':
    case 'isIP':
    case 'isCIDR':
    case 'quantity':
    case 'isQuantity':
    case 'semver':
    case 'isSemver':
      return tenth(first());
    case 'ip':
      return overloadId === 'cidr_ip' ? 1 : tenth(first());
    case 'replace':
    case 'split':
    case 'ip.isCanonical':
      return tenth(first() * 2);
    case 'join':
      return tenth(sizeOf(result) * 2);
    case 'find':
    case 'findAll':
      return tenth(first() + 1) * Math.ceil(sizeOf(args[1]!) * regexCost);
    case 'containsIP':
    case 'containsCIDR': {
      const network = first();
      let cost = tenth(network * 2);
      if (fn === 'containsCIDR') cost += tenth(network) + 1;
      if (overloadId.endsWith('_string')) cost += tenth(sizeOf(args[1]!));
      return cost;
    }
    case 'validate': {
      const format = args[0]!;
      if (!(format instanceof FormatValue)) return undefined;
      return tenth(sizeOf(args[1]!) + 1) * Math.ceil(format.maxRegexSize * regexCost);
    }
    case '_==_':
      return args[0] instanceof OpaqueValue ? 1 : undefined;
    default:
      return undefined;
  }
}

export function callCost(fn: string, overloadId: string, args: readonly Value[], result: Value): number {
  const known = libraryCost(fn, overloadId, args, result);
  if (known !== undefined) return known;
  switch (overloadId) {
    case 'starts_with_string':
    case 'ends_with_string':
    case 'string_to_bytes':
    case 'bytes_to_string':
    case 'strings_quote':
    case 'string_format':
      return tenth(sizeOf(args[0]!));
    case 'in_list':
      return sizeOf(args[1]!);
    case 'equals':
    case 'not_equals':
    case 'less_string':
    case 'greater_string':
    case 'less_equals_string':
    case 'greater_equals_string':
    case 'less_bytes':
    case 'greater_bytes':
    case 'less_equals_bytes':
    case 'greater_equals_bytes':
      return tenth(Math.min(sizeOf(args[0]!), sizeOf(args[1]!)));
    case 'add_string':
    case 'add_bytes':
      return tenth(sizeOf(args[0]!) + sizeOf(args[1]!));
    case 'matches_string':
      return tenth(sizeOf(args[0]!) + 1) * Math.ceil(sizeOf(args[1]!) * regexCost);
    case 'contains_string':
      return tenth(sizeOf(args[0]!)) * tenth(sizeOf(args[1]!));
    default:
      return 1;
  }
}
