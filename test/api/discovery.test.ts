import { describe, expect, test } from 'vitest';
import {
  type APIResource,
  buildAggregatedDiscovery,
  buildGroup,
  buildGroupList,
  buildResourceList,
  builtinResources,
  compareVersions,
  resourcesFor,
} from '../../src/api/index.ts';
import { factsAtHand, readFact, whyFactsSkip } from './facts.ts';

/** What an API server serves when nothing is switched on: GA versions. */
const isDefaultOn = (version: string) => /^v\d+$/.test(version);

/** As the published documents were made. */
const everything = resourcesFor({ runtimeConfig: 'api/all=true', featureGates: { AllAlpha: true, AllBeta: true } });

/** CRDs are stored here as what they are served as; upstream stores v1beta1. */
const namedDifferences = new Set(['customresourcedefinitions']);

interface ResourceList {
  groupVersion: string;
  resources: APIResource[];
}

interface Aggregated {
  items: { metadata: { name: string }; versions: { version: string }[] }[];
}

describe.skipIf(!factsAtHand)(`discovery equals the published one (skipped when ${whyFactsSkip})`, () => {
  const groupList = () =>
    readFact<{ groups: { name: string; versions: { version: string }[] }[] }>('discovery/apis.json');

  test('every group version has the same resources', () => {
    const files = ['discovery/api__v1.json'];
    for (const group of groupList().groups) {
      for (const { version } of group.versions) {
        if (isDefaultOn(version)) files.push(`discovery/apis__${group.name}__${version}.json`);
      }
    }
    for (const file of files) {
      const published = readFact<ResourceList>(file);
      const [group, version] = published.groupVersion.includes('/')
        ? published.groupVersion.split('/')
        : ['', published.groupVersion];
      const ours = buildResourceList(builtinResources, group!, version!);
      const comparable = (resources: readonly APIResource[] | undefined) =>
        resources?.map(({ storageVersionHash, ...rest }) =>
          namedDifferences.has(rest.name) ? rest : { ...rest, storageVersionHash },
        );
      expect(comparable(ours?.resources), file).toEqual(comparable(published.resources));
    }
  });

  test('groups and their versions stand in the same order', () => {
    const published = groupList()
      .groups.map(({ name, versions }) => ({
        name,
        versions: versions.map(({ version }) => version).filter(isDefaultOn),
      }))
      .filter(({ versions }) => versions.length > 0);
    const ours = buildGroupList(builtinResources) as { groups: { name: string; versions: { version: string }[] }[] };
    expect(ours.groups.map(({ name, versions }) => ({ name, versions: versions.map((v) => v.version) }))).toEqual(
      published,
    );
  });

  test('the aggregated form is the same', () => {
    const published = readFact<Aggregated>('discovery/aggregated_v2.json')
      .items.map((item) => ({ ...item, versions: item.versions.filter(({ version }) => isDefaultOn(version)) }))
      .filter((item) => item.versions.length > 0);
    expect((buildAggregatedDiscovery(builtinResources, 'groups') as Aggregated).items).toEqual(published);
  });
});

describe.skipIf(!factsAtHand)(
  `with everything on, discovery is the published one (skipped when ${whyFactsSkip})`,
  () => {
    const published = () => readFact<Aggregated>('discovery/aggregated_v2.json').items;

    test('every group version has the same resources, stored as the same version', () => {
      for (const { metadata, versions } of published()) {
        for (const { version } of versions) {
          const name = metadata.name ?? '';
          const fact = readFact<ResourceList>(
            name === '' ? `discovery/api__${version}.json` : `discovery/apis__${name}__${version}.json`,
          );
          const ours = buildResourceList(everything, name, version);
          const comparable = (resources: readonly APIResource[] | undefined) =>
            resources?.map(({ storageVersionHash, ...rest }) =>
              namedDifferences.has(rest.name) ? rest : { ...rest, storageVersionHash },
            );
          expect(comparable(ours?.resources), fact.groupVersion).toEqual(comparable(fact.resources));
        }
      }
    });

    test('the groups and the aggregated form are the same', () => {
      expect(buildGroupList(everything)).toMatchObject(readFact<object>('discovery/apis.json'));
      expect((buildAggregatedDiscovery(everything, 'groups') as Aggregated).items).toEqual(published());
    });
  },
);

/** The list of keys is that of 1.35. */
const newIn136 = new Set(['podgroups', 'resourcepoolstatusrequests']);

describe.skipIf(!factsAtHand)(`etcd keys equal upstream's (skipped when ${whyFactsSkip})`, () => {
  test('every stored resource is kept where upstream keeps it', () => {
    const paths = readFact<{ group: string; version: string; resource: string; etcdPath: string }[]>('etcd-paths.json');
    const known = new Map(paths.map((fact) => [`${fact.group}/${fact.resource}`, fact.etcdPath]));
    const wrong: string[] = [];
    for (const row of everything) {
      if (row.virtual || newIn136.has(row.plural)) continue;
      const path = known.get(`${row.group}/${row.plural}`);
      const prefix = `/registry/${row.etcdPrefix}/${row.namespaced ? '{namespace}/' : ''}`;
      if (!path?.startsWith(prefix)) wrong.push(`${row.plural}: ${path} is not below ${prefix}`);
      else if (path.slice(prefix.length).includes('/')) wrong.push(`${row.plural}: ${path}`);
    }
    expect(wrong).toEqual([]);
  });
});

test('versions are ordered by stability, then by number', () => {
  const versions = ['v1alpha1', 'foo1', 'v2', 'v11beta2', 'v10', 'v3beta1', 'v1', 'bar', 'v12alpha1'];
  expect(versions.sort(compareVersions)).toEqual([
    'v10',
    'v2',
    'v1',
    'v11beta2',
    'v3beta1',
    'v12alpha1',
    'v1alpha1',
    'bar',
    'foo1',
  ]);
});

test('what is not served has no document', () => {
  expect(buildResourceList(builtinResources, 'apps', 'v1beta1')).toBeUndefined();
  expect(buildGroup(builtinResources, 'nothing.example.com')).toBeUndefined();
  expect(buildGroup(builtinResources, 'apps')?.preferredVersion.groupVersion).toBe('apps/v1');
});

test('every printer gives a cell per column', () => {
  for (const row of builtinResources) {
    const object = {
      apiVersion: 'v1',
      kind: row.kind,
      metadata: { name: 'x' },
      spec: { source: {}, scaleTargetRef: {}, template: {}, jobTemplate: {} },
      roleRef: {},
      involvedObject: {},
    };
    expect(row.printer.cells(object, { now: 0 }), row.kind).toHaveLength(row.printer.columns.length);
  }
});
