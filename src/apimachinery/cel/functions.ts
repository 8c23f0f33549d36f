/** Functions and their overloads, declared by signature text. Upstream: cel-go common/decls. */
import {
  authorizerType,
  boolType,
  bytesType,
  type CelType,
  cidrType,
  decisionType,
  doubleType,
  durationType,
  dynType,
  groupCheckType,
  intType,
  ipType,
  listType,
  mapType,
  namedFormatType,
  nullType,
  optionalType,
  pathCheckType,
  quantityType,
  resourceCheckType,
  semverType,
  stringType,
  timestampType,
  typeOf,
  typeParam,
  uintType,
  urlType,
} from './cel-types.ts';
import type { Value } from './values.ts';

export type Implementation = (...args: any[]) => Value;

export interface Overload {
  readonly id: string;
  readonly fn: string;
  readonly isMember: boolean;
  readonly args: readonly CelType[];
  readonly result: CelType;
  /** The type variables in the signature. */
  readonly params: readonly string[];
  readonly run: Implementation;
}

const names: Readonly<Record<string, CelType>> = {
  dyn: dynType,
  null: nullType,
  bool: boolType,
  int: intType,
  uint: uintType,
  double: doubleType,
  string: stringType,
  bytes: bytesType,
  timestamp: timestampType,
  duration: durationType,
  quantity: quantityType,
  url: urlType,
  ip: ipType,
  cidr: cidrType,
  format: namedFormatType,
  semver: semverType,
  authorizer: authorizerType,
  pathcheck: pathCheckType,
  groupcheck: groupCheckType,
  resourcecheck: resourceCheckType,
  decision: decisionType,
};

/** `list<A>`, `map<string, list<B>>`, `optional<V>`, `type<A>`, a name above, or one capital letter: a type variable. */
function readType(text: string, at: { i: number }, params: Set<string>): CelType {
  const match = /^\s*(\w+)/.exec(text.slice(at.i))!;
  at.i += match[0].length;
  const name = match[1]!;
  const inner: CelType[] = [];
  if (text[at.i] === '<') {
    do {
      at.i++;
      inner.push(readType(text, at, params));
    } while (text[at.i] === ',');
    at.i++;
  }
  if (name === 'list') return listType(inner[0]!);
  if (name === 'map') return mapType(inner[0]!, inner[1]!);
  if (name === 'optional') return optionalType(inner[0]!);
  if (name === 'type') return typeOf(inner[0]!);
  if (/^[A-Z]$/.test(name)) {
    params.add(name);
    return typeParam(name);
  }
  return names[name]!;
}

/** `(string, int): bool`, or `string.(int): bool` for a method. */
export function overload(fn: string, id: string, signature: string, run: Implementation): Overload {
  const params = new Set<string>();
  const at = { i: 0 };
  const args: CelType[] = [];
  const isMember = signature[0] !== '(';
  if (isMember) {
    args.push(readType(signature, at, params));
    at.i++;
  }
  at.i++;
  while (signature[at.i] !== ')') {
    args.push(readType(signature, at, params));
    if (signature[at.i] === ',') at.i++;
  }
  at.i += 2;
  const result = readType(signature, at, params);
  return { id, fn, isMember, args, result, params: [...params], run };
}

export class FunctionTable {
  readonly #functions = new Map<string, Overload[]>();

  add(fn: string, id: string, signature: string, run: Implementation): void {
    const list = this.#functions.get(fn);
    const entry = overload(fn, id, signature, run);
    if (list) list.push(entry);
    else this.#functions.set(fn, [entry]);
  }

  get(fn: string): readonly Overload[] | undefined {
    return this.#functions.get(fn);
  }
}
