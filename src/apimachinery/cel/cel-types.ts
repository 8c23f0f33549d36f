/** Types of CEL and how they are written. Upstream: cel-go common/types/types.go, checker/format.go. */

export type TypeKind =
  | 'dyn'
  | 'error'
  | 'null'
  | 'bool'
  | 'int'
  | 'uint'
  | 'double'
  | 'string'
  | 'bytes'
  | 'timestamp'
  | 'duration'
  | 'list'
  | 'map'
  | 'struct'
  | 'opaque'
  | 'type'
  | 'param';

export interface CelType {
  readonly kind: TypeKind;
  readonly name: string;
  readonly params: readonly CelType[];
}

function simple(kind: TypeKind, name: string = kind): CelType {
  return { kind, name, params: [] };
}

export const dynType = simple('dyn');
export const errorType = simple('error', '*error*');
export const nullType = simple('null', 'null_type');
export const boolType = simple('bool');
export const intType = simple('int');
export const uintType = simple('uint');
export const doubleType = simple('double');
export const stringType = simple('string');
export const bytesType = simple('bytes');
export const timestampType = simple('timestamp', 'google.protobuf.Timestamp');
export const durationType = simple('duration', 'google.protobuf.Duration');
export const typeType = simple('type');

export function listType(element: CelType): CelType {
  return { kind: 'list', name: 'list', params: [element] };
}

export function mapType(key: CelType, value: CelType): CelType {
  return { kind: 'map', name: 'map', params: [key, value] };
}

export function structType(name: string): CelType {
  return simple('struct', name);
}

export function opaqueType(name: string, ...params: CelType[]): CelType {
  return { kind: 'opaque', name, params };
}

export function optionalType(value: CelType): CelType {
  return opaqueType('optional_type', value);
}

export function typeParam(name: string): CelType {
  return simple('param', name);
}

export function typeOf(type: CelType): CelType {
  return { kind: 'type', name: 'type', params: [type] };
}

/** Types of Kubernetes' libraries. Upstream: apiserver/pkg/cel/{quantity,url,ip,cidr,format,semver}.go, library/authz.go. */
export const quantityType = structType('kubernetes.Quantity');
export const urlType = structType('kubernetes.URL');
export const ipType = opaqueType('net.IP');
export const cidrType = opaqueType('net.CIDR');
export const namedFormatType = structType('kubernetes.NamedFormat');
export const semverType = structType('kubernetes.Semver');
export const authorizerType = structType('kubernetes.authorization.Authorizer');
export const pathCheckType = structType('kubernetes.authorization.PathCheck');
export const groupCheckType = structType('kubernetes.authorization.GroupCheck');
export const resourceCheckType = structType('kubernetes.authorization.ResourceCheck');
export const decisionType = structType('kubernetes.authorization.Decision');

export function isOptional(type: CelType): boolean {
  return type.kind === 'opaque' && type.name === 'optional_type';
}

export function sameType(a: CelType, b: CelType): boolean {
  if (a === b) return true;
  if (a.kind !== b.kind || a.name !== b.name || a.params.length !== b.params.length) return false;
  return a.params.every((param, i) => sameType(param, b.params[i]!));
}

/** As error messages show it. */
export function formatType(type: CelType): string {
  switch (type.kind) {
    case 'error':
      return '!error!';
    case 'null':
      return 'null';
    case 'timestamp':
    case 'duration':
      return type.kind;
    default:
  }
  return type.params.length === 0 ? type.name : `${type.name}(${type.params.map(formatType).join(', ')})`;
}

export function formatArguments(types: readonly CelType[], isMember: boolean): string {
  const args = (isMember ? types.slice(1) : types).map(formatType).join(', ');
  return isMember ? `${formatType(types[0]!)}.(${args})` : `(${args})`;
}

/** Type variables and what they stand for, kept by name. */
export type Mapping = Map<string, CelType>;

