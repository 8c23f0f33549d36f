/** From selector texts to what the cache is asked for. Upstream: storage/selection_predicate.go. */
import {
  FormatError,
  type KubeObject,
  newBadRequest,
  parseFieldSelector,
  parseLabelSelector,
} from '../../apimachinery/index.ts';
import type { Selection } from '../cache/watcher.ts';
import type { ResourceRegistry } from '../registry/registry.ts';
import { objectKeyIn } from '../storage/keys.ts';

/** @throws StatusError 400 with upstream's text. */
export function selectionOf(
  registry: ResourceRegistry,
  namespace: string,
  selectors: { readonly labelSelector: string; readonly fieldSelector: string },
): Selection {
  const { cache, view, definition } = registry;
  const prefix = definition.namespaced && namespace !== '' ? `${cache.prefix}${namespace}/` : cache.prefix;
  if (selectors.labelSelector === '' && selectors.fieldSelector === '') return { prefix, view };
  try {
    const labels = selectors.labelSelector === '' ? undefined : parseLabelSelector(selectors.labelSelector);
    const fields = selectors.fieldSelector === '' ? undefined : parseFieldSelector(selectors.fieldSelector);
    if (fields) checkFields(registry, fields.requirements);
    const name = fields?.requiresExactMatch('metadata.name');
    const key =
      name !== undefined && (!definition.namespaced || namespace !== '')
        ? objectKeyIn(cache.prefix, definition.namespaced ? namespace : '', name)
        : undefined;
    const indexed = cache.index && fields?.requiresExactMatch(cache.index.field);
    const byLabels = labels && !labels.empty ? labels : undefined;
    const byFields = fields && !fields.empty ? fields : undefined;
    return {
      prefix,
      view,
      ...(key === undefined ? {} : { key }),
      ...(indexed === undefined ? {} : { indexed }),
      ...(byLabels ? { labels: byLabels.requirements } : {}),
      ...(byLabels || byFields
        ? {
            matches: (object: Readonly<KubeObject>) =>
              (!byLabels || byLabels.matches(object.metadata.labels)) &&
              (!byFields || byFields.matches(fieldsOf(registry, object))),
          }
        : {}),
    };
  } catch (error) {
    if (error instanceof FormatError) throw newBadRequest(error.message);
    throw error;
  }
}

function fieldsOf(registry: ResourceRegistry, object: Readonly<KubeObject>): Record<string, string> {
  const own = registry.definition.selectableFields?.(object);
  return {
    ...own,
    'metadata.name': object.metadata.name ?? '',
    'metadata.namespace': object.metadata.namespace ?? '',
  };
}

/** An object with nothing in it, to learn which fields a kind lets select. */
const blank: Readonly<KubeObject> = { apiVersion: '', kind: '', metadata: {}, spec: {}, status: {} };

function checkFields(registry: ResourceRegistry, requirements: readonly { readonly field: string }[]): void {
  const own = registry.definition.selectableFields?.(blank);
  for (const { field } of requirements) {
    if (field === 'metadata.name' || field === 'metadata.namespace') continue;
    if (own && Object.hasOwn(own, field)) continue;
    throw newBadRequest(
      own
        ? (registry.definition.unsupportedField?.(field) ?? `field label not supported: ${field}`)
        : `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
    );
  }
}
