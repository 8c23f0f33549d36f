import { describe, expect, test } from 'vitest';
import { builtinResources, loadBuiltinSchema } from '../../src/api/index.ts';
import type { Schema } from '../../src/apimachinery/index.ts';
import { buildSchema } from '../../src/build/gen-schema.ts';
import { findNodeModules } from '../../src/build/model-reader.ts';
import { factsAtHand, readFact, whyFactsSkip } from './facts.ts';

const { types, docs } = buildSchema(findNodeModules(import.meta.dirname));

interface Swagger {
  definitions: Record<string, any>;
}

/** Docs whose Markdown lists the model package writes in another way. */
const otherDocs = new Set([
  'io.k8s.api.admissionregistration.v1.NamedRuleWithOperations.resources',
  'io.k8s.api.admissionregistration.v1.RuleWithOperations.resources',
  'io.k8s.api.admissionregistration.v1alpha1.MatchCondition',
  'io.k8s.api.admissionregistration.v1alpha1.MatchResources.objectSelector',
  'io.k8s.api.admissionregistration.v1alpha1.NamedRuleWithOperations.resources',
  'io.k8s.api.admissionregistration.v1beta1.NamedRuleWithOperations.resources',
  'io.k8s.api.authorization.v1.ResourceRule.resources',
  'io.k8s.apimachinery.pkg.apis.meta.v1.GroupResource',
  // A scalar in the package, without docs.
  'io.k8s.apimachinery.pkg.api.resource.Quantity',
]);

function typeText(schema: any): string {
  const ref = schema.ref ?? schema.$ref?.replace('#/definitions/', '');
  if (ref !== undefined) return ref;
  if (schema.type === 'array') return `[${typeText(schema.items)}]`;
  if (schema.type === 'object' && schema.additionalProperties !== undefined) {
    return `{${typeText(schema.additionalProperties === true ? {} : schema.additionalProperties)}}`;
  }
  return `${schema.type ?? 'any'}:${schema.format ?? ''}`;
}

const annotations = [
  ['listType', 'x-kubernetes-list-type'],
  ['listMapKeys', 'x-kubernetes-list-map-keys'],
  ['mapType', 'x-kubernetes-map-type'],
  ['patchStrategy', 'x-kubernetes-patch-strategy'],
  ['patchMergeKey', 'x-kubernetes-patch-merge-key'],
] as const;

function annotationsOf(schema: Schema | undefined): unknown[] {
  return annotations.map(([ours]) => schema?.[ours]);
}

/** The published docs carry no list of enum values. */
const withoutEnum = (text: string | undefined): string => (text ?? '').replace(/\n*Possible enum values:[\s\S]*$/, '');

const isUnstable = (name: string): boolean => /\.v\d+(alpha|beta)\d+\./.test(name);

/** Line breaks of alpha and beta docs are lost in the package. */
const fold = (name: string, text: string): string => (isUnstable(name) ? text.replaceAll(/\s+/g, ' ').trim() : text);

describe.skipIf(!factsAtHand)(`the generated schema is that of Kubernetes 1.36 (skipped when ${whyFactsSkip})`, () => {
  const published = factsAtHand ? readFact<Swagger>('openapi-v2-swagger.json').definitions : {};

  test('every definition has the published properties, types, merge keys and required fields', () => {
    const differences: string[] = [];
    const differ = (place: string, ours: unknown, theirs: unknown) => {
      if (JSON.stringify(ours) !== JSON.stringify(theirs)) {
        differences.push(`${place}: ${JSON.stringify(ours)}, published ${JSON.stringify(theirs)}`);
      }
    };
    for (const [name, schema] of Object.entries(types)) {
      const theirs = published[name];
      if (theirs === undefined) {
        differences.push(`${name} is not published`);
        continue;
      }
      differ(`${name} map type`, schema.mapType, theirs['x-kubernetes-map-type']);
      differ(`${name} required`, [...docs[name]!.required].sort(), [...(theirs.required ?? [])].sort());
      const properties = theirs.properties ?? {};
      differ(`${name} properties`, Object.keys(schema.properties ?? {}).sort(), Object.keys(properties).sort());
      for (const [property, value] of Object.entries(schema.properties ?? {})) {
        const place = `${name}.${property}`;
        differ(`${place} type`, typeText(value), typeText(properties[property] ?? {}));
        differ(
          place,
          annotationsOf(value),
          annotations.map(([, theirName]) => properties[property]?.[theirName]),
        );
        if (otherDocs.has(place)) continue;
        const text = withoutEnum(docs[name]?.properties[property]);
        // The package of alpha and beta types has no docs beside references.
        if (isUnstable(name) && text === '') continue;
        differ(`${place} docs`, fold(name, text), fold(name, properties[property]?.description ?? ''));
      }
      if (!otherDocs.has(name)) {
        differ(`${name} docs`, fold(name, docs[name]!.description), fold(name, theirs.description ?? ''));
      }
    }
    expect(differences).toEqual([]);
    expect(Object.keys(types).length).toBeGreaterThan(740);
  });
});

describe('the loaded schema', () => {
  const schemas = loadBuiltinSchema();

  test('has every kind that is served, and its list', () => {
    for (const row of builtinResources) {
      const name = row.schema as string;
      expect(schemas.get(name)?.properties?.['kind'], name).toBeDefined();
      if (!row.verbs.includes('list')) continue;
      const list = name.slice(0, name.lastIndexOf('.') + 1) + row.listKind;
      expect(schemas.get(list)?.properties?.['items'], list).toBeDefined();
    }
  });

  test('follows references and keeps what stands beside them', () => {
    const spec = schemas.get('io.k8s.api.apps.v1.DeploymentSpec');
    const strategy = schemas.resolve(spec!.properties!['strategy']!);
    expect(strategy.patchStrategy).toBe('retainKeys');
    expect(strategy.properties?.['rollingUpdate']).toBeDefined();
    expect(schemas.resolve(spec!.properties!['template']!)).toBe(schemas.get('io.k8s.api.core.v1.PodTemplateSpec'));
  });

  test('requires no fields of kinds that code validates; docs name them', () => {
    expect(schemas.get('io.k8s.api.core.v1.PodSpec')?.required).toBeUndefined();
    expect(schemas.docs.get('io.k8s.api.core.v1.PodSpec')?.required).toEqual(['containers']);
    expect(schemas.docs.get('io.k8s.api.flowcontrol.v1.PriorityLevelConfigurationReference')?.required).toEqual([
      'name',
    ]);
  });

  test('knows no name of an object prototype', () => {
    expect(schemas.get('constructor')).toBeUndefined();
  });
});
