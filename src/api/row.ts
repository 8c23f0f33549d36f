/** Builds resource definitions: everything that follows from the name and kind is filled in here. */
import type { KubeObject } from '../apimachinery/index.ts';
import { describeColumns } from './column-docs.ts';
import {
  apiVersionOf,
  type ResourceDefinition,
  type ScaleSubresource,
  type Strategy,
  type StrategyContext,
  type SubresourceDefinition,
  type TablePrinter,
  type Verb,
} from './definition.ts';
import { defaultPrinter } from './printing.ts';

/** Verbs of every stored resource, in the order discovery shows them. */
export const storedVerbs: readonly Verb[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
];

type Extra = 'status' | 'scale' | (Omit<SubresourceDefinition, 'verbs'> & { readonly verbs: string });

/** A row as it is written down. Strings hold lists separated by blanks. */
export interface RowInput
  extends Partial<
    Pick<
      ResourceDefinition,
      | 'etcdPrefix'
      | 'scale'
      | 'conversion'
      | 'deprecation'
      | 'returnsDeletedObject'
      | 'resetFields'
      | 'unsupportedField'
      | 'default'
      | 'featureGate'
    >
  > {
  readonly kind: string;
  readonly plural: string;
  readonly singular?: string;
  readonly cluster?: boolean;
  readonly shortNames?: string;
  readonly categories?: string;
  readonly verbs?: readonly Verb[];
  readonly subresources?: readonly Extra[];
  /** Version it is stored as, when another. */
  readonly storedAs?: string;
  readonly strategy?: Strategy;
  /** Status of a new object: the fields that Go writes even when zero. Default `{}`. Nodes keep what they bring. */
  readonly newStatus?: (object: Readonly<KubeObject>, context: StrategyContext) => Record<string, unknown>;
  readonly printer?: ResourceDefinition['printer'];
  readonly selectableFields?: ResourceDefinition['selectableFields'];
  readonly virtual?: boolean;
  readonly idle?: string;
}

/** Spec of a group version's rows. `schemaPrefix` is `io.k8s.api.apps.v1`. */
export interface GroupVersionRows {
  readonly group: string;
  readonly version: string;
  readonly schemaPrefix: string;
}

const words = (text: string | undefined): readonly string[] =>
  text === undefined || text === '' ? [] : text.split(' ');

const editVerbs: readonly Verb[] = ['get', 'patch', 'update'];

const defaultScale: ScaleSubresource = {
  specReplicasPath: '.spec.replicas',
  statusReplicasPath: '.status.replicas',
  labelSelectorPath: '.spec.selector',
};

function subresource(extra: Extra, kind: string): SubresourceDefinition {
  if (extra === 'status') return { name: 'status', kind, verbs: editVerbs, handler: 'status' };
  if (extra === 'scale') {
    return { name: 'scale', group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: editVerbs, handler: 'scale' };
  }
  return { ...extra, verbs: words(extra.verbs) as readonly Verb[] };
}

/**
 * What a kind with a status subresource does everywhere: creation empties status, updates of the object keep it, updates
 * of status keep everything else but metadata. Upstream: the strategy.go of each resource.
 */
function statusHooks(strategy: Strategy, newStatus: NonNullable<RowInput['newStatus']>): Strategy {
  return {
    ...strategy,
    prepareForCreate(object, context) {
      object['status'] = newStatus(object, context);
      strategy.prepareForCreate?.(object, context);
    },
    prepareForUpdate(object, old, context) {
      keepOtherHalf(object, old, context);
      strategy.prepareForUpdate?.(object, old, context);
    },
  };
}

function keepOtherHalf(object: KubeObject, old: Readonly<KubeObject>, context: StrategyContext): void {
  if (context.subresource === 'status') {
    for (const field of new Set([...Object.keys(object), ...Object.keys(old)])) {
      if (field === 'apiVersion' || field === 'kind' || field === 'metadata' || field === 'status') continue;
      restore(object, old, field);
    }
  } else if (context.subresource === '') {
    restore(object, old, 'status');
  }
}

/** Puts a field back as it was. Values are shared with `old`, which nobody changes. */
export function restore(object: KubeObject, old: Readonly<KubeObject>, field: string): void {
  if (old[field] === undefined) delete object[field];
  else object[field] = old[field];
}

/** Where there is a status, each half is written through its own door. */
const usualResets = { '': [['status']], status: [['spec']] } as const;

function describedPrinter(kind: string, { columns, cells }: TablePrinter): TablePrinter {
  return { columns: describeColumns(kind, columns), cells };
}

export function row(place: GroupVersionRows, input: RowInput): ResourceDefinition {
  const subresources = (input.subresources ?? []).map((extra) => subresource(extra, input.kind));
  const hasStatus = subresources.some((item) => item.name === 'status');
  const hasScale = subresources.some((item) => item.name === 'scale');
  const strategy = input.strategy ?? {};
  const definition: ResourceDefinition = {
    group: place.group,
    version: place.version,
    kind: input.kind,
    listKind: `${input.kind}List`,
    plural: input.plural,
    singular: input.singular ?? input.kind.toLowerCase(),
    shortNames: words(input.shortNames),
    categories: words(input.categories),
    namespaced: input.cluster !== true,
    verbs: input.verbs ?? (input.virtual === true ? ['create'] : storedVerbs),
    schema: `${place.schemaPrefix}.${input.kind}`,
    etcdPrefix: input.etcdPrefix ?? input.plural,
    storageVersion: input.storedAs ?? apiVersionOf(place),
    subresources,
    strategy: hasStatus ? statusHooks(strategy, input.newStatus ?? (() => ({}))) : strategy,
    printer: describedPrinter(input.kind, input.printer ?? defaultPrinter),
    ...(input.selectableFields === undefined ? {} : { selectableFields: input.selectableFields }),
    ...(hasStatus ? { resetFields: { ...usualResets, ...input.resetFields } } : {}),
    ...(input.unsupportedField === undefined ? {} : { unsupportedField: input.unsupportedField }),
    ...(input.conversion === undefined ? {} : { conversion: input.conversion }),
    ...(input.returnsDeletedObject === true ? { returnsDeletedObject: true } : {}),
    ...(input.deprecation === undefined ? {} : { deprecation: input.deprecation }),
    ...(input.virtual === true ? { virtual: true } : {}),
    ...(input.default === false ? { default: false } : {}),
    ...(input.featureGate === undefined ? {} : { featureGate: input.featureGate }),
    ...(input.idle === undefined ? {} : { idle: input.idle }),
  };
  return hasScale ? { ...definition, scale: input.scale ?? defaultScale } : definition;
}
