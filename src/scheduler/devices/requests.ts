/** What a claim asks for, checked and made ready for the search. Upstream: allocator_incubating.go (validateDeviceRequest). */
import { compileDeviceSelector, type DeviceSelectorCompilation } from '../../apimachinery/cel/index.ts';
import { objectKey } from '../../apimachinery/index.ts';
import type { Claim } from './claims.ts';
import { type Constraint, constraintOf } from './constraints.ts';
import { type Amounts, amountsOf } from './quantities.ts';

/** Something is wrong with a claim, a class or a device: the attempt fails. */
export class AllocationError extends Error {}

/** Upstream: resource/v1 AllocationResultsMaxSize. */
export const maxResults = 32;

export interface Selector {
  readonly cel?: { readonly expression: string };
}

export interface ConfigFields {
  readonly requests?: readonly string[];
  readonly opaque?: object;
}

export interface DeviceClassFields {
  readonly metadata: { readonly name?: string; readonly creationTimestamp?: string };
  readonly spec?: {
    readonly selectors?: readonly Selector[];
    readonly config?: readonly ConfigFields[];
    readonly extendedResourceName?: string;
  };
}

export type ClassSource = (name: string) => DeviceClassFields | undefined;

interface AlternativeFields {
  readonly name?: string;
  readonly deviceClassName?: string;
  readonly selectors?: readonly Selector[];
  readonly allocationMode?: string;
  readonly count?: number;
  readonly adminAccess?: boolean;
  readonly tolerations?: readonly object[];
  readonly capacity?: { readonly requests?: Readonly<Record<string, string>> };
}

interface RequestFields {
  readonly name: string;
  readonly exactly?: AlternativeFields;
  readonly firstAvailable?: readonly AlternativeFields[];
}

interface SpecFields {
  readonly devices?: {
    readonly requests?: readonly RequestFields[];
    readonly constraints?: readonly object[];
    readonly config?: readonly ConfigFields[];
  };
}

export interface SelectorCheck {
  /** Said before what went wrong: `class gpu: selector #0`. */
  readonly where: string;
  readonly compiled: DeviceSelectorCompilation;
}

/** A request, or one alternative of a request that takes the first available. */
export interface Wish {
  readonly request: string;
  /** `request`, or `request/alternative`. */
  readonly name: string;
  /** Its own name alone, for messages. */
  readonly own: string;
  readonly deviceClass: DeviceClassFields;
  readonly all: boolean;
  readonly count: number;
  readonly adminAccess: boolean;
  readonly selectors: readonly SelectorCheck[];
  readonly tolerations: readonly object[] | undefined;
  readonly capacity: Amounts | undefined;
}

export interface ClaimPlan {
  readonly claim: Claim;
  readonly key: string;
  /** Per request, its alternatives in order; one when it is an exact one. */
  readonly requests: readonly (readonly Wish[])[];
  readonly config: readonly ConfigFields[];
}

const compiled = new Map<string, DeviceSelectorCompilation>();
const maxCompiled = 256;

/** Few expressions are used again and again. */
function compile(expression: string): DeviceSelectorCompilation {
  let result = compiled.get(expression);
  if (!result) {
    result = compileDeviceSelector(expression);
    if (compiled.size >= maxCompiled) compiled.delete(compiled.keys().next().value!);
    compiled.set(expression, result);
  }
  return result;
}

export const specOf = (claim: Claim): SpecFields => (claim.spec ?? {}) as SpecFields;

export function requestsOf(claim: Claim): readonly RequestFields[] {
  return specOf(claim).devices?.requests ?? [];
}

/** @throws AllocationError when it asks for what there cannot be */
export function planOf(claim: Claim, classOf: ClassSource): ClaimPlan {
  const key = objectKey(claim);
  const { devices = {} } = specOf(claim);
  const requests = requestsOf(claim).map(({ name, exactly, firstAvailable = [] }) =>
    exactly
      ? [wishOf(exactly, name, undefined, key, classOf)]
      : firstAvailable.map((fields) => wishOf(fields, name, fields.name!, key, classOf)),
  );
  return { claim, key, requests, config: devices.config ?? [] };
}

/** They have state: each search needs its own. */
export function constraintsOf(claim: Claim): Constraint[] {
  return (specOf(claim).devices?.constraints ?? []).map((fields, i) => {
    const constraint = constraintOf(fields);
    if (constraint) return constraint;
    const problem = `constraint #${i}: empty constraint (unsupported constraint type?)`;
    throw new AllocationError(`claim ${objectKey(claim)}, ${problem}`);
  });
}

const checks = (list: readonly Selector[], where: string): readonly SelectorCheck[] =>
  list.map(({ cel }, i) => ({ where: `${where}: selector #${i}`, compiled: compile(cel?.expression ?? '') }));

export function classSelectors({ metadata, spec }: DeviceClassFields): readonly SelectorCheck[] {
  return checks(spec?.selectors ?? [], `class ${metadata.name}`);
}

function wishOf(
  fields: AlternativeFields,
  request: string,
  alternative: string | undefined,
  key: string,
  classOf: ClassSource,
): Wish {
  const own = alternative ?? request;
  const fail = (text: string): never => {
    throw new AllocationError(`claim ${key}, request ${own}${text}`);
  };
  const { selectors = [], deviceClassName, allocationMode, count = 1, adminAccess = false, capacity } = fields;
  for (const [i, { cel }] of selectors.entries()) {
    if (!cel) fail(`, selector #${i}: CEL expression empty (unsupported selector type?)`);
  }
  if (!deviceClassName) fail(': missing device class name (unsupported request type?)');
  const deviceClass = classOf(deviceClassName!);
  if (!deviceClass) {
    const missing = `deviceclass.resource.k8s.io "${deviceClassName}" not found`;
    return fail(`: could not retrieve device class ${deviceClassName}: ${missing}`);
  }
  if (allocationMode !== 'ExactCount' && allocationMode !== 'All') fail(`: unsupported count mode ${allocationMode}`);
  return {
    request,
    name: alternative === undefined ? request : `${request}/${alternative}`,
    own,
    deviceClass,
    all: allocationMode === 'All',
    count,
    adminAccess,
    selectors: [...classSelectors(deviceClass), ...checks(selectors, `claim ${key}`)],
    tolerations: fields.tolerations,
    capacity: capacity?.requests && amountsOf(capacity.requests),
  };
}
