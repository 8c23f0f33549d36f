/** Creating and deleting pods for an owner, with the events that go with it. Upstream: controller.RealPodControl. */

import type { Pod, PodTemplateSpec } from '../../api/index.ts';
import {
  hasNamespaceTerminatingCause,
  isNotFound,
  type KubeObject,
  newControllerRef,
} from '../../apimachinery/index.ts';
import type { EventRecorder, KubeClient } from '../../client/index.ts';
import { podFromTemplate } from './pods.ts';

export class PodControl {
  readonly #client: KubeClient;
  readonly #recorder: EventRecorder;

  constructor(client: KubeClient, recorder: EventRecorder) {
    this.#client = client;
    this.#recorder = recorder;
  }

  /**
   * Events `SuccessfulCreate` and `FailedCreate` on the owner. `generateName`: default the owner's name and a hyphen.
   * @throws StatusError
   */
  async create(
    template: Readonly<PodTemplateSpec>,
    owner: Readonly<KubeObject>,
    generateName?: string,
  ): Promise<Readonly<Pod>> {
    const pod = podFromTemplate(template, owner, newControllerRef(owner), generateName);
    try {
      const created = await this.#client.resource<Pod>('pods').create(pod);
      this.#recorder.event(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${created.metadata.name}`);
      return created;
    } catch (error) {
      if (!hasNamespaceTerminatingCause(error)) {
        this.#recorder.event(owner, 'Warning', 'FailedCreate', `Error creating: ${(error as Error).message}`);
      }
      throw error;
    }
  }

  /** Events `SuccessfulDelete` and `FailedDelete` on the owner; a pod that is gone is no event. @throws StatusError */
  async delete(namespace: string, name: string, owner: Readonly<KubeObject>): Promise<void> {
    try {
      await this.#client.resource<Pod>('pods').namespace(namespace).delete(name);
      this.#recorder.event(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
    } catch (error) {
      if (!isNotFound(error)) {
        this.#recorder.event(owner, 'Warning', 'FailedDelete', `Error deleting: ${(error as Error).message}`);
      }
      throw error;
    }
  }
}

/**
 * Calls `fn` in batches of 1, 2, 4, …, each batch at once, until `count` calls or a batch with a failure.
 * Returns the successes and the first error. Upstream: replicaset.slowStartBatch.
 */
export async function slowStartBatch(
  count: number,
  fn: (index: number) => Promise<void>,
  initialBatchSize = 1,
): Promise<{ readonly successes: number; readonly error?: unknown }> {
  let remaining = count;
  let successes = 0;
  let started = 0;
  for (let size = Math.min(remaining, initialBatchSize); size > 0; size = Math.min(2 * size, remaining)) {
    const results = await Promise.allSettled(Array.from({ length: size }, () => fn(started++)));
    const failures = results.filter((result) => result.status === 'rejected');
    successes += size - failures.length;
    if (failures.length > 0) return { successes, error: failures[0]!.reason };
    remaining -= size;
  }
  return { successes };
}
