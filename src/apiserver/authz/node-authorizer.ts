import { nodeNameOf } from '../authn/user.ts';
import { clusterRoleRules } from '../rbac/bootstrap-policy.ts';
import { type PolicyRule, ruleAllows } from '../rbac/rules.ts';
import type { AuthorizationAttributes, Authorizer, ObjectReader } from '../types.ts';
import { podReferences, type ReferenceKind } from './pod-references.ts';

interface Decision {
  readonly decision: 'allow' | 'noOpinion';
  readonly reason: string;
}

const allow: Decision = { decision: 'allow', reason: '' };
const refuse = (reason: string): Decision => ({ decision: 'noOpinion', reason });

/**
 * Lets a kubelet (user `system:node:<name>`, group `system:nodes`) read what the pods bound to its node need, and write
 * its own Node, Lease and CSINode. Upstream: plugin/pkg/auth/authorizer/node/node_authorizer.go.
 */
export class NodeAuthorizer implements Authorizer {
  readonly #reader: ObjectReader;
  readonly #rules: readonly PolicyRule[];

  constructor(reader: ObjectReader) {
    this.#reader = reader;
    this.#rules = clusterRoleRules('system:node');
  }

  authorize(attributes: AuthorizationAttributes): Decision {
    const node = nodeNameOf(attributes.user);
    if (node === undefined) return refuse('');
    if (node === '') return refuse(`unknown node for user ${JSON.stringify(attributes.user.name)}`);
    if (attributes.resourceRequest) {
      const key = attributes.apiGroup === '' ? attributes.resource : `${attributes.resource}.${attributes.apiGroup}`;
      switch (key) {
        case 'secrets':
        case 'configmaps':
          return this.#readReferenced(node, key, attributes);
        case 'persistentvolumeclaims':
          if (attributes.subresource === 'status') return this.#claimStatus(node, attributes);
          return this.#getOnly(attributes) ?? this.#referenced(node, key, attributes);
        case 'persistentvolumes':
          return this.#getOnly(attributes) ?? this.#volume(node, attributes.name);
        case 'volumeattachments.storage.k8s.io':
          return this.#getOnly(attributes) ?? this.#attachment(node, attributes.name);
        case 'serviceaccounts':
          return this.#serviceAccount(node, attributes);
        case 'leases.coordination.k8s.io':
          return nodeLease(node, attributes);
        case 'csinodes.storage.k8s.io':
          return csiNode(node, attributes);
        case 'nodes':
          return ownNode(node, attributes);
        case 'pods':
          return this.#pod(node, attributes);
      }
    }
    return this.#rules.some((rule) => ruleAllows(attributes, rule)) ? allow : refuse('');
  }

