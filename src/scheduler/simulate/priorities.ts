/** What a priority class gives a pod, as admission would. Upstream: plugin/pkg/admission/priority (1.36). */
import type { Pod } from '../../api/index.ts';
import type { KubeObject } from '../../apimachinery/index.ts';

interface Given {
  readonly priority: number;
  readonly preemptionPolicy: string;
}

const system: readonly (readonly [name: string, value: number])[] = [
  ['system-node-critical', 2_000_001_000],
  ['system-cluster-critical', 2_000_000_000],
];

export class Priorities {
  readonly #classes = new Map<string, Given>();
  #default: Given = { priority: 0, preemptionPolicy: 'PreemptLowerPriority' };

  /** Later classes of a name count: those of the workload's files after the cluster's. */
  constructor(classes: readonly Readonly<KubeObject>[]) {
    const always = 'PreemptLowerPriority';
    for (const [name, priority] of system) this.#classes.set(name, { priority, preemptionPolicy: always });
    for (const one of classes) {
      const given = { priority: Number(one['value'] ?? 0), preemptionPolicy: one['preemptionPolicy'] ?? always };
      this.#classes.set(one.metadata.name!, given);
      if (one['globalDefault'] === true) this.#default = given;
    }
  }

  /** @throws RangeError when there is no such class. */
  of(spec: Pod['spec'] | undefined): Given {
    const name = spec?.priorityClassName;
    const found = name ? this.#classes.get(name) : this.#default;
    if (!found) throw new RangeError(`no PriorityClass with name ${name} was found`);
    const { priority = found.priority, preemptionPolicy = found.preemptionPolicy } = spec ?? {};
    return { priority, preemptionPolicy };
  }
}
