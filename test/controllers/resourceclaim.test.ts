import { describe, expect, it } from 'vitest';
import type { Pod, ResourceClaim, ResourceClaimTemplate, ResourceSlice } from '../../src/api/index.ts';
import { newInternalError } from '../../src/apimachinery/index.ts';
import { rfc3339 } from '../../src/base/index.ts';
import { DeviceTaintEvictionController, ResourceClaimController } from '../../src/controllers/index.ts';
import { Lab, startMs } from '../helpers/controllers.ts';

const namespace = 'default';
const template = (name = 'gpu'): ResourceClaimTemplate => ({
  apiVersion: 'resource.k8s.io/v1',
  kind: 'ResourceClaimTemplate',
  metadata: { name, namespace },
  spec: {
    metadata: { labels: { made: 'yes' } },
    spec: { devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'gpu' } }] } },
  },
});
const pod = (name: string, claims: object[], extra: object = {}): Pod =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: { containers: [{ name: 'c', image: 'i' }], resourceClaims: claims, ...extra },
  }) as Pod;
const fromTemplate = [{ name: 'card', resourceClaimTemplateName: 'gpu' }];
const claims = (l: Lab) => l.list<ResourceClaim>('resourceclaims');
const podNow = (l: Lab, name = 'p') => l.get<Pod>('pods', namespace, name);

interface Allocated {
  readonly tolerations?: object[];
  readonly finalizers?: string[];
}

/** What the scheduler does: device `d0` of pool `n1`, reserved for the pod. */
async function allocate(l: Lab, claim: Readonly<ResourceClaim>, user?: Readonly<Pod>, how: Allocated = {}) {
  const client = l.client.resource<ResourceClaim>('resourceclaims').namespace(namespace);
  const { finalizers } = how;
  const current = finalizers ? await client.update({ ...claim, metadata: { ...claim.metadata, finalizers } }) : claim;
  const { tolerations } = how;
  const result = { request: 'r', driver: 'sim', pool: 'n1', device: 'd0', ...(tolerations && { tolerations }) };
  const reservedFor = user ? [{ resource: 'pods', name: user.metadata.name!, uid: user.metadata.uid! }] : [];
  return client.updateStatus({
    ...current,
    status: { allocation: { devices: { results: [result] } }, reservedFor },
  } as ResourceClaim);
}

describe('claims from templates', () => {
  it('are made once, belong to the pod, and are named in its status', async () => {
    await using l = new Lab();
    l.start(new ResourceClaimController(l.context));
    await l.create('resourceclaimtemplates', template());
    const owner = await l.create('pods', pod('p', fromTemplate));
    await l.until('named', async () => (await podNow(l))!.status?.resourceClaimStatuses !== undefined);
    await l.clock.advance(60_000);
    const [claim, ...others] = await claims(l);
    expect(others).toEqual([]);
    expect(claim!.metadata).toMatchObject({
      labels: { made: 'yes' },
      annotations: { 'resource.kubernetes.io/pod-claim-name': 'card' },
      ownerReferences: [{ kind: 'Pod', name: 'p', uid: owner.metadata.uid, controller: true }],
    });
    expect(claim!.metadata.name).toMatch(/^p-card-/);
    expect((await podNow(l))!.status!.resourceClaimStatuses).toEqual([
      { name: 'card', resourceClaimName: claim!.metadata.name },
    ]);
  });

  it('are not made twice when the status of the pod cannot be written', async () => {
    await using l = new Lab();
    l.start(new ResourceClaimController(l.context));
    let failures = 3;
    l.api.intercept((_, { resource, verb }) => {
      if (resource === 'pods' && verb === 'patch' && failures-- > 0) throw newInternalError('no');
    });
    await l.create('resourceclaimtemplates', template());
    await l.create('pods', pod('p', fromTemplate));
    await l.until('named', async () => (await podNow(l))!.status?.resourceClaimStatuses !== undefined);
    expect(failures).toBeLessThan(0);
    expect(await claims(l)).toHaveLength(1);
  });

  it('say what is missing, and come when the template comes', async () => {
    await using l = new Lab();
    l.start(new ResourceClaimController(l.context));
    await l.create('pods', pod('p', fromTemplate));
    const missing =
      'Warning FailedResourceClaimCreation PodResourceClaim card: resource claim template "gpu": resourceclaimtemplate.resource.k8s.io "gpu" not found';
    await l.until('event', async () => (await l.events()).includes(missing));
    await l.create('resourceclaimtemplates', template());
    await l.until('made', async () => (await claims(l)).length === 1);
  });

  it('go when their pod has ended, though it is still there', async () => {
    await using l = new Lab();
    l.start(new ResourceClaimController(l.context));
    await l.create('resourceclaimtemplates', template());
    await l.create('pods', pod('p', fromTemplate));
    await l.until('named', async () => (await podNow(l))!.status?.resourceClaimStatuses !== undefined);
    await l.run((await podNow(l))!);
    await l.clock.advance(1000);
    expect(await claims(l)).toHaveLength(1);
    await l.end((await podNow(l))!, 0);
    await l.until('gone', async () => (await claims(l)).length === 0);
    expect((await podNow(l))!.status!.phase).toBe('Succeeded');
  });
});

