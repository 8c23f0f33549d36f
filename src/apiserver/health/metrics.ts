import type { NonResourceRouter } from '../discovery/router.ts';
import type { AuditHook } from '../filters/chain.ts';
import type { RequestContext, RequestInfo } from '../types.ts';

const methodOfVerb: Readonly<Record<string, string>> = {
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETECOLLECTION',
  get: 'GET',
  list: 'LIST',
  watch: 'WATCH',
};

type Labels = Readonly<Record<string, string>>;

/**
 * `/metrics`. Requests are counted in plain numbers; prom-client is loaded by the first scrape only.
 * Upstream: apiserver/pkg/endpoints/metrics/metrics.go.
 */
export class RequestMetrics implements AuditHook {
  readonly #requests = new Map<string, { readonly labels: Labels; count: number }>();
  readonly #more: (() => string | Promise<string>)[] = [];
  #render: (() => Promise<string>) | undefined;

  completed({ info, request }: RequestContext, _requestor: unknown, code: number): void {
    const dryRun = request.query.get('dryRun') ?? '';
    const verb = methodOfVerb[info.verb] ?? info.verb.toUpperCase();
    const key = `${verb} ${info.apiGroup}/${info.apiVersion}/${info.resource}/${info.subresource} ${scopeOf(info)} ${dryRun} ${code}`;
    const known = this.#requests.get(key);
    if (known) {
      known.count++;
      return;
    }
    const labels: Labels = {
      code: String(code),
      component: 'apiserver',
      dry_run: dryRun,
      group: info.apiGroup,
      resource: info.resource,
      scope: scopeOf(info),
      subresource: info.isResourceRequest ? info.subresource : info.path,
      verb,
      version: info.apiVersion,
    };
    // Unknown paths must not grow the map without bound.
    if (!info.isResourceRequest && code === 404) return;
    this.#requests.set(key, { labels, count: 1 });
  }

  /** Text in the exposition format that other rooms add. */
  add(render: () => string | Promise<string>): void {
    this.#more.push(render);
  }

  install(router: NonResourceRouter): void {
    router.exact('/metrics', async () => {
      this.#render ??= await this.#load();
      const parts = [await this.#render()];
      for (const render of this.#more) parts.push(await render());
      const bytes = Buffer.from(parts.join('\n'));
      return {
        code: 200,
        body: { kind: 'bytes', contentType: 'text/plain; version=0.0.4; charset=utf-8', bytes },
      };
    });
  }

  async #load(): Promise<() => Promise<string>> {
    // A CommonJS package: bundled, only its default export is there.
    const { Counter, collectDefaultMetrics, Registry } = (await import('prom-client')).default;
    const registry = new Registry();
    collectDefaultMetrics({ register: registry });
    const requests = this.#requests;
    new Counter({
      name: 'apiserver_request_total',
      help: 'Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP response code.',
      labelNames: ['code', 'component', 'dry_run', 'group', 'resource', 'scope', 'subresource', 'verb', 'version'],
      registers: [registry],
      collect() {
        this.reset();
        for (const { labels, count } of requests.values()) this.inc(labels, count);
      },
    });
    return () => registry.metrics();
  }
}

function scopeOf(info: RequestInfo): string {
  if (!info.isResourceRequest) return '';
  if (info.name !== '' || info.verb === 'create') return 'resource';
  return info.namespace === '' ? 'cluster' : 'namespace';
}
