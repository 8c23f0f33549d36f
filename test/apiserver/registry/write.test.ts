import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { builtinResources, type ResourceDefinition } from '../../../src/api/index.ts';
import { createCertificateRequest } from '../../../src/pki/index.ts';
import { configMap, configMaps, deployments, type Harness, pod, pods, startHarness } from '../harness.ts';

let h: Harness;
beforeEach(async () => {
  h = await startHarness();
});
afterEach(() => h.close());

/** The status of the error that a request ends with. */
async function failure(work: Promise<unknown>): Promise<any> {
  try {
    await work;
  } catch (error) {
    return (error as { status: unknown }).status;
  }
  throw new Error('the request succeeded');
}

const deployment = (name: string, spec: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'web', image: 'nginx' }] } },
    ...spec,
  },
});

describe('create', () => {
  it('sets uid, creationTimestamp and resourceVersion and drops what clients may not set', async () => {
    const created = await h.post(
      configMaps,
      configMap('a', {}, { uid: 'mine', selfLink: '/x', deletionTimestamp: '2020-01-01T00:00:00Z' }),
    );
    expect(created.metadata).toMatchObject({
      name: 'a',
      namespace: 'default',
      creationTimestamp: '2026-01-01T00:00:00Z',
      resourceVersion: '2',
    });
    expect(created.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(created.metadata.selfLink).toBeUndefined();
    expect(created.metadata.deletionTimestamp).toBeUndefined();
  });

  it('stores JSON without resourceVersion under the key that upstream uses', async () => {
    await h.post(configMaps, configMap('a'));
    const { kvs } = await h.kv.range({ key: Buffer.from('/registry/configmaps/default/a') });
    expect(JSON.parse(Buffer.from(kvs[0]!.value).toString()).metadata.resourceVersion).toBeUndefined();
  });

  it('refuses a second object of the same name, saying so when the first is being deleted', async () => {
    await h.post(configMaps, configMap('a', {}, { finalizers: ['example.com/hold'] }));
    expect(await failure(h.post(configMaps, configMap('a')))).toMatchObject({
      code: 409,
      reason: 'AlreadyExists',
      message: 'configmaps "a" already exists',
    });
    await h.delete(`${configMaps}/a`);
    expect((await failure(h.post(configMaps, configMap('a')))).message).toBe(
      'object is being deleted: configmaps "a" already exists',
    );
  });

  it('makes names from generateName', async () => {
    const names = new Set<string>();
    for (let i = 0; i < 20; i++) {
      const created = await h.post(configMaps, { metadata: { generateName: 'cm-' } });
      names.add(created.metadata.name);
    }
    expect(names.size).toBe(20);
    for (const name of names) expect(name).toMatch(/^cm-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });

  it('refuses a namespace that is not that of the URL, another kind and another version', async () => {
    expect((await failure(h.post(configMaps, configMap('a', {}, { namespace: 'x' })))).message).toBe(
      'the namespace of the provided object does not match the namespace sent on the request',
    );
    expect(await failure(h.post(configMaps, { ...configMap('a'), apiVersion: 'v2' }))).toMatchObject({
      code: 400,
      message:
        'ConfigMap in version "v2" cannot be handled as a ConfigMap: no kind "ConfigMap" is registered for version "v2" in scheme "pkg/api/legacyscheme/scheme.go:30"',
    });
    expect((await failure(h.post(configMaps, configMap('A')))).reason).toBe('Invalid');
  });

  it('writes nothing in a dry run but says what would happen', async () => {
    const created = await h.post(configMaps, configMap('a'), { dryRun: 'All' });
    expect(created.metadata.uid).toBeDefined();
    expect(h.kv.revision).toBe(1);
    await h.post(configMaps, configMap('a'));
    expect((await failure(h.post(configMaps, configMap('a'), { dryRun: 'All' }))).reason).toBe('AlreadyExists');
    expect((await failure(h.post(configMaps, configMap('b'), { dryRun: 'yes' }))).code).toBe(422);
  });

  it('reports unknown fields as fieldValidation says', async () => {
    const wrong = { ...configMap('a'), dataa: {} };
    expect(await failure(h.post(configMaps, { ...wrong }, { fieldValidation: 'Strict' }))).toMatchObject({
      code: 400,
      message:
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "dataa"',
    });
    const warned = await h.client.request({ method: 'POST', path: configMaps, body: { ...wrong } });
    expect(warned.warnings).toEqual(['unknown field "dataa"']);
    expect(warned.body.dataa).toBeUndefined();
    const ignored = await h.client.request({
      method: 'POST',
      path: configMaps,
      body: { ...configMap('b'), dataa: {} },
      query: { fieldValidation: 'Ignore' },
    });
    expect(ignored.warnings).toEqual([]);
  });

  it('warns that nothing acts on a kind', async () => {
    const driver = (builtinResources as ResourceDefinition[]).find(({ plural }) => plural === 'csidrivers')!;
    expect(driver.idle).toBe('simulated nodes run no CSI drivers');
    const { warnings } = await h.client.request({
      method: 'POST',
      path: '/apis/storage.k8s.io/v1/csidrivers',
      body: { metadata: { name: 'example.com' }, spec: {} },
    });
    expect(warnings).toContain(
      'klab: nothing acts on CSIDriver yet, it is only stored: simulated nodes run no CSI drivers',
    );
  });

  it('gives events a lease of their time to live, shared by those of one minute', async () => {
    const events = '/api/v1/namespaces/default/events';
    const event = (name: string) => ({ metadata: { name }, involvedObject: {}, reason: 'x', message: 'y' });
    await h.post(events, event('a'));
    await h.post(events, event('b'));
    expect(h.kv.leaseTtls).toEqual([3660]);
    await h.clock.advance(61_000);
    await h.post(events, event('c'));
    expect(h.kv.leaseTtls).toEqual([3660, 3660]);
    const { kvs } = await h.kv.range({ key: Buffer.from('/registry/events/default/c') });
    expect(kvs[0]!.lease).toBe(2);
  });
});

describe('update', () => {
  it('writes nothing when nothing changes', async () => {
    const created = await h.post(configMaps, configMap('a'));
    const updated = await h.put(`${configMaps}/a`, structuredClone(created));
    expect(updated.metadata.resourceVersion).toBe(created.metadata.resourceVersion);
    expect(h.kv.revision).toBe(2);
  });

  it('refuses an old resourceVersion and takes a missing one as unconditional', async () => {
    await h.post(configMaps, configMap('a'));
    await h.put(`${configMaps}/a`, configMap('a', { b: '2' }));
    expect(await failure(h.put(`${configMaps}/a`, configMap('a', {}, { resourceVersion: '2' })))).toMatchObject({
      code: 409,
      reason: 'Conflict',
      message:
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
    });
    const updated = await h.put(`${configMaps}/a`, configMap('a', { c: '3' }));
    expect(updated.data).toEqual({ c: '3' });
  });

  it('refuses another uid with the text of the store', async () => {
    const { metadata } = await h.post(configMaps, configMap('a'));
    expect((await failure(h.put(`${configMaps}/a`, configMap('a', {}, { uid: 'other' })))).message).toBe(
      `Operation cannot be fulfilled on configmaps "a": StorageError: invalid object, Code: 4, Key: /registry/configmaps/default/a, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: other, UID in object meta: ${metadata.uid}`,
    );
  });

  it('keeps what an update may not change', async () => {
    const created = await h.post(configMaps, configMap('a'));
    const updated = await h.put(
      `${configMaps}/a`,
      configMap('a', { x: 'y' }, { creationTimestamp: '2001-01-01T00:00:00Z', generation: 7 }),
    );
    expect(updated.metadata.creationTimestamp).toBe(created.metadata.creationTimestamp);
    expect(updated.metadata.uid).toBe(created.metadata.uid);
    expect(updated.metadata.generation).toBeUndefined();
  });

  it('tries again on fresh state when somebody else writes in between', async () => {
    await h.post(configMaps, configMap('a'));
    let raced = false;
    h.kv.beforeTxn = async () => {
      if (raced) return;
      raced = true;
      await h.put(`${configMaps}/a`, configMap('a', { other: '1' }));
    };
    const patched = await h.patch(`${configMaps}/a`, { data: { mine: '2' } });
    expect(patched.data).toEqual({ other: '1', mine: '2' });
  });

  it('creates what is missing only for the kinds that allow it', async () => {
    expect((await failure(h.put(`${configMaps}/none`, configMap('none')))).reason).toBe('NotFound');
    const leases = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
    const { code, body } = await h.client.request({
      method: 'PUT',
      path: `${leases}/l`,
      body: { metadata: { name: 'l' }, spec: { holderIdentity: 'me' } },
    });
    expect([code, body.metadata.name]).toEqual([201, 'l']);
  });

  it('counts generations of the spec and keeps status and spec apart', async () => {
    const created = await h.post(deployments, { ...deployment('web'), status: { replicas: 9 } });
    expect(created.metadata.generation).toBe(1);
    expect(created.status?.replicas ?? 0).toBe(0);
    const status = await h.put(`${deployments}/web/status`, {
      ...deployment('web', { replicas: 5 }),
      status: { replicas: 3 },
    });
    expect([status.spec.replicas, status.status.replicas, status.metadata.generation]).toEqual([1, 3, 1]);
    const spec = await h.put(`${deployments}/web`, { ...deployment('web', { replicas: 5 }), status: { replicas: 7 } });
    expect([spec.spec.replicas, spec.status.replicas, spec.metadata.generation]).toEqual([5, 3, 2]);
  });
});

describe('patch', () => {
  it('takes JSON, merge and strategic merge patches and refuses others', async () => {
    await h.post(deployments, deployment('web'));
    const merged = await h.patch(`${deployments}/web`, { metadata: { labels: { a: 'b' } } });
    expect(merged.metadata.labels).toEqual({ a: 'b' });
    const json = await h.patch(
      `${deployments}/web`,
      [{ op: 'replace', path: '/spec/replicas', value: 4 }],
      'application/json-patch+json',
    );
    expect(json.spec.replicas).toBe(4);
    const strategic = await h.patch(
      `${deployments}/web`,
      { spec: { template: { spec: { containers: [{ name: 'sidecar', image: 'envoy' }] } } } },
      'application/strategic-merge-patch+json',
    );
    expect(strategic.spec.template.spec.containers.map((each: any) => each.name).sort()).toEqual(['sidecar', 'web']);
    expect((await failure(h.patch(`${deployments}/web`, {}, 'application/json'))).code).toBe(415);
    expect((await failure(h.patch(`${deployments}/none`, {}))).reason).toBe('NotFound');
  });

  it('names the unknown fields of a patched object when asked to be strict', async () => {
    await h.post(configMaps, configMap('a'));
    const status = await failure(
      h.patch(`${configMaps}/a`, { dataa: {} }, 'application/merge-patch+json', { fieldValidation: 'Strict' }),
    );
    expect(status.code).toBe(422);
    expect(status.message).toContain('strict decoding error: unknown field "dataa"');
  });

  it('applies: creates, owns fields, conflicts, forces', async () => {
    const apply = (data: object, manager: string, query: Record<string, string> = {}) =>
      h.client.request({
        method: 'PATCH',
        path: `${configMaps}/a`,
        body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data },
        contentType: 'application/apply-patch+yaml',
        query: { fieldManager: manager, ...query },
      });
    const first = await apply({ x: '1' }, 'one');
    expect([first.code, first.body.metadata.managedFields[0].manager]).toEqual([201, 'one']);
    expect(first.body.metadata.managedFields[0].operation).toBe('Apply');
    const again = await apply({ x: '1' }, 'one');
    expect([again.code, again.body.metadata.resourceVersion]).toEqual([200, first.body.metadata.resourceVersion]);
    expect((await failure(apply({ x: '2' }, 'two'))).code).toBe(409);
    expect((await apply({ x: '2' }, 'two', { force: 'true' })).body.data).toEqual({ x: '2' });
    expect((await failure(h.patch(`${configMaps}/a`, {}, 'application/apply-patch+yaml'))).message).toContain(
      'fieldManager: Required value: is required for apply patch',
    );
  });

  it('records the manager of every write', async () => {
    const created = await h.post(configMaps, configMap('a'), { fieldManager: 'creator' });
    expect(created.metadata.managedFields).toMatchObject([
      { manager: 'creator', operation: 'Update', apiVersion: 'v1', time: '2026-01-01T00:00:00Z' },
    ]);
    const patched = await h.patch(`${configMaps}/a`, { data: { b: '2' } });
    expect(patched.metadata.managedFields.map((entry: any) => entry.manager)).toEqual(['creator', 'tests']);
  });
});

describe('delete', () => {
  it('answers with a Status, or with the object for some kinds', async () => {
    const { metadata } = await h.post(configMaps, configMap('a'));
    expect(await h.delete(`${configMaps}/a`)).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: { name: 'a', kind: 'configmaps', uid: metadata.uid },
    });
    const services = '/api/v1/namespaces/default/services';
    await h.post(services, { metadata: { name: 's' }, spec: { ports: [{ port: 80 }] } });
    expect((await h.delete(`${services}/s`)).kind).toBe('Service');
    expect((await failure(h.delete(`${configMaps}/a`))).reason).toBe('NotFound');
  });

  it('waits for finalizers and goes with the last of them', async () => {
    await h.post(configMaps, configMap('a', {}, { finalizers: ['example.com/hold'] }));
    const marked = await h.delete(`${configMaps}/a`);
    expect(marked.metadata).toMatchObject({
      deletionTimestamp: '2026-01-01T00:00:00Z',
      deletionGracePeriodSeconds: 0,
      finalizers: ['example.com/hold'],
    });
    const revision = h.kv.revision;
    await h.delete(`${configMaps}/a`);
    expect(h.kv.revision).toBe(revision);
    await h.patch(`${configMaps}/a`, { metadata: { finalizers: null } });
    expect((await failure(h.get(`${configMaps}/a`))).reason).toBe('NotFound');
  });

  it('sets the finalizers of orphan and foreground deletion', async () => {
    await h.post(deployments, deployment('web'));
    const path = `${deployments}/web`;
    const foreground = await h.client.request({
      method: 'DELETE',
      path,
      body: { propagationPolicy: 'Foreground' },
    });
    expect([foreground.code, foreground.body.metadata.finalizers]).toEqual([200, ['foregroundDeletion']]);
    const orphan = await h.delete(path, { propagationPolicy: 'Orphan' });
    expect(orphan.metadata.finalizers).toEqual(['orphan']);
    await h.delete(path, { propagationPolicy: 'Background' });
    expect((await failure(h.get(path))).reason).toBe('NotFound');
    expect((await failure(h.delete(path, { propagationPolicy: 'Sideways' }))).code).toBe(422);
  });

  it('checks preconditions', async () => {
    const { metadata } = await h.post(configMaps, configMap('a'));
    expect(await failure(h.delete(`${configMaps}/a`, { preconditions: { uid: 'other' } }))).toMatchObject({
      code: 409,
      message: `Operation cannot be fulfilled on ConfigMap "a": the UID in the precondition (other) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`,
    });
    await h.delete(`${configMaps}/a`, { preconditions: { uid: metadata.uid, resourceVersion: '2' } });
  });

  it('deletes a selected collection', async () => {
    for (const name of ['a', 'b', 'c']) {
      await h.post(configMaps, configMap(name, {}, { labels: { gone: String(name !== 'b') } }));
    }
    const deleted = await h.client.request({
      method: 'DELETE',
      path: configMaps,
      query: { labelSelector: 'gone=true' },
    });
    expect(deleted.body.items.map((item: any) => item.metadata.name)).toEqual(['a', 'c']);
    expect((await h.get(configMaps)).items.map((item: any) => item.metadata.name)).toEqual(['b']);
  });

  it('turns a namespace Terminating until it is finalized', async () => {
    const created = await h.post('/api/v1/namespaces', { metadata: { name: 'x' } });
    expect([created.spec.finalizers, created.status.phase]).toEqual([['kubernetes'], 'Active']);
    const terminating = await h.delete('/api/v1/namespaces/x');
    expect([terminating.status.phase, terminating.metadata.deletionTimestamp]).toEqual([
      'Terminating',
      '2026-01-01T00:00:00Z',
    ]);
    await h.put('/api/v1/namespaces/x/finalize', { ...structuredClone(terminating), spec: { finalizers: [] } });
    expect((await failure(h.get('/api/v1/namespaces/x'))).reason).toBe('NotFound');
  });
});

