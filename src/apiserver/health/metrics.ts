import type { ResourceDefinition } from '../../api/index.ts';
import type { NonResourceRouter } from '../discovery/router.ts';
import { kubernetesVersion, versionInfo } from '../discovery/version.ts';
import type { AuditHook } from '../filters/chain.ts';
import type { RequestContext, RequestInfo, ResourceStats } from '../types.ts';
import { family, Histogram, type Labels, latencyBounds, sample } from './exposition.ts';

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

const readOnlyVerbs: ReadonlySet<string> = new Set(['get', 'list', 'watch']);

interface Requests {
  /** Without `code`. */
  readonly labels: Labels;
  readonly codes: Map<number, number>;
  readonly latency: Histogram;
}

export interface RequestMetricsOptions {
  /** klab's version, for `kubernetes_build_info`. */
  readonly version?: string;
  /** What the caches hold, asked when scraped. */
  stats?(): readonly ResourceStats[];
  definitions?(): readonly ResourceDefinition[];
}

/**
 * `/metrics`. Requests are counted in plain numbers; prom-client, which has the process's, is loaded by the first scrape.
 * Upstream: apiserver/pkg/endpoints/metrics/metrics.go, storage/etcd3/metrics.
 */
export class RequestMetrics implements AuditHook {
  readonly #options: RequestMetricsOptions;
  readonly #requests = new Map<string, Requests>();
  readonly #inFlight = { readOnly: 0, mutating: 0 };
  /** Deprecated versions that were asked for: `<group>/<version>/<resource>/<subresource>`. */
  readonly #deprecated = new Set<string>();
  readonly #more: (() => string | Promise<string>)[] = [];
  #process: (() => Promise<string>) | undefined;

  constructor(options: RequestMetricsOptions = {}) {
    this.#options = options;
  }

  received({ info }: RequestContext): void {
    this.#inFlight[kindOf(info)]++;
  }

