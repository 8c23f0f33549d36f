/** `klab import`: the objects of a real cluster in a klab cluster of their own, where nothing runs them. */
import { isForbidden, isNotFound, type KubeObject } from '../apimachinery/index.ts';
import { HttpsTransport } from '../client/index.ts';
import { allClusters, bringUp, nameFlag, type ServerInfo } from './cluster.ts';
import { switchComponent } from './control.ts';
import { exitCodes, UserError } from './exit-codes.ts';
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

/** A request of the API server takes 3 MiB. */
const chunkBytes = 2_500_000;

export interface ImportRequest {
  /** The cluster to be made. */
  readonly name: string;
  /** Files of `kubectl get … -o yaml|json`, folders, URLs, `-`. */
  readonly files?: readonly string[];
  readonly context?: string;
  readonly kubeconfig?: string;
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
  const { info } = await bringUp(name, { nodes: 0, controllers: ['-*'] }, { signal: target.signal });
  const control = { name, boot: false, ...target };
  // It decides when all is there.
  await switchComponent(control, 'scheduler', undefined, 'stop');
  const summary = await send(info, source, target);
  await switchComponent(control, 'scheduler', undefined, 'start');
  return { name, ...summary };
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
      if (Array.isArray(document['items'])) out.push(...itemsOf(document));
      else out.push(document);
      continue;
    }
    const { parseManifests } = await import('./manifests/read.ts');
    out.push(...(await parseManifests([source], 'imported')).map(({ object }) => object));
  }
  if (out.length === 0) throw new UserError('there is nothing to import', exitCodes.usage);
  return out;
}

/** Items of a typed list need not say what they are. */
function itemsOf(list: KubeObject): KubeObject[] {
  const kind = list.kind?.replace(/List$/, '');
  return (list['items'] as KubeObject[]).map(
    (item) => ({ ...item, apiVersion: item.apiVersion ?? list.apiVersion, kind: item.kind ?? kind }) as KubeObject,
  );
}

async function fromCluster(request: ImportRequest, target: Target): Promise<Source> {
  const session = await openSession({ ...request, boot: false, 'request-timeout': '0' }, target);
  // Fails now, not half way, when the cluster does not answer.
  await session.mapper();
  return pagesOf(session, target);
}

async function* pagesOf(session: Session, { say, signal }: Target): AsyncIterable<KubeObject> {
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
        if (word === 'nodes' || word === 'pods') throw error;
        say(`Warning: ${word} are left out: ${(error as Error).message}`);
      }
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
      if (object.kind === 'Secret') {
        add(skipped, { 'Secret: never imported': 1 });
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
