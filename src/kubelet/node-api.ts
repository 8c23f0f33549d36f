/** The calls a node agent makes, by name. */
import { isAlreadyExists, type KubeObject } from '../apimachinery/index.ts';
import {
  causeOf,
  type KubeClient,
  type RequestCause,
  type ResourceClient,
  type ResourceDescription,
} from '../client/index.ts';
import type { Pod } from './pod-types.ts';

const core = (plural: string, kind: string, namespaced = true): ResourceDescription => ({
  group: '',
  version: 'v1',
  kind,
  plural,
  namespaced,
});

const rows = {
  pods: core('pods', 'Pod'),
  nodes: core('nodes', 'Node', false),
  configmaps: core('configmaps', 'ConfigMap'),
  secrets: core('secrets', 'Secret'),
  services: core('services', 'Service'),
  serviceaccounts: core('serviceaccounts', 'ServiceAccount'),
  persistentvolumeclaims: core('persistentvolumeclaims', 'PersistentVolumeClaim'),
  persistentvolumes: core('persistentvolumes', 'PersistentVolume', false),
  leases: { group: 'coordination.k8s.io', version: 'v1', kind: 'Lease', plural: 'leases', namespaced: true },
} as const;

/** The cause of what is done for a pod: its newest version seen. */
export function podCause(pod: Pod): RequestCause {
  return causeOf(rows.pods, pod as KubeObject);
}

export interface PodApi {
  patchPodStatus(namespace: string, name: string, patch: object, signal?: AbortSignal): Promise<Pod>;
  /** Removes the object for good: grace period 0, only if it is still `uid`. */
  deletePod(namespace: string, name: string, uid: string, signal?: AbortSignal): Promise<void>;
}

export interface TokenRequestSpec {
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  readonly pod: { readonly name: string; readonly uid: string };
}

export class NodeApi implements PodApi {
  readonly #client: KubeClient;

  constructor(client: KubeClient) {
    this.#client = client;
  }

  of(resource: keyof typeof rows): ResourceClient {
    return this.#client.resource(rows[resource]);
  }

  async patchPodStatus(namespace: string, name: string, patch: object, signal?: AbortSignal): Promise<Pod> {
    const options = { subresource: 'status', handOver: true, signal };
    return (await this.of('pods').namespace(namespace).patch(name, 'strategic', patch, options)) as Pod;
  }

  async deletePod(namespace: string, name: string, uid: string, signal?: AbortSignal): Promise<void> {
    await this.of('pods').namespace(namespace).delete(name, { gracePeriodSeconds: 0, preconditions: { uid }, signal });
  }

  get(
    resource: 'configmaps' | 'secrets' | 'persistentvolumeclaims' | 'persistentvolumes',
    namespace: string,
    name: string,
  ) {
    return this.of(resource).namespace(namespace).get(name);
  }

  async serviceAccountToken(namespace: string, name: string, spec: TokenRequestSpec): Promise<string> {
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: {},
      spec: {
        audiences: [...spec.audiences],
        expirationSeconds: spec.expirationSeconds,
        boundObjectRef: { kind: 'Pod', apiVersion: 'v1', ...spec.pod },
      },
    };
    const answer = await this.of('serviceaccounts').namespace(namespace).createSubresource(name, 'token', body);
    return answer.status?.token ?? '';
  }

  /** Creates the object; when it is there already, answers what is there. */
  async createOrGet(
    resource: 'nodes',
    object: KubeObject,
  ): Promise<{ object: Readonly<KubeObject>; created: boolean }> {
    try {
      return { object: await this.of(resource).create(object), created: true };
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      return { object: await this.of(resource).get(object.metadata.name!), created: false };
    }
  }
}
