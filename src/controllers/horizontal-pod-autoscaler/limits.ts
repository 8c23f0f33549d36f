/**
 * What of a recommendation may happen now: stabilisation, rates, bounds.
 * Upstream: pkg/controller/podautoscaler/horizontal.go (normalizeDesiredReplicas and what it calls, 1.36).
 */
import type { HorizontalPodAutoscalerSpec } from '../../api/index.ts';

type Behavior = NonNullable<HorizontalPodAutoscalerSpec['behavior']>;
type Rules = NonNullable<Behavior['scaleUp']>;

interface Timed {
  readonly at: number;
}

export interface Recommendation extends Timed {
  readonly replicas: number;
}

export interface ScaleEvent extends Timed {
  readonly change: number;
}

/** `--horizontal-pod-autoscaler-downscale-stabilization`. */
const downscaleStabilizationMs = 5 * 60_000;

export interface ConditionUpdate {
  readonly type: 'AbleToScale' | 'ScalingLimited' | 'ScalingActive';
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

export interface LimitInput {
  readonly current: number;
  readonly desired: number;
  readonly min: number;
  readonly max: number;
  readonly behavior: Behavior | undefined;
  readonly now: number;
  readonly history: ScalingHistory;
}

/** What an autoscaler remembers between its rounds. */
export class ScalingHistory {
  recommendations: Recommendation[] = [];
  ups: ScaleEvent[] = [];
  downs: ScaleEvent[] = [];

