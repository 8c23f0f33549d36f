import { newTooManyRequests } from '../../apimachinery/index.ts';
import { mastersGroup } from '../authn/user.ts';
import type { RequestContext } from '../types.ts';
import type { FlowControlHook } from './chain.ts';
import { isLongRunning } from './request-info.ts';

const readingVerbs: ReadonlySet<string> = new Set(['get', 'list', 'watch']);

export interface MaxInFlightOptions {
  /** `--max-requests-inflight`; 0 = no limit. */
  readonly reading: number;
  /** `--max-mutating-requests-inflight`; 0 = no limit. */
  readonly mutating: number;
}

/**
 * Refuses requests while so many others are served. Watches and other streams do not count, nor do klab's own
 * components, which have no socket to be refused at; `system:masters` are always served.
 * Upstream: apiserver/pkg/server/filters/maxinflight.go.
 */
export class MaxInFlight implements FlowControlHook {
  readonly #limits: MaxInFlightOptions;
  readonly #served = { reading: 0, mutating: 0 };

  constructor(limits: MaxInFlightOptions) {
    this.#limits = limits;
  }

  admit({ info, request, user }: RequestContext): (() => void) | undefined {
    if (request.user !== undefined || isLongRunning(info)) return undefined;
    const kind = readingVerbs.has(info.verb) ? 'reading' : 'mutating';
    const limit = this.#limits[kind];
    if (limit === 0) return undefined;
    if (this.#served[kind] >= limit) {
      if (user.groups.includes(mastersGroup)) return undefined;
      throw newTooManyRequests('Too many requests, please try again later.', 1);
    }
    this.#served[kind]++;
    return () => {
      this.#served[kind]--;
    };
  }
}
