/** `klab logs`. Upstream: kubectl/pkg/cmd/logs and polymorphichelpers/logsforobject.go (1.36). */
import type { Pod } from '../../api/index.ts';
import { isNotFound, StatusError } from '../../apimachinery/index.ts';
import { rfc3339, wallClock } from '../../base/index.ts';
import { resourcePath } from '../../client/index.ts';
import { exitCodes, UserError } from '../exit-codes.ts';
import { durationFlag, podRunningTimeout, timeOf } from '../flag-values.ts';
import type { Output } from '../get/plan.ts';
import { parseResourceWords } from '../resource-args.ts';
import type { Session } from '../session.ts';
import { byLogging, podSelectorOf, podsBySelector, untilPods } from './pods-of.ts';

export interface LogsRequest {
  /** `POD [CONTAINER]` or `TYPE/NAME [CONTAINER]`. */
  readonly words: readonly string[];
  readonly container?: string;
  readonly labelSelector?: string;
  readonly follow?: boolean;
  readonly previous?: boolean;
  readonly timestamps?: boolean;
  readonly allContainers?: boolean;
  readonly allPods?: boolean;
  readonly prefix?: boolean;
  /** A duration. */
  readonly since?: string;
  /** RFC 3339. */
  readonly sinceTime?: string;
  /** Default -1: all lines; 10 with a selector. */
  readonly tail?: number;
  readonly limitBytes?: number;
  readonly ignoreErrors?: boolean;
  /** Default 5. */
  readonly maxLogRequests?: number;
  /** How long a followed container may take to start. Default 20s. */
  readonly podRunningTimeout?: string;
}

const defaultTimeout = '20s';

interface Source {
  readonly pod: Pod;
  readonly container: string;
}

const usage = `expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.
POD or TYPE/NAME is a required argument for the logs command
See 'klab logs -h' for help and examples`;

export async function printLogs(session: Session, request: LogsRequest, io: Output): Promise<void> {
  checkLogs(request);
  podRunningTimeout(request.podRunningTimeout ?? defaultTimeout);
  const query = logQuery(request);
  const pods = await podsOf(session, request, io);
  const sources = pods.flatMap((pod) => sourcesOf(pod, request, io));
  const { follow = false, maxLogRequests = 5 } = request;
  if (follow && sources.length > maxLogRequests) {
    throw new UserError(
      `you are attempting to follow ${sources.length} log streams, but maximum allowed concurrency is ${maxLogRequests}, use --max-log-requests to increase the limit`,
    );
  }
  const prefixed = request.prefix || request.allPods;
  const one = (source: Source) => {
    const prefix = prefixed ? `[pod/${source.pod.metadata.name}/${source.container}] ` : '';
    return consume(session, source, query, prefix, request, io);
  };
  if (follow) await Promise.all(sources.map(one));
  else for (const source of sources) await one(source);
}

function checkLogs(request: LogsRequest): void {
  const { words, container, labelSelector } = request;
  if ((words.length === 0 && !labelSelector) || words.length > 2) throw new UserError(usage, exitCodes.usage);
  if (words.length === 1 && labelSelector) {
    throw new UserError(
      "only a selector (-l) or a POD name is allowed\nSee 'klab logs -h' for help and examples",
      exitCodes.usage,
    );
  }
  if (request.sinceTime && request.since) {
    throw new UserError('at most one of `sinceTime` or `sinceSeconds` may be specified');
  }
  const named = container ?? words[1];
  if (request.allContainers && named) {
    throw new UserError(`--all-containers=true should not be specified with container name ${named}`);
  }
  if (container !== undefined && words.length === 2) {
    throw new UserError('only one of -c or an inline [CONTAINER] arg is allowed');
  }
  if ((request.limitBytes ?? 0) < 0) throw new UserError('--limit-bytes must be greater than 0');
  if (request.since && durationFlag('since', request.since) < 0) throw new UserError('--since must be greater than 0');
  if ((request.tail ?? -1) < -1) throw new UserError('--tail must be greater than or equal to -1');
}

function logQuery(request: LogsRequest): Record<string, string | undefined> {
  const tail = request.tail ?? (request.labelSelector ? 10 : -1);
  const sinceSeconds = request.since ? Math.round(durationFlag('since', request.since) / 1000) : 0;
  const sinceTime = request.sinceTime ? rfc3339(timeOf(request.sinceTime)) : undefined;
  const flag = (value: boolean | undefined) => (value ? 'true' : undefined);
  return {
    follow: flag(request.follow),
    previous: flag(request.previous),
    timestamps: flag(request.timestamps),
    sinceSeconds: sinceSeconds ? String(sinceSeconds) : undefined,
    sinceTime,
    tailLines: tail >= 0 ? String(tail) : undefined,
    limitBytes: request.limitBytes ? String(request.limitBytes) : undefined,
  };
}

