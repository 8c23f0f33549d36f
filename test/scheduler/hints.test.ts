/** Which events make a refused pod worth another try, plugin by plugin. Upstream: EventsToRegister and their hints (1.36). */
import { describe, expect, it } from 'vitest';
import type { Node, Pod } from '../../src/api/index.ts';
import { VirtualClock } from '../../src/base/index.ts';
import { type ClusterResource, changesOfNode, changesOfPod } from '../../src/scheduler/framework/events.ts';
import { loadSchedulerConfig, SchedulingQueue } from '../../src/scheduler/index.ts';
import { cycleOver, makeNode, makePod } from './objects.ts';

const zone = 'topology.kubernetes.io/zone';
const required = 'requiredDuringSchedulingIgnoredDuringExecution';

type Thing = Record<string, any>;
type Event = readonly [resource: ClusterResource, old: Thing | undefined, now: Thing | undefined];
type Row = readonly [what: string, pod: Pod, event: Event, expected: 'Queue' | 'Skip'];

interface Options {
  readonly cluster?: Parameters<typeof cycleOver>[2];
  readonly nodes?: Node[];
  readonly placed?: [Pod, string][];
}

/** What the queue does with a pod that only this plugin refused, when that happens. */
async function verdict(plugin: string, pod: Pod, [resource, old, now]: Event, options: Options): Promise<string> {
  const { profile } = cycleOver(options.nodes ?? [], options.placed ?? [], options.cluster);
  const plugins = profile.plugins.map((entry) => entry.plugin);
  expect(plugins.map(({ name }) => name)).toContain(plugin);
  const queue = new SchedulingQueue(new VirtualClock({ startMs: 0 }), plugins);
  queue.add(pod);
  if (queue.lengths.gated === 0) queue.addUnschedulable((await queue.pop())!, [plugin]);
  if (old?.['metadata'].uid === pod.metadata.uid) queue.update(old as Pod, now as Pod);
  else {
    const action = !old ? 'add' : now ? 'update' : 'delete';
    const changes =
      action !== 'update'
        ? []
        : resource === 'nodes'
          ? changesOfNode(old as Node, now as Node)
          : resource === 'pods'
            ? changesOfPod(old as Pod, now as Pod)
            : [];
    queue.onEvent({ resource, action, changes, old: old as never, now: now as never });
  }
  const { unschedulable, gated } = queue.lengths;
  return unschedulable + gated === 1 ? 'Skip' : 'Queue';
}

function table(plugin: string, rows: readonly Row[], options: Options = {}): void {
  describe(plugin, () => {
    it.each(rows.map(([what, pod, event, expected]) => ({ what, pod, event, expected })))(
      '$what: $expected',
      async ({ pod, event, expected }) => {
        expect(await verdict(plugin, pod, event, options)).toBe(expected);
      },
    );
  });
}

const node = (spec: Parameters<typeof makeNode>[1] = {}) => makeNode('n', spec) as Thing;
const on = (pod: Pod, nodeName = 'n'): Pod => ({ ...pod, spec: { ...pod.spec!, nodeName } }) as Pod;
const asking = (requests: object, name = 'p') => makePod(name, { requests });
const changed = (pod: Pod, spec: object, metadata: object = {}, status?: object): Pod =>
  ({ ...pod, metadata: { ...pod.metadata, ...metadata }, spec: { ...pod.spec!, ...spec }, status }) as Pod;
const withRequests = (pod: Pod, requests: object): Pod =>
  changed(pod, { containers: [{ ...pod.spec!.containers[0]!, resources: { requests } }] });
const withStatus = (thing: Thing, status: object): Thing => ({ ...thing, status: { ...thing['status'], ...status } });

const wants = asking({ cpu: '2', memory: '1Gi' });
const gpu = 'example.com/gpu';
const other = asking({ cpu: '2' }, 'other');