  completed({ info, request }: RequestContext, _requestor: unknown, code: number, elapsedMs: number): void {
    this.#inFlight[kindOf(info)]--;
    // What clients make up must not grow the map without bound.
    if (code === 404 && !this.#isServed(info)) return;
    const dryRun = request.query.get('dryRun') === 'All' ? 'All' : '';
    const scope = scopeOf(info);
    const key = `${info.verb} ${info.apiGroup}/${info.apiVersion}/${info.resource}/${info.subresource} ${scope} ${dryRun} ${info.isResourceRequest ? '' : info.path}`;
    let known = this.#requests.get(key);
    if (!known) {
      known = { labels: labelsOf(info, scope, dryRun), codes: new Map(), latency: new Histogram(latencyBounds) };
      this.#requests.set(key, known);
    }
    known.codes.set(code, (known.codes.get(code) ?? 0) + 1);
    // A watch lasts as long as its client likes: that says nothing of the server.
    if (info.verb !== 'watch') known.latency.observe(elapsedMs / 1000);
    if (code < 400) this.#countDeprecated(info);
  }

  /** Text in the exposition format that other rooms add. */
  add(render: () => string | Promise<string>): void {
    this.#more.push(render);
  }

  install(router: NonResourceRouter): void {
    router.exact('/metrics', async () => {
      this.#process ??= await loadProcessMetrics();
      const parts = [await this.#process(), this.#render()];
      for (const render of this.#more) parts.push(await render());
      const bytes = Buffer.from(parts.filter((part) => part !== '').join('\n'));
      return {
        code: 200,
        body: { kind: 'bytes', contentType: 'text/plain; version=0.0.4; charset=utf-8', bytes },
      };
    });
  }

  #isServed(info: RequestInfo): boolean {
    return (this.#options.definitions?.() ?? []).some(
      ({ group, version, plural, subresources }) =>
        plural === info.resource &&
        group === info.apiGroup &&
        version === info.apiVersion &&
        (info.subresource === '' || subresources.some(({ name }) => name === info.subresource)),
    );
  }

  #countDeprecated(info: RequestInfo): void {
    const { apiGroup, apiVersion, resource, subresource } = info;
    if (!info.isResourceRequest) return;
    const key = `${apiGroup}/${apiVersion}/${resource}/${subresource}`;
    if (this.#deprecated.has(key)) return;
    const row = this.#options
      .definitions?.()
      .find((each) => each.plural === resource && each.group === apiGroup && each.version === apiVersion);
    if (row?.deprecation !== undefined) this.#deprecated.add(key);
  }

  #render(): string {
    const stats = this.#options.stats?.() ?? [];
    const requests = [...this.#requests.values()];
    const families = [
      family(
        'apiserver_request_total',
        'counter',
        'Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP response code.',
        requests.flatMap(({ labels, codes }) =>
          [...codes].map(([code, count]) =>
            sample('apiserver_request_total', { code: String(code), ...labels }, count),
          ),
        ),
      ),
      family(
        'apiserver_request_duration_seconds',
        'histogram',
        'Response latency distribution in seconds for each verb, dry run value, group, version, resource, subresource, scope and component.',
        requests
          .filter(({ labels }) => labels['verb'] !== 'WATCH')
          .flatMap(({ labels, latency }) => latency.samples('apiserver_request_duration_seconds', labels)),
      ),
      family(
        'apiserver_current_inflight_requests',
        'gauge',
        'Maximal number of currently used inflight request limit of this apiserver per request kind in last second.',
        (['mutating', 'readOnly'] as const).map((kind) =>
          sample('apiserver_current_inflight_requests', { request_kind: kind }, this.#inFlight[kind]),
        ),
      ),
      family(
        'apiserver_longrunning_requests',
        'gauge',
        'Gauge of all active long-running apiserver requests broken out by verb, group, version, resource, scope and component. Not all requests are tracked this way.',
        stats
          .filter(({ watchers }) => watchers > 0)
          .map(({ group, version, resource, watchers }) =>
            sample(
              'apiserver_longrunning_requests',
              { component: 'apiserver', group, resource, scope: '', subresource: '', verb: 'WATCH', version },
              watchers,
            ),
          ),
      ),
      family(
        'apiserver_requested_deprecated_apis',
        'gauge',
        'Gauge of deprecated APIs that have been requested, broken out by API group, version, resource, subresource, and removed_release.',
        [...this.#deprecated].map((key) => {
          const [group = '', version = '', resource = '', subresource = ''] = key.split('/');
          const labels = { group, removed_release: '', resource, subresource, version };
          return sample('apiserver_requested_deprecated_apis', labels, 1);
        }),
      ),
      family(
        'apiserver_resource_objects',
        'gauge',
        'Number of stored objects at the time of last check split by kind. In case of a fetching error, the value will be -1.',
        stats.map(({ group, resource, objects }) => sample('apiserver_resource_objects', { group, resource }, objects)),
      ),
      family(
        'apiserver_storage_objects',
        'gauge',
        '[DEPRECATED, consider using apiserver_resource_objects instead] Number of stored objects at the time of last check split by kind. In case of a fetching error, the value will be -1.',
        stats.map(({ group, resource, objects }) =>
          sample('apiserver_storage_objects', { resource: group === '' ? resource : `${resource}.${group}` }, objects),
        ),
      ),
      this.#buildInfo(),
    ];
    return families.filter((text) => text !== '').join('');
  }

  #buildInfo(): string {
    const info = versionInfo(this.#options.version ?? '0.0.0');
    const labels = {
      build_date: info.buildDate,
      compiler: info.compiler,
      git_commit: info.gitCommit,
      git_tree_state: info.gitTreeState,
      git_version: info.gitVersion,
      go_version: info.goVersion,
      major: kubernetesVersion.major,
      minor: kubernetesVersion.minor,
      platform: info.platform,
    };
    return family(
      'kubernetes_build_info',
      'gauge',
      "A metric with a constant '1' value labeled by major, minor, git version, git commit, git tree state, build date, Go version, and compiler from which Kubernetes was built, and platform on which it is running.",
      [sample('kubernetes_build_info', labels, 1)],
    );
  }
}

async function loadProcessMetrics(): Promise<() => Promise<string>> {
  // The default export: a bundle of a CommonJS package has no other names.
  const { collectDefaultMetrics, Registry } = (await import('prom-client')).default;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return () => registry.metrics();
}

function labelsOf(info: RequestInfo, scope: string, dryRun: string): Labels {
  return {
    component: 'apiserver',
    dry_run: dryRun,
    group: info.apiGroup,
    resource: info.resource,
    scope,
    subresource: info.isResourceRequest ? info.subresource : info.path,
    verb: methodOfVerb[info.verb] ?? info.verb.toUpperCase(),
    version: info.apiVersion,
  };
}

function kindOf(info: RequestInfo): 'readOnly' | 'mutating' {
  return readOnlyVerbs.has(info.verb) ? 'readOnly' : 'mutating';
}

function scopeOf(info: RequestInfo): string {
  if (!info.isResourceRequest) return '';
  if (info.name !== '' || info.verb === 'create') return 'resource';
  return info.namespace === '' ? 'cluster' : 'namespace';
}
