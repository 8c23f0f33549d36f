/** Conditions that tell of a definition's form. Upstream: apiextensions-apiserver/pkg/controller/{apiapproval,nonstructuralschema,establish}. */
import { structuralErrors } from '../../api/index.ts';
import { fieldErrorMessage } from '../../apimachinery/index.ts';
import {
  type Crd,
  findCondition,
  isTrue,
  saysTheSame,
  type WantedCondition,
  withCondition,
  withoutCondition,
} from './conditions.ts';

const established: WantedCondition = {
  type: 'Established',
  status: 'True',
  reason: 'InitialNamesAccepted',
  message: 'the initial names have been accepted',
};

/** Accepted names are served: upstream waits here for five seconds when it has other servers to wait for. */
export function establish(crd: Crd, now: string): Crd | undefined {
  if (!isTrue(crd, 'NamesAccepted') || isTrue(crd, 'Established')) return undefined;
  return withCondition(crd, established, now);
}

const annotation = 'api-approved.kubernetes.io';
const pullRequest = 'see https://github.com/kubernetes/enhancements/pull/1111';

/** Groups of the Kubernetes community. */
const isProtected = (group: string): boolean => /(^|\.)(k8s|kubernetes)\.io$/.test(group);

function approval(crd: Crd): WantedCondition {
  const text = crd.metadata.annotations?.[annotation] ?? '';
  const type = 'KubernetesAPIApprovalPolicyConformant';
  if (text === '') {
    const message = `protected groups must have approval annotation ${JSON.stringify(annotation)}, ${pullRequest}`;
    return { type, status: 'False', reason: 'MissingAnnotation', message };
  }
  if (text.startsWith('unapproved')) {
    return { type, status: 'False', reason: 'UnapprovedAnnotation', message: `not approved: ${JSON.stringify(text)}` };
  }
  if (URL.canParse(text) && new URL(text).host !== '') {
    return { type, status: 'True', reason: 'ApprovedAnnotation', message: `approved in ${text}` };
  }
  const message = `protected groups must have approval annotation ${JSON.stringify(annotation)} with either a URL or a reason starting with "unapproved", ${pullRequest}`;
  return { type, status: 'False', reason: 'InvalidAnnotation', message };
}

export function approved(crd: Crd, now: string): Crd | undefined {
  if (!isProtected(crd.spec.group)) return undefined;
  const wanted = approval(crd);
  return saysTheSame(findCondition(crd, wanted.type), wanted) ? undefined : withCondition(crd, wanted, now);
}

/** Definitions of today cannot be otherwise; those stored by older clusters can. */
export function structural(crd: Crd, now: string): Crd | undefined {
  const type = 'NonStructuralSchema';
  const before = findCondition(crd, type);
  const messages = structuralErrors(crd).map((error) => `${error.field}: ${fieldErrorMessage(error)}`);
  if (messages.length === 0) return before ? withoutCondition(crd, type) : undefined;
  const message = messages.length === 1 ? messages[0]! : `[${[...new Set(messages)].join(', ')}]`;
  const wanted: WantedCondition = { type, status: 'True', reason: 'Violations', message };
  return saysTheSame(before, wanted) ? undefined : withCondition(crd, wanted, now);
}
