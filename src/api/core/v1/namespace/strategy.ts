/** Upstream: pkg/registry/core/namespace/strategy.go (1.36). */
import { FieldPath, isQualifiedName, type KubeObject, nameIsDnsLabel } from '../../../../apimachinery/index.ts';
import { setIfAbsent, setIfZero } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import type { Namespace } from '../../../types.ts';
import { invalidEach } from '../../../validation.ts';

const nameLabel = 'kubernetes.io/metadata.name';
/** Held until the namespace's content is gone. */
const kubernetesFinalizer = 'kubernetes';

function applyDefaults(object: KubeObject): void {
  const { metadata } = object;
  if (metadata.name) metadata.labels = { ...metadata.labels, [nameLabel]: metadata.name };
  setIfAbsent(object, 'spec', {});
  setIfAbsent(object, 'status', {});
  setIfZero(object['status'], 'phase', 'Active');
}

export const namespaceStrategy: Strategy = {
  validateName: nameIsDnsLabel,
  applyDefaults,
  prepareForCreate(object) {
    const typed = object as Namespace;
    typed.spec ??= {};
    const spec = typed.spec;
    const finalizers = spec.finalizers ?? [];
    if (!finalizers.includes(kubernetesFinalizer)) spec.finalizers = [...finalizers, kubernetesFinalizer];
    // A generated name is known only by now.
    applyDefaults(object);
  },
  prepareForUpdate(object, old, context) {
    // Finalizers change through /finalize only; a status update has its spec from the old object already.
    if (context.subresource !== '') return;
    const finalizers = (old as Readonly<Namespace>).spec?.finalizers;
    const typed = object as Namespace;
    typed.spec ??= {};
    const spec = typed.spec;
    if (finalizers) spec.finalizers = finalizers;
    else delete spec.finalizers;
  },
  validate(object, errors) {
    const path = FieldPath.root('spec', 'finalizers');
    for (const finalizer of (object as Readonly<Namespace>).spec?.finalizers ?? []) {
      const messages = isQualifiedName(finalizer);
      invalidEach(messages, finalizer, path, errors);
      if (messages.length === 0 && !finalizer.includes('/') && finalizer !== kubernetesFinalizer) {
        errors.invalid(path, finalizer, 'name is neither a standard finalizer name nor is it fully qualified');
      }
    }
  },
};
