/** A configuration that went over the wire decides as the one it was. */
import { describe, expect, it } from 'vitest';
import { CertificateAuthority } from '../../src/pki/index.ts';
import {
  decodeSchedulerConfig,
  encodeSchedulerConfig,
  type SchedulerConfig,
  schedulerConfig,
  World,
  whatIf,
} from '../../src/scheduler/index.ts';
import { makeNode, makePod } from './objects.ts';

const now = Date.UTC(2026, 0, 1);
const identity = CertificateAuthority.create({ commonName: 'extenders', now }).issue({
  subject: { commonName: 'system:kube-scheduler' },
  usages: ['clientAuth'],
  now,
});
const base64 = (text: string) => Buffer.from(text).toString('base64');

const given = {
  apiVersion: 'kubescheduler.config.k8s.io/v1',
  kind: 'KubeSchedulerConfiguration',
  profiles: [
    {
      schedulerName: 'pack',
      pluginConfig: [{ name: 'NodeResourcesFit', args: { scoringStrategy: { type: 'MostAllocated' } } }],
    },
    {
      schedulerName: 'careless',
      percentageOfNodesToScore: 40,
      plugins: { multiPoint: { disabled: [{ name: 'TaintToleration' }] } },
    },
  ],
  extenders: [
    {
      urlPrefix: 'https://extender.test',
      filterVerb: 'filter',
      tlsConfig: { serverName: 'extender', certData: base64(identity.cert), keyData: base64(identity.key) },
    },
  ],
};

const overTheWire = (config: SchedulerConfig): SchedulerConfig =>
  decodeSchedulerConfig(JSON.parse(JSON.stringify(encodeSchedulerConfig(config))));

describe('a configuration on the wire', () => {
  it('is the same but for the keys by which extenders know the scheduler', () => {
    const config = schedulerConfig(given);
    const told = overTheWire(config);
    const { tls, ...extender } = config.extenders[0]!;
    expect(tls).toMatchObject(identity);
    expect(told).toEqual({
      ...config,
      extenders: [{ ...extender, tls: { insecure: false, serverName: 'extender' } }],
    });
    expect(JSON.stringify(encodeSchedulerConfig(config))).not.toContain('"key"');
  });

  it('places pods by the profile that they name', async () => {
    const { extenders: _, ...rest } = given;
    const taint = { key: 'gpu', value: 'true', effect: 'NoSchedule' };
    const world = new World(
      { nodes: [makeNode('a', { taints: [taint] })] },
      { config: overTheWire(schedulerConfig(rest)) },
    );
    const asks = async (schedulerName: string) => {
      const { now, changes } = await whatIf(world, makePod('web', { schedulerName }));
      return [now.scheduler, now.node, changes.map(({ kind }) => kind)];
    };
    expect(await asks('careless')).toEqual(['careless', 'a', []]);
    expect(await asks('pack')).toEqual(['pack', undefined, expect.arrayContaining(['Toleration', 'Node'])]);
    // Nobody here answers to it; the first profile could not place it either.
    expect(await asks('mine')).toEqual(['pack', undefined, []]);
  });

  it('asks the extenders in every dry run', async () => {
    const asked: string[][] = [];
    const world = new World(
      { nodes: [makeNode('a', { cpu: '1' }), makeNode('b', { cpu: '2' })] },
      {
        config: schedulerConfig({
          ...given,
          profiles: [],
          extenders: [{ urlPrefix: 'http://extender.test', filterVerb: 'filter', nodeCacheCapable: true }],
        }),
        post: async (_url, body) => {
          const { NodeNames } = JSON.parse(body);
          asked.push(NodeNames);
          const failedNodes = NodeNames.includes('b') ? { b: 'b is for others' } : {};
          const answer = { nodenames: NodeNames.filter((name: string) => name !== 'b'), failedNodes };
          return { status: 200, body: JSON.stringify(answer) };
        },
      },
    );
    const { now, changes } = await whatIf(world, makePod('web', { requests: { cpu: '1500m' } }));
    expect(now.nodes.find(({ name }) => name === 'b')!.filter!.reasons).toEqual(['b is for others']);
    expect(changes.find(({ kind }) => kind === 'Request')).toMatchObject({ node: 'a' });
    expect(asked).toContainEqual(['a', 'b']);
  });
});
