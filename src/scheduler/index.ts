/**
 * scheduler: queue, cache, framework and plugins of kube-scheduler, with every attempt recorded and explained.
 * Upstream counterpart: pkg/scheduler (1.36).
 */
export { SchedulerCache } from './cache.ts';
export { fitErrorMessage, numFeasibleNodesToFind, SchedulingCycle } from './cycle.ts';
export type { Decision, NodeDecision, PluginScore, PluginVerdict } from './decision/record.ts';
export {
  type DecisionSink,
  DecisionStore,
  type DecisionStoreOptions,
  type DecisionSummary,
} from './decision/store.ts';
export { type ExplainOptions, type ExplainTable, type Explanation, explainDecision } from './explain.ts';
export { type PodInfo, podInfoOf } from './framework/node-info.ts';
export type { Plugin, QueuedPod } from './framework/types.ts';
export { defaultProfile, type Profile } from './profile.ts';
export { type QueueLengths, SchedulingQueue } from './queue.ts';
export { Scheduler, type SchedulerDeps, type SchedulerOptions } from './scheduler.ts';
export {
  type Trial,
  World,
  type WorldObjects,
  type WorldOptions,
  type WorldResource,
  worldResources,
} from './simulate/world.ts';
export { type Change, type ChangeKind, type WhatIf, type WhatIfOptions, whatIf } from './what-if/what-if.ts';
export { type Why, type WhyGroup, whyDecision } from './why.ts';
