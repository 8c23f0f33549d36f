/** Files of one volume that get in each other's way. Upstream: warningsForOverlappingVirtualPaths (1.36). */
import type { Volume } from '../../../types.ts';

interface Entry {
  readonly path: string;
  /** Where it comes from, in projected volumes. */
  readonly source: string;
}

type Items = readonly { readonly path?: string }[] | undefined;
type Projection = NonNullable<NonNullable<Volume['projected']>['sources']>[number];

const quote = (text: string | undefined): string => JSON.stringify(text ?? '');
const withoutSlash = (path: string): string => path.replace(/\/+$/, '');
const describe = ({ path, source }: Entry): string => (source === '' ? quote(path) : `${quote(path)} (${source})`);

function entriesOf(items: Items, source: string): Entry[] {
  return (items ?? []).map(({ path = '' }) => ({ path, source }));
}

/** One is the other, or lies below it. */
function overlap(one: Entry, other: Entry): boolean {
  if (one.path === '' || other.path === '') return false;
  const [a, b] = [`${one.path}/`, `${other.path}/`];
  return a.startsWith(b) || b.startsWith(a);
}

function* overlaps(entries: readonly Entry[]): Generator<string> {
  const before: Entry[] = [];
  for (const { path, source } of entries) {
    const entry = { path: withoutSlash(path), source };
    for (const other of before) if (overlap(other, entry)) yield `${describe(entry)} with ${describe(other)}`;
    before.push(entry);
  }
}

function projectedEntries(projection: Projection): Entry[] {
  const { configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle, podCertificate } = projection;
  if (configMap?.items) return entriesOf(configMap.items, `ConfigMap ${quote(configMap.name)}`);
  if (secret?.items) return entriesOf(secret.items, `Secret ${quote(secret.name)}`);
  if (downwardAPI?.items) return entriesOf(downwardAPI.items, 'DownwardAPI');
  if (serviceAccountToken) return entriesOf([serviceAccountToken], 'ServiceAccountToken');
  if (clusterTrustBundle) {
    const name = clusterTrustBundle.name ?? clusterTrustBundle.signerName;
    return entriesOf([clusterTrustBundle], `ClusterTrustBundle ${quote(name)}`);
  }
  const certificate = (path: string | undefined, what: string) =>
    path ? entriesOf([{ path }], `PodCertificate ${what}`) : [];
  return [
    ...certificate(podCertificate?.certificateChainPath, 'chain'),
    ...certificate(podCertificate?.keyPath, 'key'),
    ...certificate(podCertificate?.credentialBundlePath, 'credential bundle'),
  ];
}

export function* overlappingPathWarnings(volumes: readonly Volume[] | undefined): Generator<string> {
  for (const { name, configMap, secret, downwardAPI, projected } of volumes ?? []) {
    const start = `volume ${quote(name)}`;
    const sources = [
      [`ConfigMap ${quote(configMap?.name)}`, configMap?.items],
      [`Secret ${quote(secret?.secretName)}`, secret?.items],
      ['DownwardAPI', downwardAPI?.items],
    ] as const;
    for (const [what, items] of sources) {
      for (const text of overlaps(entriesOf(items, ''))) yield `${start} (${what}): overlapping paths: ${text}`;
    }
    const projections = projected?.sources ?? [];
    for (const projection of projections) {
      if (Object.keys(projection).length === 0) yield `${start} (Projected) has no sources provided`;
    }
    for (const text of overlaps(projections.flatMap(projectedEntries))) {
      yield `${start} (Projected): overlapping paths: ${text}`;
    }
  }
}