  /** Notes that `change` replicas were added or (negative) taken. */
  scaled(change: number, now: number, behavior: Behavior | undefined): void {
    if (!behavior) return;
    const longest = (rules: Rules | undefined) =>
      Math.max(0, ...(rules?.policies ?? []).map(({ periodSeconds }) => periodSeconds * 1000));
    const keep = Math.max(longest(behavior.scaleUp), longest(behavior.scaleDown));
    const events = change > 0 ? this.ups : this.downs;
    events.push({ change: Math.abs(change), at: now });
    this.ups = this.ups.filter(({ at }) => at > now - keep);
    this.downs = this.downs.filter(({ at }) => at > now - keep);
  }
}

const withinRange: ConditionUpdate = {
  type: 'ScalingLimited',
  status: 'False',
  reason: 'DesiredWithinRange',
  message: 'the desired count is within the acceptable range',
};
const limited = (reason: string, message: string): ConditionUpdate => ({
  type: 'ScalingLimited',
  status: 'True',
  reason,
  message,
});
const tooMany = limited('TooManyReplicas', 'the desired replica count is more than the maximum replica count');
const tooFew = limited('TooFewReplicas', 'the desired replica count is less than the minimum replica count');
const tooFast = limited('ScaleUpLimit', 'the desired replica count is increasing faster than the maximum scale rate');
const tooFastDown = limited(
  'ScaleDownLimit',
  'the desired replica count is decreasing faster than the maximum scale rate',
);

const ready: ConditionUpdate = {
  type: 'AbleToScale',
  status: 'True',
  reason: 'ReadyForNewScale',
  message: 'recommended size matches current size',
};
const stabilized = (direction: 'Up' | 'Down'): ConditionUpdate => ({
  type: 'AbleToScale',
  status: 'True',
  reason: `Scale${direction}Stabilized`,
  message:
    direction === 'Down'
      ? 'recent recommendations were higher than current one, applying the highest recent recommendation'
      : 'recent recommendations were lower than current one, applying the lowest recent recommendation',
});

export function limitReplicas(input: LimitInput): {
  readonly replicas: number;
  readonly conditions: readonly ConditionUpdate[];
} {
  const steady = input.behavior ? stabilizeWithBehavior(input, input.behavior) : stabilize(input);
  const direction = input.behavior && input.desired >= input.current ? 'Up' : 'Down';
  const able = steady === input.desired ? ready : stabilized(direction);
  const { replicas, condition } = input.behavior
    ? rateLimited({ ...input, desired: steady }, input.behavior)
    : bounded({ ...input, desired: steady });
  return { replicas, conditions: [able, condition] };
}

/** The highest recommendation of the last five minutes. */
function stabilize({ desired, now, history }: LimitInput): number {
  const recent = history.recommendations.filter(({ at }) => at > now - downscaleStabilizationMs);
  history.recommendations = [...recent, { replicas: desired, at: now }];
  return Math.max(desired, ...recent.map(({ replicas }) => replicas));
}

function stabilizeWithBehavior({ desired, current, now, history }: LimitInput, behavior: Behavior): number {
  const upMs = (behavior.scaleUp?.stabilizationWindowSeconds ?? 0) * 1000;
  const downMs = (behavior.scaleDown?.stabilizationWindowSeconds ?? downscaleStabilizationMs / 1000) * 1000;
  const of = (ms: number) => history.recommendations.filter(({ at }) => at > now - ms).map(({ replicas }) => replicas);
  const lowest = Math.min(desired, ...of(upMs));
  const highest = Math.max(desired, ...of(downMs));
  const keep = Math.max(upMs, downMs);
  history.recommendations = [
    ...history.recommendations.filter(({ at }) => at > now - keep),
    { replicas: desired, at: now },
  ];
  return Math.min(Math.max(current, lowest), highest);
}

/** Without behavior: at most twice as many, or four. */
function bounded({ current, desired, min, max }: LimitInput) {
  const scaleUpLimit = Math.max(2 * current, 4);
  const most = Math.min(max, scaleUpLimit);
  if (desired < min) return { replicas: min, condition: tooFew };
  if (desired > most) return { replicas: most, condition: max > scaleUpLimit ? tooFast : tooMany };
  return { replicas: desired, condition: withinRange };
}

function rateLimited(input: LimitInput, behavior: Behavior) {
  const { current, desired, min, max } = input;
  if (desired > current) {
    const limit = Math.max(current, upLimit(input, behavior.scaleUp));
    const most = Math.min(max, limit);
    if (desired > most) return { replicas: most, condition: max > limit ? tooFast : tooMany };
  } else if (desired < current) {
    const limit = Math.min(current, downLimit(input, behavior.scaleDown));
    const least = Math.max(min, limit);
    if (desired < least) return { replicas: least, condition: min < limit ? tooFastDown : tooFew };
  }
  return { replicas: desired, condition: withinRange };
}

/** Replicas at the beginning of a policy's period. */
function atStartOf(periodSeconds: number, { current, now, history }: LimitInput): number {
  const since = now - periodSeconds * 1000;
  const sum = (events: readonly ScaleEvent[]) =>
    events.filter(({ at }) => at > since).reduce((total, { change }) => total + change, 0);
  return current - sum(history.ups) + sum(history.downs);
}

function upLimit(input: LimitInput, rules: Rules | undefined): number {
  if (!rules || rules.selectPolicy === 'Disabled') return rules ? input.current : input.max;
  const proposals = (rules.policies ?? []).map(({ type, value, periodSeconds }) => {
    const start = atStartOf(periodSeconds, input);
    return type === 'Pods' ? start + value : Math.ceil(start * (1 + value / 100));
  });
  return rules.selectPolicy === 'Min' ? Math.min(...proposals) : Math.max(...proposals);
}

function downLimit(input: LimitInput, rules: Rules | undefined): number {
  if (!rules || rules.selectPolicy === 'Disabled') return rules ? input.current : input.min;
  const proposals = (rules.policies ?? []).map(({ type, value, periodSeconds }) => {
    const start = atStartOf(periodSeconds, input);
    return type === 'Pods' ? start - value : Math.trunc(start * (1 - value / 100));
  });
  // The most change is the lowest number.
  return rules.selectPolicy === 'Min' ? Math.max(...proposals) : Math.min(...proposals);
}
