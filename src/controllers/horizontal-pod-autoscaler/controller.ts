/**
 * Sizes what an HorizontalPodAutoscaler points at by what its pods use.
 * Upstream: pkg/controller/podautoscaler/horizontal.go (1.36).
 */
import type { HorizontalPodAutoscaler, HorizontalPodAutoscalerCondition, Pod } from '../../api/index.ts';
import {
  deepEqual,
  isNotFound,
  milliValueOf,
  objectKey,
  parseLabelSelector,
  splitObjectKey,
} from '../../apimachinery/index.ts';
import { rfc3339 } from '../../base/index.ts';
import { type ResourceClient, type SharedInformer, Workqueue } from '../../client/index.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
} from '../common/controller.ts';
import { type ConditionUpdate, limitReplicas, ScalingHistory } from './limits.ts';
import { MetricError, type MetricInput, type MetricSpec, metricOutcome } from './metrics.ts';
import { defaultTolerance } from './replica-calculator.ts';

const names = {
  name: 'horizontal-pod-autoscaler-controller',
  serviceAccount: 'horizontal-pod-autoscaler',
  component: 'horizontal-pod-autoscaler',
} as const;
/** `--horizontal-pod-autoscaler-sync-period`, `--concurrent-horizontal-pod-autoscaler-syncs`. */
const syncPeriodMs = 15_000;
const workers = 5;

type Autoscaler = Readonly<HorizontalPodAutoscaler>;
type Condition = HorizontalPodAutoscalerCondition;

interface Scale {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: object;
  readonly spec?: { readonly replicas?: number };
  readonly status?: { readonly replicas?: number; readonly selector?: string };
}

/** Status on its way through a round. */
interface Draft {
  conditions: readonly Condition[];
  currentReplicas: number;
  desiredReplicas: number;
  currentMetrics: readonly object[] | undefined;
  lastScaleTime: string | undefined;
}

