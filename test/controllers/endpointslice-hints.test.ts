import { describe, expect, it } from 'vitest';
import type { EndpointSlice, Node, Pod, Service } from '../../src/api/index.ts';
import { EndpointSliceController } from '../../src/controllers/index.ts';
import { Lab } from '../helpers/controllers.ts';

const zones = ['a', 'b', 'c'];

async function lab(cpus: readonly string[] = ['8', '8', '8']): Promise<Lab> {
  const l = new Lab();
  l.start(new EndpointSliceController(l.context));
  for (const [i, cpu] of cpus.entries()) {
    await l.create('nodes', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: `node-${zones[i]}`, labels: { 'topology.kubernetes.io/zone': `zone-${zones[i]}` } },
      status: { allocatable: { cpu }, conditions: [{ type: 'Ready', status: 'True' }] },
    } as unknown as Node);
  }
  return l;
}

async function service(l: Lab, spec: object, annotations: Record<string, string> = {}): Promise<void> {
  await l.create('services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default', annotations },
    spec: { clusterIP: '10.96.0.10', ipFamilies: ['IPv4'], selector: { app: 'web' }, ports: [{ port: 80 }], ...spec },
  } as unknown as Service);
}

/** `abb`: one pod in zone a, two in zone b. */
async function pods(l: Lab, places: string): Promise<void> {
  for (const [i, place] of [...places].entries()) {
    const pod = await l.create('pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `p${i}`, namespace: 'default', labels: { app: 'web' } },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    } as unknown as Pod);
    await l.run(pod, true, `node-${place}`);
  }
}

const endpoints = async (l: Lab) =>
  (await l.list<EndpointSlice>('endpointslices', 'default')).flatMap((slice) => slice.endpoints ?? []);

/** `a→b`: an endpoint in zone a whose hint names zone b. */
const hints = async (l: Lab) =>
  (await endpoints(l))
    .map(({ zone, hints }) => `${zone?.slice(5)}→${(hints?.forZones ?? []).map(({ name }) => name.slice(5)).join()}`)
    .sort();

describe('spec.trafficDistribution', () => {
  it.each([
    ['PreferClose', { forZones: [{ name: 'zone-b' }] }],
    ['PreferSameZone', { forZones: [{ name: 'zone-b' }] }],
    ['PreferSameNode', { forZones: [{ name: 'zone-b' }], forNodes: [{ name: 'node-b' }] }],
  ])('%s names the place of each ready endpoint', async (trafficDistribution, wanted) => {
    await using l = await lab();
    await service(l, { trafficDistribution });
    await pods(l, 'b');
    await l.until('the hint', async () => (await endpoints(l))[0]?.hints !== undefined);
    expect((await endpoints(l))[0]!.hints).toEqual(wanted);
  });

  it('comes and goes without any change of endpoints', async () => {
    await using l = await lab();
    await service(l, {});
    await pods(l, 'ab');
    await l.until('both', async () => (await endpoints(l)).length === 2);
    expect(await hints(l)).toEqual(['a→', 'b→']);
    const set = (trafficDistribution: string | null) =>
      l.client.resource('services').namespace('default').patch('web', 'merge', { spec: { trafficDistribution } });
    await set('PreferSameZone');
    await l.until('hints', async () => (await hints(l)).join() === 'a→a,b→b');
    await set(null);
    await l.until('no hints', async () => (await hints(l)).join() === 'a→,b→');
  });
});

describe('topology-mode Auto', () => {
  const auto = { 'service.kubernetes.io/topology-mode': 'Auto' };

  it('names the own zone where endpoints lie as CPUs do', async () => {
    await using l = await lab();
    await service(l, {}, auto);
    await pods(l, 'abc');
    await l.until('hints', async () => (await hints(l)).join() === 'a→a,b→b,c→c');
    expect(await l.events('TopologyAwareHintsEnabled')).toEqual([
      'Normal TopologyAwareHintsEnabled Topology Aware Hints has been enabled, addressType: IPv4',
    ]);
  });

  it('gives endpoints to zones that have fewer than their share', async () => {
    await using l = await lab();
    await service(l, {}, auto);
    await pods(l, 'aaaabb');
    const wanted = 'a→a,a→a,a→c,a→c,b→b,b→b';
    await l.until('every zone has two', async () => (await hints(l)).join() === wanted);
  });

  it.each([
    ['ab', ['8', '8', '8'], 'Insufficient number of endpoints (2 endpoints, 3 zones)'],
    [
      'abc',
      ['8', '0', '8'],
      'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes',
    ],
    [
      'abc',
      ['64', '8', '8'],
      'Unable to allocate minimum required endpoints to each zone without exceeding overload threshold (3 endpoints, 3 zones)',
    ],
  ])('says of %s on %j why it has no hints', async (places, cpus, why) => {
    await using l = await lab(cpus);
    await service(l, {}, auto);
    await pods(l, places);
    await l.until('all', async () => (await endpoints(l)).length === places.length);
    await l.until('the event', async () =>
      (await l.events('TopologyAwareHintsDisabled')).includes(
        `Warning TopologyAwareHintsDisabled ${why}, addressType: IPv4`,
      ),
    );
    expect((await endpoints(l)).some(({ hints }) => hints)).toBe(false);
  });

  it('loses its hints when a zone goes, and goes before trafficDistribution', async () => {
    await using l = await lab(['8', '8']);
    await service(l, { trafficDistribution: 'PreferSameNode' }, auto);
    await pods(l, 'ab');
    await l.until('hints', async () => (await hints(l)).join() === 'a→a,b→b');
    expect((await endpoints(l)).some(({ hints }) => hints?.forNodes)).toBe(false);
    const labels = { 'topology.kubernetes.io/zone': 'zone-a' };
    await l.client.resource('nodes').patch('node-b', 'merge', { metadata: { labels } });
    await l.until('no hints', async () => (await hints(l)).join() === 'a→,a→');
  });
});
