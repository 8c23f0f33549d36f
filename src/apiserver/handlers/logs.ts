/** `pods/<name>/log`. Upstream: pkg/registry/core/pod/{strategy.go (LogLocation),rest/log.go}. */
import {
  FieldErrorList,
  FieldPath,
  type KubeObject,
  newBadRequest,
  newInvalid,
  newServiceUnavailable,
} from '../../apimachinery/index.ts';
import type { ResourceRegistry } from '../registry/registry.ts';
import type { LogOptions, NodeDialer, RequestContext, ServerResponse } from '../types.ts';
import { boolParameter, intParameter } from './options.ts';
import { readEntry } from './read.ts';

export async function podLogHandler(
  registry: ResourceRegistry,
  context: RequestContext,
  nodes: NodeDialer | undefined,
): Promise<ServerResponse> {
  const { request } = context;
  const options = logOptions(request.query);
  const pod = (await readEntry(registry, context)).object;
  const container = chooseContainer(pod, options.container);
  const node: string = pod['spec'].nodeName ?? '';
  // A pod that has no node yet has no logs, which is not an error.
  if (node === '') return { code: 200, body: { kind: 'stream', contentType: 'text/plain', chunks: nothing() } };
  if (!nodes) throw newServiceUnavailable('this API server has no way to reach nodes');
  const { namespace = '', name = '', uid = '' } = pod.metadata;
  const chunks = await nodes.containerLogs(node, { namespace, name, uid }, { ...options, container }, request.signal);
  return { code: 200, body: { kind: 'stream', contentType: 'text/plain', chunks } };
}

async function* nothing(): AsyncGenerator<Uint8Array, void, void> {}

function logOptions(query: URLSearchParams): LogOptions {
  const sinceSeconds = intParameter(query, 'sinceSeconds');
  const tailLines = intParameter(query, 'tailLines');
  const limitBytes = intParameter(query, 'limitBytes');
  const sinceTime = query.get('sinceTime') ?? undefined;
  const errors = new FieldErrorList();
  const notNegative = 'must be greater than or equal to 0';
  if (tailLines !== undefined && tailLines < 0) errors.invalid(FieldPath.root('tailLines'), tailLines, notNegative);
  if (limitBytes !== undefined && limitBytes < 1) {
    errors.invalid(FieldPath.root('limitBytes'), limitBytes, 'must be greater than 0');
  }
  if (sinceSeconds !== undefined && sinceTime !== undefined) {
    errors.forbidden(FieldPath.root(), 'at most one of `sinceTime` or `sinceSeconds` may be specified');
  } else if (sinceSeconds !== undefined && sinceSeconds < 1) {
    errors.invalid(FieldPath.root('sinceSeconds'), sinceSeconds, 'must be greater than 0');
  }
  if (errors.length > 0) throw newInvalid({ group: '', kind: 'PodLogOptions' }, '', errors.errors);
  return {
    container: query.get('container') ?? '',
    follow: boolParameter(query, 'follow') ?? false,
    previous: boolParameter(query, 'previous') ?? false,
    timestamps: boolParameter(query, 'timestamps') ?? false,
    ...(sinceSeconds === undefined ? {} : { sinceSeconds }),
    ...(sinceTime === undefined ? {} : { sinceTime }),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
  };
}

interface Named {
  readonly name: string;
}

function chooseContainer(pod: Readonly<KubeObject>, asked: string): string {
  const containers: readonly Named[] = pod['spec'].containers ?? [];
  const init: readonly Named[] = pod['spec'].initContainers ?? [];
  const ephemeral: readonly Named[] = pod['spec'].ephemeralContainers ?? [];
  const names = (list: readonly Named[]) => `[${list.map((container) => container.name).join(' ')}]`;
  const pretty = pod.metadata.name ?? '';
  if (asked === '') {
    if (containers.length === 1 && init.length === 0 && ephemeral.length === 0) return containers[0]!.name;
    let message = `a container name must be specified for pod ${pretty}, choose one of: ${names(containers)}`;
    if (init.length > 0) message += ` or one of the init containers: ${names(init)}`;
    if (ephemeral.length > 0) message += ` or one of the ephemeral containers: ${names(ephemeral)}`;
    throw newBadRequest(message);
  }
  if (![...containers, ...init, ...ephemeral].some((container) => container.name === asked)) {
    throw newBadRequest(`container ${asked} is not valid for pod ${pretty}`);
  }
  return asked;
}
