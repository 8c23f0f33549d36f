import { describe, expect, it } from 'vitest';
import { StatusError } from '../../../src/apimachinery/index.ts';
import { buildChain, type ChainDeps } from '../../../src/apiserver/filters/chain.ts';
import type { AuthorizationAttributes, RequestContext, ServerRequest } from '../../../src/apiserver/index.ts';
import { realClock, silentLogger, VirtualClock } from '../../../src/base/index.ts';

function setup(deps: Partial<ChainDeps> = {}, allowed: (attributes: AuthorizationAttributes) => boolean = () => true) {
  const seen: RequestContext[] = [];
  const asked: AuthorizationAttributes[] = [];
  const chain = buildChain({
    authenticator: { authenticate: (request) => request.user ?? { name: 'jane', groups: ['dev'] } },
    authorizer: {
      authorize(attributes) {
        asked.push(attributes);
        return { decision: allowed(attributes) ? 'allow' : 'noOpinion', reason: '' };
      },
    },
    resources: async (context) => {
      seen.push(context);
      return { code: 200, body: { kind: 'object', object: {} } };
    },
    nonResource: async () => ({ code: 200, body: { kind: 'object', object: { other: true } } }),
    clock: realClock,
    wallClock: realClock,
    log: silentLogger,
    ...deps,
  });
  return { chain, seen, asked };
}

function request(path = '/api/v1/namespaces/a/pods', rest: Partial<ServerRequest> = {}): ServerRequest {
  const [pathname, query] = path.split('?');
  return {
    method: 'GET',
    path: pathname!,
    query: new URLSearchParams(query),
    headers: {},
    signal: new AbortController().signal,
    ...rest,
  };
}

async function statusOf(promise: Promise<unknown>) {
  const error = await promise.then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(StatusError);
  return (error as StatusError).status;
}

describe('filter chain', () => {
  it('refuses in upstream’s words', async () => {
    const { chain } = setup({}, () => false);
    expect(await statusOf(chain(request()))).toMatchObject({
      code: 403,
      reason: 'Forbidden',
      message: 'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "a"',
      details: { kind: 'pods' },
    });
    expect((await statusOf(chain(request('/apis/apps/v1/deployments')))).message).toBe(
      'deployments.apps is forbidden: User "jane" cannot list resource "deployments" in API group "apps" at the cluster scope',
    );
    expect((await statusOf(chain(request('/metrics')))).message).toBe(
      'forbidden: User "jane" cannot get path "/metrics"',
    );
  });

  it('answers 401 when nobody is known', async () => {
    const { chain } = setup({ authenticator: { authenticate: () => undefined } });
    expect(await statusOf(chain(request()))).toMatchObject({
      code: 401,
      reason: 'Unauthorized',
      message: 'Unauthorized',
    });
  });

  it('turns a bug in a handler into a 500', async () => {
    const { chain } = setup({
      resources: async () => {
        throw new TypeError('boom');
      },
    });
    expect(await statusOf(chain(request()))).toMatchObject({ code: 500, message: 'Internal error occurred: boom' });
  });

  it('times out short requests by the wall clock and tells the handler, but never watches', async () => {
    const wallClock = new VirtualClock({ startMs: 0 });
    const controller = new AbortController();
    const { chain } = setup({ wallClock, resources: () => new Promise(() => {}) });
    const short = chain(
      request('/api/v1/pods?timeout=5s', { signal: controller.signal, cancel: (reason) => controller.abort(reason) }),
    );
    const watch = chain(request('/api/v1/pods?watch=1'));
    let watchEnded = false;
    void watch.finally(() => {
      watchEnded = true;
    });
    const status = statusOf(short);
    await wallClock.advance(5_000);
    expect(await status).toMatchObject({
      code: 504,
      reason: 'Timeout',
      message: 'Timeout: request did not complete within the allotted timeout',
    });
    expect(controller.signal.aborted).toBe(true);
    await wallClock.advance(120_000);
    expect(watchEnded).toBe(false);
  });

  it('refuses a timeout that is no duration', async () => {
    expect((await statusOf(setup().chain(request('/api/v1/pods?timeout=x')))).message).toBe(
      'invalid timeout specified in the request URL - time: invalid duration "x"',
    );
  });

  it('puts the notice in front of a request’s warnings', async () => {
    const { chain } = setup({
      notice: () => 'the clock is paused',
      resources: async (context) => {
        context.warnings.push('deprecated');
        return { code: 200, body: { kind: 'object', object: {} } };
      },
    });
    expect((await chain(request())).warnings).toEqual(['the clock is paused', 'deprecated']);
  });

  it('derives who wrote from the user and the agent', async () => {
    const { chain, seen } = setup();
    await chain(request(undefined, { headers: { 'user-agent': 'kubectl/v1.35.0 (linux/amd64) x' } }));
    await chain(request(undefined, { user: { name: 'system:node:n1', groups: ['system:nodes'] } }));
    await chain(request(undefined, { user: { name: 'system:serviceaccount:a:bot', groups: [] } }));
    expect(seen.map((context) => context.provenance)).toEqual([
      { actor: 'user:jane', agent: 'kubectl/v1.35.0' },
      { actor: 'kubelet:n1' },
      { actor: 'serviceaccount:a/bot' },
    ]);
  });
});
