import { encodeJson, newNotAcceptable } from '../../apimachinery/index.ts';
import { hashOf, withEtag } from '../discovery/etag.ts';
import { json, type NonResourceRouter } from '../discovery/router.ts';
import type { RequestContext, ServedResources, ServerResponse } from '../types.ts';

/** Builds the documents; `api` supplies it. Paths of groups: `api/v1`, `apis/apps/v1`. */
export interface OpenApiDocuments {
  v2(): object;
  v3(path: string): object | undefined;
  /** Paths that `v3` knows. */
  v3Paths(): readonly string[];
}

interface Document {
  readonly hash: string;
  readonly bytes: Uint8Array;
}

const yearSeconds = 365 * 24 * 3600;

/**
 * Serves `/openapi/v2` and `/openapi/v3`. A group's document has its hash in its URL and may be kept for ever.
 * Upstream: kube-openapi/pkg/handler{,3}.
 */
export class OpenApi {
  readonly #documents: OpenApiDocuments;
  readonly #served: ServedResources;
  #version = Number.NaN;
  #v2: Document | undefined;
  #v3 = new Map<string, Document>();

  constructor(documents: OpenApiDocuments, served: ServedResources) {
    this.#documents = documents;
    this.#served = served;
  }

  install(router: NonResourceRouter): void {
    router.exact('/openapi/v2', (context) => this.#serveV2(context));
    router.exact('/openapi/v3', () => this.#serveRoot());
    router.prefix('/openapi/v3/', (context) => this.#serveV3(context));
  }

  #refresh(): void {
    if (this.#served.version === this.#version) return;
    this.#version = this.#served.version;
    this.#v2 = undefined;
    this.#v3 = new Map();
  }

  #serveV2(context: RequestContext): ServerResponse {
    this.#refresh();
    requireJson(context);
    this.#v2 ??= documentOf(this.#documents.v2());
    return withEtag(context, this.#v2, 'application/json', { Vary: 'Accept' });
  }

  #serveRoot(): ServerResponse {
    this.#refresh();
    const paths: Record<string, { serverRelativeURL: string }> = {};
    for (const path of this.#documents.v3Paths()) {
      const document = this.#v3Of(path);
      if (document) paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${document.hash}` };
    }
    return json({ paths });
  }

  #serveV3(context: RequestContext): ServerResponse | undefined {
    this.#refresh();
    const path = context.info.path.slice('/openapi/v3/'.length);
    const document = this.#v3Of(path);
    if (!document) return undefined;
    requireJson(context);
    const asked = context.request.query.get('hash');
    if (asked !== null && asked !== document.hash) {
      const Location = `/openapi/v3/${path}?hash=${document.hash}`;
      return {
        code: 301,
        headers: { Location },
        body: { kind: 'bytes', contentType: 'text/plain', bytes: new Uint8Array() },
      };
    }
    const caching: Record<string, string> =
      asked === null ? {} : { 'Cache-Control': `public, immutable, max-age=${yearSeconds}` };
    return withEtag(context, document, 'application/json', { Vary: 'Accept', ...caching });
  }

  #v3Of(path: string): Document | undefined {
    let document = this.#v3.get(path);
    if (!document) {
      const object = this.#documents.v3(path);
      if (!object) return undefined;
      document = documentOf(object);
      this.#v3.set(path, document);
    }
    return document;
  }
}

function documentOf(object: object): Document {
  const bytes = encodeJson(object);
  return { bytes, hash: hashOf(bytes) };
}

/** Clients that take nothing but protobuf are told so; they fall back or go without. */
function requireJson(context: RequestContext): void {
  const accept = context.request.headers['accept'];
  if (accept === undefined || accept === '') return;
  const types = accept.split(',').map((part) => part.split(';', 1)[0]!.trim());
  if (types.some((type) => type === 'application/json' || type === 'application/*' || type === '*/*')) return;
  throw newNotAcceptable(['application/json']);
}
