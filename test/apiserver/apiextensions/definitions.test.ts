import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { crd, definitions, Lab, version, widget, widgets } from './harness.ts';

let lab: Lab;
beforeEach(async () => {
  lab = await Lab.start();
});
afterEach(() => lab.close());

const settled = (name: string) =>
  lab.until(
    () => lab.definition(name),
    (seen) => lab.condition(seen, 'NamesAccepted') !== undefined,
  );

describe('names', () => {
  it('are accepted, and the definition is established', async () => {
    const { status } = await lab.define(crd({ names: { shortNames: ['wd'], categories: ['all'] } }));
    const lastTransitionTime = '2026-01-01T00:00:00Z';
    expect(status).toEqual({
      acceptedNames: {
        plural: 'widgets',
        singular: 'widget',
        shortNames: ['wd'],
        kind: 'Widget',
        listKind: 'WidgetList',
        categories: ['all'],
      },
      conditions: [
        {
          type: 'NamesAccepted',
          status: 'True',
          lastTransitionTime,
          reason: 'NoConflicts',
          message: 'no conflicts found',
        },
        {
          type: 'Established',
          status: 'True',
          lastTransitionTime,
          reason: 'InitialNamesAccepted',
          message: 'the initial names have been accepted',
        },
      ],
      storedVersions: ['v1'],
    });
  });

  it('that another definition of the group holds are refused until it goes', async () => {
    await lab.define(crd({ names: { shortNames: ['wd', 'wg'] } }));
    const clashes: [object, string, string][] = [
      [{ plural: 'gadgets', kind: 'Widget' }, 'ListKindConflict', '"WidgetList" is already in use'],
      [{ plural: 'gears', kind: 'Gear', singular: 'widget' }, 'SingularConflict', '"widget" is already in use'],
      [
        { plural: 'bolts', kind: 'Bolt', shortNames: ['wd', 'wg', 'b'] },
        'ShortNamesConflict',
        '["wd" is already in use, "wg" is already in use]',
      ],
      [{ plural: 'nuts', kind: 'Widget', listKind: 'NutList' }, 'KindConflict', '"Widget" is already in use'],
    ];
    for (const [names, reason, message] of clashes) {
      const definition = crd({ names });
      await lab.post(definitions, definition);
      const seen = await settled(definition.metadata.name);
      expect(lab.condition(seen, 'NamesAccepted')).toMatchObject({ status: 'False', reason, message });
      expect(lab.condition(seen, 'Established')).toMatchObject({
        status: 'False',
        reason: 'NotAccepted',
        message: 'not all names are accepted',
      });
      await expect(lab.get(`/apis/example.com/v1/${definition.spec.names.plural}`)).rejects.toThrow(
        'the server could not find the requested resource',
      );
    }
    await lab.delete(`${definitions}/widgets.example.com`);
    await lab.until(
      () => lab.definition('bolts.example.com'),
      (seen) => lab.condition(seen, 'Established')?.status === 'True',
    );
    expect((await lab.get('/apis/example.com/v1/bolts')).kind).toBe('BoltList');
  });

  it('of another group are no conflict', async () => {
    await lab.define(crd());
    await lab.define(crd({ group: 'other.org' }));
  });
});

describe('policy', () => {
  it('of protected groups shows as a condition', async () => {
    const approved = 'https://github.com/kubernetes/enhancements/pull/1111';
    const metadata = (text: string) => ({ annotations: { 'api-approved.kubernetes.io': text } });
    const seen = await lab.define(crd({ group: 'tests.k8s.io', metadata: metadata('unapproved, a test') }));
    const policy = (of: any) => lab.condition(of, 'KubernetesAPIApprovalPolicyConformant');
    expect(
      policy(
        await lab.until(
          () => lab.definition(seen.metadata.name),
          (of) => policy(of) !== undefined,
        ),
      ),
    ).toMatchObject({
      status: 'False',
      reason: 'UnapprovedAnnotation',
      message: 'not approved: "unapproved, a test"',
    });
    await lab.merge(`${definitions}/${seen.metadata.name}`, { metadata: metadata(approved) });
    const next = await lab.until(
      () => lab.definition(seen.metadata.name),
      (of) => policy(of).status === 'True',
    );
    expect(policy(next)).toMatchObject({ reason: 'ApprovedAnnotation', message: `approved in ${approved}` });
  });
});

