import { newMethodNotAllowed, newPathNotFound } from '../../apimachinery/index.ts';
import type { Handler, KlabRoute, RequestContext, ServerResponse } from '../types.ts';

/** Answers GET (and HEAD) of a non-resource path. `undefined`: nothing is served there after all. */
export type PathHandler = (context: RequestContext) => ServerResponse | undefined | Promise<ServerResponse | undefined>;

/** Non-resource paths: exact ones, prefixes, and the routes of other rooms below /klab/v1/. */
export class NonResourceRouter {
  readonly #exact = new Map<string, PathHandler>();
  readonly #prefixes: { readonly prefix: string; readonly handler: PathHandler }[] = [];
  readonly #routes: { readonly route: KlabRoute; readonly segments: readonly string[] }[] = [];

  constructor() {
    this.exact('/', () => json({ paths: [...this.#exact.keys()].filter((path) => path !== '/').sort() }));
  }

  exact(path: string, handler: PathHandler): void {
    this.#exact.set(path, handler);
  }

  /** `prefix` ends in a slash. */
  prefix(prefix: string, handler: PathHandler): void {
    this.#prefixes.push({ prefix, handler });
  }

  route(route: KlabRoute): void {
    this.#routes.push({ route, segments: route.path.split('/') });
  }

  readonly handle: Handler = async (context) => {
    const path = context.info.path.length > 1 ? context.info.path.replace(/\/+$/, '') : context.info.path;
    if (path.startsWith('/klab/')) {
      const answer = this.#routed(context, path);
      if (answer) return answer;
      throw newPathNotFound();
    }
    const handler = this.#exact.get(path) ?? this.#prefixes.find(({ prefix }) => path.startsWith(prefix))?.handler;
    if (!handler) throw newPathNotFound();
    if (context.info.verb !== 'get' && context.info.verb !== 'head') {
      throw newMethodNotAllowed();
    }
    const response = await handler(context);
    if (!response) throw newPathNotFound();
    return response;
  };

  #routed(context: RequestContext, path: string): Promise<ServerResponse> | undefined {
    const wanted = path.split('/');
    let known = false;
    for (const { route, segments } of this.#routes) {
      const parameters = match(segments, wanted);
      if (!parameters) continue;
      known = true;
      if (route.verb === context.info.verb || (route.verb === 'get' && context.info.verb === 'head')) {
        return route.handler(context, parameters);
      }
    }
    if (known) throw newMethodNotAllowed();
    return undefined;
  }
}

function match(segments: readonly string[], wanted: readonly string[]): Record<string, string> | undefined {
  if (segments.length !== wanted.length) return undefined;
  const parameters: Record<string, string> = {};
  for (let i = 0; i < segments.length; i++) {
    const segment = segments[i]!;
    if (segment.startsWith('{') && segment.endsWith('}')) parameters[segment.slice(1, -1)] = wanted[i]!;
    else if (segment !== wanted[i]) return undefined;
  }
  return parameters;
}

export function json(object: object, code = 200): ServerResponse {
  return { code, body: { kind: 'object', object } };
}

export function text(value: string, code = 200): ServerResponse {
  return {
    code,
    headers: { 'X-Content-Type-Options': 'nosniff' },
    body: { kind: 'bytes', contentType: 'text/plain; charset=utf-8', bytes: Buffer.from(value) },
  };
}
