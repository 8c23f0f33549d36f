import { expect, it } from 'vitest';
import type { IPAddress, ServiceCIDR } from '../../src/api/index.ts';
import { ServiceCidrsController } from '../../src/controllers/index.ts';
import { Lab } from '../helpers/controllers.ts';

const cidrs = 'servicecidrs.networking.k8s.io';
const addresses = 'ipaddresses.networking.k8s.io';

const range = (name: string, ...list: string[]) =>
  ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name },
    spec: { cidrs: list },
  }) as ServiceCIDR;

const address = (name: string) =>
  ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IPAddress',
    metadata: {
      name,
      labels: {
        'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
        'ipaddress.kubernetes.io/ip-family': name.includes(':') ? 'IPv6' : 'IPv4',
      },
    },
    spec: { parentRef: { resource: 'services', namespace: 'default', name: 'web' } },
  }) as IPAddress;

const readyOf = async (l: Lab, name: string) => {
  const found = await l.get<ServiceCIDR>(cidrs, '', name);
  const ready = found?.status?.conditions?.find(({ type }) => type === 'Ready');
  return ready && `${ready.status} ${ready.reason} ${ready.message}`;
};
const isReady = async (l: Lab, name: string) =>
  (await readyOf(l, name)) === 'True  Kubernetes Service CIDR is ready' &&
  (await l.get<ServiceCIDR>(cidrs, '', name))?.metadata.finalizers?.includes(
    'networking.k8s.io/service-cidr-finalizer',
  ) === true;

const blocked =
  'False Terminating There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR';

it('a range is called ready, and goes ten seconds after its deletion when nobody has an address of it', async () => {
  await using l = new Lab();
  l.start(new ServiceCidrsController(l.context));
  await l.create(cidrs, range('a', '10.0.0.0/24', 'fd00::/112'));
  await l.until('it is ready', () => isReady(l, 'a'));
  await l.client.resource(cidrs).delete('a');
  await l.clock.advance(9_000);
  expect(await l.get(cidrs, '', 'a')).toBeDefined();
  await l.until('it is gone', async () => (await l.get(cidrs, '', 'a')) === undefined, 2_000);
});

it.each([
  ['its last address goes', (l: Lab) => l.client.resource(addresses).delete('10.0.0.7')],
  ['another range has the address', (l: Lab) => l.create(cidrs, range('b', '10.0.0.0/28'))],
  ['a larger range holds all of it', (l: Lab) => l.create(cidrs, range('b', '10.0.0.0/16'))],
])('a range whose address is taken stays until %s', async (_, free) => {
  await using l = new Lab();
  l.start(new ServiceCidrsController(l.context));
  await l.create(cidrs, range('a', '10.0.0.0/24'));
  await l.create(addresses, address('10.0.0.7'));
  await l.until('it is ready', () => isReady(l, 'a'));
  await l.client.resource(cidrs).delete('a');
  await l.until('it says why it stays', async () => (await readyOf(l, 'a')) === blocked);
  await l.clock.advance(60_000);
  expect(await readyOf(l, 'a')).toBe(blocked);
  await free(l);
  await l.until('it is gone', async () => (await l.get(cidrs, '', 'a')) === undefined, 60_000);
});
