import { describe, expect, it } from 'vitest';
import type { Service } from '../../src/api/index.ts';
import { IngressAddressController, ServiceLoadBalancerController } from '../../src/controllers/index.ts';
import { Lab } from '../helpers/controllers.ts';

const makeService = (name: string, spec: object = {}): Service =>
  ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ...spec },
  }) as Service;

function lab(loadBalancerCidr = '192.0.2.0/29'): Lab {
  const made = new Lab({ loadBalancerCidr });
  return made.start(new ServiceLoadBalancerController(made.context), new IngressAddressController(made.context));
}

const addressOf = async (l: Lab, name: string) =>
  (await l.get<Service>('services', 'default', name))?.status?.loadBalancer?.ingress?.[0]?.ip;

describe('services of type LoadBalancer', () => {
  it('get an address of the range, and give it back when they go', async () => {
    await using l = lab();
    await l.create('services', makeService('web'));
    await l.until('address', async () => (await addressOf(l, 'web')) !== undefined);
    const web = (await l.get<Service>('services', 'default', 'web'))!;
    expect(web.status!.loadBalancer).toEqual({ ingress: [{ ip: '192.0.2.1', ipMode: 'VIP' }] });
    expect(web.metadata.finalizers).toEqual(['service.kubernetes.io/load-balancer-cleanup']);
    await l.until('events', async () => (await l.events()).length === 2);
    expect(await l.events()).toEqual([
      'Normal EnsuringLoadBalancer Ensuring load balancer',
      'Normal EnsuredLoadBalancer Ensured load balancer',
    ]);
    await l.client.resource('services').namespace('default').delete('web');
    await l.until('gone', async () => (await l.list('services')).length === 0);
    await l.until('events', async () => (await l.events('DeletedLoadBalancer')).length === 1);
  });

  it('never share one, wait when all are taken, and get one that comes free', async () => {
    await using l = lab();
    // Five of the eight addresses: without network, broadcast and the Ingresses' own.
    for (let i = 0; i < 6; i++) await l.create('services', makeService(`s${i}`));
    const all = () => Promise.all(Array.from({ length: 6 }, (_, i) => addressOf(l, `s${i}`)));
    await l.until('five', async () => (await all()).filter(Boolean).length === 5);
    await l.until('told', async () => (await l.events('SyncLoadBalancerFailed')).length > 0);
    expect((await l.events('SyncLoadBalancerFailed'))[0]).toBe(
      'Warning SyncLoadBalancerFailed Error syncing load balancer: failed to ensure load balancer: the range of load balancer addresses is full',
    );
    expect(new Set((await all()).filter(Boolean)).size).toBe(5);
    const lucky = (await all()).findIndex(Boolean);
    await l.client.resource('services').namespace('default').delete(`s${lucky}`);
    await l.until('the sixth', async () => (await all()).filter(Boolean).length === 5);
  });

  it('get the address they ask for, and lose it when they are no load balancer any more', async () => {
    await using l = lab();
    await l.create('services', makeService('web', { loadBalancerIP: '192.0.2.4' }));
    await l.until('address', async () => (await addressOf(l, 'web')) === '192.0.2.4');
    await l.client
      .resource('services')
      .namespace('default')
      .patch('web', 'merge', { spec: { type: 'ClusterIP' } });
    await l.until('given back', async () => (await addressOf(l, 'web')) === undefined);
    const service = (await l.get<Service>('services', 'default', 'web'))!;
    expect(service.metadata.finalizers ?? []).toEqual([]);
    // As every other service that is no load balancer.
    expect(JSON.stringify(service.status)).toBe('{"loadBalancer":{}}');
  });

  it('of a class are somebody else’s', async () => {
    await using l = lab();
    await l.create('services', makeService('theirs', { loadBalancerClass: 'example.com/lb' }));
    await l.clock.advance(60_000);
    expect(await addressOf(l, 'theirs')).toBeUndefined();
  });

  it('keep their address over a restart of the controller', async () => {
    await using l = new Lab({ loadBalancerCidr: '192.0.2.0/29' });
    const kept = makeService('kept');
    await l.create('services', kept);
    const stored = (await l.get<Service>('services', 'default', 'kept'))!;
    const ingress = [{ ip: '192.0.2.1', ipMode: 'VIP' }];
    await l.client.resource<Service>('services').updateStatus({ ...stored, status: { loadBalancer: { ingress } } });
    await l.create('services', makeService('new'));
    l.start(new ServiceLoadBalancerController(l.context));
    await l.until('new', async () => (await addressOf(l, 'new')) !== undefined);
    expect(await addressOf(l, 'kept')).toBe('192.0.2.1');
    expect(await addressOf(l, 'new')).toBe('192.0.2.2');
  });
});

describe('ingresses', () => {
  const makeIngress = (name: string, ingressClassName: string) => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name, namespace: 'default' },
    spec: { ingressClassName },
  });

  it('of klab’s class get an address, others are left alone', async () => {
    await using l = lab();
    for (const name of ['mine', 'theirs']) await l.create('ingresses', makeIngress(name, name));
    for (const [name, controller] of [
      ['mine', 'klab.dev/ingress'],
      ['theirs', 'example.com/ingress'],
    ]) {
      await l.create('ingressclasses', {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'IngressClass',
        metadata: { name },
        spec: { controller },
      } as never);
    }
    const statusOf = async (name: string) => (await l.get('ingresses', 'default', name))!['status'];
    await l.until('address', async () => (await statusOf('mine'))?.loadBalancer?.ingress !== undefined);
    expect(await statusOf('mine')).toEqual({ loadBalancer: { ingress: [{ ip: '192.0.2.6' }] } });
    expect((await statusOf('theirs'))?.loadBalancer?.ingress).toBeUndefined();
  });
});
