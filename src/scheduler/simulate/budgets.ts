/** Disruption budgets of a dry run: what they allow goes down with each eviction and up when the pod stands elsewhere. */
import type { PodDisruptionBudget } from '../../api/index.ts';
import { type LabelSelectorObject, type Selector, selectorFromLabelSelector } from '../../apimachinery/index.ts';
import type { PodInfo } from '../framework/node-info.ts';

export class Budgets {
  #budgets: Readonly<PodDisruptionBudget>[];
  readonly #selectors: readonly Selector[];
  /** Evicted and not placed again. */
  readonly #away = new Set<string>();

  constructor(budgets: readonly Readonly<PodDisruptionBudget>[]) {
    this.#budgets = [...budgets];
    this.#selectors = budgets.map(({ spec }) => selectorFromLabelSelector(spec?.selector as LabelSelectorObject));
  }

  list(): readonly Readonly<PodDisruptionBudget>[] {
    return this.#budgets;
  }

  /** A pod goes (-1) or stands (1). Pods that never went change nothing: budgets count on them already, or not at all. */
  count(pod: PodInfo, by: 1 | -1): void {
    if (by === -1) this.#away.add(pod.uid);
    else if (!this.#away.delete(pod.uid)) return;
    this.#budgets = this.#budgets.map((budget, i) => {
      const { metadata, status } = budget;
      if (metadata.namespace !== pod.namespace || !this.#selectors[i]!.matches(pod.labels)) return budget;
      const disruptionsAllowed = (status?.disruptionsAllowed ?? 0) + by;
      return { ...budget, status: { ...status!, disruptionsAllowed } };
    });
  }
}