export class HorizontalPodAutoscalerController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #context: ControllerContext;
  readonly #base: ControllerBase;
  readonly #queue: Workqueue;
  readonly #autoscalers: SharedInformer<HorizontalPodAutoscaler>;
  readonly #pods: SharedInformer<Pod>;
  readonly #histories = new Map<string, ScalingHistory>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#base = controllerBase(context, names);
    this.#queue = new Workqueue(context, { name: 'horizontalpodautoscaler' });
    this.#autoscalers = context.informers.informer<HorizontalPodAutoscaler>('horizontalpodautoscalers.autoscaling');
    this.#pods = context.informers.informer<Pod>('pods');
    // Whatever changes, the next round is a period away, as upstream: metrics are no newer before.
    const enqueue = (autoscaler: Autoscaler) => this.#queue.addAfter(objectKey(autoscaler), syncPeriodMs, cause);
    this.#autoscalers.addHandler({
      onAdd: enqueue,
      onUpdate: (_, autoscaler) => enqueue(autoscaler),
      onDelete: (autoscaler) => this.#histories.delete(objectKey(autoscaler)),
    });
  }

  run(signal: AbortSignal): Promise<void> {
    const { log, broadcaster } = this.#base;
    const informers = [this.#autoscalers, this.#pods];
    const queues = [{ queue: this.#queue, workers, reconcile: (key: string) => this.#round(key) }];
    return runController({ log, broadcaster, informers, queues }, signal);
  }

  /** One round; the next follows in any case, so that an error waits no longer than others. */
  async #round(key: string): Promise<void> {
    const { namespace, name } = splitObjectKey(key);
    const autoscaler = this.#autoscalers.lister.get(namespace, name);
    if (!autoscaler) {
      this.#histories.delete(key);
      return;
    }
    this.#queue.addAfter(key, syncPeriodMs, cause);
    try {
      await this.#reconcile(autoscaler, key);
    } catch (error) {
      this.#base.log.info('autoscaler could not be reconciled', { autoscaler: key, error: (error as Error).message });
    }
  }

  async #reconcile(autoscaler: Autoscaler, key: string): Promise<void> {
    const { recorder } = this.#base;
    const spec = autoscaler.spec!;
    const draft: Draft = {
      conditions: autoscaler.status?.conditions ?? [],
      currentReplicas: autoscaler.status?.currentReplicas ?? 0,
      desiredReplicas: autoscaler.status?.desiredReplicas ?? 0,
      currentMetrics: autoscaler.status?.currentMetrics as readonly object[] | undefined,
      lastScaleTime: autoscaler.status?.lastScaleTime,
    };
    let target: ResourceClient;
    let scale: Scale;
    try {
      const { apiVersion, kind, name } = spec.scaleTargetRef;
      const mapped = this.#base.client.mapper.forKind(apiVersion ?? 'v1', kind);
      target = this.#base.client.resource(mapped).namespace(autoscaler.metadata.namespace);
      scale = await target.getSubresource<Scale>(name, 'scale');
    } catch (error) {
      const message = (error as Error).message;
      recorder.event(autoscaler, 'Warning', 'FailedGetScale', message);
      const text = `the HPA controller was unable to get the target's current scale: ${message}`;
      this.#set(draft, { type: 'AbleToScale', status: 'False', reason: 'FailedGetScale', message: text });
      await this.#write(autoscaler, draft);
      throw error;
    }
    this.#set(draft, {
      type: 'AbleToScale',
      status: 'True',
      reason: 'SucceededGetScale',
      message: "the HPA controller was able to get the target's current scale",
    });
    const current = scale.spec?.replicas ?? 0;
    const min = spec.minReplicas ?? 1;
    draft.currentReplicas = scale.status?.replicas ?? 0;
    let history = this.#histories.get(key);
    if (!history) {
      history = new ScalingHistory();
      history.recommendations.push({ replicas: current, at: this.#context.clock.now() });
      this.#histories.set(key, history);
    }

    let desired = current;
    let why = '';
    if (current === 0 && min !== 0) {
      const message = 'scaling is disabled since the replica count of the target is zero';
      this.#set(draft, { type: 'ScalingActive', status: 'False', reason: 'ScalingDisabled', message });
    } else if (current > spec.maxReplicas) {
      desired = spec.maxReplicas;
      why = 'Current number of replicas above Spec.MaxReplicas';
    } else if (current < min) {
      desired = min;
      why = 'Current number of replicas below Spec.MinReplicas';
    } else {
      const wish = await this.#wish(autoscaler, scale, draft);
      if (wish === undefined) return;
      if (wish.replicas > current) why = `${wish.metric} above target`;
      else if (wish.replicas < current) why = 'All metrics below target';
      const limited = limitReplicas({
        current,
        desired: wish.replicas,
        min,
        max: spec.maxReplicas,
        behavior: spec.behavior,
        now: this.#context.clock.now(),
        history,
      });
      for (const condition of limited.conditions) this.#set(draft, condition);
      desired = limited.replicas;
    }
    draft.desiredReplicas = desired;
    if (desired !== current) await this.#rescale(autoscaler, { target, scale, desired, current, why, history }, draft);
    await this.#write(autoscaler, draft);
  }

  /** The largest of what the metrics ask for. Undefined: none could be had, and the status says so. */
  async #wish(
    autoscaler: Autoscaler,
    scale: Scale,
    draft: Draft,
  ): Promise<{ readonly replicas: number; readonly metric: string } | undefined> {
    const { recorder } = this.#base;
    const spec = autoscaler.spec!;
    const fail = async (condition: ConditionUpdate, event: readonly [reason: string, message: string], sum: string) => {
      this.#set(draft, condition);
      recorder.event(autoscaler, 'Warning', ...event);
      if (sum !== '') recorder.event(autoscaler, 'Warning', 'FailedComputeMetricsReplicas', sum);
      draft.currentMetrics = undefined;
      await this.#write(autoscaler, draft);
      return undefined;
    };
    const selector = scale.status?.selector ?? '';
    if (selector === '') {
      const message = "the HPA target's scale is missing a selector";
      const condition = { type: 'ScalingActive', status: 'False', reason: 'InvalidSelector', message } as const;
      return fail(condition, ['SelectorRequired', 'selector is required'], '');
    }
    const tolerance = (value: string | number | undefined) =>
      value === undefined ? defaultTolerance : milliValueOf(value) / 1000;
    const rules = spec.behavior as
      | { scaleUp?: { tolerance?: string | number }; scaleDown?: { tolerance?: string | number } }
      | undefined;
    const input: MetricInput = {
      client: this.#base.client,
      namespace: autoscaler.metadata.namespace!,
      selector,
      pods: this.#pods.lister.list(autoscaler.metadata.namespace, parseLabelSelector(selector)),
      currentReplicas: scale.spec?.replicas ?? 0,
      tolerances: { up: tolerance(rules?.scaleUp?.tolerance), down: tolerance(rules?.scaleDown?.tolerance) },
      now: this.#context.clock.now(),
    };
    const metrics = (spec.metrics ?? []) as unknown as readonly MetricSpec[];
    const statuses: object[] = [];
    let best: { replicas: number; metric: string } | undefined;
    let firstError: MetricError | undefined;
    let failed = 0;
    for (const metric of metrics) {
      try {
        const outcome = await metricOutcome(metric, input);
        statuses.push(outcome.status);
        if (!best || outcome.replicas > best.replicas) best = { replicas: outcome.replicas, metric: outcome.name };
      } catch (error) {
        if (!(error instanceof MetricError)) throw error;
        failed++;
        firstError ??= error;
      }
    }
    // With some metrics unknown nothing shrinks.
    if (firstError && (!best || best.replicas < input.currentReplicas)) {
      const { reason, message, outer } = firstError;
      const text = `the HPA was unable to compute the replica count: ${message}`;
      const sum = `invalid metrics (${failed} invalid out of ${metrics.length}), first error is: ${outer}`;
      return fail({ type: 'ScalingActive', status: 'False', reason, message: text }, [reason, message], sum);
    }
    const { metric } = best!;
    const message = `the HPA was able to successfully calculate a replica count from ${metric}`;
    this.#set(draft, { type: 'ScalingActive', status: 'True', reason: 'ValidMetricFound', message });
    draft.currentMetrics = statuses;
    return best;
  }

  async #rescale(
    autoscaler: Autoscaler,
    step: {
      readonly target: ResourceClient;
      readonly scale: Scale;
      readonly desired: number;
      readonly current: number;
      readonly why: string;
      readonly history: ScalingHistory;
    },
    draft: Draft,
  ): Promise<void> {
    const { recorder } = this.#base;
    const { target, scale, desired, current, why, history } = step;
    const { name } = autoscaler.spec!.scaleTargetRef;
    try {
      await target.updateSubresource(name, 'scale', {
        ...scale,
        spec: { ...scale.spec, replicas: desired },
      } as never);
    } catch (error) {
      const message = (error as Error).message;
      recorder.event(autoscaler, 'Warning', 'FailedRescale', `New size: ${desired}; reason: ${why}; error: ${message}`);
      const text = `the HPA controller was unable to update the target scale: ${message}`;
      this.#set(draft, { type: 'AbleToScale', status: 'False', reason: 'FailedUpdateScale', message: text });
      draft.desiredReplicas = current;
      await this.#write(autoscaler, draft);
      throw error;
    }
    const message = `the HPA controller was able to update the target scale to ${desired}`;
    this.#set(draft, { type: 'AbleToScale', status: 'True', reason: 'SucceededRescale', message });
    recorder.event(autoscaler, 'Normal', 'SuccessfulRescale', `New size: ${desired}; reason: ${why}`);
    const now = this.#context.clock.now();
    history.scaled(desired - current, now, autoscaler.spec!.behavior);
    draft.lastScaleTime = rfc3339(now);
  }

  #set(draft: Draft, update: ConditionUpdate): void {
    const old = draft.conditions.find(({ type }) => type === update.type);
    const lastTransitionTime =
      old?.status === update.status ? old.lastTransitionTime : rfc3339(this.#context.clock.now());
    const next = { ...update, lastTransitionTime } as Condition;
    draft.conditions = old
      ? draft.conditions.map((condition) => (condition === old ? next : condition))
      : [...draft.conditions, next];
  }

  async #write(autoscaler: Autoscaler, draft: Draft): Promise<void> {
    const { currentMetrics, lastScaleTime, ...rest } = draft;
    const status = {
      ...rest,
      ...(autoscaler.metadata.generation === undefined ? {} : { observedGeneration: autoscaler.metadata.generation }),
      ...(currentMetrics ? { currentMetrics } : {}),
      ...(lastScaleTime ? { lastScaleTime } : {}),
    };
    const { observedGeneration: _, ...before } = (autoscaler.status ?? {}) as Record<string, unknown>;
    const { observedGeneration: __, ...after } = status as Record<string, unknown>;
    if (deepEqual(before, after)) return;
    try {
      await this.#base.client
        .resource<HorizontalPodAutoscaler>('horizontalpodautoscalers.autoscaling')
        .updateStatus({ ...autoscaler, status } as HorizontalPodAutoscaler);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

const cause = { timer: 'horizontal-pod-autoscaler-sync-period' } as const;
