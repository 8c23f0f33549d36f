/** The configuration that is printed is the one that works: read again, it is the same. */
import { describe, expect, it } from 'vitest';
import { completeSchedulerConfig, type SchedulerConfig, schedulerConfig } from '../../src/scheduler/index.ts';

const kind = { apiVersion: 'kubescheduler.config.k8s.io/v1', kind: 'KubeSchedulerConfiguration' };
const again = (config: SchedulerConfig): SchedulerConfig =>
  schedulerConfig(JSON.parse(JSON.stringify(completeSchedulerConfig(config))));

describe('a completed configuration', () => {
  it.each([
    ['the default', kind],
    [
      'two profiles with their own plugins and arguments',
      {
        ...kind,
        percentageOfNodesToScore: 30,
        podMaxBackoffSeconds: 60,
        profiles: [
          {
            schedulerName: 'pack',
            percentageOfNodesToScore: 40,
            plugins: {
              multiPoint: { disabled: [{ name: 'ImageLocality' }], enabled: [{ name: 'NodeAffinity', weight: 7 }] },
              score: { disabled: [{ name: '*' }], enabled: [{ name: 'NodeResourcesFit', weight: 5 }] },
            },
            pluginConfig: [{ name: 'NodeResourcesFit', args: { scoringStrategy: { type: 'MostAllocated' } } }],
          },
          { schedulerName: 'spread' },
        ],
      },
    ],
    [
      'an extender',
      {
        ...kind,
        extenders: [
          { urlPrefix: 'https://x.test', filterVerb: 'filter', enableHTTPS: true, httpTimeout: '1m30s' },
          { urlPrefix: 'http://y.test', prioritizeVerb: 'score', weight: 3, ignorable: true },
        ],
      },
    ],
  ])('of %s is read as what it was', (_, given) => {
    const config = schedulerConfig(given);
    expect(again(config)).toEqual(config);
  });

  it('has the kinds of arguments, and those of enabled plugins only', () => {
    const multiPoint = { disabled: [{ name: 'InterPodAffinity' }] };
    const { profiles } = completeSchedulerConfig(
      schedulerConfig({ ...kind, profiles: [{ plugins: { multiPoint } }] }),
    ) as any;
    const names = profiles[0].pluginConfig.map(({ name }: any) => name);
    expect(names).toEqual([...names].sort());
    expect(names).not.toContain('InterPodAffinity');
    expect(profiles[0].pluginConfig[0]).toEqual({
      name: 'DefaultPreemption',
      args: {
        apiVersion: kind.apiVersion,
        kind: 'DefaultPreemptionArgs',
        minCandidateNodesPercentage: 10,
        minCandidateNodesAbsolute: 100,
      },
    });
    expect(profiles[0].plugins.multiPoint.enabled[0]).toEqual({ name: 'SchedulingGates', weight: 0 });
    expect(profiles[0].plugins.bind).toEqual({});
  });

  it('of a Policy of old is one of today that decides alike', () => {
    const config = schedulerConfig({
      kind: 'Policy',
      apiVersion: 'v1',
      predicates: [{ name: 'PodFitsResources' }],
      priorities: [{ name: 'MostRequestedPriority', weight: 2 }],
    });
    expect(config.notes.join('\n')).toContain('PodFitsResources');
    expect(again(config)).toEqual({ ...config, notes: [] });
  });
});