describe('pods', () => {
  it('go at once when not scheduled, gracefully when they run, faster when asked again', async () => {
    await h.post(pods, pod('waiting'));
    await h.delete(`${pods}/waiting`);
    expect((await failure(h.get(`${pods}/waiting`))).reason).toBe('NotFound');

    await h.post(pods, pod('running', { nodeName: 'n1', terminationGracePeriodSeconds: 30 }));
    const first = await h.delete(`${pods}/running`);
    expect(first.metadata).toMatchObject({
      deletionTimestamp: '2026-01-01T00:00:30Z',
      deletionGracePeriodSeconds: 30,
    });
    const longer = await h.delete(`${pods}/running`, { gracePeriodSeconds: 60 });
    expect(longer.metadata.deletionGracePeriodSeconds).toBe(30);
    const shorter = await h.delete(`${pods}/running`, { gracePeriodSeconds: 5 });
    expect(shorter.metadata).toMatchObject({
      deletionTimestamp: '2026-01-01T00:00:05Z',
      deletionGracePeriodSeconds: 5,
    });
    await h.delete(`${pods}/running`, { gracePeriodSeconds: 0 });
    expect((await failure(h.get(`${pods}/running`))).reason).toBe('NotFound');
  });

  it('are bound once', async () => {
    await h.post(pods, pod('web'));
    const binding = { metadata: { name: 'web' }, target: { kind: 'Node', name: 'n1' } };
    const { code, body } = await h.client.request({ method: 'POST', path: `${pods}/web/binding`, body: binding });
    expect([code, body.status]).toEqual([201, 'Success']);
    const bound = await h.get(`${pods}/web`);
    expect(bound.spec.nodeName).toBe('n1');
    expect(bound.status.conditions).toMatchObject([
      { type: 'PodScheduled', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' },
    ]);
    expect(await failure(h.post('/api/v1/namespaces/default/bindings', structuredClone(binding)))).toMatchObject({
      code: 409,
      message: 'Operation cannot be fulfilled on pods/binding "web": pod web is already assigned to node "n1"',
    });
  });
});

describe('scale', () => {
  it('reads and sets replicas', async () => {
    await h.post(deployments, deployment('web', { replicas: 2 }));
    const scale = await h.get(`${deployments}/web/scale`);
    expect(scale).toMatchObject({
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      spec: { replicas: 2 },
      status: { replicas: 0, selector: 'app=web' },
    });
    await h.put(`${deployments}/web/scale`, { ...structuredClone(scale), spec: { replicas: 3 } });
    expect((await h.get(`${deployments}/web`)).spec.replicas).toBe(3);
    const patched = await h.patch(`${deployments}/web/scale`, { spec: { replicas: 0 } });
    expect(patched.spec).toEqual({});
    expect(await failure(h.patch(`${deployments}/web/scale`, { spec: { replicas: -1 } }))).toMatchObject({
      code: 422,
      message:
        'Scale.autoscaling "web" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    });
    const old = { ...structuredClone(scale), spec: { replicas: 9 } };
    expect((await failure(h.put(`${deployments}/web/scale`, old))).reason).toBe('Conflict');
  });
});

describe('subresources', () => {
  it('change what they are for and nothing else', async () => {
    const { csr: pem } = createCertificateRequest({ subject: { commonName: 'x' } });
    const certificateRequest = Buffer.from(pem).toString('base64');
    const path = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
    const csr = await h.post(path, {
      metadata: { name: 'c' },
      spec: { request: certificateRequest, signerName: 'example.com/x', usages: ['client auth'] },
    });
    const approved = await h.put(`${path}/c/approval`, {
      ...structuredClone(csr),
      spec: { ...csr.spec, signerName: 'example.com/y' },
      status: { certificate: 'eA==', conditions: [{ type: 'Approved', status: 'True', reason: 'x' }] },
    });
    expect(approved.spec.signerName).toBe('example.com/x');
    expect(approved.status).toMatchObject({ conditions: [{ type: 'Approved' }] });
    expect(approved.status.certificate).toBeUndefined();
  });

  it('change the status of a namespace', async () => {
    const created = await h.post('/api/v1/namespaces', { metadata: { name: 'x' } });
    const conditions = [{ type: 'Test', status: 'True', reason: 'r', message: 'm', lastTransitionTime: null }];
    const updated = await h.put('/api/v1/namespaces/x/status', {
      ...structuredClone(created),
      spec: { finalizers: [] },
      status: { phase: 'Active', conditions },
    });
    expect([updated.spec.finalizers, updated.status.conditions[0].type]).toEqual([['kubernetes'], 'Test']);
  });
});
