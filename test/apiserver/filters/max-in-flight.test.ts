import { expect, it } from 'vitest';
import { MaxInFlight } from '../../../src/apiserver/filters/max-in-flight.ts';
import { parseRequestInfo } from '../../../src/apiserver/filters/request-info.ts';
import type { RequestContext } from '../../../src/apiserver/index.ts';

function context(method: string, target: string, groups: string[] = [], inProcess = false): RequestContext {
  const [path = '', query] = target.split('?');
  const user = { name: 'jane', groups };
  return {
    info: parseRequestInfo(method, path, new URLSearchParams(query)),
    request: inProcess ? { user } : {},
    user,
  } as unknown as RequestContext;
}

const pods = '/api/v1/namespaces/a/pods';

it('refuses what is beyond the limit of its kind until another one is answered', () => {
  const limit = new MaxInFlight({ reading: 2, mutating: 1 });
  const done = limit.admit(context('GET', pods))!;
  limit.admit(context('GET', `${pods}/x`));
  expect(() => limit.admit(context('GET', pods))).toThrow('Too many requests, please try again later.');
  const write = limit.admit(context('POST', pods));
  expect(() => limit.admit(context('DELETE', `${pods}/x`))).toThrow('Too many requests');
  done();
  expect(limit.admit(context('GET', pods))).toBeDefined();
  write!();
  expect(limit.admit(context('PATCH', `${pods}/x`))).toBeDefined();
});

it('watches and logs, members of system:masters and klab’s own components are always served', () => {
  const limit = new MaxInFlight({ reading: 1, mutating: 0 });
  limit.admit(context('GET', pods));
  expect(limit.admit(context('GET', `${pods}?watch=true`))).toBeUndefined();
  expect(limit.admit(context('GET', `${pods}/x/log`))).toBeUndefined();
  expect(limit.admit(context('GET', pods, ['system:masters']))).toBeUndefined();
  expect(limit.admit(context('GET', pods, [], true))).toBeUndefined();
  for (let i = 0; i < 10; i++) expect(limit.admit(context('POST', pods))).toBeUndefined();
});
