/** Selectors of devices. Upstream: dynamic-resource-allocation/cel/compile.go, pkg/apis/resource/types.go (limits). */

import { parseQuantity } from '../quantity.ts';
import { boolType, type CelType, dynType, mapType, quantityType, stringType, structType } from './cel-types.ts';
import { estimateCost, pathSizes } from './cost-estimate.ts';
import type { DeclType } from './decl-type.ts';
import { CelEnvironment } from './environment.ts';
import { QuantityValue, semanticVersion } from './library/kubernetes.ts';
import type { Program } from './program.ts';
import { CelFailure, CelMap, formatValue, TableMap, typeNameOf, type Value } from './values.ts';

/** Estimated and actual cost of one selector. */
export const deviceSelectorCostLimit = 1_000_000;

const maxAttributes = 32;
const maxValueLength = 64;

const leaf = (type: CelType, maxElements = 0): DeclType => ({ type, maxElements, minSize: 1 });

function mapDecl(element: DeclType): DeclType {
  const key = leaf(stringType);
  return { type: mapType(stringType, element.type), key, element, maxElements: maxAttributes, minSize: 2 };
}

const device: DeclType = {
  type: structType('kubernetes.DRADevice'),
  fields: new Map([
    ['driver', leaf(stringType, 63)],
    ['allowMultipleAllocations', leaf(boolType)],
    ['attributes', mapDecl(mapDecl(leaf(dynType, maxValueLength)))],
    ['capacity', mapDecl(mapDecl(leaf(quantityType)))],
  ]),
  maxElements: 0,
  minSize: 2,
};

let environment: CelEnvironment | undefined;

export type DeviceSelectorCompilation =
  | { readonly program: Program; readonly maxCost: number; readonly error?: undefined }
  | { readonly error: string; readonly program?: undefined; readonly maxCost?: undefined };

export function compileDeviceSelector(expression: string): DeviceSelectorCompilation {
  environment ??= new CelEnvironment({ variables: { device: device.type }, declTypes: [device], bindings: true });
  const { compiled, issues, planError } = environment.compile(expression);
  if (issues !== undefined) return { error: `compilation failed: ${issues}` };
  if (planError !== undefined) return { error: `program instantiation failed: ${planError}` };
  const { kind, name } = compiled.type;
  if (kind !== 'bool' && kind !== 'dyn') return { error: `must evaluate to bool or the unknown type, not ${name}` };
  return { program: compiled.program, maxCost: estimateCost(compiled.tree, pathSizes(device)).max };
}

/** What a selector sees of a device: the fields of resource.k8s.io/v1. */
export interface SelectableDevice {
  readonly driver: string;
  readonly allowMultipleAllocations?: boolean;
  readonly attributes?: Readonly<Record<string, DeviceAttributeValue>>;
  readonly capacity?: Readonly<Record<string, { readonly value: string | number }>>;
}

/** One of them is set. */
export interface DeviceAttributeValue {
  readonly int?: number | bigint;
  readonly bool?: boolean;
  readonly string?: string;
  readonly version?: string;
}

const noEntries = new TableMap();

/** Domains nobody has are empty, not missing: `device.attributes["a.example.com"].x` fails for the `x`. */
class Domains extends CelMap {
  readonly #domains: TableMap;

  constructor(domains: ReadonlyMap<string, (readonly [Value, Value])[]>) {
    super();
    this.#domains = TableMap.of([...domains].map(([domain, pairs]) => [domain, TableMap.of(pairs)] as const));
  }

  get size(): number {
    return this.#domains.size;
  }

  get(key: Value): Value {
    return this.#domains.get(key) ?? noEntries;
  }

  has(key: Value): boolean {
    return this.#domains.has(key);
  }

  keys(): readonly Value[] {
    return this.#domains.keys();
  }
}

function byDomain<T>(fields: Readonly<Record<string, T>>, driver: string, toValue: (field: T) => Value): Domains {
  const domains = new Map<string, (readonly [Value, Value])[]>();
  for (const [name, field] of Object.entries(fields)) {
    const slash = name.indexOf('/');
    const domain = slash < 0 ? driver : name.slice(0, slash);
    const pair = [name.slice(slash + 1), toValue(field)] as const;
    const pairs = domains.get(domain);
    if (pairs) pairs.push(pair);
    else domains.set(domain, [pair]);
  }
  return new Domains(domains);
}

class UnsupportedAttribute extends Error {}

function attributeValue({ int, bool, string, version }: DeviceAttributeValue): Value {
  if (int !== undefined) return BigInt(int);
  if (bool !== undefined) return bool;
  if (string !== undefined) return string;
  if (version === undefined) throw new UnsupportedAttribute('unsupported attribute value');
  const parsed = semanticVersion(version);
  if (parsed instanceof CelFailure) throw new UnsupportedAttribute(`parse semantic version: ${parsed.message}`);
  return parsed;
}

/** The `device` of selectors; keep it, for it is costly to make. A failure when an attribute has no value. */
export function deviceValueOf(device: SelectableDevice): Value {
  const { driver, allowMultipleAllocations = false, attributes = {}, capacity = {} } = device;
  for (const [name, attribute] of Object.entries(attributes)) {
    try {
      attributeValue(attribute);
    } catch (error) {
      if (error instanceof UnsupportedAttribute) return new CelFailure(`attribute ${name}: ${error.message}`);
      throw error;
    }
  }
  return TableMap.of([
    ['driver', driver],
    ['allowMultipleAllocations', allowMultipleAllocations],
    ['attributes', byDomain(attributes, driver, attributeValue)],
    ['capacity', byDomain(capacity, driver, ({ value }) => new QuantityValue(parseQuantity(String(value))))],
  ]);
}

/** Does the selector hold for the device? A failure says why that cannot be told. */
export function selectsDevice(program: Program, value: Value): boolean | CelFailure {
  if (value instanceof CelFailure) return value;
  const result = program.evaluate((name) => (name === 'device' ? value : undefined), deviceSelectorCostLimit).value;
  if (typeof result === 'boolean' || result instanceof CelFailure) return result;
  const type = typeNameOf(result);
  return new CelFailure(
    `CEL result of type ${type} could not be converted to bool: unsupported conversion of ${formatValue(result)}`,
  );
}
