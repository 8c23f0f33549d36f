/** Conditions of definitions. Upstream: apiextensions-apiserver/pkg/apihelpers/helpers.go. */
import type { CrdCondition, CustomResourceDefinitionObject } from '../../api/index.ts';

export type Crd = Readonly<CustomResourceDefinitionObject>;

/** A condition as a controller wants it: its times follow from what there was. */
export interface WantedCondition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

export function findCondition(crd: Crd, type: string): CrdCondition | undefined {
  return crd.status?.conditions?.find((condition) => condition.type === type);
}

export function isTrue(crd: Crd, type: string): boolean {
  return findCondition(crd, type)?.status === 'True';
}

/** Equal but for times. */
export function saysTheSame(condition: CrdCondition | undefined, wanted: WantedCondition): boolean {
  return (
    condition?.status === wanted.status && condition.reason === wanted.reason && condition.message === wanted.message
  );
}

/** A condition keeps its place, and its time while its status stays. `now`: RFC 3339. */
export function withCondition(crd: Crd, wanted: WantedCondition, now: string): Crd {
  const before = findCondition(crd, wanted.type);
  const { type, status, reason, message } = wanted;
  const lastTransitionTime = before?.status === status ? (before.lastTransitionTime ?? now) : now;
  const next: CrdCondition = { type, status, lastTransitionTime, reason, message };
  const conditions = crd.status?.conditions ?? [];
  return {
    ...crd,
    status: {
      ...crd.status,
      conditions: before ? conditions.map((item) => (item === before ? next : item)) : [...conditions, next],
    },
  };
}

export function withoutCondition(crd: Crd, type: string): Crd {
  const conditions = (crd.status?.conditions ?? []).filter((condition) => condition.type !== type);
  return { ...crd, status: { ...crd.status, conditions } };
}
