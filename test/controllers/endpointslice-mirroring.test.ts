import { describe, expect, it } from 'vitest';
import type { EndpointSlice, Endpoints, Service } from '../../src/api/index.ts';
import { EndpointSliceMirroringController } from '../../src/controllers/index.ts';
import { Lab } from '../helpers/controllers.ts';

const serviceOf = (spec: object = {}) =>
  ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'db', namespace: 'default' },
    spec: { clusterIP: '10.96.0.9', ports: [{ port: 5432 }], ...spec },
  }) as Service;

const endpointsOf = (metadata: object = {}, subsets?: object[]) =>
  ({
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: 'db', namespace: 'default', ...metadata },
    subsets: subsets ?? [
      {
        addresses: [{ ip: '192.0.2.1', nodeName: 'node-1' }, { ip: '2001:db8::1' }],
        notReadyAddresses: [{ ip: '192.0.2.2', hostname: 'second' }],
        ports: [{ name: 'pg', port: 5432, protocol: 'TCP' }],
      },
    ],
  }) as Endpoints;

const slices = (l: Lab) => l.list<EndpointSlice>('endpointslices', 'default');
const count = (l: Lab, wanted: number) => l.until(`${wanted} slices`, async () => (await slices(l)).length === wanted);

async function lab(): Promise<Lab> {
  const l = new Lab();
  l.start(new EndpointSliceMirroringController(l.context));
  return l;
}

describe('Endpoints of a Service without selector', () => {
  it('are mirrored, a slice for each family, with labels and annotations but the unwanted ones', async () => {
    await using l = await lab();
    await l.create('services', serviceOf());
    const labels = { team: 'shop' };
    const annotations = { note: 'mine', 'kubectl.kubernetes.io/last-applied-configuration': '{}' };
    const made = await l.create('endpoints', endpointsOf({ labels, annotations }));
    await count(l, 2);
    const [four, six] = (await slices(l)).sort((a, b) => (a.addressType < b.addressType ? -1 : 1));
    expect(four).toMatchObject({
      metadata: {
        generateName: 'db-',
        annotations: { note: 'mine' },
        labels: {
          team: 'shop',
          'kubernetes.io/service-name': 'db',
          'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
        },
        ownerReferences: [{ kind: 'Endpoints', name: 'db', uid: made.metadata.uid, controller: true }],
      },
      addressType: 'IPv4',
      ports: [{ name: 'pg', port: 5432, protocol: 'TCP' }],
      endpoints: [
        { addresses: ['192.0.2.1'], conditions: { ready: true }, nodeName: 'node-1' },
        { addresses: ['192.0.2.2'], conditions: { ready: false }, hostname: 'second' },
      ],
    });
    expect(Object.keys(four!.metadata.annotations!)).toEqual(['note']);
    expect(six).toMatchObject({ addressType: 'IPv6', endpoints: [{ addresses: ['2001:db8::1'] }] });
  });

  it('are followed: the slice stays, its contents change, a family that is gone takes its slice along', async () => {
    await using l = await lab();
    await l.create('services', serviceOf());
    const made = await l.create('endpoints', endpointsOf());
    await count(l, 2);
    const before = (await slices(l)).find(({ addressType }) => addressType === 'IPv4')!;
    const subsets = [{ addresses: [{ ip: '192.0.2.7' }], ports: [{ name: 'pg', port: 6543, protocol: 'TCP' }] }];
    await l.client
      .resource('endpoints')
      .namespace('default')
      .update({ ...made, subsets });
    await count(l, 1);
    const [after] = await slices(l);
    expect(after!.metadata.name).toBe(before.metadata.name);
    expect(after!.endpoints).toEqual([{ addresses: ['192.0.2.7'], conditions: { ready: true } }]);
    expect(after!.ports![0]!.port).toBe(6543);
  });

  it('are said to have what cannot be mirrored', async () => {
    await using l = await lab();
    await l.create('services', serviceOf());
    const addresses = Array.from({ length: 1005 }, (_, i) => ({ ip: `192.0.${2 + (i >> 8)}.${i & 255}` }));
    await l.create('endpoints', endpointsOf({}, [{ addresses: [{ ip: 'x' }, ...addresses], ports: [{ port: 80 }] }]));
    await count(l, 1);
    expect((await slices(l))[0]!.endpoints).toHaveLength(1000);
    await l.until('both events', async () => (await l.events()).length === 2);
    expect((await l.events()).sort()).toEqual([
      'Warning InvalidIPAddress Skipped 1 invalid IP addresses when mirroring to EndpointSlices',
      'Warning TooManyAddressesToMirror A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset. 6 addresses were skipped',
    ]);
  });
});

describe('mirrored slices go', () => {
  it.each([
    ['the Service gets a selector', (l: Lab) => patch(l, 'services', { spec: { selector: { app: 'db' } } })],
    ['the Service goes', (l: Lab) => l.client.resource('services').namespace('default').delete('db')],
    ['the Endpoints go', (l: Lab) => l.client.resource('endpoints').namespace('default').delete('db')],
    [
      'they are not to be mirrored any more',
      (l: Lab) =>
        patch(l, 'endpoints', { metadata: { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } } }),
    ],
  ])('when %s', async (_, act) => {
    await using l = await lab();
    await l.create('services', serviceOf());
    await l.create('endpoints', endpointsOf());
    await count(l, 2);
    await act(l);
    await count(l, 0);
  });
});

function patch(l: Lab, resource: string, body: object): Promise<unknown> {
  return l.client.resource(resource).namespace('default').patch('db', 'merge', body);
}

it.each([
  ['are marked so', { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }, {}],
  ['are the record of a leader', { annotations: { 'control-plane.alpha.kubernetes.io/leader': '{}' } }, {}],
  ['belong to a Service with selector', {}, { selector: { app: 'db' } }],
])('Endpoints that %s are not mirrored', async (_, metadata, spec) => {
  await using l = await lab();
  await l.create('services', serviceOf(spec));
  await l.create('endpoints', endpointsOf(metadata));
  await l.clock.advance(10_000);
  expect(await slices(l)).toEqual([]);
});
