/** Further served versions of a resource, made from the row of the version that is stored. */
import type { KubeObject } from '../apimachinery/index.ts';
import { deepCopy } from '../apimachinery/index.ts';
import type { ResourceDefinition, StorageConversion, Strategy } from './definition.ts';
import type { GroupVersionRows } from './row.ts';

type Change = Partial<Pick<ResourceDefinition, 'conversion' | 'deprecation' | 'featureGate' | 'default'>>;

/** `row` at another version: same names, rules and columns; only the schema differs, and the shape where `conversion` says so. */
export function servedAs(row: ResourceDefinition, place: GroupVersionRows, change: Change = {}): ResourceDefinition {
  return {
    ...row,
    version: place.version,
    schema: `${place.schemaPrefix}.${row.kind}`,
    default: false,
    ...(change.conversion === undefined ? {} : { strategy: throughHub(row.strategy, change.conversion) }),
    ...change,
  };
}

/**
 * Rules written for the stored shape, for objects of another one: hooks see the stored shape. Error paths are those of the
 * stored shape, as upstream's are those of its internal types.
 */
function throughHub(strategy: Strategy, conversion: StorageConversion): Strategy {
  const hub = (object: Readonly<KubeObject>): KubeObject => {
    const copy = deepCopy(object) as KubeObject;
    conversion.toStorage(copy);
    return copy;
  };
  const inPlace = (object: KubeObject, run: () => void): void => {
    conversion.toStorage(object);
    run();
    conversion.fromStorage(object);
  };
  const { applyDefaults, prepareForCreate, prepareForUpdate, validate, validateUpdate, validateStatusUpdate } =
    strategy;
  return {
    ...strategy,
    ...(applyDefaults ? { applyDefaults: (object) => inPlace(object, () => applyDefaults(object)) } : {}),
    ...(prepareForCreate
      ? { prepareForCreate: (object, context) => inPlace(object, () => prepareForCreate(object, context)) }
      : {}),
    ...(prepareForUpdate
      ? {
          prepareForUpdate: (object, old, context) =>
            inPlace(object, () => prepareForUpdate(object, hub(old), context)),
        }
      : {}),
    ...(validate ? { validate: (object, errors) => validate(hub(object), errors) } : {}),
    ...(validateUpdate
      ? { validateUpdate: (object, old, errors, sub) => validateUpdate(hub(object), hub(old), errors, sub) }
      : {}),
    ...(validateStatusUpdate
      ? { validateStatusUpdate: (object, old, errors) => validateStatusUpdate(hub(object), hub(old), errors) }
      : {}),
  };
}
