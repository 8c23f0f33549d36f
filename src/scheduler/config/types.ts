/** KubeSchedulerConfiguration v1, defaulted. Upstream: staging kube-scheduler/config/v1 (1.36). */
import type { ExtenderConfig } from '../extender/extender.ts';
import type { ExtensionPoint } from '../framework/types.ts';

export interface PluginEntry {
  readonly name: string;
  readonly weight?: number;
}

export interface PluginSet {
  readonly enabled: readonly PluginEntry[];
  readonly disabled: readonly PluginEntry[];
}

export type PluginSets = Readonly<Record<ExtensionPoint | 'multiPoint', PluginSet>>;

export type PluginArgs = Readonly<Record<string, unknown>>;

export interface ProfileConfig {
  readonly schedulerName: string;
  /** Default plugins and the file's, merged. */
  readonly plugins: PluginSets;
  /** Defaulted arguments by plugin. */
  readonly args: ReadonlyMap<string, PluginArgs>;
  readonly percentageOfNodesToScore?: number;
}

export interface SchedulerConfig {
  readonly profiles: readonly ProfileConfig[];
  /** 0: by the number of nodes. */
  readonly percentageOfNodesToScore: number;
  readonly podInitialBackoffSeconds: number;
  readonly podMaxBackoffSeconds: number;
  readonly parallelism: number;
  readonly extenders: readonly ExtenderConfig[];
  /** What was read in another sense than written: old names and what they are now. */
  readonly notes: readonly string[];
}

/** A configuration that upstream's scheduler would refuse, in its words, one problem a line. */
export class SchedulerConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.length === 1 ? problems[0]! : `[${problems.join(', ')}]`);
    this.name = 'SchedulerConfigError';
    this.problems = problems;
  }
}
