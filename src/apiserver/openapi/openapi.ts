import { newNotAcceptable, stringifyJson } from '../../apimachinery/index.ts';
import { Slicer } from '../../base/index.ts';
import { hashOf, withEtag } from '../discovery/etag.ts';
import { json, type NonResourceRouter } from '../discovery/router.ts';
import { parseAccept } from '../http/negotiate.ts';
import type { RequestContext, ServedResources, ServerResponse } from '../types.ts';
import { encodeDocument } from './v2-protobuf.ts';

/** Long work in short steps. */
type Steps<T> = Generator<undefined, T, undefined>;

/** Builds the documents; `api` supplies it. Paths of groups: `api/v1`, `apis/apps/v1`. */
export interface OpenApiDocuments {
  v2Steps(): Steps<object>;
  v3Steps(path: string): Steps<object | undefined>;
  /** What the document of a path is made of: it is kept while this stays the same. Absent or empty: until anything changes. */
  v3Rows?(path: string): readonly object[];
  /** Paths that `v3Steps` knows. */
  v3Paths(): readonly string[];
}

interface Document {
  readonly hash: string;
  readonly bytes: Uint8Array;
}

type Encoding = 'json' | 'protobuf';

interface KeptDocument {
  readonly rows: readonly object[] | undefined;
  readonly document: Promise<Document | undefined>;
}

/** All that was made of the resources as they were served at one moment. */
class Edition {
  readonly v2: Partial<Record<Encoding, Promise<Document>>> = {};
  readonly v3 = new Map<string, KeptDocument>();
}

const yearSeconds = 365 * 24 * 3600;
/** Upstream's names of the one type: `@` is not allowed in media types, and asked for all the same. */
const protobufAsked = [
  'com.github.proto-openapi.spec.v2@v1.0+protobuf',
  'com.github.proto-openapi.spec.v2.v1.0+protobuf',
];
const contentTypes: Readonly<Record<Encoding, string>> = {
  json: 'application/json',
  protobuf: `application/${protobufAsked[1]}`,
};

/**
 * Serves `/openapi/v2` and `/openapi/v3`. A group's document has its hash in its URL and may be kept for ever.
 * Documents are made when first asked for, in slices, and kept until the served resources change.
 * Upstream: kube-openapi/pkg/handler{,3}.
 */
export class OpenApi {
  readonly #documents: OpenApiDocuments;
  readonly #served: ServedResources;
  #version = Number.NaN;
  #edition = new Edition();

  constructor(documents: OpenApiDocuments, served: ServedResources) {
    this.#documents = documents;
    this.#served = served;
  }

  install(router: NonResourceRouter): void {
    router.exact('/openapi/v2', (context) => this.#serveV2(context));
    router.exact('/openapi/v3', () => this.#serveRoot());
    router.prefix('/openapi/v3/', (context) => this.#serveV3(context));
  }

  #current(): Edition {
    if (this.#served.version !== this.#version) {
      this.#version = this.#served.version;
      const before = this.#edition;
      this.#edition = new Edition();
      // A custom resource changes the documents of its own group alone.
      for (const [path, kept] of before.v3) if (this.#isCurrent(path, kept)) this.#edition.v3.set(path, kept);
    }
    return this.#edition;
  }

  #isCurrent(path: string, { rows: before }: KeptDocument): boolean {
    const rows = this.#documents.v3Rows?.(path);
    if (!rows || !before || rows.length === 0 || rows.length !== before.length) return false;
    return rows.every((row, i) => row === before[i]);
  }

  async #serveV2(context: RequestContext): Promise<ServerResponse> {
    const encoding = encodingOf(context, protobufAsked);
    const { v2 } = this.#current();
    v2[encoding] ??= kept(this.#makeV2(encoding), () => delete v2[encoding]);
    return withEtag(context, await v2[encoding], contentTypes[encoding], { Vary: 'Accept' });
  }

  async #makeV2(encoding: Encoding): Promise<Document> {
    const object = await inSlices(this.#documents.v2Steps());
    return documentOf(await inSlices(encoding === 'json' ? encodeSteps(object) : encodeDocument(object)));
  }

  async #serveRoot(): Promise<ServerResponse> {
    const edition = this.#current();
    const paths: Record<string, { serverRelativeURL: string }> = {};
    for (const path of this.#documents.v3Paths()) {
      const document = await this.#v3Of(edition, path);
      if (document) paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${document.hash}` };
    }
    return json({ paths });
  }

  async #serveV3(context: RequestContext): Promise<ServerResponse | undefined> {
    const path = context.info.path.slice('/openapi/v3/'.length);
    const document = await this.#v3Of(this.#current(), path);
    if (!document) return undefined;
    encodingOf(context, []);
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
    return withEtag(context, document, contentTypes.json, { Vary: 'Accept', ...caching });
  }

  #v3Of({ v3 }: Edition, path: string): Promise<Document | undefined> {
    if (!this.#documents.v3Paths().includes(path)) return Promise.resolve(undefined);
    let made = v3.get(path);
    if (!made) {
      const rows = this.#documents.v3Rows?.(path);
      made = { rows, document: kept(this.#makeV3(path), () => v3.delete(path)) };
      v3.set(path, made);
    }
    return made.document;
  }

  async #makeV3(path: string): Promise<Document | undefined> {
    const object = await inSlices(this.#documents.v3Steps(path));
    return object && documentOf(await inSlices(encodeSteps(object)));
  }
}

/** A failure is not kept. */
function kept<T>(work: Promise<T>, forget: () => void): Promise<T> {
  work.catch(forget);
  return work;
}

async function inSlices<T>(steps: Steps<T>): Promise<T> {
  const slicer = new Slicer();
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    if (slicer.due) await slicer.pause();
  }
}

/** Levels of a document that have many entries below them: `components.schemas.<name>`. */
const levelsInSteps = 3;

/** The JSON of a document, in steps of one entry of its big maps. */
function* encodeSteps(object: object): Steps<Uint8Array> {
  const parts: string[] = [];
  const write = function* (value: unknown, levels: number): Steps<void> {
    if (levels === 0 || typeof value !== 'object' || value === null || Array.isArray(value)) {
      parts.push(stringifyJson(value));
      yield;
      return;
    }
    let before = '{';
    for (const [key, member] of Object.entries(value)) {
      if (member === undefined) continue;
      parts.push(before, JSON.stringify(key), ':');
      before = ',';
      yield* write(member, levels - 1);
    }
    parts.push(before === '{' ? '{}' : '}');
  };
  yield* write(object, levelsInSteps);
  return Buffer.from(parts.join(''));
}

function documentOf(bytes: Uint8Array): Document {
  return { bytes, hash: hashOf(bytes) };
}

/** The first that the client accepts. @throws StatusError 406 */
function encodingOf(context: RequestContext, protobuf: readonly string[]): Encoding {
  const accept = context.request.headers['accept'];
  if (accept === undefined || accept === '') return 'json';
  for (const { type, subtype } of parseAccept(accept)) {
    if (type === '*' && subtype === '*') return 'json';
    if (type !== 'application') continue;
    if (subtype === 'json' || subtype === '*') return 'json';
    if (protobuf.includes(subtype)) return 'protobuf';
  }
  throw newNotAcceptable(protobuf.length > 0 ? Object.values(contentTypes) : [contentTypes.json]);
}
