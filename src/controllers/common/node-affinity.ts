/** Whether a node is one a pod asks for. Upstream: component-helpers/scheduling/corev1/nodeaffinity (GetRequiredNodeAffinity). */
import type { Node, NodeSelectorRequirement, NodeSelectorTerm, PodSpec } from '../../api/index.ts';

/** The hard part: `nodeSelector` and required node affinity. */
export function matchesRequiredAffinity(spec: Readonly<PodSpec>, node: Readonly<Node>): boolean {
  const labels = node.metadata.labels ?? {};
  for (const key in spec.nodeSelector) if (labels[key] !== spec.nodeSelector[key]) return false;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return !required || required.nodeSelectorTerms.some((term) => termMatches(term, labels, node.metadata.name!));
}

/** An empty term matches nothing. */
function termMatches(
  { matchExpressions = [], matchFields = [] }: NodeSelectorTerm,
  labels: Readonly<Record<string, string>>,
  name: string,
): boolean {
  if (matchExpressions.length === 0 && matchFields.length === 0) return false;
  return (
    matchExpressions.every((requirement) => requirementMatches(requirement, labels[requirement.key])) &&
    matchFields.every((field) => field.key === 'metadata.name' && requirementMatches(field, name))
  );
}

const integer = /^-?\d+$/;

function requirementMatches({ operator, values = [] }: NodeSelectorRequirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
    case 'Lt': {
      const bound = values[0] ?? '';
      if (value === undefined || !integer.test(value) || !integer.test(bound)) return false;
      return operator === 'Gt' ? BigInt(value) > BigInt(bound) : BigInt(value) < BigInt(bound);
    }
    default:
      return false;
  }
}
