/** `klab import`: the objects of a real cluster in a klab cluster of their own, where nothing runs them. */
import { resolve } from 'node:path';
import { isForbidden, isNotFound, type KubeObject } from '../apimachinery/index.ts';
import { HttpsTransport } from '../client/index.ts';
import { allClusters, bringUp, nameFlag, type ServerInfo, takeDown } from './cluster.ts';
import { switchComponent } from './control.ts';
import { exitCodes, UserError } from './exit-codes.ts';
import { positionText } from './manifests/manifest.ts';
import { configOf, openSession, type Session } from './session.ts';

/** What decides where pods can go, in the order it is written; pods come last so that nothing is decided too early. */
const resources = [
  'namespaces',
  'priorityclasses.scheduling.k8s.io',
  'runtimeclasses.node.k8s.io',
  'storageclasses.storage.k8s.io',
  'csidrivers.storage.k8s.io',
  'nodes',
  'csinodes.storage.k8s.io',
  'csistoragecapacities.storage.k8s.io',
  'volumeattachments.storage.k8s.io',
  'persistentvolumes',
  'persistentvolumeclaims',
  'services',
  'deployments.apps',
  'replicasets.apps',
  'replicationcontrollers',
  'statefulsets.apps',
  'daemonsets.apps',
  'jobs.batch',
  'cronjobs.batch',
  'poddisruptionbudgets.policy',
  'limitranges',
  'resourcequotas',
  'deviceclasses.resource.k8s.io',
  'resourceslices.resource.k8s.io',
  'resourceclaims.resource.k8s.io',
  'resourceclaimtemplates.resource.k8s.io',
  'pods',
] as const;

/** Without these there is nothing to ask about. */
const needed: readonly string[] = ['nodes', 'pods'];

/** A request of the API server takes 3 MiB. */
const chunkBytes = 2_500_000;

export interface ImportRequest {
  /** The cluster to be made. */
  readonly name: string;
  /** Files of `kubectl get … -o yaml|json`, folders, URLs, `-`. */
  readonly files?: readonly string[];
  readonly context?: string;
  readonly kubeconfig?: string;
  /** The KubeSchedulerConfiguration of the cluster that is copied. */
  readonly config?: string;
}

export interface ImportSummary {
  readonly name: string;
  readonly imported: Readonly<Record<string, number>>;
  readonly skipped: Readonly<Record<string, number>>;
}

