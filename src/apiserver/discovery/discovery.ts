import {
  buildAggregatedDiscovery,
  buildApiVersions,
  buildGroup,
  buildGroupList,
  buildResourceList,
} from '../../api/index.ts';
import { encodeJson } from '../../apimachinery/index.ts';
import { negotiate } from '../http/negotiate.ts';
import type { RequestContext, ServedResources, ServerResponse } from '../types.ts';
import { hashOf, withEtag } from './etag.ts';
import { json, type NonResourceRouter } from './router.ts';

const aggregatedGroup = 'apidiscovery.k8s.io';
const aggregatedKind = 'APIGroupDiscoveryList';

interface Document {
  readonly hash: string;
  readonly bytes: Uint8Array;
}

/**
 * Serves `/api`, `/apis`, groups and versions, plain and aggregated. Documents are made once and kept until the served
 * resources change. Upstream: apiserver/pkg/endpoints/discovery{,/aggregated}.
 */
export class Discovery {
  readonly #served: ServedResources;
  readonly #serverAddress: () => string;
  #version = Number.NaN;
  #objects = new Map<string, object | undefined>();
  #aggregated = new Map<string, Document>();

  /** `serverAddress`: host:port that clients reach the server at, for `/api`. */
  constructor(served: ServedResources, serverAddress: () => string) {
    this.#served = served;
    this.#serverAddress = serverAddress;
  }

  install(router: NonResourceRouter): void {
    const { definitions } = this.#served;
    const rows = () => definitions.call(this.#served);
    router.exact('/api', (context) => {
      return (
        this.#aggregate(context, 'core') ?? this.#plain('/api', () => buildApiVersions(rows(), this.#serverAddress()))
      );
    });
    router.exact('/apis', (context) => {
      return this.#aggregate(context, 'groups') ?? this.#plain('/apis', () => buildGroupList(rows()));
    });
    router.prefix('/api/', ({ info }) => {
      const version = info.path.split('/')[2]!;
      return this.#plain(`/api/${version}`, () => buildResourceList(rows(), '', version));
    });
    router.prefix('/apis/', ({ info }) => {
      const [, , group = '', version = ''] = info.path.split('/');
      if (version === '') return this.#plain(`/apis/${group}`, () => buildGroup(rows(), group));
      return this.#plain(`/apis/${group}/${version}`, () => buildResourceList(rows(), group, version));
    });
  }

  #refresh(): void {
    if (this.#served.version === this.#version) return;
    this.#version = this.#served.version;
    this.#objects = new Map();
    this.#aggregated = new Map();
  }

  #plain(path: string, build: () => object | undefined): ServerResponse | undefined {
    this.#refresh();
    if (!this.#objects.has(path)) {
      const object = build();
      if (!object) return undefined;
      this.#objects.set(path, object);
    }
    const response = json(this.#objects.get(path)!);
    return path === '/api' || path === '/apis' ? { ...response, headers: { Vary: 'Accept' } } : response;
  }

  /** The aggregated document when the client asks for it, else undefined. */
  #aggregate(context: RequestContext, part: 'core' | 'groups'): ServerResponse | undefined {
    const accept = context.request.headers['accept'];
    if (accept === undefined || !accept.includes(aggregatedGroup)) return undefined;
    const { convert } = negotiate(accept, {
      allowConvert: ({ kind, group, version }) =>
        kind === aggregatedKind && group === aggregatedGroup && (version === 'v2' || version === 'v2beta1'),
    });
    if (!convert) return undefined;
    this.#refresh();
    const key = `${part}/${convert.version}`;
    let document = this.#aggregated.get(key);
    if (!document) {
      const object = buildAggregatedDiscovery(this.#served.definitions(), part);
      const bytes = encodeJson({ ...object, apiVersion: `${aggregatedGroup}/${convert.version}` });
      document = { bytes, hash: hashOf(bytes) };
      this.#aggregated.set(key, document);
    }
    const contentType = `application/json;g=${aggregatedGroup};v=${convert.version};as=${aggregatedKind}`;
    return withEtag(context, document, contentType, { Vary: 'Accept' });
  }
}
