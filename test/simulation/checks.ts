/** What must hold of a cluster: always, and once it has been left alone. */
import type { KubeObject } from '../../src/apimachinery/index.ts';
import type { Cluster } from '../../src/cluster/create-cluster.ts';

type Read = Readonly<KubeObject> & Record<string, any>;

const live = (pod: Read) => !pod.metadata.deletionTimestamp && !['Failed', 'Succeeded'].includes(pod['status']?.phase);
const ready = (pod: Read) => pod['status']?.conditions?.some((c: any) => c.type === 'Ready' && c.status === 'True');

function doubles(what: string, values: readonly (string | undefined)[]): string[] {
  const seen = new Set<string>();
  return values.flatMap((value) => {
    if (value === undefined || value === '') return [];
    if (seen.has(value)) return [`${what} ${value} is there twice`];
    seen.add(value);
    return [];
  });
}

/** At any moment. */
export function invariants(cluster: Cluster): string[] {
  const { reader } = cluster.server;
  const pods = reader.list('pods') as Read[];
  const nodes = new Set(reader.list('nodes').map((node) => node.metadata.name));
  const wrong = [
    ...doubles(
      'uid',
      pods.map((pod) => pod.metadata.uid),
    ),
    ...doubles(
      'pod address',
      pods.filter(live).map((pod) => pod['status']?.podIP),
    ),
    ...doubles(
      'cluster IP',
      reader.list('services').map((service) => service['spec']?.clusterIP),
    ),
  ];
  for (const pod of pods) {
    const { nodeName } = pod['spec'];
    if (nodeName && !nodes.has(nodeName))
      wrong.push(`pod ${pod.metadata.name} is on ${nodeName}, which does not exist`);
    if (!nodeName && pod['status']?.podIP) wrong.push(`pod ${pod.metadata.name} has an address and no node`);
  }
  return wrong;
}

/** Once nobody changes anything any more: what is still to come. */
export function unsettled(cluster: Cluster): string[] {
  const { reader } = cluster.server;
  const all = (resource: string) => reader.list(resource) as Read[];
  const pods = all('pods');
  const missing: string[] = [];
  for (const pod of pods) if (pod.metadata.deletionTimestamp) missing.push(`pod ${pod.metadata.name} is still going`);
  for (const { metadata, spec = {}, status = {} } of all('deployments.apps')) {
    const { name, generation } = metadata;
    if (metadata.deletionTimestamp) missing.push(`deployment ${name} is still going`);
    if (status.observedGeneration !== generation) missing.push(`deployment ${name} is not observed`);
    for (const count of ['replicas', 'updatedReplicas', 'readyReplicas', 'availableReplicas']) {
      if ((status[count] ?? 0) !== spec.replicas) {
        missing.push(`deployment ${name}: ${count} ${status[count] ?? 0} of ${spec.replicas}`);
      }
    }
  }
  for (const { metadata, spec = {} } of all('replicasets.apps')) {
    const own = pods.filter((pod) => pod.metadata.ownerReferences?.some(({ uid }) => uid === metadata.uid));
    if (own.length !== spec.replicas)
      missing.push(`replica set ${metadata.name}: ${own.length} pods of ${spec.replicas}`);
  }
  missing.push(...sets(all, pods), ...jobs(all));
  return [...missing, ...unresolvedOwners(all, pods), ...endpoints(all, pods), ...replicas(cluster)];
}

function sets(all: (resource: string) => Read[], pods: Read[]): string[] {
  return all('statefulsets.apps').flatMap(({ metadata, spec = {}, status = {} }) => {
    const wrong: string[] = [];
    for (const count of ['replicas', 'currentReplicas', 'readyReplicas', 'availableReplicas']) {
      const have = status[count] ?? 0;
      if (have !== spec.replicas) wrong.push(`set ${metadata.name}: ${count} ${have} of ${spec.replicas}`);
    }
    if (status.currentRevision !== status.updateRevision) wrong.push(`set ${metadata.name} is still being rolled out`);
    const own = pods.filter((pod) => pod.metadata.ownerReferences?.some(({ uid }) => uid === metadata.uid));
    const names = own
      .map((pod) => pod.metadata.name)
      .sort()
      .join();
    const wanted = Array.from({ length: spec.replicas }, (_, i) => `${metadata.name}-${i}`).join();
    if (names !== wanted) wrong.push(`set ${metadata.name} has pods ${names}, not ${wanted}`);
    return wrong;
  });
}

