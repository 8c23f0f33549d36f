import { describe, expect, it } from 'vitest';
import { renderError } from '../../../src/cli/errors.ts';
import { parseWaitCondition } from '../../../src/cli/wait/conditions.ts';
import { type WaitRequest, waitFor } from '../../../src/cli/wait/wait.ts';
import { cliSession, podManifest } from '../../helpers/cli-session.ts';

const ready = { conditions: [{ type: 'Ready', status: 'True' }], phase: 'Running' };

function met(text: string, object: object): boolean {
  const condition = parseWaitCondition(text);
  if (condition.kind !== 'object') throw new Error(condition.kind);
  return condition.met({ apiVersion: 'v1', kind: 'Pod', metadata: {}, ...object } as any);
}

describe('conditions to wait for', () => {
  it('compare type and status without case, True by default', () => {
    expect(met('condition=ready', { status: ready })).toBe(true);
    expect(met('condition=Ready=false', { status: ready })).toBe(false);
    expect(met('condition=Available', { status: ready })).toBe(false);
    expect(met('condition=Ready', {})).toBe(false);
  });

  it('do not count a status of an older generation', () => {
    const status = { ...ready, observedGeneration: 1 };
    expect(met('condition=Ready', { metadata: { generation: 2 }, status })).toBe(false);
    expect(met('condition=Ready', { metadata: { generation: 1 }, status })).toBe(true);
  });

  it('compare a JSONPath, or ask only whether it is there', () => {
    expect(met('jsonpath={.status.phase}=Running', { status: ready })).toBe(true);
    expect(met("jsonpath='{.status.phase}'=Running".replaceAll("'", ''), { status: ready })).toBe(true);
    expect(met('jsonpath=.status.phase', { status: ready })).toBe(true);
    expect(met('jsonpath={.status.conditions[?(@.type=="Ready")].status}=True', { status: ready })).toBe(true);
    expect(met('jsonpath={.status.podIP}', { status: ready })).toBe(false);
    expect(() => met('jsonpath={.status}=x', { status: ready })).toThrow('leads to a nested object');
  });

  it('are refused when they are none', () => {
    expect(() => parseWaitCondition('bogus')).toThrow('unrecognized condition: "bogus"');
    expect(() => parseWaitCondition('jsonpath={.a}=')).toThrow('jsonpath wait has to have a value after equal sign');
  });
});

describe('klab wait', () => {
  async function wait(
    request: WaitRequest,
    during?: (client: ReturnType<typeof cliSession>['client']) => Promise<void>,
  ) {
    const { session, client, io } = cliSession();
    await client.resource('pods').create(podManifest('web'));
    const running = waitFor(session, request, io).then(
      () => undefined,
      (error: unknown) => renderError(error),
    );
    await during?.(client);
    return { failure: await running, stdout: io.stdout };
  }
  const becomeReady = async (client: ReturnType<typeof cliSession>['client']) => {
    await client
      .resource('pods')
      .namespace('default')
      .patch('web', 'merge', { status: ready }, { subresource: 'status' });
  };

  it('prints an object once its condition is met', async () => {
    expect(await wait({ words: ['pod/web'], for: ['condition=Ready'], timeout: '10s' }, becomeReady)).toEqual({
      failure: undefined,
      stdout: 'pod/web condition met\n',
    });
  });

  it('exits with 3 and names the object when the time is over', async () => {
    expect(await wait({ words: ['pods', 'web'], for: ['condition=Ready'], timeout: '50ms' })).toEqual({
      failure: { text: 'error: timed out waiting for the condition on pods/web', exitCode: 3 },
      stdout: '',
    });
    expect((await wait({ words: ['pod/web'], for: ['condition=Ready'], timeout: '0' })).failure).toEqual({
      text: 'error: condition not met for pods/web',
      exitCode: 3,
    });
  });

  it('waits until an object is gone, and takes one that never was for gone', async () => {
    const remove = async (client: ReturnType<typeof cliSession>['client']) => {
      await client.resource('pods').namespace('default').delete('web', { gracePeriodSeconds: 0 });
    };
    expect(await wait({ words: ['pod/web'], for: ['delete'], timeout: '10s' }, remove)).toMatchObject({
      failure: undefined,
    });
    expect(await wait({ words: ['pod/no'], for: ['delete'] })).toEqual({ failure: undefined, stdout: '' });
  });

  it('waits for several conditions one after the other', async () => {
    const request = {
      words: ['pod/web'],
      for: ['condition=Ready', 'jsonpath={.status.phase}=Running'],
      timeout: '10s',
    };
    expect((await wait(request, becomeReady)).stdout).toBe('pod/web condition met\npod/web condition met\n');
  });

  it('says what is not there', async () => {
    expect((await wait({ words: ['pod/no'], for: ['condition=Ready'] })).failure?.text).toBe(
      'Error from server (NotFound): pods "no" not found',
    );
    expect((await wait({ words: ['pods'], labelSelector: 'a=b', for: ['condition=Ready'] })).failure?.text).toBe(
      'error: no matching resources found',
    );
  });
});
