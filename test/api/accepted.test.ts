import { describe, expect, test } from 'vitest';
import { allResources, loadBuiltinSchema } from '../../src/api/index.ts';
import {
  deepFreeze,
  FieldErrorList,
  FieldPath,
  fieldErrorMessage,
  type KubeObject,
  nameIsDnsSubdomain,
  validateObjectMeta,
  validateSchema,
} from '../../src/apimachinery/index.ts';
import { factsAtHand, readFact, whyFactsSkip } from './facts.ts';

interface Stored {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly stub: object;
}

const schemas = loadBuiltinSchema();
const context = { namespace: 'default', now: Date.UTC(2026, 0, 1), subresource: '' };

/** What decoding does with nulls. */
function withoutNulls(value: any): any {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).filter(([, child]) => child !== null);
  return Object.fromEntries(entries.map(([key, child]) => [key, withoutNulls(child)]));
}

/** Each is accepted by Kubernetes' own storage test. */
const accepted = (factsAtHand ? readFact<Stored[]>('etcd-paths.json') : []).flatMap((fact) => {
  const row = allResources.find(
    (candidate) =>
      candidate.group === fact.group && candidate.version === fact.version && candidate.plural === fact.resource,
  );
  if (row === undefined) return [];
  const apiVersion = row.group === '' ? row.version : `${row.group}/${row.version}`;
  const text = JSON.stringify({ apiVersion, kind: row.kind, ...fact.stub }).replaceAll('{namespace}', 'default');
  const object = withoutNulls(JSON.parse(text)) as KubeObject;
  if (row.namespaced) object.metadata.namespace = 'default';
  return [{ name: `${row.plural}.${apiVersion}`, row, object }];
});

describe.skipIf(!factsAtHand)(`what Kubernetes accepts is accepted (skipped when ${whyFactsSkip})`, () => {
  test.each(accepted)('$name', ({ row, object }) => {
    row.strategy.applyDefaults?.(object);
    row.strategy.prepareForCreate?.(object, context);
    const errors = new FieldErrorList();
    const options = { namespaced: row.namespaced, name: row.strategy.validateName ?? nameIsDnsSubdomain };
    validateObjectMeta(object, options, FieldPath.root('metadata'), errors);
    row.strategy.validate?.(object, errors);
    validateSchema(object, { ref: row.schema as string }, schemas, FieldPath.root(), errors);
    expect(errors.errors.map((error) => `${error.field}: ${fieldErrorMessage(error)}`)).toEqual([]);
    expect(row.printer.cells(object, context)).toHaveLength(row.printer.columns.length);

    // An update that changes nothing is fine, and leaves the stored object alone.
    const old = deepFreeze(structuredClone(object)) as Readonly<KubeObject>;
    for (const subresource of ['', 'status']) {
      const again = structuredClone(old) as KubeObject;
      row.strategy.applyDefaults?.(again);
      row.strategy.prepareForUpdate?.(again, old, { ...context, subresource });
      expect(again).toEqual(old);
      const updateErrors = new FieldErrorList();
      if (subresource === 'status') row.strategy.validateStatusUpdate?.(again, old, updateErrors);
      else row.strategy.validateUpdate?.(again, old, updateErrors);
      expect(updateErrors.errors).toEqual([]);
    }
  });

  test('the list is not empty', () => {
    expect(accepted.length).toBeGreaterThan(75);
  });
});