table('NodeResourcesFit', [
  ['a node that has room comes', wants, ['nodes', undefined, node()], 'Queue'],
  ['a node that is too small comes', wants, ['nodes', undefined, node({ cpu: '1' })], 'Skip'],
  ['a node that takes no pods comes', wants, ['nodes', undefined, node({ pods: '0' })], 'Skip'],
  ['a node without the extended resource comes', asking({ [gpu]: '1' }), ['nodes', undefined, node()], 'Skip'],
  ['a node has more of what it asks for', wants, ['nodes', node({ cpu: '2' }), node({ cpu: '3' })], 'Queue'],
  ['a node has less of it', wants, ['nodes', node({ cpu: '4' }), node({ cpu: '3' })], 'Skip'],
  ['a node has more, and too little', wants, ['nodes', node({ cpu: '1' }), node({ cpu: '1500m' })], 'Skip'],
  [
    'a node has more of what it does not ask for',
    asking({ cpu: '2' }),
    ['nodes', node({ memory: '1Gi' }), node({ memory: '2Gi' })],
    'Skip',
  ],
  ['a node takes more pods', asking({}), ['nodes', node({ pods: '10' }), node({ pods: '11' })], 'Queue'],
  ['a node has more, and it asks for nothing', asking({}), ['nodes', node(), node({ cpu: '8' })], 'Skip'],
  [
    'a node gets the extended resource',
    asking({ [gpu]: '1' }),
    ['nodes', node(), withStatus(node(), { allocatable: { cpu: '4', memory: '8Gi', pods: '110', [gpu]: '1' } })],
    'Queue',
  ],
  ['labels of a node change', wants, ['nodes', node(), node({ labels: { a: 'b' } })], 'Skip'],
  ['a pod on a node goes', wants, ['pods', on(other), undefined], 'Queue'],
  ['a pod that waited goes', wants, ['pods', other, undefined], 'Skip'],
  ['a nominated pod goes', wants, ['pods', changed(other, {}, {}, { nominatedNodeName: 'n' }), undefined], 'Queue'],
  ['another pod asks for less', wants, ['pods', on(other), on(withRequests(other, { cpu: '1' }))], 'Queue'],
  ['another pod asks for more', wants, ['pods', on(other), on(withRequests(other, { cpu: '3' }))], 'Skip'],
  [
    'another pod asks for less of something else',
    asking({ memory: '1Gi' }),
    ['pods', on(other), on(withRequests(other, { cpu: '1' }))],
    'Skip',
  ],
  ['it asks for less itself', wants, ['pods', wants, withRequests(wants, { cpu: '1', memory: '1Gi' })], 'Queue'],
  ['its own labels change', wants, ['pods', wants, changed(wants, {}, { labels: { a: 'b' } })], 'Skip'],
  ['another pod comes', wants, ['pods', undefined, on(other)], 'Skip'],
]);

const taint = { key: 'gpu', value: 'yes', effect: 'NoSchedule' };
const plain = asking({});
const tolerant = makePod('t', { tolerations: [{ key: 'gpu', operator: 'Exists' }] });

table('TaintToleration', [
  ['a node without taints comes', plain, ['nodes', undefined, node()], 'Queue'],
  ['a tainted node comes', plain, ['nodes', undefined, node({ taints: [taint] })], 'Skip'],
  ['a node whose taint it tolerates comes', tolerant, ['nodes', undefined, node({ taints: [taint] })], 'Queue'],
  ['a taint goes', plain, ['nodes', node({ taints: [taint] }), node()], 'Queue'],
  [
    'one of two taints goes',
    plain,
    ['nodes', node({ taints: [taint, { ...taint, key: 'b' }] }), node({ taints: [taint] })],
    'Skip',
  ],
  ['a taint goes that it tolerated', tolerant, ['nodes', node({ taints: [taint] }), node()], 'Skip'],
  ['a soft taint goes', plain, ['nodes', node({ taints: [{ ...taint, effect: 'PreferNoSchedule' }] }), node()], 'Skip'],
  ['labels change', plain, ['nodes', node(), node({ labels: { a: 'b' } })], 'Skip'],
  ['it tolerates more', plain, ['pods', plain, changed(plain, { tolerations: [{ key: 'x' }] })], 'Queue'],
  ['another tolerates more', plain, ['pods', on(other), on(changed(other, { tolerations: [{ key: 'x' }] }))], 'Skip'],
]);

