/** Estimated costs of Kubernetes' functions. Upstream: apiserver/pkg/cel/library/cost.go (EstimateCallCost). */
import type { Expr } from './ast.ts';
import { type CelType, sameType } from './cel-types.ts';
import { authorizerCheckCost, isOneUnit, listCreationCost, regexCost, stringTraversalCost } from './cost-runtime.ts';
import { add, fixed, multiply, type Range, scale, unbounded, union, unknownSize } from './cost-sizes.ts';

/** A target or argument of a call as the estimator knows it. */
export interface SizedNode {
  readonly path: readonly string[] | undefined;
  readonly type: CelType;
  readonly expr: Expr | undefined;
  readonly size: Range | undefined;
}

export interface CallEstimate {
  readonly cost: Range;
  readonly resultSize?: Range;
}

/** The bound that the schema gives for what lies at a path from a variable. */
export type PathSize = (path: readonly string[]) => Range | undefined;

const one: CallEstimate = { cost: fixed(1) };
const maxNameFormatRegexSize = 128;
const maxFormatSize = 64;

export function estimateLibraryCall(
  fn: string,
  overloadId: string,
  target: SizedNode | undefined,
  args: readonly SizedNode[],
  pathSize: PathSize,
): CallEstimate | undefined {
  if (isOneUnit(fn)) return one;
  const size = (node: SizedNode): Range => node.size ?? (node.path && pathSize(node.path)) ?? unknownSize;
  const walk = (range: Range, factor = 1): CallEstimate => ({ cost: scale(range, factor * stringTraversalCost) });
  const first = args[0];
  switch (fn) {
    case 'check':
      return { cost: fixed(authorizerCheckCost) };
    case 'fieldSelector':
    case 'labelSelector':
      return first && { cost: selectorCost(size(first)) };
    case 'isSorted':
    case 'sum':
    case 'max':
    case 'min':
    case 'indexOf':
    case 'lastIndexOf':
      return target && listWalk(target, size);
    case 'url':
    case 'jsonpatch.escapeKey':
      return first && { ...walk(size(first)), resultSize: size(first) };
    case 'lowerAscii':
    case 'upperAscii':
    case 'substring':
    case 'trim':
      return target && { ...walk(size(target)), resultSize: size(target) };
    case 'replace':
      if (!target || args.length < 2) return undefined;
      return { ...walk(size(target), 2), resultSize: replacedSize(size(target), size(first!), size(args[1]!)) };
    case 'split': {
      if (!target) return undefined;
      const limit = args[1]?.expr;
      const isLimited = limit?.kind === 'const' && typeof limit.value === 'bigint';
      // A limit of -1 is the largest number to upstream's uint64.
      const most = isLimited ? (limit.value as bigint) : undefined;
      const max = most === undefined ? size(target).max : most < 0n ? unbounded : Number(most);
      return { ...walk(size(target), 2), resultSize: { min: 0, max } };
    }
    case 'join':
      return target && joinCost(target, first, size);
    case 'find':
    case 'findAll': {
      if (!target || !first) return undefined;
      const text = scale(add(size(target), fixed(1)), stringTraversalCost);
      const pattern = scale(size(first), regexCost);
      return { cost: multiply(text, pattern), resultSize: { min: 0, max: size(target).max } };
    }
    case 'ip':
      if (overloadId === 'cidr_ip') return one;
      return first && walk(size(first));
    case 'ip.isCanonical':
      return first && walk(size(first), 2);
    case 'cidr':
    case 'isIP':
    case 'isCIDR':
    case 'quantity':
    case 'isQuantity':
    case 'semver':
    case 'isSemver':
      return first && walk(size(first));
    case 'containsIP':
    case 'containsCIDR': {
      if (!first) return undefined;
      const address: Range = { min: 4, max: 16 };
      let cost = scale(add(address, address), stringTraversalCost);
      if (fn === 'containsCIDR') cost = add(add(cost, scale(address, stringTraversalCost)), fixed(1));
      if (overloadId.endsWith('_string')) cost = add(cost, scale(size(first), stringTraversalCost));
      return { cost };
    }
    case 'validate':
      return first && { cost: scale(walk(size(first)).cost, maxNameFormatRegexSize * regexCost) };
    case '_==_':
      return args.length === 2 ? equalityCost(first!, args[1]!) : undefined;
    default:
      return undefined;
  }
}

function selectorCost(length: Range): Range {
  const requirements = scale(length, 0.5);
  return add(add(fixed(listCreationCost), scale(length, stringTraversalCost)), scale(requirements, 50));
}

function elementOf(list: SizedNode): SizedNode | undefined {
  const type = list.type.params[0];
  return type && { path: list.path && [...list.path, '@items'], type, expr: undefined, size: undefined };
}

function listWalk(target: SizedNode, size: (node: SizedNode) => Range): CallEstimate {
  const element = elementOf(target);
  if (!element) return { cost: scale(size(target), stringTraversalCost) };
  let each = fixed(1);
  if (element.type.kind === 'string' || element.type.kind === 'bytes') {
    each = add(each, scale(size(element), stringTraversalCost));
  }
  return { cost: multiply(size(target), each) };
}

/** Text that is replaced may grow by what replaces it, as often as it may occur. */
function replacedSize(text: Range, old: Range, by: Range): Range {
  let [countMin, countMax, keptMin, keptMax] = [0, 0, 0, 0];
  if (old.min === 0) [countMax, keptMax] = [Math.min(text.max + 1, unbounded), text.max];
  else if (by.max <= old.min) keptMax = text.max;
  else countMax = Math.ceil(text.max / old.min);
  if (old.max === 0) [countMin, keptMin] = [text.min + 1, text.min];
  else if (old.max <= by.min) keptMin = text.min;
  else countMin = Math.ceil(text.min / old.max);
  return add(multiply({ min: countMin, max: countMax }, by), { min: keptMin, max: keptMax });
}

function joinCost(target: SizedNode, separator: SizedNode | undefined, size: (node: SizedNode) => Range): CallEstimate {
  const items = size(target);
  const element = elementOf(target);
  let total = element ? multiply(items, size(element)) : fixed(0);
  if (separator) {
    const between = { min: Math.max(0, items.min - 1), max: Math.max(0, items.max - 1) };
    total = add(total, multiply(size(separator), between));
  }
  return { cost: scale(total, stringTraversalCost), resultSize: total };
}

const atOnce = new Set([
  'net.IP',
  'net.CIDR',
  'kubernetes.Quantity',
  'kubernetes.Semver',
  'kubernetes.authorization.Authorizer',
  'kubernetes.authorization.PathCheck',
  'kubernetes.authorization.GroupCheck',
  'kubernetes.authorization.ResourceCheck',
  'kubernetes.authorization.Decision',
]);

function equalityCost(left: SizedNode, right: SizedNode): CallEstimate | undefined {
  if (!sameType(left.type, right.type)) return undefined;
  if (atOnce.has(left.type.name)) return one;
  if (left.type.name === 'kubernetes.NamedFormat') {
    return { cost: scale({ min: 1, max: maxFormatSize }, stringTraversalCost) };
  }
  if (left.type.name !== 'kubernetes.URL') return undefined;
  const max = right.size && left.size ? union(right.size, left.size).max : 1;
  return { cost: scale({ min: 1, max }, stringTraversalCost) };
}
