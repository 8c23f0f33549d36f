import { describe, expect, it } from 'vitest';
import {
  loadBuiltinSchema,
  protobufFields,
  protobufMessageOf,
  protobufMessages,
  resourcesFor,
} from '../../src/api/index.ts';
import { factsAtHand, readFact, whyFactsSkip } from './facts.ts';

type Published = Readonly<Record<string, readonly (readonly [number: number, name: string, type: string])[]>>;

const everything = resourcesFor({ runtimeConfig: 'api/all=true', featureGates: { AllAlpha: true, AllBeta: true } });

/** Packages that messages are published in, by group of the table. */
const packages: readonly string[] = [
  'k8s.io.api.',
  'k8s.io.apimachinery.pkg.apis.',
  'k8s.io.apiextensions_apiserver.pkg.apis.',
  'k8s.io.kube_aggregator.pkg.apis.',
];
/** JSON names that are not just the .proto file's. */
const renamed: Readonly<Record<string, string>> = { uID: 'uid', aPIGroup: 'apiGroup', Port: 'Port' };

function jsonName(message: string, name: string): string {
  if (!message.endsWith('.JSONSchemaProps')) return renamed[name] ?? name[0]!.toLowerCase() + name.slice(1);
  if (name === 'schema' || name === 'ref') return `$${name}`;
  return name.replace(/^xKubernetes.*/, (text) => text.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`));
}

/** What the table says of a field, in the words of the published list. */
function typeText(type: string): RegExp {
  switch (type) {
    case 'Time':
    case 'MicroTime':
    case 'Quantity':
    case 'IntOrString':
      return new RegExp(`\\b${type}$`);
    case 'Raw':
      return /\b(RawExtension|FieldsV1|JSON)$/;
    case 'Strings':
      return /\bExtraValue$/;
    default:
      return new RegExp(`(^|\\b)${type.slice(type.lastIndexOf('.') + 1)}$`);
  }
}

describe('the table of protobuf messages', () => {
  it.skipIf(!factsAtHand)(`has the published numbers, names and types (${whyFactsSkip} otherwise)`, () => {
    const published = readFact<Published>('protobuf-fields.json');
    const wrong: string[] = [];
    let count = 0;
    for (const message of protobufMessages()) {
      const theirs = packages.map((prefix) => published[`${prefix}${message}`]).find((found) => found);
      const ours = protobufFields(message)!;
      if (!theirs || theirs.length !== ours.length) {
        wrong.push(message);
        continue;
      }
      theirs.forEach(([number, name, type], i) => {
        const field = ours[i]!;
        const element = type.replace(/^repeated /, '').replace(/^map<string,(.*)>$/, '$1');
        const kind = type.startsWith('repeated') ? 'list' : type.startsWith('map') ? 'map' : field.kind;
        const right =
          field.number === number &&
          field.kind === kind &&
          (type.startsWith('repeated') || type.startsWith('map') || kind === 'value' || kind === 'pointer') &&
          (field.inline || field.name === jsonName(message, name)) &&
          typeText(field.type).test(element);
        if (!right) wrong.push(`${message}: ${number} ${name} ${type} is ${JSON.stringify(field)}`);
        count++;
      });
    }
    expect(wrong).toEqual([]);
    expect(count).toBeGreaterThan(2000);
  });

  it('has every field of every schema under its JSON name, and no other', () => {
    const schemas = loadBuiltinSchema();
    const wrong: string[] = [];
    let count = 0;
    for (const message of protobufMessages()) {
      const name = packages
        .map((prefix) => `io.${prefix.replace('.io', '').replaceAll('_', '-')}${message}`)
        .find((candidate) => schemas.get(candidate));
      if (name === undefined) continue;
      const inTable = fieldNames(message).sort();
      const inSchema = Object.keys(schemas.get(name)!.properties ?? {})
        .filter((field) => field !== 'apiVersion' && field !== 'kind')
        .concat(inTable.filter((field) => field === 'apiVersion' || field === 'kind'))
        .sort();
      if (inTable.join() !== inSchema.join()) wrong.push(`${message}: ${inTable} / ${inSchema}`);
      count++;
    }
    expect(wrong).toEqual([]);
    expect(count).toBeGreaterThan(480);
  });

  it('has every served kind, its list, and all that these reach', () => {
    for (const { group, version, kind, listKind, virtual } of everything) {
      const apiVersion = group === '' ? version : `${group}/${version}`;
      expect(protobufMessageOf(apiVersion, kind), `${apiVersion} ${kind}`).toBeDefined();
      if (!virtual) expect(protobufMessageOf(apiVersion, listKind), `${apiVersion} ${listKind}`).toBeDefined();
    }
    const known = new Set(protobufMessages());
    for (const message of known) {
      for (const { type } of protobufFields(message)!) {
        if (type.includes('.')) expect(known, `${message} → ${type}`).toContain(type);
      }
    }
  });

  it('takes options in every group version, and no kind of a group it does not know', () => {
    expect(protobufMessageOf('stable.example.com/v1', 'DeleteOptions')).toBe('meta.v1.DeleteOptions');
    expect(protobufMessageOf('v1', 'Status')).toBe('meta.v1.Status');
    expect(protobufMessageOf('rbac.authorization.k8s.io/v1', 'Role')).toBe('rbac.v1.Role');
    expect(protobufMessageOf('apps/v1', 'DeploymentList')).toBe('apps.v1.DeploymentList');
    expect(protobufMessageOf('meta.k8s.io/v1', 'Table')).toBeUndefined();
    expect(protobufMessageOf('apps.example.com/v1', 'Deployment')).toBeUndefined();
    expect(protobufMessageOf('core/v1', 'Pod')).toBeUndefined();
    expect(protobufMessageOf('apps/v1beta1', 'Deployment')).toBeUndefined();
  });
});

function fieldNames(message: string): string[] {
  return protobufFields(message)!.flatMap(({ name, inline, type }) => (inline ? fieldNames(type) : [name]));
}
