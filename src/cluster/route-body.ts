/** What is posted to klab's own routes. */
import { newBadRequest } from '../apimachinery/index.ts';
import type { RequestContext } from '../apiserver/index.ts';

/** Empty when there is none. @throws StatusError BadRequest. */
export function bodyOf(context: RequestContext): Record<string, unknown> {
  const { body } = context.request;
  if (body?.object !== undefined) return body.object as Record<string, unknown>;
  if (!body?.bytes || body.bytes.length === 0) return {};
  try {
    return JSON.parse(Buffer.from(body.bytes).toString('utf8')) as Record<string, unknown>;
  } catch {
    throw newBadRequest('the body is not valid JSON');
  }
}
