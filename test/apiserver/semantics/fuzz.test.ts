/**
 * Random requests at the whole chain: the answer is never a 500 and always there. A failure prints its request; the seed
 * makes it again (`KLAB_FUZZ_SEED`, `KLAB_FUZZ_COUNT`).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { apiVersionOf, type ResourceDefinition, resourcesFor } from '../../../src/api/index.ts';
import { decodeYaml, type Schema, StatusError } from '../../../src/apimachinery/index.ts';
import { ApiServer, newServerParts, type ServerRequest } from '../../../src/apiserver/index.ts';
import { Prng, packageRoot, silentLogger, wallClock } from '../../../src/base/index.ts';
import { schemas } from '../harness.ts';
import { MemoryKV } from '../memory-kv.ts';

const seed = process.env['KLAB_FUZZ_SEED'] ?? 'api server';
const count = Number(process.env['KLAB_FUZZ_COUNT'] ?? 4000);
const definitions = resourcesFor({ runtimeConfig: 'api/all=true', featureGates: { AllAlpha: true, AllBeta: true } });
/** What most requests in real clusters are about. */
const wellKnown = definitions.filter(
  ({ kind, version }) =>
    ['ConfigMap', 'Deployment', 'Namespace', 'Pod', 'Role', 'Secret', 'Service', 'StatefulSet'].includes(kind) &&
    version === 'v1',
);
const folder = join(packageRoot(), 'fixtures', 'manifests', 'bookshop');
const samples = readdirSync(folder)
  .flatMap((file) => decodeYaml(readFileSync(join(folder, file), 'utf8')))
  .map(({ value }) => value as Record<string, any>);

class Fuzz {
  readonly prng: Prng;
  constructor(text: string) {
    this.prng = new Prng(text);
  }

