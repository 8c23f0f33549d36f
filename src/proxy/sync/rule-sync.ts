/** A mode's rules that follow the Services: each change becomes one transaction.  */
import type { ResolvedProxyConfig } from '../config.ts';
import type { ServicePort } from '../service-ports.ts';
import type { ServiceChanges } from './service-tracker.ts';
import type { RuleTransaction } from './transaction.ts';

/** All Services, as a ServiceTracker has them. */
export interface TrackedServices {
  readonly ports: ReadonlyMap<string, readonly ServicePort[]>;
  readonly endpoints: number;
}

export interface RuleSync {
  readonly config: ResolvedProxyConfig;
  /** What the changed Services change. */
  update(changes: ServiceChanges, all: TrackedServices): RuleTransaction;
  /** All of it. */
  full(): RuleTransaction;
}
