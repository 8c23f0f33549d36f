/**
 * Refusals in upstream's words, as data: each file of fixtures/golden/validation has one accepted object a section and
 * cases that change it. `create`: a merge patch on the object before it is created; `update`: one on the created object.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type ResourceDefinition, resourcesFor } from '../../src/api/index.ts';
import {
  applyMergePatch,
  decodeYaml,
  FieldErrorList,
  FieldPath,
  fieldErrorMessage,
  type KubeObject,
  nameIsDnsSubdomain,
  validateObjectMeta,
} from '../../src/apimachinery/index.ts';

interface Case {
  readonly create?: object;
  readonly update?: object;
  /** Of an update; default: the object itself. */
  readonly subresource?: string;
  readonly errors?: readonly string[];
  readonly warnings?: readonly string[];
}

interface Section {
  readonly object: KubeObject;
  readonly cases: readonly Case[];
}

const folder = join(import.meta.dirname, '../../fixtures/golden/validation');
const now = Date.UTC(2026, 0, 2, 3, 4, 5);
const everything = resourcesFor({
  runtimeConfig: 'api/all=true',
  featureGates: { AllAlpha: true, AllBeta: true },
});

function rowFor(object: KubeObject): ResourceDefinition {
  const [group, version] = object.apiVersion.includes('/') ? object.apiVersion.split('/') : ['', object.apiVersion];
  const row = everything.find(
    (candidate) => candidate.kind === object.kind && candidate.group === group && candidate.version === version,
  );
  if (row === undefined) throw new Error(`no resource ${object.apiVersion} ${object.kind}`);
  return row;
}

const texts = (errors: FieldErrorList): string[] =>
  errors.errors.map((error) => `${error.field}: ${fieldErrorMessage(error)}`);

function create(
  row: ResourceDefinition,
  object: KubeObject,
): { object: KubeObject; errors: string[]; warnings: string[] } {
  const { strategy } = row;
  const copy = structuredClone(object);
  copy.metadata.uid ??= '11111111-2222-3333-4444-555555555555';
  strategy.applyDefaults?.(copy);
  strategy.prepareForCreate?.(copy, { namespace: copy.metadata.namespace ?? '', now, subresource: '' });
  const errors = new FieldErrorList();
  const options = { namespaced: row.namespaced, name: strategy.validateName ?? nameIsDnsSubdomain };
  validateObjectMeta(copy, options, FieldPath.root('metadata'), errors);
  strategy.validate?.(copy, errors);
  return { object: copy, errors: texts(errors), warnings: strategy.warnings?.(copy) ?? [] };
}

function update(row: ResourceDefinition, old: KubeObject, change: object, subresource: string) {
  const { strategy } = row;
  const copy = applyMergePatch(structuredClone(old), change as Record<string, unknown>) as KubeObject;
  strategy.applyDefaults?.(copy);
  strategy.prepareForUpdate?.(copy, old, { namespace: copy.metadata.namespace ?? '', now, subresource });
  const errors = new FieldErrorList();
  if (subresource === 'status') strategy.validateStatusUpdate?.(copy, old, errors);
  else if (strategy.validateUpdate) strategy.validateUpdate(copy, old, errors, subresource);
  else strategy.validate?.(copy, errors);
  const warn = subresource === 'status' ? strategy.statusWarnings : strategy.warnings;
  return { errors: texts(errors), warnings: warn?.(copy, old) ?? [] };
}

let cases = 0;
for (const file of readdirSync(folder).sort()) {
  describe(basename(file, '.yaml'), () => {
    const sections = decodeYaml(readFileSync(join(folder, file), 'utf8'), { file });
    for (const document of sections) {
      const section = document.value as unknown as Section;
      const { object } = section;
      test(`${object.kind} ${object.apiVersion}: the object itself is fine`, () => {
        expect(create(rowFor(object), object).errors).toEqual([]);
      });
      for (const [index, item] of section.cases.entries()) {
        cases++;
        const change = item.create ?? item.update ?? {};
        const name = `${object.kind} ${index + 1}: ${item.update ? 'update ' : ''}${JSON.stringify(change).slice(0, 120)}`;
        test(name, () => {
          const row = rowFor(object);
          const patched = applyMergePatch(structuredClone(object), (item.create ?? {}) as Record<string, unknown>);
          const made = create(row, patched as KubeObject);
          const result =
            item.update === undefined ? made : update(row, made.object, item.update, item.subresource ?? '');
          expect(result.errors).toEqual(item.errors ?? []);
          expect(result.warnings).toEqual(item.warnings ?? []);
        });
      }
    }
  });
}

test('there are several hundred cases', () => {
  expect(cases).toBeGreaterThan(550);
});
