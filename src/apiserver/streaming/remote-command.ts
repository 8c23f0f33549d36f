/** `pods/exec` and `pods/attach`. Upstream: pkg/registry/core/pod/rest/subresources.go, cri-streaming remotecommand. */
import { newBadRequest, newInternalError, type Status, StatusError } from '../../apimachinery/index.ts';
import { hasToken, isWebSocketRequest, offeredSubprotocols, webSocketAnswer } from '../../wire/index.ts';
import { isTrue } from '../filters/request-info.ts';
import type { NodeDialer, RemoteStreams, RequestContext, ServerResponse } from '../types.ts';
import { channelProtocols, isTranslated, openChannelConversation } from './channels.ts';
import { type Conversation, type StreamChoice, success } from './conversation.ts';
import type { PodLocation } from './pod-location.ts';
import { negotiateStreamProtocol, openSpdyConversation, remoteCommandProtocols } from './spdy.ts';

/** Does the work with the client's streams; resolves with the exit code. */
type Work = (streams: RemoteStreams, signal: AbortSignal) => Promise<number>;

/** @throws StatusError */
export async function remoteCommandHandler(
  kind: 'exec' | 'attach',
  location: PodLocation,
  context: RequestContext,
  nodes: NodeDialer,
): Promise<ServerResponse> {
  const { query, upgrade } = context.request;
  const choice: StreamChoice = {
    stdin: isTrue(query, 'stdin'),
    stdout: isTrue(query, 'stdout'),
    stderr: isTrue(query, 'stderr'),
    tty: isTrue(query, 'tty'),
  };
  if (choice.tty && choice.stderr) throw newBadRequest('tty and stderr cannot both be true');
  if (!choice.stdin && !choice.stdout && !choice.stderr) {
    throw newBadRequest('you must specify at least 1 of stdin, stdout, stderr');
  }
  if (upgrade === undefined) throw newBadRequest('Upgrade request required');
  const { node, pod, container } = location;
  const find = async (): Promise<Work> => {
    if (kind === 'exec') return nodes.exec(node, pod, { container, argv: query.getAll('command') });
    const attach = await nodes.attach(node, pod, container);
    return async (streams, signal) => {
      await attach(streams, signal);
      return 0;
    };
  };
  return isWebSocketRequest(context.request.method, context.request.headers)
    ? overWebSocket(kind, choice, context, find)
    : overSpdy(kind, choice, context, find);
}

async function overWebSocket(
  kind: 'exec' | 'attach',
  choice: StreamChoice,
  { request }: RequestContext,
  find: () => Promise<Work>,
): Promise<ServerResponse> {
  const offers = offeredSubprotocols(request.headers);
  const protocol = offers.length === 0 ? '' : offers.find((offer) => channelProtocols.includes(offer));
  const answer = protocol === undefined ? undefined : webSocketAnswer(request.headers, protocol);
  if (protocol === undefined || !answer) throw newBadRequest('websocket: bad handshake');
  const translated = isTranslated(protocol);
  let work: Work;
  try {
    work = await find();
  } catch (error) {
    if (!translated) return refusal(error);
    // A translated connection stands before the node is asked: the refusal comes over it.
    work = () => Promise.reject(new Error(`unable to upgrade connection: ${messageOf(error)}`));
  }
  return {
    code: 101,
    headers: answer,
    body: {
      kind: 'upgrade',
      serve: async (bytes, door) => {
        const conversation = openChannelConversation(bytes, door, choice, protocol);
        await converse(kind, conversation, work, translated);
      },
    },
  };
}

async function overSpdy(
  kind: 'exec' | 'attach',
  choice: StreamChoice,
  { request }: RequestContext,
  find: () => Promise<Work>,
): Promise<ServerResponse> {
  if (!hasToken(request.headers['upgrade'], 'spdy/3.1')) throw newBadRequest('Upgrade request required');
  const asked = request.headers['x-stream-protocol-version'];
  const protocol = negotiateStreamProtocol(asked, remoteCommandProtocols);
  if (protocol === undefined) return noCommonProtocol(asked ?? '', remoteCommandProtocols);
  let work: Work;
  try {
    work = await find();
  } catch (error) {
    return refusal(error);
  }
  return {
    code: 101,
    headers: {
      Connection: 'Upgrade',
      Upgrade: 'SPDY/3.1',
      ...(asked === undefined ? {} : { 'X-Stream-Protocol-Version': protocol }),
    },
    body: {
      kind: 'upgrade',
      serve: async (bytes, door) => {
        const conversation = await openSpdyConversation(bytes, door, choice, protocol);
        if (conversation) await converse(kind, conversation, work, false);
      },
    },
  };
}

/** Upstream: httpstream.Handshake. */
export function noCommonProtocol(asked: string, accepted: readonly string[]): ServerResponse {
  const offers = asked.split(',').map((name) => name.trim());
  const text = `unable to upgrade: unable to negotiate protocol: client supports [${offers.join(' ')}], server accepts [${accepted.join(' ')}]`;
  return {
    code: 403,
    headers: { 'X-Accepted-Stream-Protocol-Versions': accepted.join(', ') },
    body: { kind: 'bytes', contentType: 'text/plain; charset=utf-8', bytes: Buffer.from(text) },
  };
}

/** What the node said, as the API server passes it on: plain text. */
export function refusal(error: unknown): ServerResponse {
  if (!(error instanceof StatusError)) throw error;
  const code = error.code === 400 ? 500 : error.code;
  return {
    code,
    body: { kind: 'bytes', contentType: 'text/plain; charset=utf-8', bytes: Buffer.from(error.message) },
  };
}

async function converse(
  kind: 'exec' | 'attach',
  conversation: Conversation,
  work: Work,
  translated: boolean,
): Promise<void> {
  let status: Status;
  try {
    const exitCode = await work(conversation.streams, conversation.signal);
    status = exitCode === 0 ? success : exited(exitCode, translated);
  } catch (error) {
    status = failed(kind, error, translated);
  }
  await conversation.writeStatus(status);
  conversation.finish();
}

function exited(exitCode: number, translated: boolean): Status {
  const cause = translated
    ? `command terminated with exit code ${exitCode}`
    : `error executing command in container, exit code ${exitCode}`;
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: ${cause}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
  } as unknown as Status;
}

function failed(kind: 'exec' | 'attach', error: unknown, translated: boolean): Status {
  const message = messageOf(error);
  const doing = kind === 'exec' ? 'error executing command in container' : 'error attaching to container';
  if (message.startsWith('unable to upgrade connection')) return newInternalError(message).status;
  const inner = newInternalError(`${doing}: ${message}`).status;
  return translated ? newInternalError(inner.message ?? '').status : inner;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