describe('reservations', () => {
  const shared: ResourceClaim = {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'ResourceClaim',
    metadata: { name: 'shared', namespace },
    spec: { devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'gpu' } }] } },
  };
  const named = [{ name: 'card', resourceClaimName: 'shared' }];
  const claim = () => (l: Lab) => l.get<ResourceClaim>('resourceclaims', namespace, 'shared');

  it('are made for a pod that somebody bound by hand, and taken back with the allocation when it goes', async () => {
    await using l = new Lab();
    l.start(new ResourceClaimController(l.context));
    await allocate(l, await l.create('resourceclaims', shared), undefined, {
      finalizers: ['resource.kubernetes.io/delete-protection'],
    });
    const user = await l.create('pods', pod('p', named, { nodeName: 'n1' }));
    await l.until('reserved', async () => (await claim()(l))!.status!.reservedFor?.[0]?.uid === user.metadata.uid);
    await l.client.resource('pods').namespace(namespace).delete('p', { gracePeriodSeconds: 0 });
    await l.until('free', async () => (await claim()(l))!.status!.allocation === undefined);
    const { metadata, status } = (await claim()(l))!;
    expect(status!.reservedFor ?? []).toEqual([]);
    expect(metadata.finalizers ?? []).toEqual([]);
  });

  it('of a pod of the same name and another uid count for nothing', async () => {
    await using l = new Lab();
    await l.create('pods', pod('p', named, { nodeName: 'n1' }));
    const ghost = pod('p', named);
    ghost.metadata.uid = 'long-gone';
    await allocate(l, await l.create('resourceclaims', shared), ghost);
    l.start(new ResourceClaimController(l.context));
    await l.until('the new pod', async () => (await claim()(l))!.status!.reservedFor?.[0]?.uid !== 'long-gone');
  });
});

describe('tainted devices', () => {
  const slice = (taint?: object): ResourceSlice =>
    ({
      apiVersion: 'resource.k8s.io/v1',
      kind: 'ResourceSlice',
      metadata: { name: 'n1-sim' },
      spec: {
        driver: 'sim',
        nodeName: 'n1',
        pool: { name: 'n1', generation: 1, resourceSliceCount: 1 },
        devices: [{ name: 'd0', ...(taint && { taints: [taint] }) }, { name: 'd1' }],
      },
    }) as ResourceSlice;
  const taint = (extra: object = {}) => ({
    key: 'broken',
    effect: 'NoExecute',
    timeAdded: rfc3339(startMs + 10_000),
    ...extra,
  });

  async function running(l: Lab, tolerations?: object[]): Promise<void> {
    l.start(new DeviceTaintEvictionController(l.context));
    await l.create('resourceslices', slice());
    const user = await l.create('pods', pod('p', [{ name: 'card', resourceClaimName: 'c' }], { nodeName: 'n1' }));
    const claim = await l.create('resourceclaims', {
      apiVersion: 'resource.k8s.io/v1',
      kind: 'ResourceClaim',
      metadata: { name: 'c', namespace },
      spec: {},
    } as ResourceClaim);
    await allocate(l, claim, user, tolerations ? { tolerations } : {});
    await l.clock.advance(10_000);
  }

  async function put(l: Lab, value?: object): Promise<void> {
    const client = l.client.resource<ResourceSlice>('resourceslices');
    const { metadata } = await client.get('n1-sim');
    await client.update({ ...slice(value), metadata });
  }

  const isGoing = async (l: Lab) => {
    const found = await podNow(l);
    return found === undefined || found.metadata.deletionTimestamp !== undefined;
  };

  it('take their pods with them at once, with condition and event', async () => {
    await using l = new Lab();
    await running(l);
    await put(l, taint({ effect: 'NoSchedule' }));
    await l.clock.advance(60_000);
    expect(await isGoing(l)).toBe(false);
    const patched: any[] = [];
    l.api.intercept((request, { resource, verb }) => {
      if (resource === 'pods' && verb === 'patch') patched.push((request.body as any).status.conditions[0]);
    });
    await put(l, taint());
    await l.until('evicted', () => isGoing(l));
    expect(patched).toMatchObject([
      {
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'DeletionByDeviceTaintManager',
        message: 'Device Taint manager: deleting due to NoExecute taint',
      },
    ]);
    await l.clock.advance(2000);
    expect(await l.events('DeviceTaintManagerEviction')).toEqual([
      'Normal DeviceTaintManagerEviction Marking for deletion',
    ]);
  });

  it('are borne for tolerationSeconds after the taint came, or for ever', async () => {
    await using l = new Lab();
    await running(l, [{ key: 'broken', operator: 'Exists', tolerationSeconds: 30 }]);
    await put(l, taint());
    await l.clock.advance(29_000);
    expect(await isGoing(l)).toBe(false);
    await l.clock.advance(2000);
    expect(await isGoing(l)).toBe(true);

    await using other = new Lab();
    await running(other, [{ operator: 'Exists' }]);
    await put(other, taint());
    await other.clock.advance(3600_000);
    expect(await isGoing(other)).toBe(false);
  });

  it('that are mended in time keep their pods', async () => {
    await using l = new Lab();
    await running(l, [{ key: 'broken', operator: 'Exists', tolerationSeconds: 30 }]);
    await put(l, taint());
    await l.clock.advance(20_000);
    await put(l);
    await l.clock.advance(3600_000);
    expect(await isGoing(l)).toBe(false);
    expect(await l.events('DeviceTaintManagerEviction')).toEqual([
      'Normal DeviceTaintManagerEviction Cancelling deletion',
    ]);
  });
});
