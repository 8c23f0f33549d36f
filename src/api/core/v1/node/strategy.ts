/** Upstream: pkg/registry/core/node/strategy.go, pkg/apis/core/validation/validation.go (1.36). */
import {
  deepEqual,
  type FieldErrorList,
  FieldPath,
  isLabelValue,
  isQualifiedName,
  type KubeObject,
} from '../../../../apimachinery/index.ts';
import { canonicalResources, setIfAbsent } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import type { Node, Taint } from '../../../types.ts';
import { invalidEach } from '../../../validation.ts';
import { validateTaintEffect } from '../pod/validation-scheduling.ts';

function applyDefaults(object: KubeObject): void {
  const node = object as Node;
  setIfAbsent(node, 'spec', {});
  const status = node.status;
  if (!status) return;
  canonicalResources(status.capacity as Record<string, unknown> | undefined);
  if (!status.allocatable && status.capacity) status.allocatable = { ...status.capacity };
  canonicalResources(status.allocatable as Record<string, unknown> | undefined);
}

function validateTaints(taints: readonly Taint[], errors: FieldErrorList): void {
  // Upstream names them below metadata.
  const path = FieldPath.root('metadata', 'taints');
  const seen = new Set<string>();
  for (const [index, taint] of taints.entries()) {
    const at = path.index(index);
    invalidEach(isQualifiedName(taint.key), taint.key, at.child('key'), errors);
    const messages = isLabelValue(taint.value ?? '');
    if (messages.length > 0) errors.invalid(at.child('value'), taint.value, messages.join(';'));
    if (!taint.effect) errors.required(at.child('effect'));
    else validateTaintEffect(taint.effect, at.child('effect'), errors);
    const key = `${taint.effect}/${taint.key}`;
    if (seen.has(key)) {
      errors.add({
        type: 'FieldValueDuplicate',
        field: at.toString(),
        badValue: taint,
        detail: 'taints must be unique by key and effect pair',
      });
    }
    seen.add(key);
  }
}

function validateChange(node: Readonly<Node>, old: Readonly<Node>, errors: FieldErrorList): void {
  const before = old.spec?.podCIDRs ?? [];
  if (before.length > 0 && !deepEqual(before, node.spec?.podCIDRs)) {
    const detail = 'node updates may not change podCIDR except from "" to valid';
    errors.forbidden(FieldPath.root('spec', 'podCIDRs'), detail);
  }
  if (old.spec?.providerID && old.spec.providerID !== node.spec?.providerID) {
    const detail = 'node updates may not change providerID except from "" to valid';
    errors.forbidden(FieldPath.root('spec', 'providerID'), detail);
  }
  const seen = new Set<string>();
  for (const [index, address] of (node.status?.addresses ?? []).entries()) {
    const key = `${address.type}/${address.address}`;
    if (seen.has(key)) errors.duplicate(FieldPath.root('status', 'addresses').index(index), address);
    seen.add(key);
  }
}

export const nodeStrategy: Strategy = {
  applyDefaults,
  prepareForUpdate(object, _old, context) {
    // Clients may send only the first of the two forms.
    const spec = (object as Node).spec;
    if (context.subresource === '' && spec?.podCIDR && !spec.podCIDRs) spec.podCIDRs = [spec.podCIDR];
  },
  validate: (object, errors) => validateTaints((object as Readonly<Node>).spec?.taints ?? [], errors),
  validateUpdate(object, old, errors) {
    validateTaints((object as Readonly<Node>).spec?.taints ?? [], errors);
    validateChange(object as Readonly<Node>, old as Readonly<Node>, errors);
  },
  validateStatusUpdate: (object, old, errors) =>
    validateChange(object as Readonly<Node>, old as Readonly<Node>, errors),
};

/** Go writes these structs of a node's status even when they are empty. */
export function newNodeStatus(): Record<string, unknown> {
  return {
    daemonEndpoints: { kubeletEndpoint: { Port: 0 } },
    nodeInfo: {
      architecture: '',
      bootID: '',
      containerRuntimeVersion: '',
      kernelVersion: '',
      kubeProxyVersion: '',
      kubeletVersion: '',
      machineID: '',
      operatingSystem: '',
      osImage: '',
      systemUUID: '',
    },
  };
}
