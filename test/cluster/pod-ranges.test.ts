import { afterEach, expect, it } from 'vitest';
import type { Cluster } from '../../src/cluster/create-cluster.ts';
import { podRanges } from '../../src/cluster/pod-ranges.ts';
import { parseCidr } from '../../src/net/index.ts';
import { quietCluster } from './lab.ts';

let cluster: Cluster | undefined;
afterEach(() => cluster?.stop());

it('pods have the families of services, and the wide ranges hold the usual ones', () => {
  expect(podRanges(['10.96.0.0/16'], 3)).toEqual(['10.244.0.0/16']);
  expect(podRanges(['fd00:10:96::/112', '10.96.0.0/16'], 240)).toEqual(['fd00:10:244::/56', '10.244.0.0/16']);
  const [six, four] = podRanges(['fd00:10:96::/112', '10.96.0.0/16'], 241).map((cidr) => parseCidr(cidr)!);
  for (const [wide, usual] of [
    [four!, parseCidr('10.244.0.0/16')!],
    [six!, parseCidr('fd00:10:244::/56')!],
  ] as const) {
    const bits = wide.family === 'IPv4' ? 32n : 128n;
    const size = 1n << (bits - BigInt(wide.prefix));
    expect(usual.base - wide.base).toBeGreaterThanOrEqual(0n);
    expect(usual.base - wide.base).toBeLessThan(size);
    // A subnet each for ten thousand nodes.
    expect(size >> (wide.family === 'IPv4' ? 8n : 64n)).toBeGreaterThan(10_000n);
  }
});

it('more nodes than the usual range has subnets for become ready all the same', async () => {
  cluster = await quietCluster({ nodes: 260 });
  const nodes = cluster.server.reader.list('nodes', '');
  expect(nodes.length).toBe(260);
  expect(new Set(nodes.map((node) => node['spec'].podCIDR)).size).toBe(260);
});
