/** `klab events`. Upstream: kubectl/pkg/cmd/events (1.36). */
import type { Event } from '../../api/index.ts';
import { ageSince, escapeFieldValue, formatGroupVersion } from '../../apimachinery/index.ts';
import { parseTime, wallClock } from '../../base/index.ts';
import { statusOfEvent } from '../../client/index.ts';
import { UserError } from '../exit-codes.ts';
import type { Output } from '../get/plan.ts';
import { escapeTerminal } from '../printers/go-value.ts';
import { ObjectPrinter } from '../printers/object-printer.ts';
import { parseOutputFormat } from '../printers/output-format.ts';
import { TabWriter, tableTabs } from '../printers/tab-writer.ts';
import { parseResourceWords } from '../resource-args.ts';
import type { Session } from '../session.ts';

export interface EventsRequest {
  /** `pod/web`: only events about this object. */
  readonly for?: string;
  /** `Normal`, `Warning`. */
  readonly types?: readonly string[];
  readonly allNamespaces?: boolean;
  readonly watch?: boolean;
  readonly noHeaders?: boolean;
  /** json, yaml, name, jsonpath… */
  readonly output?: string;
  readonly chunkSize?: number;
}

export async function printEvents(session: Session, request: EventsRequest, io: Output): Promise<void> {
  const types = (request.types ?? []).map((type) => type.toLowerCase());
  if (types.some((type) => type !== 'normal' && type !== 'warning')) {
    throw new UserError('valid --types are Normal or Warning');
  }
  const wanted = (event: Event) => types.length === 0 || types.includes((event.type ?? '').toLowerCase());
  const namespace = request.allNamespaces ? '' : session.namespace;
  const events = session.client.resource<Event>(await session.resolve('events.v1.')).namespace(namespace);
  const fieldSelector = request.for === undefined ? undefined : await selectorFor(session, request.for);
  const print = eventsPrinter(request, io);
  const { signal } = session;
  if (request.watch) {
    for await (const event of await events.watch({ fieldSelector, signal })) {
      const failure = statusOfEvent(event);
      if (failure) throw failure;
      if (event.type !== 'DELETED' && event.type !== 'BOOKMARK' && wanted(event.object as Event)) {
        print([event.object as Event], false);
      }
    }
    signal?.throwIfAborted();
    throw new UserError('watch closed before UntilWithoutRetry timeout');
  }
  const items: Event[] = [];
  for await (const page of events.pages({ fieldSelector, limit: request.chunkSize, signal })) items.push(...page.items);
  const shown = items.filter(wanted).sort((a, b) => eventTime(a) - eventTime(b));
  if (shown.length === 0) {
    io.err(request.allNamespaces ? 'No events found.' : `No events found in ${session.namespace} namespace.`);
    return;
  }
  print(shown, true);
}

async function selectorFor(session: Session, reference: string): Promise<string> {
  const parsed = parseResourceWords([reference], 'events');
  if (parsed.form !== 'pairs') throw new UserError('--for must be in resource/name form');
  const { type, name } = parsed.pairs[0]!;
  const resource = await session.resolve(type.toLowerCase());
  const value = escapeFieldValue;
  return [
    `involvedObject.kind=${value(resource.kind)}`,
    `involvedObject.apiVersion=${value(formatGroupVersion(resource))}`,
    `involvedObject.name=${value(name)}`,
  ].join(',');
}

function eventsPrinter(request: EventsRequest, io: Output): (events: readonly Event[], list: boolean) => void {
  const format = parseOutputFormat(request.output, {
    formats: ['json', 'yaml', 'name', 'jsonpath', 'jsonpath-as-json', 'jsonpath-file'],
  });
  if (format.kind !== 'table') {
    const printer = new ObjectPrinter(format);
    const typed = (event: Event) => ({ ...event, apiVersion: 'v1', kind: 'Event' });
    return (events, list) => {
      const items = events.map(typed);
      io.out(printer.text(list ? { apiVersion: 'v1', kind: 'EventList', metadata: {}, items } : items[0]));
    };
  }
  const tabs = new TabWriter(tableTabs);
  let headers = !request.noHeaders;
  return (events) => {
    if (headers) tabs.write(`${request.allNamespaces ? 'NAMESPACE\t' : ''}LAST SEEN\tTYPE\tREASON\tOBJECT\tMESSAGE\n`);
    headers = false;
    const now = wallClock.now();
    for (const event of events) tabs.write(`${eventRow(event, now, request.allNamespaces).join('\t')}\n`);
    io.out(tabs.flush());
  };
}

function eventRow(event: Event, now: number, withNamespace = false): string[] {
  const { involvedObject: about } = event;
  const row = [
    eventAge(event, now),
    escapeTerminal(event.type ?? ''),
    escapeTerminal(event.reason ?? ''),
    `${escapeTerminal(about?.kind ?? '')}/${escapeTerminal(about?.name ?? '')}`,
    escapeTerminal((event.message ?? '').trim()),
  ];
  return withNamespace ? [event.metadata.namespace ?? '', ...row] : row;
}

/** `5m`, or `3s (x5 over 2m)` when it was seen more than once. */
export function eventAge(event: Event, now: number): string {
  const first = ageSince(event.eventTime ?? event.firstTimestamp, now);
  if (event.series) {
    return `${ageSince(event.series.lastObservedTime, now)} (x${event.series.count} over ${first})`;
  }
  if ((event.count ?? 0) > 1) return `${ageSince(event.lastTimestamp, now)} (x${event.count} over ${first})`;
  return first;
}

/** Time an event is sorted by, 0 when it has none. */
export function eventTime(event: Event): number {
  return parseTime(event.series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime ?? '') || 0;
}
