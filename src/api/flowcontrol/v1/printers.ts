import { ageOf, nameOfRow, printer } from '../../printing.ts';

export const flowSchemaPrinter = printer(
  'Name:name, PriorityLevel, MatchingPrecedence, DistinguisherMethod, Age, MissingPL',
  (object, context) => {
    const { spec, status } = object;
    const conditions: { type: string; status: string }[] = status?.conditions ?? [];
    return [
      nameOfRow(object),
      spec?.priorityLevelConfiguration?.name ?? '',
      spec?.matchingPrecedence ?? 0,
      spec?.distinguisherMethod?.type ?? '<none>',
      ageOf(object, context),
      conditions.find((condition) => condition.type === 'Dangling')?.status ?? '?',
    ];
  },
);

export const priorityLevelPrinter = printer(
  'Name:name, Type, NominalConcurrencyShares, Queues, HandSize, QueueLengthLimit, Age',
  (object, context) => {
    const { spec } = object;
    const queuing = spec?.limited?.limitResponse?.queuing;
    return [
      nameOfRow(object),
      spec?.type ?? '',
      spec?.limited?.nominalConcurrencyShares ?? '<none>',
      queuing?.queues ?? '<none>',
      queuing?.handSize ?? '<none>',
      queuing?.queueLengthLimit ?? '<none>',
      ageOf(object, context),
    ];
  },
);