async function podsOf(session: Session, request: LogsRequest, io: Output): Promise<Pod[]> {
  const { namespace } = session;
  if (request.words.length === 0) {
    const pods = await podsBySelector(session, namespace, request.labelSelector ?? '', byLogging);
    if (pods.length === 0) io.err(`No resources found in ${namespace} namespace.`);
    return pods.sort((a, b) => (a.metadata.name! < b.metadata.name! ? -1 : 1));
  }
  const parsed = parseResourceWords([request.words[0]!], 'logs');
  const { type, name } = parsed.form === 'pairs' ? parsed.pairs[0]! : { type: 'pods', name: request.words[0]! };
  const resource = await session.resolve(type);
  const object = await session.client
    .resource(resource)
    .namespace(namespace)
    .get(name, { signal: session.signal })
    .catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
      throw new UserError(
        `error from server (NotFound): ${(error as StatusError).message} in namespace ${JSON.stringify(namespace)}`,
      );
    });
  if (object.kind === 'Pod') return [object as Pod];
  const timeoutMs = podRunningTimeout(request.podRunningTimeout ?? defaultTimeout);
  const pods = await untilPods(session, namespace, podSelectorOf(object, 'get the logs from'), byLogging, timeoutMs);
  if (request.allPods) return pods;
  if (pods.length > 1) io.err(`Found ${pods.length} pods, using pod/${pods[0]!.metadata.name}`);
  return [pods[0]!];
}

/** Containers to read, in kubectl's order. */
function sourcesOf(pod: Pod, request: LogsRequest, io: Output): Source[] {
  const { initContainers = [], containers = [], ephemeralContainers = [] } = pod.spec ?? {};
  const all = [...initContainers, ...containers, ...ephemeralContainers].map(({ name }) => name);
  if (request.allContainers) return all.map((container) => ({ pod, container }));
  let container = request.container ?? request.words[1];
  const preferred = pod.metadata.annotations?.['kubectl.kubernetes.io/default-container'];
  if (!container && preferred) {
    if (all.includes(preferred)) container = preferred;
    else io.err(`Default container name ${JSON.stringify(preferred)} not found in pod ${pod.metadata.name}`);
  }
  const names = [
    ...containers.map(({ name }) => name),
    ...initContainers.map(({ name }) => `${name} (init)`),
    ...ephemeralContainers.map(({ name }) => `${name} (ephem)`),
  ].join(', ');
  if (!container) {
    container = containers[0]!.name;
    if (all.length > 1 && !request.allPods) io.err(`Defaulted container ${JSON.stringify(container)} out of: ${names}`);
  }
  if (!all.includes(container)) {
    throw new UserError(`container ${container} is not valid for pod ${pod.metadata.name} out of: ${names}`);
  }
  return [{ pod, container }];
}

/** Prints one container's log. Followed, a container that is not there yet is asked for again every second. */
async function consume(
  session: Session,
  { pod, container }: Source,
  query: Record<string, string | undefined>,
  prefix: string,
  request: LogsRequest,
  io: Output,
): Promise<void> {
  const { signal } = session;
  const pods = { group: '', version: 'v1', plural: 'pods', namespaced: true };
  const path = resourcePath(pods, pod.metadata.namespace ?? '', pod.metadata.name, 'log');
  const deadline = wallClock.monotonic() + podRunningTimeout(request.podRunningTimeout ?? defaultTimeout);
  for (;;) {
    try {
      const client = session.client;
      const prepared = client.prepare({ method: 'GET', path, query: { ...query, container }, signal });
      await writeLines(await client.transport.stream(prepared), prefix, io);
      signal?.throwIfAborted();
      return;
    } catch (error) {
      signal?.throwIfAborted();
      if (request.ignoreErrors) {
        io.out(`error: ${(error as Error).message}\n`);
        return;
      }
      if (!request.follow || !(error instanceof StatusError)) throw error;
      io.err(error.message);
      if (wallClock.monotonic() + 1000 > deadline) {
        throw new UserError('timed out waiting for the condition', exitCodes.notInTime);
      }
      await wallClock.sleep(1000, signal);
    }
  }
}

/** Whole lines only, so that logs of several containers do not run into each other. */
async function writeLines(stream: AsyncIterable<Uint8Array>, prefix: string, io: Output): Promise<void> {
  const decoder = new TextDecoder();
  const put = (text: string) => io.out(prefix === '' ? text : text.replace(/^(?=[\s\S])/gm, prefix));
  let rest = '';
  for await (const chunk of stream) {
    const text = rest + decoder.decode(chunk, { stream: true });
    const end = text.lastIndexOf('\n') + 1;
    if (end > 0) put(text.slice(0, end));
    rest = text.slice(end);
  }
  rest += decoder.decode();
  if (rest !== '') put(rest);
}
