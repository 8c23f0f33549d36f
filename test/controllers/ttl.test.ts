import { it } from 'vitest';
import type { Node } from '../../src/api/index.ts';
import { TtlController } from '../../src/controllers/index.ts';
import { Lab } from '../helpers/controllers.ts';

it('nodes are told how long to keep what they read, by the size of the cluster, without going to and fro', async () => {
  await using l = new Lab();
  l.start(new TtlController(l.context));
  const add = async (from: number, to: number) => {
    for (let i = from; i <= to; i++)
      await l.create('nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: `n${i}` } } as Node);
  };
  const ttl = async (name: string) => {
    const node = await l.get<Node>('nodes', '', name);
    return node?.metadata.annotations?.['node.alpha.kubernetes.io/ttl'];
  };
  await add(1, 100);
  await l.until('0 s', async () => (await ttl('n100')) === '0');
  await add(101, 101);
  await l.until('15 s', async () => (await ttl('n101')) === '15');
  const remove = (i: number) => l.client.resource('nodes').delete(`n${i}`);
  for (let i = 101; i > 90; i--) await remove(i);
  await l.clock.advance(10);
  await add(200, 200);
  await l.until('still 15 s', async () => (await ttl('n200')) === '15');
  await remove(200);
  await remove(90);
  await l.clock.advance(10);
  await add(201, 201);
  await l.until('0 s again', async () => (await ttl('n201')) === '0');
});