interface Target {
  readonly say: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** @throws UserError when the cluster exists already or there is nothing to read. */
export async function importCluster(request: ImportRequest, target: Target): Promise<ImportSummary> {
  const { name } = request;
  if ((await allClusters()).some((cluster) => cluster.name === name)) {
    throw new UserError(
      `there is a cluster "${name}" already; import into one of its own: --name NAME, or first klab down --purge${nameFlag(name)}`,
    );
  }
  // Read before anything is made: what cannot be read leaves nothing behind.
  const source = request.files ? fromFiles(await objectsOf(request.files)) : await fromCluster(request, target);
  const flags = request.config === undefined ? {} : await flagsOf(request.config);
  const { info } = await bringUp(name, { nodes: 0, controllers: ['-*'], flags }, { signal: target.signal });
  const control = { name, boot: false, ...target };
  try {
    // It decides when all is there.
    await switchComponent(control, 'scheduler', undefined, 'stop');
    const summary = await send(info, source, target);
    if (Object.keys(summary.imported).length === 0) {
      const why = Object.entries(summary.skipped).map(([what, count]) => `  ${what} (${count})`);
      throw new UserError(['there is nothing to import', ...why].join('\n'));
    }
    await switchComponent(control, 'scheduler', undefined, 'start');
    return { name, ...summary };
  } catch (error) {
    // Half a cluster would answer wrongly.
    await takeDown(name, { purge: true });
    throw error;
  }
}

/** @throws UserError when the scheduler would refuse it. */
async function flagsOf(config: string): Promise<Record<string, string>> {
  const { readSchedulerConfig } = await import('./scheduler-setup.ts');
  await readSchedulerConfig(config);
  return { config: resolve(config) };
}

type Source = AsyncIterable<KubeObject> | Iterable<KubeObject>;

function* fromFiles(objects: readonly KubeObject[]): Iterable<KubeObject> {
  const last = (object: KubeObject) => (object.kind === 'Pod' ? 1 : 0);
  yield* [...objects].sort((a, b) => last(a) - last(b));
}

/** JSON is read as such, which is much faster for the dumps of large clusters; YAML with kubectl's rules. */
async function objectsOf(files: readonly string[]): Promise<KubeObject[]> {
  const { readSources } = await import('./manifests/sources.ts');
  const out: KubeObject[] = [];
  for (const source of await readSources(files, { recursive: true })) {
    if (/^\s*\{/.test(source.text)) {
      let document: KubeObject;
      try {
        document = JSON.parse(source.text) as KubeObject;
      } catch (error) {
        throw new UserError(`${source.name}: ${(error as Error).message}`);
      }
      const items = Array.isArray(document['items']) ? itemsOf(document) : [document];
      for (const [i, item] of items.entries()) {
        if (isObject(item)) continue;
        const where = Array.isArray(document['items']) ? `items[${i}]` : 'it';
        throw new UserError(
          `${source.name}: ${where} has no apiVersion, kind and metadata.name: is it a dump of objects?`,
        );
      }
      out.push(...items);
      continue;
    }
    const { parseManifests } = await import('./manifests/read.ts');
    for (const { object, position } of await parseManifests([source], 'imported')) {
      if (!isObject(object)) throw new UserError(`${positionText(position)}: ${object.kind} has no metadata.name`);
      out.push(object);
    }
  }
  if (out.length === 0) throw new UserError('there is nothing to import', exitCodes.usage);
  return out;
}

const isObject = (item: Partial<KubeObject> | undefined): boolean =>
  [item?.apiVersion, item?.kind, item?.metadata?.name].every((text) => typeof text === 'string');

/** Items of a typed list need not say what they are. */
function itemsOf(list: KubeObject): KubeObject[] {
  const kind = list.kind?.replace(/List$/, '');
  return (list['items'] as KubeObject[]).map(
    (item) => ({ ...item, apiVersion: item.apiVersion ?? list.apiVersion, kind: item.kind ?? kind }) as KubeObject,
  );
}

async function fromCluster(request: ImportRequest, target: Target): Promise<Source> {
  const session = await openSession({ ...request, boot: false, 'request-timeout': '0' }, target);
  // Fails now, not half way, when the cluster does not answer or the user may not see what it is all about.
  try {
    await session.mapper();
    for (const word of needed) {
      await session.client.resource(await session.resolve(word)).list({ limit: 1, signal: target.signal });
    }
  } catch (error) {
    await session.close();
    throw error;
  }
  return pagesOf(session, target);
}

async function* pagesOf(session: Session, { say, signal }: Target): AsyncIterable<KubeObject> {
  const forbidden: string[] = [];
  try {
    for (const word of resources) {
      const resource = await session.find(word);
      if (!resource) continue;
      const apiVersion = resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
      try {
        for await (const page of session.client.resource(resource).pages({ limit: 500, signal })) {
          for (const item of page.items) yield { ...item, apiVersion, kind: resource.kind } as KubeObject;
        }
      } catch (error) {
        if (!isForbidden(error) && !isNotFound(error)) throw error;
        if (needed.includes(word)) throw error;
        if (isForbidden(error)) forbidden.push(word);
      }
    }
    if (forbidden.length > 0) {
      say(
        `Warning: left out, as this user may not list them: ${forbidden.join(', ')}. Answers that depend on them may be wrong.`,
      );
    }
  } finally {
    await session.close();
  }
}

async function send(info: ServerInfo, source: Source, { signal }: Target): Promise<Omit<ImportSummary, 'name'>> {
  const transport = new HttpsTransport(configOf(info), { timeoutMs: 0 });
  const imported: Record<string, number> = {};
  const skipped: Record<string, number> = {};
  const add = (to: Record<string, number>, more: Readonly<Record<string, number>>) => {
    for (const [key, count] of Object.entries(more)) to[key] = (to[key] ?? 0) + count;
  };
  let chunk: KubeObject[] = [];
  let bytes = 0;
  const flush = async () => {
    if (chunk.length === 0) return;
    const items = chunk;
    chunk = [];
    bytes = 0;
    const { body } = await transport.request({ method: 'POST', path: '/klab/v1/import', body: { items }, signal });
    const answer = body as Omit<ImportSummary, 'name'>;
    add(imported, answer.imported);
    add(skipped, answer.skipped);
  };
  try {
    for await (const object of source) {
      // Their values do not even travel to the server of the copy.
      if (object.kind === 'Secret' || object.kind === 'Event') {
        add(skipped, { [`${object.kind}: never imported`]: 1 });
        continue;
      }
      delete object.metadata?.managedFields;
      const size = Buffer.byteLength(JSON.stringify(object));
      if (bytes + size > chunkBytes) await flush();
      chunk.push(object);
      bytes += size;
    }
    await flush();
  } finally {
    await transport.close();
  }
  return { imported, skipped };
}