function jobs(all: (resource: string) => Read[]): string[] {
  return all('jobs.batch').flatMap(({ metadata, spec = {}, status = {} }) => {
    const complete = status.conditions?.some((c: any) => c.type === 'Complete' && c.status === 'True');
    if (complete && status.succeeded === spec.completions) return [];
    return [`job ${metadata.name}: ${status.succeeded ?? 0} of ${spec.completions}, ${complete ? '' : 'not '}complete`];
  });
}

function unresolvedOwners(all: (resource: string) => Read[], pods: Read[]): string[] {
  const uids = new Set(
    [
      ...all('deployments.apps'),
      ...all('replicasets.apps'),
      ...all('statefulsets.apps'),
      ...all('jobs.batch'),
      ...all('services'),
    ].map(({ metadata }) => metadata.uid),
  );
  return [...pods, ...all('replicasets.apps'), ...all('endpointslices.discovery.k8s.io')].flatMap(
    ({ kind, metadata }) =>
      (metadata.ownerReferences ?? [])
        .filter(({ kind: owner, uid }) => owner !== 'Node' && !uids.has(uid))
        .map(({ kind: owner, name }) => `${kind} ${metadata.name} belongs to ${owner} ${name}, which is gone`),
  );
}

/** Endpoint slices and endpoints of each service are exactly the ready pods it selects. */
function endpoints(all: (resource: string) => Read[], pods: Read[]): string[] {
  const slices = all('endpointslices.discovery.k8s.io');
  const legacy = all('endpoints');
  return all('services').flatMap(({ metadata, spec = {} }) => {
    if (!spec.selector) return [];
    const chosen = pods.filter((pod) => pod.metadata.labels?.['app'] === spec.selector.app && live(pod) && ready(pod));
    const want = chosen
      .map((pod) => pod['status'].podIP)
      .sort()
      .join();
    const have = slices
      .filter((slice) => slice.metadata.labels?.['kubernetes.io/service-name'] === metadata.name)
      .flatMap((slice) =>
        (slice['endpoints'] ?? []).filter((e: any) => e.conditions?.ready).flatMap((e: any) => e.addresses),
      )
      .sort()
      .join();
    const old = legacy
      .filter((object) => object.metadata.name === metadata.name)
      .flatMap((object) => (object['subsets'] ?? []).flatMap((s: any) => (s.addresses ?? []).map((a: any) => a.ip)))
      .sort()
      .join();
    const wrong: string[] = [];
    if (have !== want) wrong.push(`slices of ${metadata.name} have ${have || 'nothing'}, ready are ${want || 'none'}`);
    if (old !== want) wrong.push(`endpoints of ${metadata.name} have ${old || 'nothing'}, ready are ${want || 'none'}`);
    return wrong;
  });
}

/** All members of etcd have applied the same. */
function replicas(cluster: Cluster): string[] {
  const applied = new Set(cluster.etcd.status().map((status) => status.applied));
  return applied.size === 1 ? [] : [`members have applied ${[...applied].join(', ')}`];
}

/** The whole history: no revision is missing, and every one says who made it. */
export function historyFaults(cluster: Cluster): string[] {
  const member = cluster.etcd.member();
  const { revision } = member.header();
  const wrong: string[] = [];
  let last = 1;
  for (const change of member.changes({ from: 0, to: revision, limit: Number.MAX_SAFE_INTEGER })) {
    if (change.revision > last + 1) wrong.push(`revisions ${last + 1} to ${change.revision - 1} are missing`);
    last = change.revision;
    if (!change.provenance) wrong.push(`revision ${change.revision} of ${Buffer.from(change.key)} has no author`);
  }
  if (last !== revision) wrong.push(`the history ends at ${last}, the store is at ${revision}`);
  return wrong;
}
