/**
 * `create namespace|serviceaccount|quota|poddisruptionbudget|priorityclass`.
 * Upstream: kubectl/pkg/cmd/create/create_{namespace,serviceaccount,quota,pdb,priorityclass}.go.
 */
import { canonicalQuantity, type KubeObject, parseQuantity } from '../../apimachinery/index.ts';
import { UserError } from '../exit-codes.ts';
import { selectorObject } from './selector.ts';

export function namespace(name: string): KubeObject {
  return { kind: 'Namespace', apiVersion: 'v1', metadata: { name }, spec: {}, status: {} } as KubeObject;
}

export function serviceAccount(name: string): KubeObject {
  return { kind: 'ServiceAccount', apiVersion: 'v1', metadata: { name } } as KubeObject;
}

/** `cpu=1,memory=1Gi` → quantities in canonical form. @throws UserError in kubectl's words. */
export function parseResourceList(text: string): Record<string, string> {
  const out: Record<string, string> = {};
  if (text === '') return out;
  for (const part of text.split(',')) {
    const pieces = part.split('=');
    if (pieces.length !== 2) throw new UserError(`Invalid argument syntax ${part}, expected <resource>=<value>`);
    try {
      parseQuantity(pieces[1]!);
    } catch (error) {
      throw new UserError((error as Error).message);
    }
    out[pieces[0]!] = canonicalQuantity(pieces[1]!);
  }
  return out;
}

export function quota(name: string, flags: { readonly hard?: string; readonly scopes?: string }): KubeObject {
  const hard = parseResourceList(flags.hard ?? '');
  const scopes = flags.scopes ? flags.scopes.split(',') : [];
  if (scopes.includes('')) throw new UserError('invalid resource quota scope ""');
  return {
    kind: 'ResourceQuota',
    apiVersion: 'v1',
    metadata: { name },
    spec: {
      ...(Object.keys(hard).length > 0 && { hard }),
      ...(scopes.length > 0 && { scopes }),
    },
    status: {},
  } as KubeObject;
}

export interface BudgetFlags {
  readonly selector?: string;
  readonly 'min-available'?: string;
  readonly 'max-unavailable'?: string;
}

const intOrString = (text: string) => (/^-?\d+$/.test(text) ? Number(text) : text);

export function podDisruptionBudget(name: string, flags: BudgetFlags): KubeObject {
  const { selector = '', 'min-available': min = '', 'max-unavailable': max = '' } = flags;
  if (selector === '') throw new UserError('a selector must be specified');
  if (max === '' && min === '') throw new UserError('one of min-available or max-unavailable must be specified');
  if (max !== '' && min !== '') {
    throw new UserError('min-available and max-unavailable cannot be both specified');
  }
  return {
    kind: 'PodDisruptionBudget',
    apiVersion: 'policy/v1',
    metadata: { name },
    spec: {
      ...(min !== '' ? { minAvailable: intOrString(min) } : { maxUnavailable: intOrString(max) }),
      selector: selectorObject(selector),
    },
    status: { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 },
  } as KubeObject;
}

export interface PriorityClassFlags {
  readonly value?: number;
  readonly 'global-default'?: boolean;
  readonly description?: string;
  readonly 'preemption-policy'?: string;
}

export function priorityClass(name: string, flags: PriorityClassFlags): KubeObject {
  return {
    kind: 'PriorityClass',
    apiVersion: 'scheduling.k8s.io/v1',
    metadata: { name },
    value: flags.value ?? 0,
    ...(flags['global-default'] && { globalDefault: true }),
    ...(flags.description && { description: flags.description }),
    preemptionPolicy: flags['preemption-policy'] ?? 'PreemptLowerPriority',
  } as unknown as KubeObject;
}
