/** Upstream: pkg/registry/core/node/strategy.go, pkg/apis/core/validation/validation.go (1.36). */
import type { KubeObject } from '../../../../apimachinery/index.ts';
import { cidrWarnings } from '../../../addresses.ts';
import { canonicalResources, setIfAbsent } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import type { Node } from '../../../types.ts';
import { validateNode, validateNodeUpdate } from './validation.ts';

function applyDefaults(object: KubeObject): void {
  const node = object as Node;
  setIfAbsent(node, 'spec', {});
  const status = node.status;
  if (!status) return;
  canonicalResources(status.capacity as Record<string, unknown> | undefined);
  if (!status.allocatable && status.capacity) status.allocatable = { ...status.capacity };
  canonicalResources(status.allocatable as Record<string, unknown> | undefined);
}

function nodeWarnings({ spec }: Readonly<Node>): string[] {
  return [
    ...(spec?.configSource ? ['spec.configSource: the feature is removed'] : []),
    ...(spec?.externalID ? ['spec.externalID: this field is deprecated, and is unused by Kubernetes'] : []),
    ...(spec?.podCIDRs ?? []).flatMap((cidr, index) => cidrWarnings(`spec.podCIDRs[${index}]`, cidr)),
  ];
}

export const nodeStrategy: Strategy = {
  applyDefaults,
  prepareForUpdate(object, _old, context) {
    // Clients may send only the first of the two forms.
    const spec = (object as Node).spec;
    if (context.subresource === '' && spec?.podCIDR && !spec.podCIDRs) spec.podCIDRs = [spec.podCIDR];
  },
  validate: validateNode,
  validateUpdate(object, old, errors) {
    validateNode(object, errors);
    validateNodeUpdate(object, old, errors);
  },
  validateStatusUpdate: validateNodeUpdate,
  warnings: (object) => nodeWarnings(object as Readonly<Node>),
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
