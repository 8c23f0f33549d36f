import { ageOf, nameOfRow, printer } from '../../printing.ts';
import type { PodDisruptionBudget } from '../../types.ts';

export const podDisruptionBudgetPrinter = printer(
  'Name:name, Min Available, Max Unavailable, Allowed Disruptions:integer, Age',
  (object, context) => {
    const { spec, status } = object as Readonly<PodDisruptionBudget>;
    return [
      nameOfRow(object),
      String(spec?.minAvailable ?? 'N/A'),
      String(spec?.maxUnavailable ?? 'N/A'),
      status?.disruptionsAllowed ?? 0,
      ageOf(object, context),
    ];
  },
);
