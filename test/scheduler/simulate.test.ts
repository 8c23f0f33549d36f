import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../src/apimachinery/index.ts';
import {
  expandWorkloads,
  loadSchedulerConfig,
  nodesOfShapes,
  parseShape,
  simulate,
} from '../../src/scheduler/index.ts';

const template = (cpu: string, more: object = {}) => ({
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'c', image: 'app:1', resources: { requests: { cpu, memory: '1Gi' } } }], ...more },
});
const workload = (kind: string, name: string, spec: object) =>
  ({
    apiVersion: 'apps/v1',
    kind,
    metadata: { name },
    spec: { selector: { matchLabels: { app: 'web' } }, ...spec },
  }) as unknown as KubeObject;
const nodes = (...shapes: string[]) => ({ nodes: nodesOfShapes(shapes.map((shape) => parseShape(shape))) });

const packing = loadSchedulerConfig(`
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- pluginConfig:
  - name: NodeResourcesFit
    args: {scoringStrategy: {type: MostAllocated, resources: [{name: cpu, weight: 1}]}}
  plugins:
    score:
      disabled: [{name: PodTopologySpread}, {name: NodeResourcesBalancedAllocation}]
`);
const spreading = loadSchedulerConfig('apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n');

describe('simulate', () => {
  it('places what fits, says why the rest does not, and counts the cost', async () => {
    const objects = nodes('count=3,cpu=4,memory=16Gi,zone=a|b|c,price=0.2');
    const [result] = await simulate({
      objects,
      workload: expandWorkloads([workload('Deployment', 'web', { replicas: 4, template: template('3') })]),
    });
    expect(result!.placements.map(({ node }) => node).sort()).toEqual(['node-1', 'node-2', 'node-3']);
    expect(result!.unscheduled).toEqual([
      {
        pod: 'default/web-3',
        why: expect.stringMatching(/^0 of 3 nodes fit: 3 lack cpu \(nearest node-1 is short by 2\)\./),
        message:
          '0/3 nodes are available: 3 Insufficient cpu. no new claims to deallocate, preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.',
      },
    ]);
    expect(result).toMatchObject({ nodesInUse: 3, utilisation: { cpu: 0.75 }, cost: { all: 0.6, inUse: 0.6 } });
    // One cpu is free on each node: no pod of 3 fits, though one would were it in one piece.
    expect(result!.fragmentation).toEqual({ fits: 0, ideal: 1, lost: 1 });
  });

  it('compares configurations: packing uses fewer nodes and so costs less', async () => {
    const [spread, pack] = await simulate({
      objects: nodes('count=4,cpu=8,memory=64Gi,price=1'),
      workload: expandWorkloads([workload('Deployment', 'web', { replicas: 4, template: template('1') })]),
      configs: [
        { name: 'spread', config: spreading },
        { name: 'pack', config: packing },
      ],
    });
    expect([spread!.config, spread!.nodesInUse, spread!.cost]).toEqual(['spread', 4, { all: 4, inUse: 4 }]);
    expect([pack!.config, pack!.nodesInUse, pack!.cost]).toEqual(['pack', 1, { all: 4, inUse: 1 }]);
  });

  it('expands daemon sets, stateful sets with claims, and jobs', async () => {
    const claims = [
      {
        metadata: { name: 'data' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      },
    ];
    const job = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'once' },
      spec: { parallelism: 3, completions: 2, template: template('100m') },
    };
    const [result] = await simulate({
      objects: nodes('count=2,cpu=4', 'cpu=4,taint=gpu=yes:NoSchedule'),
      workload: expandWorkloads([
        workload('DaemonSet', 'agent', { template: template('100m') }),
        workload('StatefulSet', 'db', { replicas: 2, template: template('100m'), volumeClaimTemplates: claims }),
        job as unknown as KubeObject,
      ]),
    });
    expect(result!.unscheduled).toEqual([]);
    expect(result!.placements.map(({ pod }) => pod).sort()).toEqual(
      ['agent-node-1', 'agent-node-2', 'db-0', 'db-1', 'once-0', 'once-1'].map((name) => `default/${name}`),
    );
    expect(
      result!.placements.filter(({ pod }) => pod.includes('agent')).every(({ pod, node }) => pod.endsWith(node)),
    ).toBe(true);
  });

  it('lets the important go first', async () => {
    const classes = {
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name: 'high' },
      value: 100,
    } as unknown as KubeObject;
    const [result] = await simulate({
      objects: nodes('cpu=1'),
      workload: expandWorkloads([
        classes,
        workload('Deployment', 'low', { template: template('1') }),
        workload('Deployment', 'vip', { template: template('1', { priorityClassName: 'high' }) }),
      ]),
    });
    expect(result!.placements).toEqual([{ pod: 'default/vip-0', node: 'node-1' }]);
  });

  it('refuses shapes that say nothing', () => {
    expect(() => parseShape('cpu')).toThrow('shape "cpu": "cpu" is not KEY=VALUE');
    expect(() => parseShape('cpu=four')).toThrow('cpu must be a quantity, not "four"');
    expect(() => parseShape('cpu=-1')).toThrow('cpu must not be negative, as "-1" is');
    expect(() => parseShape('price=cheap')).toThrow('price must be a number');
    expect(parseShape('cpu=2,disk=ssd,nvidia.com/gpu=1', 5)).toMatchObject({
      count: 5,
      resources: { cpu: '2', 'nvidia.com/gpu': '1' },
      labels: { disk: 'ssd' },
    });
  });
});
