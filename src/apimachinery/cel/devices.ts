/** Selectors of devices. Upstream: dynamic-resource-allocation/cel/compile.go, pkg/apis/resource/types.go (limits). */
import { boolType, type CelType, dynType, mapType, quantityType, stringType, structType } from './cel-types.ts';
import { estimateCost, pathSizes } from './cost-estimate.ts';
import type { DeclType } from './decl-type.ts';
import { CelEnvironment } from './environment.ts';
import type { Program } from './program.ts';

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