  chance(share: number): boolean {
    return this.prng.float() < share;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.prng.int(items.length)]!;
  }

  text(): string {
    return this.pick([
      '',
      'a',
      'web',
      'default',
      '.',
      '..',
      'a/b',
      'a%b',
      'ü',
      '\0',
      '🦊',
      'A_B',
      '-1',
      '0',
      'true',
      'x'.repeat(300),
      '$(x)',
      '__proto__',
      'constructor',
      'a,b=c',
      '[]',
      '{"a":1}',
      '1e999',
      '*',
      ' ',
      '\n',
    ]);
  }

  value(depth = 0): unknown {
    const kind = this.prng.int(depth > 3 ? 7 : 9);
    switch (kind) {
      case 0:
        return null;
      case 1:
        return this.chance(0.5);
      case 2:
        return this.pick([0, -1, 1, 1.5, 1e308, -(2 ** 63), 2 ** 31, 2 ** 40, 65536]);
      case 3:
      case 4:
      case 5:
      case 6:
        return this.text();
      case 7:
        return Array.from({ length: this.prng.int(4) }, () => this.value(depth + 1));
      default:
        return Object.fromEntries(Array.from({ length: this.prng.int(4) }, () => [this.text(), this.value(depth + 1)]));
    }
  }

  /** The same value with one or a few nodes replaced, removed or added. */
  mutated(value: unknown): unknown {
    const copy = structuredClone(value);
    for (let i = 1 + this.prng.int(3); i > 0; i--) {
      let node: any = copy;
      for (let depth = 0; depth < 8; depth++) {
        if (typeof node !== 'object' || node === null) break;
        const keys = Object.keys(node);
        const key: any = keys.length > 0 ? this.pick(keys) : 'a';
        if (this.chance(0.25) || typeof node[key] !== 'object' || node[key] === null) {
          const what = this.prng.int(5);
          if (what === 0) delete node[key];
          else if (what === 1) node[this.text()] = this.value();
          else node[key] = this.value();
          break;
        }
        node = node[key];
      }
    }
    return copy;
  }

  /** Bytes cut, flipped or doubled. */
  damaged(bytes: Buffer): Buffer {
    if (bytes.length === 0) return bytes;
    const at = this.prng.int(bytes.length);
    switch (this.prng.int(4)) {
      case 0:
        return bytes.subarray(0, at);
      case 1:
        return Buffer.concat([bytes, bytes]);
      case 2:
        return Buffer.concat([bytes.subarray(0, at), Buffer.from([this.prng.int(256)]), bytes.subarray(at)]);
      default: {
        const copy = Buffer.from(bytes);
        copy[at] = this.prng.int(256);
        return copy;
      }
    }
  }

  /** A value such as the schema describes, more or less. */
  fitting(schema: Schema | undefined, depth = 0): unknown {
    if (!schema || this.chance(0.02)) return this.value(3);
    if (schema.ref !== undefined) {
      const short = schema.ref.slice(schema.ref.lastIndexOf('.') + 1);
      if (short === 'Quantity') return this.pick(['1', '100m', '1Gi', '-1', 'x', 5]);
      if (short === 'IntOrString') return this.pick([80, 'http', '25%', -1, '200%']);
      if (short === 'Time' || short === 'MicroTime') return this.pick(['2026-01-01T00:00:00Z', 'soon', null]);
      if (short === 'ObjectMeta') return { name: 'web', ...(this.chance(0.3) && { labels: { a: this.text() } }) };
      return this.fitting(schemas.get(schema.ref), depth);
    }
    if (schema.enum && this.chance(0.9)) return this.pick(schema.enum);
    if (schema.properties) {
      const out: Record<string, unknown> = {};
      const share = depth > 6 ? 0 : depth > 3 ? 0.1 : 0.35;
      for (const [name, property] of Object.entries(schema.properties)) {
        if (name === 'apiVersion' || name === 'kind' || name === 'status') continue;
        if ((schema.required ?? []).includes(name) || name === 'spec' || this.chance(share)) {
          out[name] = this.fitting(property, depth + 1);
        }
      }
      return out;
    }
    switch (schema.type) {
      case 'array':
        return Array.from({ length: depth > 5 ? 0 : this.prng.int(3) }, () => this.fitting(schema.items, depth + 1));
      case 'object':
        return typeof schema.additionalProperties === 'object'
          ? { [this.pick(['a', 'b', 'x/y'])]: this.fitting(schema.additionalProperties, depth + 1) }
          : {};
      case 'integer':
        return this.pick([0, 1, 2, 80, 443, 30000, -1, 70000]);
      case 'number':
        return this.pick([0, 0.5, 2]);
      case 'boolean':
        return this.chance(0.5);
      default:
        return this.chance(0.8)
          ? this.pick([
              'web',
              'a',
              'TCP',
              'nginx',
              'Always',
              '10.96.0.9',
              '10.0.0.0/8',
              'IPv4',
              '/data',
              'http',
              'Retain',
              'v1',
              'example.com/x',
            ])
          : this.text();
    }
  }

  /** An object of this kind: a real one or one that its schema describes, usually with a flaw. */
  objectOf(definition: ResourceDefinition, name: string): unknown {
    const { kind } = definition;
    const apiVersion = apiVersionOf(definition);
    const known = samples.filter((sample) => sample['kind'] === kind && sample['apiVersion'] === apiVersion);
    const schema = typeof definition.schema === 'string' ? schemas.get(definition.schema) : definition.schema;
    const object: Record<string, unknown> =
      known.length > 0 && this.chance(0.6)
        ? this.pick(known)
        : { apiVersion, kind, metadata: { name: 'web' }, ...(this.fitting(schema) as object) };
    const named = { ...object, metadata: { ...(object['metadata'] as object), name } };
    return this.chance(0.6) ? named : this.mutated(named);
  }

  name(): string {
    return this.chance(0.9) ? this.pick(['storefront', 'default', `web-${this.prng.int(60)}`]) : this.text();
  }

  path(method: string): { path: string; name?: string; definition?: ResourceDefinition } {
    if (this.chance(0.08)) {
      const path = this.pick([
        '/',
        '/api',
        '/apis',
        '/version',
        '/healthz',
        '/livez/ping',
        '/openapi/v3/nope',
        '/apis/apps',
        '/metrics',
        '/klab/v1/x',
        '//api//v1',
        '/api/v1/',
        '/api/v1/watch',
        '/api/v1/proxy/x',
        '/.well-known/openid-configuration',
        `/${this.text()}`,
      ]);
      return { path };
    }
    const definition = this.pick(this.chance(0.4) ? wellKnown : definitions);
    const { group, version, plural, namespaced, subresources } = definition;
    const parts = [group === '' ? `/api/${version}` : `/apis/${group}/${version}`];
    if (this.chance(0.03)) parts.push('watch');
    if (namespaced ? this.chance(0.9) : this.chance(0.03)) {
      parts.push('namespaces', this.chance(0.9) ? 'default' : this.text());
    }
    parts.push(plural);
    const usual = method === 'POST' ? 0 : method === 'GET' ? 0.5 : 1;
    const named = this.chance(0.1) ? this.chance(0.5) : this.chance(usual);
    const name = this.name();
    if (named) parts.push(name);
    if (this.chance(named ? 0.25 : 0.02)) {
      parts.push(subresources.length > 0 && this.chance(0.8) ? this.pick(subresources).name : this.text());
    }
    if (this.chance(0.03)) parts.push(this.text());
    return { path: parts.join('/'), name, definition };
  }

  query(): URLSearchParams {
    const names = [
      'limit',
      'continue',
      'watch',
      'resourceVersion',
      'resourceVersionMatch',
      'sendInitialEvents',
      'allowWatchBookmarks',
      'labelSelector',
      'fieldSelector',
      'dryRun',
      'fieldManager',
      'fieldValidation',
      'force',
      'gracePeriodSeconds',
      'propagationPolicy',
      'orphanDependents',
      'timeoutSeconds',
      'pretty',
      'includeObject',
      'container',
      'follow',
      'tailLines',
      'sinceTime',
      'command',
      'ports',
      'path',
      'exclude',
      'verbose',
      'timeout',
    ];
    const values = [
      'true',
      '1',
      '5',
      'All',
      'Exact',
      'NotOlderThan',
      'a=b',
      'a in (b,c)',
      '!a',
      'metadata.name=web',
      'status.phase!=Running',
      'spec.nodeName=',
      'Orphan',
      'Strict',
      'Ignore',
      'klab',
      'Object',
      '10s',
    ];
    const query = new URLSearchParams();
    for (let i = this.chance(0.8) ? 0 : 1 + this.prng.int(4); i > 0; i--) {
      query.append(this.pick(names), this.chance(0.6) ? this.pick(values) : this.text());
    }
    return query;
  }

  body(definition: ResourceDefinition, name: string, patch: boolean): Buffer | undefined {
    if (this.chance(0.1)) return undefined;
    let value: unknown;
    const form = this.prng.float();
    if (form < 0.05) value = this.value();
    else if (patch && form < 0.35) {
      value = Array.from({ length: this.prng.int(4) }, () => ({
        op: this.pick(['add', 'remove', 'replace', 'move', 'copy', 'test', 'nope']),
        path: this.pick([
          '/data/a',
          '/metadata/labels',
          '/spec/replicas',
          '',
          '/',
          '/spec/containers/0/image',
          '/spec/containers/-',
          '/~2',
        ]),
        from: '/metadata',
        value: this.value(),
      }));
    } else if (patch && form < 0.6) {
      value = this.mutated({
        metadata: { labels: { a: 'b' } },
        spec: { replicas: 2, template: { spec: { containers: [{ name: 'a', $patch: 'delete' }] } } },
      });
    } else value = this.objectOf(definition, name);
    const bytes = Buffer.from(JSON.stringify(value) ?? '');
    return this.chance(0.08) ? this.damaged(bytes) : bytes;
  }

  request(signal: AbortSignal): ServerRequest {
    const method = this.pick([
      'GET',
      'GET',
      'POST',
      'POST',
      'POST',
      'PUT',
      'PUT',
      'PATCH',
      'PATCH',
      'PATCH',
      'DELETE',
      'HEAD',
      'OPTIONS',
      'TRACE',
    ]);
    const contentTypes = [
      'application/json',
      'application/yaml',
      'application/vnd.kubernetes.protobuf',
      'application/cbor',
      'text/plain',
      '',
    ];
    const patchTypes = [
      'application/merge-patch+json',
      'application/strategic-merge-patch+json',
      'application/json-patch+json',
      'application/apply-patch+yaml',
      'application/json',
    ];
    const { path, name = 'web', definition = this.pick(definitions) } = this.path(method);
    const body = method === 'GET' || method === 'HEAD' ? undefined : this.body(definition, name, method === 'PATCH');
    const headers: Record<string, string> = { 'user-agent': this.chance(0.9) ? 'fuzz/1' : this.text() };
    if (body)
      headers['content-type'] = this.pick(
        method === 'PATCH' ? patchTypes : contentTypes.slice(0, this.chance(0.8) ? 2 : 6),
      );
    if (this.chance(0.3)) {
      headers['accept'] = this.pick([
        'application/json',
        'application/yaml',
        'application/vnd.kubernetes.protobuf',
        'application/json;as=Table;g=meta.k8s.io;v=v1',
        'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
        'text/html',
        '*/*',
        this.text(),
      ]);
    }
    if (this.chance(0.05))
      headers[this.pick(['impersonate-user', 'impersonate-group', 'impersonate-extra-%zz', 'impersonate-uid'])] =
        this.text();
    const query = this.query();
    if (method === 'PATCH' && this.chance(0.7)) query.set('fieldManager', 'fuzz');
    return {
      method,
      path,
      query,
      headers,
      ...(body ? { body: { bytes: body } } : {}),
      signal,
      user: { name: 'fuzz', groups: ['system:masters'] },
      warnings: [],
    };
  }
}

