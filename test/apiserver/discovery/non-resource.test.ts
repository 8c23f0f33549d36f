import { describe, expect, it } from 'vitest';
import { builtinResources } from '../../../src/api/index.ts';
import { Discovery } from '../../../src/apiserver/discovery/discovery.ts';
import { NonResourceRouter } from '../../../src/apiserver/discovery/router.ts';
import { installVersion } from '../../../src/apiserver/discovery/version.ts';
import { parseRequestInfo } from '../../../src/apiserver/filters/request-info.ts';
import { HealthChecks } from '../../../src/apiserver/health/health.ts';
import { RequestMetrics } from '../../../src/apiserver/health/metrics.ts';
import type { RequestContext, ServerResponse } from '../../../src/apiserver/index.ts';
import { OpenApi } from '../../../src/apiserver/openapi/openapi.ts';

function context(target: string, headers: Record<string, string> = {}, method = 'GET'): RequestContext {
  const [path, query] = target.split('?');
  const search = new URLSearchParams(query);
  return {
    request: { method, path, query: search, headers },
    info: parseRequestInfo(method, path!, search),
    user: { name: 'jane', groups: [] },
    warnings: [],
  } as unknown as RequestContext;
}

function contentOf(response: ServerResponse): any {
  const { body } = response;
  if (body.kind === 'object') return body.object;
  if (body.kind !== 'bytes') throw new Error(body.kind);
  const text = Buffer.from(body.bytes).toString();
  return body.contentType.startsWith('application/json') && text !== '' ? JSON.parse(text) : text;
}

