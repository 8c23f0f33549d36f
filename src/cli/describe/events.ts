import type { Event } from '../../api/index.ts';
import { eventAge, eventTime } from '../events/events.ts';
import type { DescribeWriter } from './writer.ts';

/** The section at the end of a description. */
export function describeEvents(w: DescribeWriter, events: readonly Event[] | undefined): void {
  if (!events) return;
  if (events.length === 0) {
    w.line(0, 'Events:', '<none>');
    return;
  }
  w.newBlock();
  w.raw('Events:\n  Type\tReason\tAge\tFrom\tMessage\n');
  w.line(1, '----', '------', '----', '----', '-------');
  for (const event of [...events].sort((a, b) => eventTime(a) - eventTime(b))) {
    const message = (event.message ?? '').trim();
    const field = event.involvedObject?.fieldPath;
    w.line(
      1,
      event.type,
      event.reason,
      eventAge(event, w.now),
      event.source?.component || event.reportingComponent,
      field ? `${field}: ${message}` : message,
    );
  }
}
