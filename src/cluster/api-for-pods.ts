/**
 * The API server as pods reach it: HTTP over the simulated network to the address behind Service `kubernetes`, with
 * whatever credentials the pod sends. One exchange at a time; watches need a stream, which that network does not have.
 */
import { StatusError } from '../apimachinery/index.ts';
import type { Dispatch, ResponseBody, ServerResponse } from '../apiserver/index.ts';
import type { FabricHooks, HttpResponse } from '../kubelet/index.ts';

/** `address`: what the API server advertises. */
export function apiForPods(
  server: { readonly handle: Dispatch },
  address: string,
): NonNullable<FabricHooks['external']> {
  return (ip, _port, request, from) => {
    if (ip !== address) return undefined;
    const split = request.path.indexOf('?');
    const path = split < 0 ? request.path : request.path.slice(0, split);
    const query = new URLSearchParams(split < 0 ? '' : request.path.slice(split + 1));
    const controller = new AbortController();
    const answered = server.handle({
      method: request.method,
      path: decodeURIComponent(path),
      query,
      headers: request.headers,
      ...(request.body === undefined ? {} : { body: { bytes: Buffer.from(request.body) } }),
      signal: controller.signal,
      remoteAddress: from.ip,
      warnings: [],
    });
    return answered.then(httpResponse, refusal).finally(() => controller.abort());
  };
}

function refusal(error: unknown): HttpResponse {
  if (!(error instanceof StatusError)) throw error;
  const headers = { 'content-type': 'application/json' };
  return { status: error.code, headers, body: JSON.stringify(error.status) };
}

async function httpResponse({ code, headers, body }: ServerResponse): Promise<HttpResponse> {
  const content = await contentOf(body);
  if (!content) return { status: 501, headers: {}, body: '' };
  const length = String(Buffer.byteLength(content.text));
  return {
    status: code,
    headers: { ...headers, 'content-type': content.type, 'content-length': length },
    body: content.text,
  };
}

/** undefined for answers that never end. */
async function contentOf(body: ResponseBody): Promise<{ readonly type: string; readonly text: string } | undefined> {
  const type = 'application/json';
  switch (body.kind) {
    case 'object':
      return { type, text: JSON.stringify(body.object) };
    case 'list':
      return { type, text: JSON.stringify({ ...body.head, items: body.items.map((item) => item.object) }) };
    case 'bytes':
      return { type: body.contentType, text: Buffer.from(body.bytes).toString() };
    case 'stream': {
      const chunks: Uint8Array[] = [];
      for await (const chunk of body.chunks) chunks.push(chunk);
      return { type: body.contentType, text: Buffer.concat(chunks).toString() };
    }
    default:
      return undefined;
  }
}
