import type { FlowControlHook } from '../filters/chain.ts';
import { MaxInFlight, type MaxInFlightOptions } from '../filters/max-in-flight.ts';
import type { RequestContext } from '../types.ts';
import type { FlowClassifier } from './classifier.ts';

/**
 * Tells every request from outside, refused or not, which FlowSchema and priority level it falls under, and refuses
 * what is too much. Upstream: apiserver/pkg/server/filters/priority-and-fairness.go.
 */
export class FlowControl implements FlowControlHook {
  readonly #classifier: FlowClassifier;
  readonly #maxInFlight: MaxInFlight | undefined;

  constructor(classifier: FlowClassifier, limits?: MaxInFlightOptions) {
    this.#classifier = classifier;
    this.#maxInFlight = limits && new MaxInFlight(limits);
  }

  admit(context: RequestContext): (() => void) | undefined {
    const { responseHeaders } = context.request;
    if (responseHeaders) {
      const found = this.#classifier.classify(context.user, context.info);
      if (found) {
        responseHeaders['X-Kubernetes-PF-FlowSchema-UID'] = found.flowSchemaUid;
        responseHeaders['X-Kubernetes-PF-PriorityLevel-UID'] = found.priorityLevelUid;
      }
    }
    return this.#maxInFlight?.admit(context);
  }
}
