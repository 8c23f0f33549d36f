/** Names that a running cluster, the kubeconfig or the disk know. None of it boots a cluster or waits long. */
import { compareBytes, type KubeObject } from '../../apimachinery/index.ts';
import { type ResourceDescription, resourceName, resourcePath } from '../../client/index.ts';
import type { UserError } from '../exit-codes.ts';
import type { Session, SessionRequest } from '../session.ts';

/** Where completion learns names. */
export interface Names {
  /** `pods`, `deployments.apps`, …: what can be read, by group and name. */
  types(): Promise<readonly string[]>;
  /** Names of a type's objects in the namespace of the command line. */
  objects(type: string): Promise<readonly string[]>;
  containers(pod: string): Promise<readonly string[]>;
  /** Names in the user's kubeconfig. */
  kubeconfig(section: 'contexts' | 'clusters' | 'users'): Promise<readonly string[]>;
  klabClusters(): Promise<readonly string[]>;
  labs(): Promise<readonly string[]>;
  images(): Promise<readonly string[]>;
  components(): Promise<readonly string[]>;
}

/** One answer of a server may take this long: a shell waits for it. */
const requestTimeout = '2s';

/** Names from the server that the command line's flags choose, asked when the first one is needed. */
export class LiveNames implements Names {
  readonly #request: SessionRequest;
  #session: Promise<Session> | undefined;

  constructor(request: SessionRequest) {
    this.#request = { ...request, boot: false, 'request-timeout': requestTimeout };
  }

  #open(): Promise<Session> {
    this.#session ??= import('../session.ts').then(({ openSession }) => openSession(this.#request, { say: () => {} }));
    return this.#session;
  }

  async types(): Promise<readonly string[]> {
    const resources = await (await this.#open()).resources();
    const readable = resources.filter(({ verbs }) => verbs === undefined || verbs.includes('get'));
    const sorted = [...readable].sort((a, b) => compareBytes(a.group, b.group) || compareBytes(a.plural, b.plural));
    return [...new Set(sorted.map(resourceName))];
  }

  async objects(type: string): Promise<readonly string[]> {
    const session = await this.#open();
    const resource = await session.find(type);
    if (!resource) return [];
    const path = resourcePath(resource, this.#namespaceOf(session, resource));
    const { body } = await session.client.request({
      method: 'GET',
      path,
      // Names are wanted, not the objects.
      accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json',
    });
    return (body.items as KubeObject[]).flatMap(({ metadata }) => metadata.name ?? []);
  }

  #namespaceOf(session: Session, resource: ResourceDescription): string {
    return resource.namespaced ? session.namespace : '';
  }

  async containers(pod: string): Promise<readonly string[]> {
    const session = await this.#open();
    const resource = await session.resolve('pods');
    const { spec } = await session.client.raw(resourcePath(resource, session.namespace, pod.replace(/^pods?\//, '')));
    const lists: { name: string }[][] = [
      spec.initContainers ?? [],
      spec.containers ?? [],
      spec.ephemeralContainers ?? [],
    ];
    return lists.flat().map(({ name }) => name);
  }

  async kubeconfig(section: 'contexts' | 'clusters' | 'users'): Promise<readonly string[]> {
    const { ConfigAccess } = await import('../config/config-files.ts');
    return [...new ConfigAccess(this.#request.kubeconfig).load()[section].keys()].sort(compareBytes);
  }

  async klabClusters(): Promise<readonly string[]> {
    return (await import('../../cluster/index.ts')).listClusters();
  }

  async labs(): Promise<readonly string[]> {
    return (await import('../lab/catalog.ts')).builtInLabs().map(({ name }) => name);
  }

  async images(): Promise<readonly string[]> {
    const { listImages } = await import('../images.ts');
    return (await listImages(await this.#open())).map(({ name }) => name);
  }

  async components(): Promise<readonly string[]> {
    return (await import('../../cluster/index.ts')).componentNames;
  }

  async close(): Promise<void> {
    // What could not be opened needs no closing; it has been told already.
    const session = await this.#session?.catch((error) => void (error as UserError));
    if (session) await session.close();
  }
}
