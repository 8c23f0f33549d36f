/** What the scheduler is made of. */
import type { Clock, Logger, Prng } from '../base/index.ts';
import type { EventRecorder, KubeClient, SharedInformerFactory } from '../client/index.ts';
import type { SchedulerConfig } from './config/types.ts';
import type { DecisionStore } from './decision/store.ts';
import type { ExtenderPost } from './extender/extender.ts';
import type { PluginFactories } from './profile.ts';

export interface SchedulerDeps {
  /** As `system:kube-scheduler`. */
  readonly client: KubeClient;
  readonly informers: SharedInformerFactory;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
  readonly decisions: DecisionStore;
}

export interface SchedulerOptions {
  /** Bindings under way at once. Default 64. */
  readonly bindingsMax?: number;
  /** Default: upstream's defaults. */
  readonly config?: SchedulerConfig;
  /** Plugins of one's own, to be enabled by the configuration. */
  readonly plugins?: PluginFactories;
  /** May device classes provide extended resources? Default true. Upstream: the gate DRAExtendedResource. */
  readonly extendedResources?: boolean;
  /** How extenders are reached. Default: HTTP. */
  readonly post?: ExtenderPost;
}
