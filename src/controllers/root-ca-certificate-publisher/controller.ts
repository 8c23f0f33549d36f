/** Keeps ConfigMap `kube-root-ca.crt` in every namespace. Upstream: pkg/controller/certificates/rootcacertpublisher. */

import type { ConfigMap, Namespace } from '../../api/index.ts';
import { hasNamespaceTerminatingCause, isAlreadyExists, isNotFound } from '../../apimachinery/index.ts';
import { causeOf, type SharedInformer, Workqueue } from '../../client/index.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
} from '../common/controller.ts';

const configMapName = 'kube-root-ca.crt';
const key = 'ca.crt';
const descriptionAnnotation = 'kubernetes.io/description';
const description =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. ' +
  'No other usage is guaranteed across distributions of Kubernetes clusters.';
const workers = 4;

const names = {
  name: 'root-ca-certificate-publisher-controller',
  serviceAccount: 'root-ca-cert-publisher',
  component: 'root-ca-cert-publisher',
} as const;

export class RootCACertificatePublisher implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #base: ControllerBase;
  readonly #rootCA: string;
  readonly #queue: Workqueue;
  readonly #namespaces: SharedInformer<Namespace>;
  readonly #configMaps: SharedInformer<ConfigMap>;

  constructor(context: ControllerContext) {
    this.#base = controllerBase(context, names);
    this.#rootCA = context.settings.rootCA;
    this.#queue = new Workqueue(context, { name: 'root_ca_cert_publisher' });
    this.#namespaces = context.informers.informer<Namespace>('namespaces');
    this.#configMaps = context.informers.informer<ConfigMap>('configmaps');
    const enqueue = (namespace: Readonly<Namespace>) =>
      this.#queue.add(namespace.metadata.name!, causeOf(this.#namespaces.resource, namespace));
    this.#namespaces.addHandler({ onAdd: enqueue, onUpdate: (_, namespace) => enqueue(namespace) });
    const changed = (configMap: Readonly<ConfigMap>) => {
      if (configMap.metadata.name !== configMapName) return;
      this.#queue.add(configMap.metadata.namespace!, causeOf(this.#configMaps.resource, configMap));
    };
    this.#configMaps.addHandler({ onUpdate: (_, configMap) => changed(configMap), onDelete: changed });
  }

  run(signal: AbortSignal): Promise<void> {
    const informers = [this.#namespaces, this.#configMaps];
    const queues = [{ queue: this.#queue, workers, reconcile: (name: string) => this.#sync(name) }];
    return runController({ log: this.#base.log, informers, queues }, signal);
  }

  async #sync(namespace: string): Promise<void> {
    const owner = this.#namespaces.lister.get('', namespace);
    if (!owner || owner.status?.phase === 'Terminating' || owner.metadata.deletionTimestamp !== undefined) return;
    const client = this.#base.client.resource<ConfigMap>('configmaps').namespace(namespace);
    const found = this.#configMaps.lister.get(namespace, configMapName);
    const data = { [key]: this.#rootCA };
    try {
      if (!found) {
        const metadata = { name: configMapName, namespace, annotations: { [descriptionAnnotation]: description } };
        await client.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data }, { handOver: true });
        return;
      }
      const onlyOurs = found.data?.[key] === this.#rootCA && Object.keys(found.data).length === 1;
      if (onlyOurs && found.metadata.annotations?.[descriptionAnnotation] !== undefined) return;
      const annotations = { ...found.metadata.annotations, [descriptionAnnotation]: description };
      await client.update({ ...found, metadata: { ...found.metadata, annotations }, data });
    } catch (error) {
      if (!isAlreadyExists(error) && !isNotFound(error) && !hasNamespaceTerminatingCause(error)) throw error;
    }
  }
}
