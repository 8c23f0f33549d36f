import type { KubeObject } from '../../apimachinery/index.ts';
import { nodeNameOf } from '../authn/user.ts';
import type { AdmissionAttributes, AdmissionPlugin, ObjectReader } from '../types.ts';
import { admissionForbidden, resourceOf } from './forbidden.ts';

const mirrorAnnotation = 'kubernetes.io/config.mirror';
const restrictedLabel = /(^|\.)node-restriction\.kubernetes\.io\//;

/** What a kubelet may write beyond what authorization can tell. Upstream: plugin/pkg/admission/noderestriction/admission.go. */
export function nodeRestriction(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'NodeRestriction',
    handles: (operation) => operation !== 'CONNECT',
    admit(attributes) {
      const node = nodeNameOf(attributes.user);
      if (node === undefined) return;
      if (node === '') throw admissionForbidden(attributes, 'could not determine node from user');
      switch (resourceOf(attributes)) {
        case 'pods':
          return restrictPod(reader, attributes, node);
        case 'nodes':
          return restrictNode(attributes, node);
        case 'serviceaccounts':
          if (attributes.subresource === 'token') return restrictToken(reader, attributes, node);
          return;
        case 'leases.coordination.k8s.io':
          return restrictLease(attributes, node);
        case 'csinodes.storage.k8s.io':
          if (nameOf(attributes) !== node) {
            throw admissionForbidden(attributes, 'can only access CSINode with the same name as the requesting node');
          }
          return;
      }
    },
  };
}

function nameOf({ name, object }: AdmissionAttributes): string {
  return name || object?.metadata?.name || '';
}

function restrictPod(reader: ObjectReader, attributes: AdmissionAttributes, node: string): void {
  const { operation, subresource, object } = attributes;
  const refuse = (text: string) => admissionForbidden(attributes, text);
  const own = (): Readonly<KubeObject> | undefined =>
    attributes.oldObject ?? reader.get('pods', attributes.namespace, nameOf(attributes));
  if (subresource === 'status') {
    if (operation !== 'UPDATE') throw refuse(`unexpected operation "${operation}"`);
    if (own()?.spec?.nodeName !== node) {
      throw refuse(`node ${JSON.stringify(node)} can only update pod status for pods with spec.nodeName set to itself`);
    }
    return;
  }
  if (subresource === 'eviction') {
    if (own()?.spec?.nodeName !== node) {
      throw refuse(`node ${node} can only evict pods with spec.nodeName set to itself`);
    }
    return;
  }
  if (subresource !== '')
    throw refuse(`unexpected pod subresource ${JSON.stringify(subresource)}, only 'status' and 'eviction' are allowed`);
  if (operation === 'CREATE') {
    if (object!.metadata.annotations?.[mirrorAnnotation] === undefined) {
      throw refuse(
        `pod does not have "${mirrorAnnotation}" annotation, node ${JSON.stringify(node)} can only create mirror pods`,
      );
    }
    if (object!.spec?.nodeName !== node) {
      throw refuse(`node ${JSON.stringify(node)} can only create pods with spec.nodeName set to itself`);
    }
  } else if (operation === 'DELETE') {
    const pod = own();
    if (pod && pod.spec?.nodeName !== node) {
      throw refuse(`node ${JSON.stringify(node)} can only delete pods with spec.nodeName set to itself`);
    }
  } else
    throw refuse(
      `unexpected operation ${JSON.stringify(operation)}, node ${JSON.stringify(node)} can only create and delete mirror pods`,
    );
}

function restrictNode(attributes: AdmissionAttributes, node: string): void {
  const { object, oldObject, operation } = attributes;
  const requested = nameOf(attributes);
  if (requested !== node) {
    throw admissionForbidden(
      attributes,
      `node ${JSON.stringify(node)} is not allowed to modify node ${JSON.stringify(requested)}`,
    );
  }
  if (operation === 'DELETE') return;
  if (operation === 'CREATE' && object!.spec?.configSource) {
    throw admissionForbidden(
      attributes,
      `node ${JSON.stringify(node)} is not allowed to create pods with a non-nil configSource`,
    );
  }
  const before: Record<string, string> = oldObject?.metadata.labels ?? {};
  const after: Record<string, string> = object?.metadata.labels ?? {};
  const touched = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (key) => before[key] !== after[key] && restrictedLabel.test(key),
  );
  if (touched.length > 0) {
    throw admissionForbidden(
      attributes,
      `is not allowed to ${operation === 'CREATE' ? 'set' : 'modify'} the following labels: ${touched.sort().join(', ')}`,
    );
  }
  if (
    operation === 'UPDATE' &&
    JSON.stringify(oldObject?.spec?.taints ?? []) !== JSON.stringify(object?.spec?.taints ?? [])
  ) {
    throw admissionForbidden(attributes, `node ${JSON.stringify(node)} is not allowed to modify taints`);
  }
}

function restrictToken(reader: ObjectReader, attributes: AdmissionAttributes, node: string): void {
  const ref = attributes.object?.spec?.boundObjectRef;
  if (ref?.apiVersion !== 'v1' || ref.kind !== 'Pod' || !ref.name) {
    throw admissionForbidden(attributes, 'node requested token not bound to a pod');
  }
  if (!ref.uid) {
    throw admissionForbidden(attributes, 'node requested token with a pod binding without a uid');
  }
  const pod = reader.get('pods', attributes.namespace, ref.name);
  if (!pod || pod.metadata.uid !== ref.uid) {
    throw admissionForbidden(
      attributes,
      `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  if (pod.spec?.nodeName !== node) {
    throw admissionForbidden(attributes, 'node requested token bound to a pod scheduled on a different node');
  }
}

function restrictLease(attributes: AdmissionAttributes, node: string): void {
  if (attributes.namespace !== 'kube-node-lease') {
    throw admissionForbidden(attributes, 'can only access leases in the "kube-node-lease" system namespace');
  }
  if (nameOf(attributes) !== node) {
    throw admissionForbidden(attributes, 'can only access node lease with the same name as the requesting node');
  }
}
