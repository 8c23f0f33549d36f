/** `klab get -w`: what is there, then every change. Upstream: kubectl/pkg/cmd/get/get.go watch() (1.36). */
import { isNotFound, type KubeObject, type WatchEvent } from '../../apimachinery/index.ts';
import { resourcePath, statusOfEvent } from '../../client/index.ts';
import { UserError } from '../exit-codes.ts';
import { ObjectPrinter } from '../printers/object-printer.ts';
import { sortBy, sortTable } from '../printers/sort.ts';
import { TabWriter, tableTabs } from '../printers/tab-writer.ts';
import { isTable, TablePrinter, tableAccept } from '../printers/table.ts';
import type { ResourceTarget } from '../resource-args.ts';
import type { Session } from '../session.ts';
import { type Fetched, fetchTarget, itemsOf } from './fetch.ts';
import { type GetPlan, type Output, tableOptionsOf } from './plan.ts';

/** Runs until the watch ends or the session's signal aborts. @throws UserError when the server ends the watch. */
export async function watchResources(session: Session, plan: GetPlan, io: Output): Promise<void> {
  const { request, format } = plan;
  const target = plan.targets[0];
  if (plan.targets.length !== 1 || !target) {
    throw new UserError(
      'watch is only supported on individual resources and resource collections - more than 1 resource was found',
    );
  }
  const tables = format.kind === 'table' && (request.serverPrint ?? true);
  const selectors = { labelSelector: plan.labelSelector, fieldSelector: plan.fieldSelector };
  const answers: Fetched[] = [];
  try {
    const options = { ...selectors, tables, wholeRows: request.sortBy !== undefined, chunkSize: request.chunkSize };
    for await (const answer of fetchTarget(session, target, options)) answers.push(answer);
  } catch (error) {
    if (request.ignoreNotFound && isNotFound(error)) return;
    throw error;
  }

  const print = eventPrinter(plan, target);
  const single = target.name !== undefined;
  for (const { body } of answers) {
    const whole = request.sortBy && isTable(body) ? sortTable(body, request.sortBy) : body;
    const objects = isTable(whole) ? [whole] : sorted(itemsOf(whole) ?? [whole], request.sortBy);
    for (const object of objects) io.out(print({ type: 'ADDED', object }, request.watchOnly ?? false));
  }
  // A watch of one object begins with its state, which was just printed; one from a list begins after it.
  let silent = single;
  const events = await session.client.transport.watch(
    session.client.prepare({
      method: 'GET',
      path: resourcePath(target.resource, target.namespace),
      query: {
        watch: 'true',
        labelSelector: plan.labelSelector || undefined,
        fieldSelector: single ? `metadata.name=${target.name}` : plan.fieldSelector || undefined,
        resourceVersion: single ? '0' : answers.at(-1)?.body.metadata?.resourceVersion,
        includeObject: tables && request.sortBy ? 'Object' : undefined,
      },
      accept: tables ? tableAccept : undefined,
      signal: session.signal,
    }),
  );
  for await (const event of events) {
    const failure = statusOfEvent(event as WatchEvent<KubeObject>);
    if (failure) throw failure;
    io.out(print(event as { type: string; object: any }, silent));
    silent = false;
  }
  session.signal?.throwIfAborted();
  throw new UserError('watch closed before UntilWithoutRetry timeout');
}

/** Text of one event; silent ones only teach the printer their columns. */
function eventPrinter(plan: GetPlan, target: ResourceTarget): (event: EventLike, silent: boolean) => string {
  const { request, format } = plan;
  if (format.kind === 'table') {
    const tabs = new TabWriter(tableTabs);
    const printer = new TablePrinter(tableOptionsOf(plan, target.resource, false));
    return ({ type, object }, silent) => {
      const eventType = request.outputWatchEvents ? type : undefined;
      if (isTable(object)) printer.print(silent ? { ...object, rows: [] } : object, tabs, eventType);
      else if (!silent) printer.printPlain([object], tabs, eventType);
      return tabs.flush();
    };
  }
  const printer = new ObjectPrinter(format, request);
  return ({ type, object }, silent) => {
    if (silent) return '';
    return request.outputWatchEvents ? printer.text({ type, object }, 'event') : printer.text(object);
  };
}

interface EventLike {
  readonly type: string;
  readonly object: any;
}

function sorted(objects: readonly any[], field: string | undefined): readonly any[] {
  return field && objects.length > 1 ? sortBy(objects, field, (object) => object) : objects;
}