describe('deletion', () => {
  const path = `${definitions}/widgets.example.com`;
  const gone = () =>
    lab.until(
      () => lab.definition('widgets.example.com'),
      (seen) => seen === undefined,
    );

  it('takes the objects along and ends watches and discovery', async () => {
    await lab.define(crd());
    for (const name of ['a', 'b']) await lab.post(widgets, widget(name));
    const watch = await lab.client.watch({ method: 'GET', path: widgets, query: { watch: 'true' } });
    const seen: string[] = [];
    const watching = (async () => {
      for await (const event of watch) seen.push(`${event.type} ${(event.object as any).metadata.name}`);
    })();
    const answer = await lab.delete(path);
    expect(answer.kind).toBe('CustomResourceDefinition');
    expect(answer.metadata.finalizers).toEqual(['customresourcecleanup.apiextensions.k8s.io']);
    expect(lab.condition(answer, 'Terminating')).toMatchObject({
      status: 'True',
      reason: 'InstanceDeletionPending',
      message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
    });
    await gone();
    await watching;
    expect(seen).toEqual(['ADDED a', 'ADDED b', 'DELETED a', 'DELETED b']);
    await expect(lab.get(widgets)).rejects.toThrow('the server could not find the requested resource');
    await expect(lab.get('/apis/example.com')).rejects.toThrow('the server could not find the requested resource');
  });

  it('waits for finalizers, polls, and takes nothing new meanwhile', async () => {
    await lab.define(crd());
    await lab.post(widgets, { ...widget('held'), metadata: { name: 'held', finalizers: ['example.com/hold'] } });
    await lab.delete(path);
    const terminating = (seen: any) => lab.condition(seen, 'Terminating')?.reason;
    await lab.until(
      () => lab.definition('widgets.example.com'),
      (seen) => terminating(seen) === 'InstanceDeletionInProgress',
    );
    await lab.until(
      () => lab.get(`${widgets}/held`),
      (held) => held.metadata.deletionTimestamp !== undefined,
    );
    expect(await lab.refusal(lab.post(widgets, widget('late')))).toBe(
      'widgets.example.com "late" is forbidden: create not allowed while custom resource definition is terminating',
    );
    const { resources } = await lab.get('/apis/example.com/v1');
    expect(resources[0].verbs).toEqual(['delete', 'deletecollection', 'get', 'list', 'watch']);
    await lab.clock.advance(60_000);
    await lab.until(
      () => lab.definition('widgets.example.com'),
      (seen) => terminating(seen) === 'InstanceDeletionCheck',
    );
    await lab.merge(`${widgets}/held`, { metadata: { finalizers: null } });
    await lab.clock.advance(10_000);
    await gone();
  });

  it('of one that was never established is over at once', async () => {
    await lab.define(crd());
    await lab.post(definitions, crd({ names: { plural: 'gadgets', kind: 'Widget' } }));
    await settled('gadgets.example.com');
    await lab.delete(`${definitions}/gadgets.example.com`);
    await lab.until(
      () => lab.definition('gadgets.example.com'),
      (seen) => seen === undefined,
    );
    expect((await lab.get(widgets)).kind).toBe('WidgetList');
  });

  it('and the same name again begin anew', async () => {
    await lab.define(crd());
    await lab.post(widgets, widget('old'));
    await lab.delete(path);
    await gone();
    await lab.define(crd());
    expect((await lab.get(widgets)).items).toEqual([]);
  });
});

describe('a restart', () => {
  it('serves everything again before the server is ready', async () => {
    await lab.define(crd({ versions: [version('v1'), version('v2')] }));
    await lab.post(widgets, widget('kept', { size: 3 }));
    await lab.close();
    const again = await Lab.start(lab.kv, lab.clock);
    try {
      expect((await again.get(`${widgets}/kept`)).size).toBe(3);
      expect((await again.get('/apis/example.com')).versions.map((item: any) => item.version)).toEqual(['v2', 'v1']);
    } finally {
      await again.close();
    }
  });
});

describe('a change', () => {
  it('ends watches of that resource, and of no other', async () => {
    await lab.define(crd());
    await lab.define(crd({ names: { plural: 'gears', kind: 'Gear' } }));
    const ended: string[] = [];
    const open = async (path: string) => {
      const events = await lab.client.watch({ method: 'GET', path, query: { watch: 'true' } });
      const reading = (async () => {
        for await (const event of events) void event;
        ended.push(path);
      })();
      return { reading };
    };
    const first = await open(widgets);
    await open('/apis/example.com/v1/gears');
    await lab.merge(`${definitions}/widgets.example.com`, { spec: { names: { shortNames: ['wd'] } } });
    await first.reading;
    expect(ended).toEqual([widgets]);
  });

  it('of what is served takes effect', async () => {
    await lab.define(crd({ versions: [version('v1'), version('v2')] }));
    await lab.post(widgets, widget('a', { size: 1 }));
    const v2 = widgets.replace('/v1/', '/v2/');
    expect(await lab.get(`${v2}/a`)).toMatchObject({ apiVersion: 'example.com/v2', size: 1 });
    await lab.merge(`${definitions}/widgets.example.com`, {
      spec: { versions: [version('v1'), version('v2', { served: false })] },
    });
    await lab.until(
      () => lab.refusal(lab.get(`${v2}/a`)),
      (text) => text === 'the server could not find the requested resource',
    );
    expect((await lab.get(`${widgets}/a`)).size).toBe(1);
  });

  it('of the version that is stored changes what is written', async () => {
    await lab.define(crd({ versions: [version('v1'), version('v2')] }));
    await lab.post(widgets, widget('a'));
    await lab.merge(`${definitions}/widgets.example.com`, {
      spec: { versions: [version('v1', { served: false, storage: false }), version('v2', { storage: true })] },
    });
    const v2 = widgets.replace('/v1/', '/v2/');
    const seen = await lab.until(
      () => lab.definition('widgets.example.com'),
      (of) => of.status.storedVersions.length === 2,
    );
    expect(seen.status.storedVersions).toEqual(['v1', 'v2']);
    const stored = async () => {
      const { kvs } = await lab.kv.range({ key: Buffer.from('/registry/example.com/widgets/default/a') });
      return JSON.parse(Buffer.from(kvs[0]!.value).toString());
    };
    expect((await stored()).apiVersion).toBe('example.com/v1');
    await lab.until(
      () => lab.refusal(lab.get(widgets)),
      (text) => text !== 'accepted',
    );
    await lab.merge(`${v2}/a`, { size: 2 });
    expect(await stored()).toMatchObject({ apiVersion: 'example.com/v2', size: 2 });
    await lab.delete(`${definitions}/widgets.example.com`);
    await lab.until(
      () => lab.definition('widgets.example.com'),
      (of) => of === undefined,
    );
  });
});
