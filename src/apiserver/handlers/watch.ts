/** Upstream: endpoints/handlers/watch.go, storage/cacher (Watch). */
import {
  FormatError,
  newBadRequest,
  newResourceExpired,
  parseFieldSelector,
  StatusError,
} from '../../apimachinery/index.ts';
import type { Timer } from '../../base/index.ts';
import { PlainEvent } from '../cache/event.ts';
import { TooOldError, type WatchStart } from '../cache/resource-cache.ts';
import type { CacheWatcher } from '../cache/watcher.ts';
import type { ResourceRegistry } from '../registry/registry.ts';
import type { EncodedWatchEvent, RequestContext, ServerResponse } from '../types.ts';
import { type ListOptions, listOptions } from './options.ts';
import { waitForVersion } from './read.ts';
import { selectionOf } from './selection.ts';
import { includeObject, negotiateForm, partialKind, transformEvents } from './transform.ts';

/** A last bookmark is sent this long before a watch times out. */
const lastBookmarkMs = 2000;

export async function watchHandler(registry: ResourceRegistry, context: RequestContext): Promise<ServerResponse> {
  const { info, request } = context;
  const options = namedByPath(listOptions(request.query, true), info.name);
  const form = negotiateForm(context, registry.definition, 'watch');
  const include = form === 'table' ? includeObject(request.query) : 'None';
  const events = await openWatch(registry, info.namespace, options, request.signal);
  if (form === 'object') return { code: 200, body: { kind: 'watch', events, of: registry.view } };
  const { clock } = registry.deps;
  const transformed = transformEvents(events, form, registry.definition, { include, now: () => clock.now() });
  return {
    code: 200,
    body: { kind: 'watch', events: transformed, ...(form === 'partial' ? { of: partialKind } : {}) },
  };
}

/** The old `/api/v1/watch/…/<name>` paths name the object outside the selector. */
function namedByPath(options: ListOptions, name: string): ListOptions {
  if (name === '') return options;
  if (options.fieldSelector === '') return { ...options, fieldSelector: `metadata.name=${name}` };
  let selected: string | undefined;
  try {
    selected = parseFieldSelector(options.fieldSelector).requiresExactMatch('metadata.name');
  } catch (error) {
    // Selecting says what is wrong with it.
    if (error instanceof FormatError) return options;
    throw error;
  }
  if (selected !== name) throw newBadRequest("fieldSelector metadata.name doesn't match requested name");
  return options;
}

/** @throws StatusError for options that make no sense; revisions gone or yet to come are an ERROR event, as upstream. */
async function openWatch(
  registry: ResourceRegistry,
  namespace: string,
  options: ListOptions,
  signal: AbortSignal,
): Promise<AsyncIterable<EncodedWatchEvent>> {
  const { cache, deps } = registry;
  const selection = selectionOf(registry, namespace, options);
  const { resourceVersion, sendInitialEvents } = options;
  let start: WatchStart;
  if (sendInitialEvents === true) {
    try {
      await waitForVersion(registry, resourceVersion);
    } catch (error) {
      if (error instanceof StatusError) return failedStream(error);
      throw error;
    }
    start = { kind: 'state', end: options.allowWatchBookmarks };
  } else if (sendInitialEvents === false && (resourceVersion === undefined || resourceVersion === 0)) {
    await waitForVersion(registry, resourceVersion);
    start = { kind: 'after', revision: deps.hub.revision };
  } else {
    await waitForVersion(registry, 0);
    start = { kind: 'after', revision: resourceVersion ?? 0 };
    if (start.revision > 0 && start.revision < cache.oldestStart) await deps.hub.reachBack(cache, start.revision);
  }
  let watcher: CacheWatcher;
  try {
    watcher = cache.watch(selection, start, { bookmarks: options.allowWatchBookmarks, revision: deps.hub.revision });
  } catch (error) {
    if (error instanceof TooOldError) return failedStream(newResourceExpired(error.message));
    throw error;
  }
  endInTime(registry, watcher, options.timeoutSeconds, signal);
  return watcher;
}

async function* failedStream({ status }: StatusError): AsyncGenerator<EncodedWatchEvent, void, void> {
  yield new PlainEvent('ERROR', status);
}

/** Ends the watch when its time is over or the client has gone. */
function endInTime(
  registry: ResourceRegistry,
  watcher: CacheWatcher,
  timeoutSeconds: number | undefined,
  signal: AbortSignal,
): void {
  const { clock, hub, watchPrng, minRequestTimeoutSeconds } = registry.deps;
  const seconds = timeoutSeconds || minRequestTimeoutSeconds * (1 + watchPrng.float());
  const timers: Timer[] = [clock.schedule(seconds * 1000, () => watcher.stop())];
  if (watcher.bookmarks && seconds * 1000 > lastBookmarkMs) {
    timers.push(clock.schedule(seconds * 1000 - lastBookmarkMs, () => watcher.bookmark(hub.revision)));
  }
  const onAbort = () => watcher.stop();
  watcher.onEnd = () => {
    for (const timer of timers) timer.cancel();
    signal.removeEventListener('abort', onAbort);
  };
  if (signal.aborted) watcher.stop();
  else signal.addEventListener('abort', onAbort, { once: true });
}
