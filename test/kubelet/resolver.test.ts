import { expect, test } from 'vitest';
import { isReady, Lab } from './lab.ts';

const resolvConf = async (lab: Lab, name: string) => {
  await lab.untilPod(name, 'is ready', isReady);
  return lab.logs(name);
};
const main = 'cat /etc/resolv.conf; sleep infinity';

test('a resolver over the limits is cut, and an event says what is left', async () => {
  await using lab = await new Lab().start();
  await lab.createPod('over', {
    main,
    dnsConfig: {
      nameservers: ['192.0.2.1', '192.0.2.2', '192.0.2.3'],
      searches: Array.from({ length: 30 }, (_, index) => `d${index}.example`),
    },
  });
  const text = await resolvConf(lab, 'over');
  expect(text.match(/^nameserver .*/gm)).toEqual([
    'nameserver 10.96.0.10',
    'nameserver 192.0.2.1',
    'nameserver 192.0.2.2',
  ]);
  const [search] = text.match(/(?<=^search ).*/m)!;
  expect(search.split(' ')).toHaveLength(32);
  const said = (await lab.events('over')).filter((event) => event.includes('DNSConfigForming'));
  expect(said.sort()).toEqual([
    'Warning DNSConfigForming Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 10.96.0.10 192.0.2.1 192.0.2.2',
    `Warning DNSConfigForming Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${search}`,
  ]);
});

test('without an address of cluster DNS a pod has what its own settings say, and the pod and the node are told', async () => {
  await using lab = await new Lab({ kubelet: { clusterDNS: [] } }).start();
  await lab.createPod('lost', { main, dnsConfig: { nameservers: ['192.0.2.1'] } });
  expect(await resolvConf(lab, 'lost')).toBe('nameserver 192.0.2.1\n');
  const lack =
    'kubelet does not have ClusterDNS IP configured and cannot create Pod using "ClusterFirst" policy. Falling back to "Default" policy.';
  const { uid } = (await lab.pod('lost')).metadata;
  expect(await lab.events('lost')).toContain(`Warning MissingClusterDNS pod: "lost_default(${uid})". ${lack}`);
  expect(await lab.events('n1')).toContain(`Warning MissingClusterDNS ${lack}`);
  await lab.createPod('own', { main, dnsPolicy: 'None', dnsConfig: { nameservers: ['192.0.2.1'] } });
  await resolvConf(lab, 'own');
  expect((await lab.events('own')).filter((event) => event.includes('DNS'))).toEqual([]);
});
