/**
 * A pod that needs a feature of the kubelet goes where the node declares it.
 * Upstream: scheduler/framework/plugins/nodedeclaredfeatures, component-helpers/nodedeclaredfeatures/features (1.36).
 */
import type { Node, Pod } from '../../api/index.ts';
import { deepEqual } from '../../apimachinery/index.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import type { Plugin } from '../framework/types.ts';

const name = 'NodeDeclaredFeatures';

interface Restartable {
  readonly restartPolicyRules?: readonly { readonly action?: string }[];
}

/** Of upstream's features, those that placing a pod depends on. */
const features: Readonly<Record<string, (spec: NonNullable<Pod['spec']>) => boolean>> = {
  RestartAllContainersOnContainerExits: ({ containers, initContainers = [] }) =>
    ([...containers, ...initContainers] as readonly Restartable[]).some(({ restartPolicyRules = [] }) =>
      restartPolicyRules.some(({ action }) => action === 'RestartAllContainers'),
    ),
  UserNamespacesHostNetworkSupport: ({ hostNetwork, hostUsers }) => hostNetwork === true && hostUsers === false,
};

function needsOf({ spec }: Readonly<Pod>): string[] {
  if (!spec) return [];
  return Object.keys(features).filter((feature) => features[feature]!(spec));
}

const declaredBy = ({ status }: Readonly<Node>) => status?.declaredFeatures ?? [];

function lacking(needs: readonly string[], { node }: NodeInfo): string[] {
  const declared = node ? declaredBy(node) : [];
  return needs.filter((feature) => !declared.includes(feature));
}

export const nodeDeclaredFeatures: Plugin = {
  name,
  events: [
    {
      resource: 'nodes',
      actions: ['add', 'updateDeclaredFeature'],
      hint: (_pod, old, now) => !old || !deepEqual(declaredBy(old as Node), declaredBy(now as Node)),
    },
    {
      resource: 'pods',
      actions: ['update'],
      hint: ({ uid }, old, now) => now?.metadata.uid === uid && !deepEqual(needsOf(old as Pod), needsOf(now as Pod)),
    },
  ],
  preFilter(state, { pod }) {
    const needs = needsOf(pod);
    if (needs.length === 0) return { skip: true };
    state.set(name, needs);
    return undefined;
  },
  filter(state, _pod, node) {
    const missing = lacking(state.get<string[]>(name) ?? [], node);
    if (missing.length === 0) return undefined;
    return {
      code: 'UnschedulableAndUnresolvable',
      reasons: ["node(s) didn't match Pod's required features"],
      detail: `the node does not declare ${missing.join(', ')}`,
    };
  },
};