export function substitute(mapping: Mapping, type: CelType, paramsToDyn: boolean): CelType {
  if (type.kind === 'param') {
    const found = mapping.get(type.name);
    if (found) return substitute(mapping, found, paramsToDyn);
    return paramsToDyn ? dynType : type;
  }
  if (type.params.length === 0) return type;
  return { kind: type.kind, name: type.name, params: type.params.map((p) => substitute(mapping, p, paramsToDyn)) };
}

function isDynOrError(type: CelType): boolean {
  return type.kind === 'dyn' || type.kind === 'error';
}

function isNullable(type: CelType): boolean {
  return (
    type.kind === 'null' ||
    type.kind === 'opaque' ||
    type.kind === 'struct' ||
    type.kind === 'duration' ||
    type.kind === 'timestamp'
  );
}

/** `t1` may be used where `t2` is wanted; type variables in either are bound. Upstream: checker/types.go. */
function assign(mapping: Mapping, t1: CelType, t2: CelType): boolean {
  if (t2.kind === 'param') {
    const { valid, bound } = bindVariable(mapping, t1, t2);
    if (valid) return true;
    if (bound) return false;
  }
  if (t1.kind === 'param') return bindVariable(mapping, t2, t1).valid;
  if (isDynOrError(t1) || isDynOrError(t2)) return true;
  if (t1.kind === 'null') return isNullable(t2);
  if (t2.kind === 'null') return isNullable(t1);
  switch (t1.kind) {
    case 'type':
      return t2.kind === 'type';
    case 'opaque':
    case 'list':
    case 'map':
      return t1.kind === t2.kind && t1.name === t2.name && assignAll(mapping, t1.params, t2.params);
    default:
      return t1.kind === t2.kind && t1.name === t2.name;
  }
}

function assignAll(mapping: Mapping, l1: readonly CelType[], l2: readonly CelType[]): boolean {
  return l1.length === l2.length && l1.every((t, i) => assign(mapping, t, l2[i]!));
}

function bindVariable(mapping: Mapping, type: CelType, variable: CelType): { valid: boolean; bound: boolean } {
  if (sameType(type, variable)) return { valid: true, bound: true };
  const found = mapping.get(variable.name);
  if (found) {
    if (sameType(type, found)) return { valid: true, bound: true };
    if (!assign(mapping, type, found)) return { valid: false, bound: true };
    const general = mostGeneral(type, found);
    if (notReferencedIn(mapping, variable, general)) mapping.set(variable.name, general);
    return { valid: true, bound: true };
  }
  if (!notReferencedIn(mapping, variable, type)) return { valid: false, bound: false };
  mapping.set(variable.name, type);
  return { valid: true, bound: false };
}

function notReferencedIn(mapping: Mapping, variable: CelType, within: CelType): boolean {
  if (sameType(variable, within)) return false;
  if (within.kind === 'param') {
    const found = mapping.get(within.name);
    return found === undefined || notReferencedIn(mapping, variable, found);
  }
  return within.params.every((param) => notReferencedIn(mapping, variable, param));
}

function isEqualOrLessSpecific(t1: CelType, t2: CelType): boolean {
  if (t1.kind === 'dyn' || t1.kind === 'param') return true;
  if (t2.kind === 'dyn' || t2.kind === 'param') return false;
  if (t1.kind !== t2.kind) return false;
  switch (t1.kind) {
    case 'type':
      return true;
    case 'opaque':
    case 'list':
    case 'map':
      return (
        t1.name === t2.name &&
        t1.params.length === t2.params.length &&
        t1.params.every((param, i) => isEqualOrLessSpecific(param, t2.params[i]!))
      );
    default:
      return sameType(t1, t2);
  }
}

export function mostGeneral(t1: CelType, t2: CelType): CelType {
  return isEqualOrLessSpecific(t1, t2) ? t1 : t2;
}

/** The mapping with new bindings, or undefined when the types do not go together; the given one is not changed. */
export function tryAssign(mapping: Mapping, from: readonly CelType[], to: readonly CelType[]): Mapping | undefined {
  const copy = new Map(mapping);
  return assignAll(copy, from, to) ? copy : undefined;
}