let server: ApiServer;
const failures: string[] = [];
beforeAll(async () => {
  const log = {
    ...silentLogger,
    error: (text: string, more: unknown) => void failures.push(`${text} ${JSON.stringify(more)}`),
  };
  server = await ApiServer.start(
    {
      kv: new MemoryKV(),
      clock: wallClock,
      prng: new Prng(seed),
      log: { ...log, child: () => log } as typeof silentLogger,
      parts: (core) =>
        newServerParts(core, {
          version: '0.0.0',
          wallClock,
          disableAdmissionPlugins: ['ServiceAccount'],
          serviceAccountKeys: { sign: () => 'x', verify: () => undefined } as never,
        }),
    },
    { definitions, schemas, compaction: { intervalMs: 0 } },
  );
});
afterAll(() => server.close());

/** Upstream's own: an applied object that does not fit its type, a watch of nothing. */
const upstreams500 = /^failed to (create typed|merge|prune)|failed to create RequestInfo/;

/** How often each code was answered. */
const codes = new Map<number, number>();
const tally = (code: number) => codes.set(code, (codes.get(code) ?? 0) + 1);

/** What is wrong with the answer, if anything. */
async function ask(request: ServerRequest, abort: AbortController): Promise<string | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), 5_000);
  });
  try {
    const response = await Promise.race([server.handle(request), late]);
    if (response === 'late') return 'no answer within 5 s';
    tally(response.code);
    if (response.code >= 500 && !request.path.includes('z')) return `code ${response.code}`;
    const { body } = response;
    if (body.kind === 'object') JSON.stringify(body.object);
    if (body.kind === 'list') for (const item of body.items.slice(0, 3)) item.encoded();
    abort.abort();
    return undefined;
  } catch (error) {
    abort.abort();
    if (error instanceof StatusError) tally(error.code);
    else return error instanceof Error ? (error.stack ?? error.message) : String(error);
    if (error.code < 500 || error.code === 504 || error.code === 503) return undefined;
    return upstreams500.test(error.message) ? undefined : `${error.code} ${error.message}`;
  } finally {
    clearTimeout(timer);
  }
}

it(`${count} random requests are answered, none with a 500`, { timeout: 60_000 }, async () => {
  const fuzz = new Fuzz(seed);
  const wrong = new Map<string, string>();
  for (let i = 0; i < count; i++) {
    const abort = new AbortController();
    const request = fuzz.request(abort.signal);
    const problem = await ask(request, abort);
    if (problem === undefined) continue;
    const body = request.body?.bytes ? Buffer.from(request.body.bytes).toString() : '';
    const text = `${request.method} ${request.path}?${request.query} ${JSON.stringify(request.headers)}\n${body.slice(0, 1500)}\n→ ${problem}\n${failures.at(-1) ?? ''}`;
    const place = /(?:\\n\s+at .*?){3}/.exec(failures.at(-1) ?? '')?.[0];
    const key = place ?? problem.replace(/[^A-Za-z ]/g, '').slice(0, 80);
    if (!wrong.has(key)) wrong.set(key, text);
  }
  expect([...wrong.values()].slice(0, 5).join('\n\n')).toBe('');
  // Random as they are, enough of them come through to the store and to validation.
  for (const code of [200, 201, 404, 405, 409, 422])
    expect(codes.get(code) ?? 0, `answers ${code}`).toBeGreaterThan(count / 200);
});
