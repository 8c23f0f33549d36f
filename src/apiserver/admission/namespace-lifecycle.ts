import { newForbidden, newNotFound } from '../../apimachinery/index.ts';
import type { AdmissionAttributes, AdmissionPlugin, ObjectReader } from '../types.ts';
import { admissionForbidden, resourceOf } from './forbidden.ts';

const immortal = new Set(['default', 'kube-system', 'kube-public']);
const accessReviews = new Set(['localsubjectaccessreviews.authorization.k8s.io']);
/** Names of namespaces whose deletion the cache may not show yet; the oldest are forgotten. */
const maxRecentlyDeleted = 100;

export interface NamespaceLifecycleDeps {
  readonly reader: ObjectReader;
  /** Resolves when the cache holds all that was written before the call. */
  waitForCache(): Promise<void>;
}

/**
 * Nothing is written into namespaces that do not exist, nothing is created in those that are going away, and the system
 * namespaces stay. Upstream: apiserver/pkg/admission/plugin/namespace/lifecycle/admission.go.
 */
export function namespaceLifecycle(deps: NamespaceLifecycleDeps): AdmissionPlugin {
  const { reader } = deps;
  const recentlyDeleted = new Set<string>();

  const admitNamespace = (attributes: AdmissionAttributes): void => {
    if (attributes.operation !== 'DELETE') return;
    if (immortal.has(attributes.name)) {
      throw newForbidden({ group: '', resource: 'namespaces' }, attributes.name, 'this namespace may not be deleted');
    }
    recentlyDeleted.delete(attributes.name);
    recentlyDeleted.add(attributes.name);
    if (recentlyDeleted.size > maxRecentlyDeleted) recentlyDeleted.delete(recentlyDeleted.values().next().value!);
  };

  const check = (attributes: AdmissionAttributes): void => {
    const namespace = reader.get('namespaces', '', attributes.namespace);
    if (!namespace) throw newNotFound({ group: '', resource: 'namespaces' }, attributes.namespace);
    if (attributes.operation !== 'CREATE' || namespace.status?.phase !== 'Terminating') return;
    const error = admissionForbidden(
      attributes,
      `unable to create new content in namespace ${attributes.namespace} because it is being terminated`,
    );
    error.status.details!.causes = [
      {
        reason: 'NamespaceTerminating',
        message: `namespace ${attributes.namespace} is being terminated`,
        field: 'metadata.namespace',
      },
    ];
    throw error;
  };

  return {
    name: 'NamespaceLifecycle',
    handles: (operation) => operation !== 'CONNECT',
    admit(attributes) {
      const resource = resourceOf(attributes);
      if (resource === 'namespaces') return admitNamespace(attributes);
      if (attributes.namespace === '' || attributes.operation === 'DELETE' || accessReviews.has(resource)) return;
      const namespace = reader.get('namespaces', '', attributes.namespace);
      const stale = !namespace || (recentlyDeleted.has(attributes.namespace) && namespace.status?.phase === 'Active');
      if (stale) return deps.waitForCache().then(() => check(attributes));
      check(attributes);
    },
  };
}
