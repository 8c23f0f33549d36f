import { deepCopy, type KubeObject } from '../../../apimachinery/index.ts';
import { eventPrinter } from '../../core/v1/printers.ts';
import type { ResourceDefinition, TablePrinter } from '../../definition.ts';
import { row } from '../../row.ts';
import type { EventsV1Event } from '../../types.ts';
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

export const eventsV1Resources: readonly ResourceDefinition[] = [
  row(
    { group: 'events.k8s.io', version: 'v1', schemaPrefix: 'io.k8s.api.events.v1' },
    {
      kind: 'Event',
      plural: 'events',
      shortNames: 'ev',
      storedAs: 'v1',
      conversion: { toStorage: eventToCore, fromStorage: eventFromCore },
      printer,
      acted: true,
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
