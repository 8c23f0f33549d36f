/**
 * Which nodes a pod may be on: node selectors, node affinity, taints and tolerations. One answer for the scheduler, the
 * kubelet and the controllers.
 * Upstream: component-helpers/scheduling/corev1 (nodeaffinity, helpers), api/core/v1/toleration.go (1.36).
 */
import type { PodSpec } from '../../../types.ts';

type Labels = Readonly<Record<string, string>>;

interface Requirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[] | undefined;
}

/** A node selector term. */
export interface NodeTerm {
  readonly matchExpressions?: readonly Requirement[] | undefined;
  readonly matchFields?: readonly Requirement[] | undefined;
}

const integer = /^[+-]?\d+$/;

function requirementMatches({ operator, values = [] }: Requirement, value: string | undefined): boolean {
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

/** An empty term matches nothing; the only field is `metadata.name`. */
export function nodeTermMatches(term: NodeTerm, labels: Labels, nodeName: string): boolean {
  const { matchExpressions = [], matchFields = [] } = term;
  if (matchExpressions.length === 0 && matchFields.length === 0) return false;
  return (
    matchExpressions.every((requirement) => requirementMatches(requirement, labels[requirement.key])) &&
    matchFields.every((field) => field.key === 'metadata.name' && requirementMatches(field, nodeName))
  );
}

/** The hard part of a pod's wishes: `nodeSelector` and required node affinity. Upstream: GetRequiredNodeAffinity. */
export function matchesRequiredNodeAffinity(
  spec: Readonly<Pick<PodSpec, 'nodeSelector' | 'affinity'>> | undefined,
  labels: Labels,
  nodeName: string,
): boolean {
  for (const key in spec?.nodeSelector) if (labels[key] !== spec.nodeSelector[key]) return false;
  const required = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return !required || (required.nodeSelectorTerms ?? []).some((term) => nodeTermMatches(term, labels, nodeName));
}

/** Whether a toleration covers a taint, of a node or of a device. Upstream: Toleration.ToleratesTaint. */
export function toleratesTaint(
  toleration: {
    readonly key?: string | undefined;
    readonly operator?: string | undefined;
    readonly value?: string | undefined;
    readonly effect?: string | undefined;
  },
  taint: { readonly key: string; readonly value?: string | undefined; readonly effect: string },
): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  switch (toleration.operator || 'Equal') {
    case 'Exists':
      return true;
    case 'Equal':
      return toleration.key !== undefined && toleration.key !== '' && (toleration.value ?? '') === (taint.value ?? '');
    case 'Gt':
    case 'Lt': {
      const [bound, value] = [toleration.value ?? '', taint.value ?? ''];
      if (!integer.test(bound) || !integer.test(value)) return false;
      return toleration.operator === 'Gt' ? BigInt(value) > BigInt(bound) : BigInt(value) < BigInt(bound);
    }
    default:
      return false;
  }
}