  #readReferenced(node: string, kind: ReferenceKind, attributes: AuthorizationAttributes): Decision {
    if (!['get', 'list', 'watch'].includes(attributes.verb)) return refuse('can only read resources of this type');
    if (attributes.subresource !== '') return refuse('cannot read subresource');
    if (attributes.namespace === '') return refuse('can only read namespaced object of this type');
    return this.#referenced(node, kind, attributes);
  }

  #getOnly(attributes: AuthorizationAttributes): Decision | undefined {
    if (attributes.verb !== 'get') return refuse('can only get individual resources of this type');
    if (attributes.subresource !== '') return refuse('cannot get subresource');
    if (attributes.name === '') return refuse('No Object name found');
    return undefined;
  }

  #claimStatus(node: string, attributes: AuthorizationAttributes): Decision {
    if (attributes.verb !== 'update' && attributes.verb !== 'patch') {
      return refuse('can only get/update/patch this type');
    }
    return this.#referenced(node, 'persistentvolumeclaims', attributes);
  }

  #serviceAccount(node: string, attributes: AuthorizationAttributes): Decision {
    if (attributes.verb === 'get' && attributes.subresource === '') {
      return this.#readReferenced(node, 'serviceaccounts', attributes);
    }
    if (attributes.verb !== 'create' || attributes.name === '') {
      return refuse('can only create tokens for individual service accounts');
    }
    if (attributes.subresource !== 'token') return refuse('can only create token subresource of serviceaccount');
    return this.#referenced(node, 'serviceaccounts', attributes);
  }

  #referenced(node: string, kind: ReferenceKind, attributes: AuthorizationAttributes): Decision {
    if (attributes.name === '') return refuse('No Object name found');
    for (const pod of this.#reader.list('pods', attributes.namespace)) {
      if (pod.spec?.nodeName === node && podReferences(pod, kind, attributes.name)) return allow;
    }
    return unrelated(node);
  }

  #volume(node: string, name: string): Decision {
    const claim = this.#reader.get('persistentvolumes', '', name)?.spec?.claimRef;
    if (!claim) return unrelated(node);
    for (const pod of this.#reader.list('pods', claim.namespace)) {
      if (pod.spec?.nodeName === node && podReferences(pod, 'persistentvolumeclaims', claim.name)) return allow;
    }
    return unrelated(node);
  }

  #attachment(node: string, name: string): Decision {
    const attachment = this.#reader.get('volumeattachments.storage.k8s.io', '', name);
    return attachment?.spec?.nodeName === node ? allow : unrelated(node);
  }

  #pod(node: string, attributes: AuthorizationAttributes): Decision {
    const { verb, subresource, name } = attributes;
    if (subresource === '') {
      if (verb === 'get') {
        const pod = this.#reader.get('pods', attributes.namespace, name);
        return pod?.spec?.nodeName === node ? allow : unrelated(node);
      }
      if (verb === 'list' || verb === 'watch') {
        if (
          (attributes.fieldSelector ?? '')
            .split(',')
            .some((term) => /^spec\.nodeName==?/.test(term) && term.replace(/^spec\.nodeName==?/, '') === node)
        ) {
          return allow;
        }
        if (name !== '') {
          return this.#reader.get('pods', attributes.namespace, name)?.spec?.nodeName === node
            ? allow
            : unrelated(node);
        }
        return refuse(`can only list/watch pods with spec.nodeName field selector`);
      }
      if (verb === 'create' || verb === 'delete') return allow;
    } else if (subresource === 'status') {
      if (verb === 'update' || verb === 'patch') return allow;
    } else if (subresource === 'eviction' && verb === 'create') return allow;
    return refuse('');
  }
}

function unrelated(node: string): Decision {
  return refuse(`no relationship found between node '${node}' and this object`);
}

function nodeLease(node: string, { verb, namespace, name }: AuthorizationAttributes): Decision {
  if (!['get', 'create', 'update', 'patch', 'delete'].includes(verb)) {
    return refuse('can only get, create, update, patch, or delete a node lease');
  }
  if (namespace !== 'kube-node-lease')
    return refuse('can only access leases in the "kube-node-lease" system namespace');
  if (verb !== 'create' && name !== node) {
    return refuse('can only access node lease with the same name as the requesting node');
  }
  return allow;
}

function csiNode(node: string, { verb, subresource, name }: AuthorizationAttributes): Decision {
  if (!['get', 'create', 'update', 'patch', 'delete'].includes(verb)) {
    return refuse('can only get, create, update, patch, or delete a CSINode');
  }
  if (subresource !== '') return refuse('cannot authorize CSINode subresources');
  if (verb !== 'create' && name !== node) {
    return refuse('can only access CSINode with the same name as the requesting node');
  }
  return allow;
}

function ownNode(node: string, { verb, subresource, name }: AuthorizationAttributes): Decision {
  if (subresource === '') {
    if (['create', 'update', 'patch'].includes(verb)) return allow;
    if (['get', 'list', 'watch'].includes(verb)) {
      if (name === node) return allow;
      if (name === '') return refuse(`node '${node}' cannot read all nodes, only its own Node object`);
      return refuse(`node '${node}' cannot read '${name}', only its own Node object`);
    }
  } else if (subresource === 'status' && (verb === 'update' || verb === 'patch')) return allow;
  return refuse('');
}
