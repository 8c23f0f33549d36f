/**
 * scheduler: queue, cache, framework and plugins of kube-scheduler, with every attempt recorded and explained.
 * Upstream counterpart: pkg/scheduler (1.36).
 */
export { SchedulerCache } from './cache.ts';
export { completeSchedulerConfig } from './config/complete.ts';
export { loadSchedulerConfig, schedulerConfig } from './config/load.ts';
export {
  type PluginArgs,
  type PluginSets,
  type ProfileConfig,
  type SchedulerConfig,
  SchedulerConfigError,
} from './config/types.ts';
export { decodeSchedulerConfig, type EncodedSchedulerConfig, encodeSchedulerConfig } from './config/wire.ts';
export { type CycleOutcome, fitErrorMessage, numFeasibleNodesToFind, SchedulingCycle } from './cycle.ts';
export type { NodeDecision, PluginScore, PluginVerdict } from './decision/columns.ts';
export type { Decision, PreemptionCandidate, PreemptionRecord } from './decision/record.ts';
export {
  type DecisionSink,
  DecisionStore,
  type DecisionStoreOptions,
  type DecisionSummary,
} from './decision/store.ts';
export { type Unseen, unseenBecause } from './decision/unseen.ts';
export { type DecisionByColumns, decisionFromWire, decisionToWire } from './decision/wire.ts';
export { type ExplainOptions, type ExplainTable, type Explanation, explainDecision } from './explain.ts';
export type { ExtenderConfig, ExtenderPost } from './extender/extender.ts';
export { type PodInfo, podInfoOf } from './framework/node-info.ts';
export { extensionPoints, type Plugin, type QueuedPod, type Snapshot } from './framework/types.ts';
export { type NodeUse, nodeUse } from './node-use.ts';
export {
  buildProfile,
  checkSchedulerConfig,
  defaultProfile,
  type PluginDeps,
  type PluginFactories,
  type Profile,
} from './profile.ts';
export { type QueueLengths, SchedulingQueue } from './queue.ts';
export { Scheduler } from './scheduler.ts';
export type { SchedulerDeps, SchedulerOptions } from './scheduler-options.ts';
export { type Comparison, type Criterion, compareSimulations } from './simulate/compare.ts';
export { type Expanded, expandWorkloads } from './simulate/expand.ts';
export type { Simulation, SimulationEviction } from './simulate/result.ts';
export { nodesOfShapes, parseShape, priceAnnotation, type Shape } from './simulate/shape.ts';
export { type SimulateOptions, simulate } from './simulate/simulate.ts';
export {
  type Trial,
  World,
  type WorldObjects,
  type WorldOptions,
  type WorldResource,
  worldResources,
} from './simulate/world.ts';
export type { Change, ChangeKind, WhatIf, WhatIfOptions } from './what-if/change.ts';
export { whatIf } from './what-if/what-if.ts';
export { type Why, type WhyGroup, whyDecision } from './why.ts';
