/** What only namespaces do. Upstream: pkg/registry/core/namespace/strategy.go. */
import type { KubeObject } from '../../apimachinery/index.ts';

/** Held by every namespace until the namespace controller has emptied it. */
export const namespaceFinalizer = 'kubernetes';

export function prepareNamespaceForCreate(namespace: KubeObject): void {
  const finalizers: readonly string[] = namespace['spec']?.finalizers ?? [];
  if (!finalizers.includes(namespaceFinalizer)) {
    namespace['spec'] = { ...namespace['spec'], finalizers: [...finalizers, namespaceFinalizer] };
  }
  namespace['status'] = { phase: 'Active' };
}

/** spec.finalizers change through `/finalize` only. */
export function prepareNamespaceForUpdate(namespace: KubeObject, old: Readonly<KubeObject>, subresource: string): void {
  if (subresource !== 'finalize') namespace['spec'] = { ...namespace['spec'], finalizers: old['spec']?.finalizers };
}