const cordon = { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' };

table('NodeUnschedulable', [
  ['a node comes', plain, ['nodes', undefined, node()], 'Queue'],
  ['a cordoned node comes', plain, ['nodes', undefined, node({ unschedulable: true })], 'Skip'],
  ['a node is uncordoned', plain, ['nodes', node({ unschedulable: true }), node()], 'Queue'],
  ['a node is cordoned', plain, ['nodes', node(), node({ unschedulable: true })], 'Skip'],
  ['taints of a free node change', plain, ['nodes', node(), node({ taints: [taint] })], 'Skip'],
  ['it tolerates cordons', plain, ['pods', plain, changed(plain, { tolerations: [cordon] })], 'Queue'],
  ['it tolerates something else', plain, ['pods', plain, changed(plain, { tolerations: [{ key: 'x' }] })], 'Skip'],
]);

table('NodeName', [
  ['a node comes', plain, ['nodes', undefined, node()], 'Queue'],
  ['a node changes', plain, ['nodes', node(), node({ labels: { a: 'b' }, cpu: '9' })], 'Skip'],
]);

const ssd = makePod('ssd', { nodeSelector: { disk: 'ssd' } });

table('NodeAffinity', [
  ['a node that it wants comes', ssd, ['nodes', undefined, node({ labels: { disk: 'ssd' } })], 'Queue'],
  ['another node comes', ssd, ['nodes', undefined, node()], 'Skip'],
  ['a node becomes one that it wants', ssd, ['nodes', node(), node({ labels: { disk: 'ssd' } })], 'Queue'],
  ['a node ceases to be one', ssd, ['nodes', node({ labels: { disk: 'ssd' } }), node()], 'Skip'],
  [
    'a node that it wants changes',
    ssd,
    ['nodes', node({ labels: { disk: 'ssd' } }), node({ labels: { disk: 'ssd', a: 'b' } })],
    'Skip',
  ],
  ['resources of a node change', ssd, ['nodes', node({ cpu: '1' }), node({ cpu: '2' })], 'Skip'],
]);

const addedAffinity = {
  config: loadSchedulerConfig(
    `{apiVersion: kubescheduler.config.k8s.io/v1, kind: KubeSchedulerConfiguration, profiles: [{pluginConfig: [{name: NodeAffinity,
      args: {addedAffinity: {${required}: {nodeSelectorTerms: [{matchExpressions: [{key: team, operator: Exists}]}]}}}}]}]}`,
  ),
};

table(
  'NodeAffinity',
  [
    ['with addedAffinity, a node without it comes', plain, ['nodes', undefined, node()], 'Skip'],
    ['with addedAffinity, a node with it comes', plain, ['nodes', undefined, node({ labels: { team: 'a' } })], 'Queue'],
    ['with addedAffinity, a node gets it', plain, ['nodes', node(), node({ labels: { team: 'a' } })], 'Queue'],
  ],
  { cluster: addedAffinity },
);

const port = (hostPort: number, more: object = {}) => [{ containerPort: 80, hostPort, ...more }];
const porty = makePod('porty', { ports: port(8080) });

table('NodePorts', [
  ['a node comes', porty, ['nodes', undefined, node()], 'Queue'],
  ['a pod with the port goes', porty, ['pods', on(makePod('a', { ports: port(8080) })), undefined], 'Queue'],
  [
    'a pod with the port at one address goes',
    porty,
    ['pods', on(makePod('a', { ports: port(8080, { hostIP: '10.0.0.1' }) })), undefined],
    'Queue',
  ],
  ['a pod with another port goes', porty, ['pods', on(makePod('a', { ports: port(8081) })), undefined], 'Skip'],
  [
    'a pod with the port of another protocol goes',
    porty,
    ['pods', on(makePod('a', { ports: port(8080, { protocol: 'UDP' }) })), undefined],
    'Skip',
  ],
  ['a pod without ports goes', porty, ['pods', on(plain), undefined], 'Skip'],
  ['a pod that waited goes', porty, ['pods', makePod('a', { ports: port(8080) }), undefined], 'Skip'],
]);

const spread = (more: object = {}, labels: object = { app: 'web' }) =>
  makePod(
    'spread',
    {
      topologySpreadConstraints: [
        {
          topologyKey: zone,
          maxSkew: 1,
          whenUnsatisfiable: 'DoNotSchedule',
          labelSelector: { matchLabels: { app: 'web' } },
          ...more,
        },
      ],
    },
    { labels },
  );
const web = makePod('web', {}, { labels: { app: 'web' } });
const db = makePod('db', {}, { labels: { app: 'db' } });
const inZone = (value: string, more: object = {}) => node({ labels: { [zone]: value, ...more } });
const spreading = spread();
const honoring = spread({ nodeTaintsPolicy: 'Honor' });

table('PodTopologySpread', [
  ['a pod that counts comes', spreading, ['pods', undefined, on(web)], 'Queue'],
  ['a pod that does not count comes', spreading, ['pods', undefined, on(db)], 'Skip'],
  [
    'a pod like those that count comes elsewhere',
    spreading,
    ['pods', undefined, on(changed(web, {}, { namespace: 'other' }))],
    'Skip',
  ],
  ['a pod that counts goes', spreading, ['pods', on(web), undefined], 'Queue'],
  ['a pod that counted nowhere goes', spreading, ['pods', web, undefined], 'Skip'],
  ['a pod begins to count', spreading, ['pods', on(db), on(changed(db, {}, { labels: { app: 'web' } }))], 'Queue'],
  ['a pod ceases to count', spreading, ['pods', on(web), on(changed(web, {}, { labels: {} }))], 'Queue'],
  [
    'labels of a pod change that still counts',
    spreading,
    ['pods', on(web), on(changed(web, {}, { labels: { app: 'web', a: 'b' } }))],
    'Skip',
  ],
  ['it ceases to count itself', spreading, ['pods', spreading, changed(spreading, {}, { labels: {} })], 'Queue'],
  ['it tolerates more', spreading, ['pods', spreading, changed(spreading, { tolerations: [{ key: 'x' }] })], 'Skip'],
  [
    'it tolerates more, and taints say which nodes count',
    honoring,
    ['pods', honoring, changed(honoring, { tolerations: [{ key: 'x' }] })],
    'Queue',
  ],
  ['a node of a zone comes', spreading, ['nodes', undefined, inZone('a')], 'Queue'],
  ['a node of no zone comes', spreading, ['nodes', undefined, node()], 'Skip'],
  ['a node of a zone goes', spreading, ['nodes', inZone('a'), undefined], 'Queue'],
  ['a node of no zone goes', spreading, ['nodes', node(), undefined], 'Skip'],
  ['a node moves to another zone', spreading, ['nodes', inZone('a'), inZone('b')], 'Queue'],
  ['a node leaves its zone', spreading, ['nodes', inZone('a'), node()], 'Queue'],
  ['another label of a node changes', spreading, ['nodes', inZone('a'), inZone('a', { b: 'c' })], 'Skip'],
  [
    'taints of a node change',
    spreading,
    ['nodes', inZone('a'), { ...inZone('a'), spec: { taints: [taint] } }],
    'Queue',
  ],
  [
    'a node does not count any more, as the pod does not want it',
    changed(spreading, { nodeSelector: { disk: 'ssd' } }),
    ['nodes', inZone('a', { disk: 'ssd' }), inZone('a')],
    'Queue',
  ],
  [
    'resources of a node change',
    spreading,
    ['nodes', inZone('a'), withStatus(inZone('a'), { allocatable: {} })],
    'Skip',
  ],
]);

const near = (kind: 'podAffinity' | 'podAntiAffinity', apps: string[], labels: object = {}) =>
  makePod(
    'near',
    {
      affinity: {
        [kind]: { [required]: apps.map((app) => ({ topologyKey: zone, labelSelector: { matchLabels: { app } } })) },
      },
    },
    { labels },
  );
const likes = near('podAffinity', ['web']);
const shuns = near('podAntiAffinity', ['web']);
const shunsBoth = near('podAntiAffinity', ['web', 'db']);
const group = near('podAffinity', ['web'], { app: 'web' });
const loner = near('podAntiAffinity', ['web'], { name: 'loner' });

table('InterPodAffinity', [
  ['a pod that it wants near comes', likes, ['pods', undefined, on(web)], 'Queue'],
  ['another pod comes', likes, ['pods', undefined, on(db)], 'Skip'],
  ['a pod that it wants near goes', likes, ['pods', on(web), undefined], 'Skip'],
  ['a pod that it wants near goes, and it may be the first of them', group, ['pods', on(web), undefined], 'Queue'],
  [
    'a pod becomes one that it wants near',
    likes,
    ['pods', on(db), on(changed(db, {}, { labels: { app: 'web' } }))],
    'Queue',
  ],
  ['a pod that it shuns goes', shuns, ['pods', on(web), undefined], 'Queue'],
  ['a pod that it shuns for one reason of two goes', shunsBoth, ['pods', on(db), undefined], 'Queue'],
  ['a pod that it does not shun goes', shuns, ['pods', on(db), undefined], 'Skip'],
  ['a pod ceases to be shunned', shuns, ['pods', on(web), on(changed(web, {}, { labels: {} }))], 'Queue'],
  ['a pod that shuns it goes', web, ['pods', on(loner), undefined], 'Queue'],
  ['a pod that shuns it goes, and never had a node', web, ['pods', loner, undefined], 'Skip'],
  ['a pod that shuns others goes', db, ['pods', on(loner), undefined], 'Skip'],
  ['its own labels change', web, ['pods', web, changed(web, {}, { labels: {} })], 'Queue'],
  ['a node with the topology comes', likes, ['nodes', undefined, inZone('a')], 'Queue'],
  ['a node without the topology comes', likes, ['nodes', undefined, node()], 'Skip'],
  ['any node comes where it shuns nobody', shuns, ['nodes', undefined, node()], 'Queue'],
  ['any node comes where nobody shuns it', web, ['nodes', undefined, node()], 'Queue'],
  ['a node gets the topology', likes, ['nodes', node(), inZone('a')], 'Queue'],
  ['a node gets a topology in which it shuns pods', shuns, ['nodes', node(), inZone('a')], 'Skip'],
  ['a node leaves it', shuns, ['nodes', inZone('a'), node()], 'Queue'],
  ['a node moves', shuns, ['nodes', inZone('a'), inZone('b')], 'Queue'],
  ['another label of a node changes', shuns, ['nodes', inZone('a'), inZone('a', { b: 'c' })], 'Skip'],
]);

table(
  'InterPodAffinity',
  [
    ['a node leaves the topology in which it is shunned', web, ['nodes', inZone('a'), node()], 'Queue'],
    ['a node leaves a topology in which others are', db, ['nodes', inZone('a'), node()], 'Skip'],
  ],
  { nodes: [inZone('a') as Node], placed: [[loner, 'n']] },
);

const volume = (claimName: string) => ({ name: claimName, persistentVolumeClaim: { claimName } });
const claimant = makePod('claimant', { volumes: [volume('data')] });
const ephemeral = makePod('e', { volumes: [{ name: 'tmp', ephemeral: { volumeClaimTemplate: { spec: {} } } }] });
const meta = (name: string, more: object = {}) => ({ metadata: { name, namespace: 'default', uid: name, ...more } });
const pvc = (name: string, spec: object = {}, more: object = {}) => ({ ...meta(name, more), spec });
const storageClass = (more: object = {}) => ({ ...meta('fast'), ...more });
const capacity = (more: object) => ({ ...meta('c'), storageClassName: 'fast', ...more });

table('VolumeBinding', [
  ['its claim comes', claimant, ['persistentvolumeclaims', undefined, pvc('data')], 'Queue'],
  ['its claim changes', claimant, ['persistentvolumeclaims', pvc('data'), pvc('data', { volumeName: 'pv' })], 'Queue'],
  ['the claim that is made for it comes', ephemeral, ['persistentvolumeclaims', undefined, pvc('e-tmp')], 'Queue'],
  ['another claim comes', claimant, ['persistentvolumeclaims', undefined, pvc('other')], 'Skip'],
  [
    'a claim of that name comes elsewhere',
    claimant,
    ['persistentvolumeclaims', undefined, pvc('data', {}, { namespace: 'other' })],
    'Skip',
  ],
  ['a volume comes', claimant, ['persistentvolumes', undefined, meta('pv')], 'Queue'],
  ['a volume changes', claimant, ['persistentvolumes', meta('pv'), { ...meta('pv'), spec: {} }], 'Queue'],
  ['a class comes', claimant, ['storageclasses', undefined, storageClass()], 'Queue'],
  [
    'a class changes where it works',
    claimant,
    ['storageclasses', storageClass(), storageClass({ allowedTopologies: [{}] })],
    'Queue',
  ],
  [
    'a class changes otherwise',
    claimant,
    ['storageclasses', storageClass(), storageClass({ mountOptions: ['ro'] })],
    'Skip',
  ],
  ['a node comes', claimant, ['nodes', undefined, node()], 'Queue'],
  ['labels of a node change', claimant, ['nodes', node(), inZone('a')], 'Queue'],
  ['resources of a node change', claimant, ['nodes', node(), node({ cpu: '9' })], 'Skip'],
  ['a CSINode comes', claimant, ['csinodes', undefined, meta('n')], 'Queue'],
  ['a CSINode changes', claimant, ['csinodes', meta('n'), { ...meta('n'), spec: { drivers: [] } }], 'Skip'],
  [
    'a CSINode migrates more plugins',
    claimant,
    ['csinodes', meta('n'), meta('n', { annotations: { 'storage.alpha.kubernetes.io/migrated-plugins': 'a' } })],
    'Queue',
  ],
  [
    'there is more capacity',
    claimant,
    ['csistoragecapacities', capacity({ capacity: '1Gi' }), capacity({ capacity: '2Gi' })],
    'Queue',
  ],
  [
    'there is less capacity',
    claimant,
    ['csistoragecapacities', capacity({ capacity: '2Gi' }), capacity({ capacity: '1Gi' })],
    'Skip',
  ],
  [
    'there is more capacity for volumes that are no larger',
    claimant,
    [
      'csistoragecapacities',
      capacity({ capacity: '1Gi', maximumVolumeSize: '1Gi' }),
      capacity({ capacity: '2Gi', maximumVolumeSize: '1Gi' }),
    ],
    'Skip',
  ],
  ['capacity is told', claimant, ['csistoragecapacities', undefined, capacity({})], 'Queue'],
  [
    'a driver does not tell capacity any more',
    claimant,
    ['csidrivers', { ...meta('d'), spec: { storageCapacity: true } }, { ...meta('d'), spec: {} }],
    'Queue',
  ],
  [
    'a driver begins to tell capacity',
    claimant,
    ['csidrivers', { ...meta('d'), spec: {} }, { ...meta('d'), spec: { storageCapacity: true } }],
    'Skip',
  ],
]);

table('VolumeZone', [
  [
    'a class that waits for consumers comes',
    claimant,
    ['storageclasses', undefined, storageClass({ volumeBindingMode: 'WaitForFirstConsumer' })],
    'Queue',
  ],
  [
    'another class comes',
    claimant,
    ['storageclasses', undefined, storageClass({ volumeBindingMode: 'Immediate' })],
    'Skip',
  ],
  ['a node comes', claimant, ['nodes', undefined, node()], 'Queue'],
  ['labels of a node change', claimant, ['nodes', node(), inZone('a')], 'Queue'],
  ['its claim is bound', claimant, ['persistentvolumeclaims', pvc('data'), pvc('data', { volumeName: 'pv' })], 'Queue'],
  ['another claim is bound', claimant, ['persistentvolumeclaims', pvc('x'), pvc('x', { volumeName: 'pv' })], 'Skip'],
  ['a volume comes', claimant, ['persistentvolumes', undefined, meta('pv')], 'Queue'],
  ['a volume moves', claimant, ['persistentvolumes', meta('pv'), meta('pv', { labels: { [zone]: 'a' } })], 'Queue'],
  [
    'another label of a volume changes',
    claimant,
    ['persistentvolumes', meta('pv'), meta('pv', { labels: { a: 'b' } })],
    'Skip',
  ],
]);

const disk = (pdName: string, readOnly = false) =>
  makePod(`disk-${pdName}`, { volumes: [{ name: 'v', gcePersistentDisk: { pdName, readOnly } }] });

table('VolumeRestrictions', [
  ['a node comes', disk('a'), ['nodes', undefined, node()], 'Queue'],
  ['a node changes', disk('a'), ['nodes', node(), inZone('a')], 'Skip'],
  ['a pod with the disk goes', disk('a'), ['pods', on(disk('a')), undefined], 'Queue'],
  ['a pod with another disk goes', disk('a'), ['pods', on(disk('b')), undefined], 'Skip'],
  ['a pod that read the disk it reads goes', disk('a', true), ['pods', on(disk('a', true)), undefined], 'Skip'],
  [
    'a pod with the claim goes',
    claimant,
    ['pods', on(makePod('x', { volumes: [volume('data')] })), undefined],
    'Queue',
  ],
  [
    'a pod with a claim of that name goes elsewhere',
    claimant,
    ['pods', on(makePod('x', { volumes: [volume('data')] }, { namespace: 'other' })), undefined],
    'Skip',
  ],
  ['its claim comes', claimant, ['persistentvolumeclaims', undefined, pvc('data')], 'Queue'],
  ['its claim changes', claimant, ['persistentvolumeclaims', pvc('data'), pvc('data', { volumeName: 'v' })], 'Skip'],
]);

const limits = (count?: number) => ({
  ...meta('n'),
  spec: { drivers: [{ name: 'csi', ...(count !== undefined && { allocatable: { count } }) }] },
});

table('NodeVolumeLimits', [
  ['a CSINode comes', claimant, ['csinodes', undefined, limits(1)], 'Queue'],
  ['a limit is raised', claimant, ['csinodes', limits(1), limits(2)], 'Queue'],
  ['a limit is lowered', claimant, ['csinodes', limits(2), limits(1)], 'Skip'],
  ['a limit stays', claimant, ['csinodes', limits(2), limits(2)], 'Skip'],
  ['a limit ends', claimant, ['csinodes', limits(2), limits()], 'Queue'],
  ['a pod with a claim goes', claimant, ['pods', on(makePod('x', { volumes: [volume('y')] })), undefined], 'Queue'],
  ['a pod without volumes goes', claimant, ['pods', on(plain), undefined], 'Skip'],
  [
    'a pod with a claim goes that had no node',
    claimant,
    ['pods', makePod('x', { volumes: [volume('y')] }), undefined],
    'Skip',
  ],
  ['its claim comes', claimant, ['persistentvolumeclaims', undefined, pvc('data')], 'Queue'],
  ['another claim comes', claimant, ['persistentvolumeclaims', undefined, pvc('x')], 'Skip'],
  ['a volume is detached', claimant, ['volumeattachments', meta('a'), undefined], 'Queue'],
  ['a volume is detached, and it has none', plain, ['volumeattachments', meta('a'), undefined], 'Skip'],
]);

const needy = makePod('needy', { hostNetwork: true, hostUsers: false });
const declaring = (declaredFeatures: string[]) => withStatus(node(), { declaredFeatures });

table('NodeDeclaredFeatures', [
  ['a node comes', needy, ['nodes', undefined, node()], 'Queue'],
  ['a node declares more', needy, ['nodes', declaring([]), declaring(['A'])], 'Queue'],
  [
    'a node declares the same',
    needy,
    ['nodes', declaring(['A']), withStatus(declaring(['A']), { conditions: [{ type: 'a', status: 'True' }] })],
    'Skip',
  ],
  ['it needs less', needy, ['pods', needy, changed(needy, { hostUsers: true })], 'Queue'],
  ['its labels change', needy, ['pods', needy, changed(needy, {}, { labels: { a: 'b' } })], 'Skip'],
]);

const gated = makePod('gated', { schedulingGates: [{ name: 'a' }, { name: 'b' }] });

table('SchedulingGates', [
  ['one of its gates goes', gated, ['pods', gated, changed(gated, { schedulingGates: [{ name: 'b' }] })], 'Skip'],
  ['its last gates go', gated, ['pods', gated, changed(gated, { schedulingGates: [] })], 'Queue'],
  ['a node comes', gated, ['nodes', undefined, node()], 'Skip'],
]);

const claiming = makePod('claiming', { resourceClaims: [{ name: 'c', resourceClaimName: 'own' }] });
const generated = makePod('generated', { resourceClaims: [{ name: 'c', resourceClaimTemplateName: 't' }] });
const claim = (name: string, status?: object) => ({ ...meta(name), spec: {}, ...(status && { status }) });
const allocation = { devices: { results: [] } };
const owner = { apiVersion: 'v1', kind: 'Pod', name: 'generated', uid: generated.metadata.uid!, controller: true };
const made = { ...claim('made'), ...meta('made', { ownerReferences: [owner] }) };
const naming = (resourceClaimName: string) =>
  changed(generated, {}, {}, { resourceClaimStatuses: [{ name: 'c', resourceClaimName }] });

table(
  'DynamicResources',
  [
    ['a node comes', claiming, ['nodes', undefined, node()], 'Queue'],
    ['labels of a node change', claiming, ['nodes', node(), inZone('a')], 'Queue'],
    ['taints of a node change', claiming, ['nodes', node(), node({ taints: [taint] })], 'Skip'],
    ['a slice comes', claiming, ['resourceslices', undefined, meta('s')], 'Queue'],
    ['a class changes', claiming, ['deviceclasses', meta('k'), meta('k')], 'Queue'],
    ['its claim is allocated', claiming, ['resourceclaims', claim('own'), claim('own', { allocation })], 'Queue'],
    ['its claim changes nothing', claiming, ['resourceclaims', claim('own'), claim('own')], 'Skip'],
    ['another claim is allocated', claiming, ['resourceclaims', claim('x'), claim('x', { allocation })], 'Skip'],
    ['another claim is deallocated', claiming, ['resourceclaims', claim('x', { allocation }), claim('x', {})], 'Queue'],
    ['its claim is made', generated, ['pods', generated, naming('made')], 'Queue'],
    ['a claim is named that is not its own', generated, ['pods', generated, naming('own')], 'Skip'],
    ['a claim is named that is not there', generated, ['pods', generated, naming('gone')], 'Skip'],
  ],
  { cluster: { devices: { claims: [claim('own'), made], classes: [], slices: [] } } },
);
