import { deepCopy, type FieldErrorList, FieldPath, type KubeObject } from '../../../apimachinery/index.ts';
import { validateEvent } from '../../core/v1/event/strategy.ts';
import { eventPrinter } from '../../core/v1/printers.ts';
import type { ResourceDefinition, Strategy, TablePrinter } from '../../definition.ts';
import { row } from '../../row.ts';
import type { Event as CoreEvent, EventsV1Event } from '../../types.ts';
import { eventFromCore, eventToCore } from './conversion.ts';

const text = (value: unknown): string => (value === undefined || value === null ? '' : String(value));

/** The columns are those of core events. */
const printer: TablePrinter = {
  columns: eventPrinter.columns,
  cells(object, context) {
    const copy = deepCopy(object) as KubeObject;
    eventToCore(copy);
    return eventPrinter.cells(copy, context);
  },
};

const eventsV1Strategy: Strategy = {
  allowCreateOnUpdate: true,
  validate(object, errors) {
    const copy = deepCopy(object) as KubeObject;
    eventToCore(copy);
    validateEvent(copy as CoreEvent, 'reportingController', errors);
    validateNewStyle(copy as CoreEvent, errors);
  },
  validateUpdate(object, _old, errors) {
    const copy = deepCopy(object) as KubeObject;
    eventToCore(copy);
    validateEvent(copy as CoreEvent, 'reportingController', errors);
  },
};

/** Through this version the fields of the old one stay unset. */
function validateNewStyle(event: Readonly<CoreEvent>, errors: FieldErrorList): void {
  if (!event.eventTime) errors.required(FieldPath.root('eventTime'));
  if (event.type !== 'Normal' && event.type !== 'Warning') {
    errors.invalid(FieldPath.root('type'), '', `has invalid value: ${event.type ?? ''}`);
  }
  for (const field of ['firstTimestamp', 'lastTimestamp', 'count', 'source'] as const) {
    const value: unknown = event[field];
    const unset = !value || (typeof value === 'object' && Object.keys(value).length === 0);
    if (!unset) errors.invalid(FieldPath.root(field), '', 'needs to be unset');
  }
}

export const eventsV1Resources: readonly ResourceDefinition[] = [
  row(
    { group: 'events.k8s.io', version: 'v1', schemaPrefix: 'io.k8s.api.events.v1' },
    {
      kind: 'Event',
      plural: 'events',
      shortNames: 'ev',
      storedAs: 'v1',
      strategy: eventsV1Strategy,
      conversion: { toStorage: eventToCore, fromStorage: eventFromCore },
      printer,
      selectableFields(object) {
        const event = object as Readonly<EventsV1Event>;
        return {
          'regarding.kind': text(event.regarding?.kind),
          'regarding.namespace': text(event.regarding?.namespace),
          'regarding.name': text(event.regarding?.name),
          'regarding.uid': text(event.regarding?.uid),
          'regarding.apiVersion': text(event.regarding?.apiVersion),
          'regarding.resourceVersion': text(event.regarding?.resourceVersion),
          'regarding.fieldPath': text(event.regarding?.fieldPath),
          reason: text(event.reason),
          reportingController: text(event.reportingController),
          type: text(event.type),
        };
      },
    },
  ),
];