describe('discovery', () => {
  const served = { definitions: () => builtinResources.slice(0, definitions), version: 1 };
  let definitions = builtinResources.length;
  const router = new NonResourceRouter();
  new Discovery(served, () => '127.0.0.1:6443').install(router);
  const get = async (target: string, headers?: Record<string, string>) => router.handle(context(target, headers));

  it('lists versions, groups and resources', async () => {
    expect(contentOf(await get('/api'))).toMatchObject({ kind: 'APIVersions', versions: ['v1'] });
    expect(contentOf(await get('/apis')).groups.map((group: any) => group.name)).toContain('apps');
    expect(contentOf(await get('/apis/apps'))).toMatchObject({ kind: 'APIGroup', name: 'apps' });
    const core = contentOf(await get('/api/v1'));
    expect(core.groupVersion).toBe('v1');
    expect(core.resources.map((resource: any) => resource.name)).toEqual(expect.arrayContaining(['pods', 'pods/log']));
    expect(contentOf(await get('/apis/apps/v1/')).groupVersion).toBe('apps/v1');
  });

  it('knows nothing of groups and versions that are not served', async () => {
    await expect(get('/apis/nope')).rejects.toThrow('the server could not find the requested resource');
    await expect(get('/apis/apps/v9')).rejects.toThrow('the server could not find the requested resource');
    await expect(get('/api/v9')).rejects.toThrow('the server could not find the requested resource');
  });

  it('aggregates for those who accept it, once, and says when nothing changed', async () => {
    const accept =
      'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json';
    const first = await get('/apis', { accept });
    expect(first.body).toMatchObject({
      contentType: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
    });
    expect(contentOf(first)).toMatchObject({ kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2' });
    const again = await get('/apis', { accept, 'if-none-match': first.headers!['ETag']! });
    expect(again.code).toBe(304);
    const beta = await get('/api', { accept: accept.replaceAll('v=v2;', 'v=v2beta1;') });
    expect(contentOf(beta).apiVersion).toBe('apidiscovery.k8s.io/v2beta1');
  });

  it('follows the served resources', async () => {
    definitions = 1;
    expect(contentOf(await get('/apis/apps')).name).toBe('apps');
    (served as { version: number }).version++;
    await expect(get('/apis/apps')).rejects.toThrow('could not find');
    definitions = builtinResources.length;
  });
});

describe('other paths', () => {
  it('are routed to klab’s own rooms by verb and parameters', async () => {
    const router = new NonResourceRouter();
    router.route({
      path: '/klab/v1/why/{namespace}/{name}',
      verb: 'get',
      handler: async (_context, parameters) => ({ code: 200, body: { kind: 'object', object: parameters } }),
    });
    expect(contentOf(await router.handle(context('/klab/v1/why/a/b')))).toEqual({ namespace: 'a', name: 'b' });
    await expect(router.handle(context('/klab/v1/why/a'))).rejects.toMatchObject({ code: 404 });
    await expect(router.handle(context('/klab/v1/why/a/b', {}, 'POST'))).rejects.toMatchObject({ code: 405 });
  });

  it('tell the version of Kubernetes and of klab', async () => {
    const router = new NonResourceRouter();
    installVersion(router, '1.2.3');
    expect(contentOf(await router.handle(context('/version')))).toMatchObject({
      major: '1',
      minor: '36',
      gitVersion: 'v1.36.0+klab.1.2.3',
    });
    await expect(router.handle(context('/version', {}, 'POST'))).rejects.toMatchObject({ code: 405 });
  });

  it('tell health as upstream does', async () => {
    const router = new NonResourceRouter();
    const health = new HealthChecks();
    let broken = true;
    health.add('etcd', () => {
      if (broken) throw new Error('secret reason');
    });
    health.add('informer-sync', () => {}, ['readyz']);
    health.install(router);
    const get = async (target: string) => {
      const response = await router.handle(context(target));
      return { code: response.code, text: contentOf(response) };
    };
    expect(await get('/readyz')).toEqual({
      code: 500,
      text: '[+]ping ok\n[-]etcd failed: reason withheld\n[+]informer-sync ok\nreadyz check failed\n',
    });
    expect(await get('/livez?exclude=etcd&exclude=nope&verbose')).toEqual({
      code: 200,
      text: '[+]ping ok\n[+]etcd excluded: ok\nwarn: some health checks cannot be excluded: no matches for "nope"\nlivez check passed\n',
    });
    broken = false;
    expect(await get('/readyz')).toEqual({ code: 200, text: 'ok' });
    expect(await get('/healthz/etcd')).toEqual({ code: 200, text: 'ok' });
    await expect(get('/livez/informer-sync')).rejects.toMatchObject({ code: 404 });
  });

  it('count requests', async () => {
    const router = new NonResourceRouter();
    const metrics = new RequestMetrics();
    metrics.install(router);
    const pods = context('/api/v1/namespaces/a/pods');
    for (let i = 0; i < 2; i++) {
      metrics.received(pods);
      metrics.completed(pods, undefined, 200, 30);
    }
    metrics.received(context('/api/v1/namespaces/a/pods', {}, 'POST'));
    const text = contentOf(await router.handle(context('/metrics')));
    const labels =
      'component="apiserver",dry_run="",group="",resource="pods",scope="namespace",subresource="",verb="LIST",version="v1"';
    expect(text).toContain(`apiserver_request_duration_seconds_bucket{${labels},le="0.025"} 0`);
    expect(text).toContain(`apiserver_request_duration_seconds_bucket{${labels},le="0.05"} 2`);
    expect(text).toContain(`apiserver_request_duration_seconds_bucket{${labels},le="+Inf"} 2`);
    expect(text).toContain(`apiserver_request_duration_seconds_sum{${labels}} 0.06`);
    expect(text).toContain('apiserver_current_inflight_requests{request_kind="mutating"} 1');
    expect(text).toContain('kubernetes_build_info{');
    expect(text).toMatch(/^process_cpu_seconds_total /m);
    expect(text).toContain(
      'apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="pods",scope="namespace",subresource="",verb="LIST",version="v1"} 2',
    );
  });

  it('serve OpenAPI with a hash for ever and redirect old hashes', async () => {
    const router = new NonResourceRouter();
    const documents = {
      *v2Steps() {
        yield;
        return { swagger: '2.0' };
      },
      *v3Steps() {
        yield;
        return { openapi: '3.0.0' };
      },
      v3Paths: () => ['apis/apps/v1'],
    };
    new OpenApi(documents, { definitions: () => [], version: 1 }).install(router);
    const get = (target: string, headers?: Record<string, string>) => router.handle(context(target, headers));
    const url = contentOf(await get('/openapi/v3')).paths['apis/apps/v1'].serverRelativeURL;
    expect(url).toMatch(/^\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9A-F]{128}$/);
    const document = await get(url);
    expect(contentOf(document)).toEqual({ openapi: '3.0.0' });
    expect(document.headers!['Cache-Control']).toContain('immutable');
    expect(await get('/openapi/v3/apis/apps/v1?hash=OLD')).toMatchObject({ code: 301, headers: { Location: url } });
    expect(contentOf(await get('/openapi/v2'))).toEqual({ swagger: '2.0' });
    await expect(get('/openapi/v2', { accept: 'application/xml' })).rejects.toMatchObject({ code: 406 });
    await expect(get('/openapi/v3/apis/nope/v1')).rejects.toMatchObject({ code: 404 });
  });
});
