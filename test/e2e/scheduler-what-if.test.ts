/** Every change that what-if prints, pasted into a shell with the real kubectl, places the pod: for each way not to fit. */
import { chmodSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Change } from '../../src/scheduler/index.ts';
import { kubectlPath } from '../helpers/clients.ts';
import { bin, Lab, run } from '../helpers/lab.ts';

const lab = new Lab();
const header = 'apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n';
const plain = join(lab.home, 'plain.yaml');

beforeAll(async () => {
  writeFileSync(plain, header);
  const config = join(lab.home, 'config.yaml');
  writeFileSync(
    config,
    `${header}profiles:
- schedulerName: default-scheduler
  pluginConfig:
  - {name: NodeResourcesFit, args: {scoringStrategy: {type: MostAllocated}}}
- schedulerName: careless
  plugins: {multiPoint: {disabled: [{name: TaintToleration}]}}
`,
  );
  const klab = join(lab.home, 'klab');
  writeFileSync(klab, `#!/bin/sh\nexec '${process.execPath}' '${bin}' "$@"\n`);
  chmodSync(klab, 0o755);
  await lab.klab('up', '--nodes', '3', '--', '--config', config);
});
afterAll(() => lab.dispose());

/** Runs a command as a user would paste it. */
async function paste(command: string): Promise<void> {
  const path = [lab.home, dirname(kubectlPath()), process.env['PATH']].join(delimiter);
  const { code, stderr } = await run('/bin/sh', ['-c', command], { env: { ...lab.env, PATH: path } });
  expect([code, stderr.replace(/^Warning: .*\n/gm, '')], command).toEqual([0, '']);
}

const labels = { app: 'subject' };
const container = (cpu = '100m', more: object = {}) => ({
  name: 'c',
  image: 'nginx',
  resources: { requests: { cpu } },
  ...more,
});
const pod = (name: string, spec: object = {}, of: object = labels) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: of },
  spec: { terminationGracePeriodSeconds: 0, containers: [container()], ...spec },
});
const subject = (spec: object = {}) => [pod('subject', spec)];
const owned = (kind: string, spec: object) => [
  {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name: 'owner' },
    spec: {
      replicas: 1,
      ...(kind === 'StatefulSet' && { serviceName: 'owner' }),
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { terminationGracePeriodSeconds: 0, containers: [container()], ...spec },
      },
    },
  },
];
/** One on each node. */
const fillers = (spec: object, of: object = { app: 'filler' }) =>
  [1, 2, 3].map((i) => pod(`filler-${i}`, { ...spec, nodeName: `node-${i}` }, of));
const near = (app: string) => [{ topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app } } }];
const required = (terms: object) => ({ requiredDuringSchedulingIgnoredDuringExecution: terms });
const nodes = ['node-1', 'node-2', 'node-3'];

interface Situation {
  readonly what: string;
  readonly objects: readonly object[];
  /** kubectl's arguments, before. */
  readonly before?: readonly string[];
  /** And what undoes them and the changes of nodes. */
  readonly after?: readonly (readonly string[])[];
  /** `--node`, for a pod that runs. */
  readonly node?: string;
  readonly kinds: readonly Change['kind'][];
}

const gpu = ['taint', 'nodes', ...nodes];
const situations: readonly Situation[] = [
  { what: 'asks for too much', objects: subject({ containers: [container('9')] }), kinds: ['Request', 'NewNode'] },
  {
    what: 'tolerates no taint',
    objects: subject(),
    before: [...gpu, 'gpu=true:NoSchedule'],
    after: nodes.map((node) => ['patch', 'node', node, '--type=merge', '-p', '{"spec":{"taints":null}}']),
    kinds: ['Toleration', 'Node', 'NewNode'],
  },
  {
    what: 'finds all nodes cordoned',
    objects: subject(),
    before: ['cordon', ...nodes],
    after: [['uncordon', ...nodes]],
    kinds: ['Node', 'NewNode'],
  },
  {
    what: 'selects a label that no node has',
    objects: subject({ nodeSelector: { disk: 'ssd' } }),
    after: [['label', 'nodes', ...nodes, 'disk-']],
    kinds: ['Constraint', 'Node', 'NewNode'],
  },
  {
    what: 'has a node affinity that nothing matches',
    objects: subject({
      affinity: {
        nodeAffinity: required({
          nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'In', values: ['b'] }] }],
        }),
      },
    }),
    kinds: ['Constraint'],
  },
  {
    what: 'spreads over a label that no node has',
    objects: subject({
      topologySpreadConstraints: [
        { maxSkew: 1, topologyKey: 'rack', whenUnsatisfiable: 'DoNotSchedule', labelSelector: { matchLabels: labels } },
      ],
    }),
    kinds: ['Constraint'],
  },
  {
    what: 'must be near a pod that there is not',
    objects: subject({ affinity: { podAffinity: required(near('nobody')) } }),
    kinds: ['Constraint'],
  },
  {
    what: 'must not be near pods that are everywhere',
    objects: [...fillers({}), ...subject({ affinity: { podAntiAffinity: required(near('filler')) } })],
    kinds: ['Constraint', 'Eviction', 'NewNode'],
  },
  {
    what: 'finds all nodes full',
    objects: [...fillers({ containers: [container('6')] }), ...subject({ containers: [container('3')] })],
    kinds: ['Request', 'Eviction', 'NewNode'],
  },
  {
    what: 'finds its host port taken',
    objects: [
      ...fillers({ containers: [container('1m', { ports: [{ containerPort: 80, hostPort: 8080 }] })] }),
      ...subject({ containers: [container('1m', { ports: [{ containerPort: 80, hostPort: 8080 }] })] }),
    ],
    kinds: ['Constraint', 'Eviction', 'NewNode'],
  },
  { what: 'names nobody’s scheduler', objects: subject({ schedulerName: 'mine' }), kinds: ['SchedulerName'] },
  { what: 'is gated', objects: subject({ schedulingGates: [{ name: 'a.b/c' }] }), kinds: ['Gate'] },
  {
    what: 'comes from a Deployment',
    objects: owned('Deployment', { nodeSelector: { disk: 'ssd' } }),
    kinds: ['Constraint'],
  },
  {
    what: 'comes from a StatefulSet',
    objects: owned('StatefulSet', { containers: [container('9')] }),
    kinds: ['Request'],
  },
  { what: 'should be on another node', objects: subject(), node: 'other', kinds: ['Pin'] },
];

type Json = any;
const get = async (...args: string[]): Promise<Json> => JSON.parse(await lab.kubectl('get', ...args, '-o', 'json'));

/** The pod, once it is as it should be. */
async function theSubject(is: (pod: Json) => boolean): Promise<Json> {
  let last: Json;
  for (let tries = 0; tries < 100; tries++) {
    const { items } = await get('pods', '-l', 'app=subject');
    last = items.find((item: Json) => !item.metadata.deletionTimestamp && is(item));
    if (last) return last;
  }
  throw new Error(`no pod became so: ${JSON.stringify(await get('pods', '-l', 'app=subject'))}`);
}
const tried = ({ status }: Json) =>
  status.conditions?.some(({ type, status: is }: Json) => type === 'PodScheduled' && is === 'False');
const placed = ({ spec }: Json) => spec.nodeName !== undefined;

async function begin({ objects, before, node, kinds }: Situation): Promise<{ name: string; aim: string[] }> {
  if (before) await lab.kubectl(...before);
  const file = join(lab.home, 'situation.json');
  writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
  await lab.kubectl('apply', '-f', file);
  if (node !== undefined) {
    const { metadata, spec } = await theSubject(placed);
    return { name: metadata.name, aim: ['--node', nodes.find((name) => name !== spec.nodeName)!] };
  }
  const silent = kinds.includes('SchedulerName');
  const { metadata } = await theSubject((found) => silent || tried(found));
  return { name: metadata.name, aim: [] };
}

async function end({ after = [] }: Situation, added: readonly string[]): Promise<void> {
  await lab.kubectl('delete', 'deployments,statefulsets,pods', '--all', '--force', '--grace-period=0');
  for (const name of added) await lab.klab('node', 'remove', name);
  for (const args of after) await lab.kubectl(...args);
}

describe('what-if’s commands place a pod that', () => {
  it.each(situations)('$what', async (situation) => {
    for (const kind of situation.kinds) {
      const added: string[] = [];
      try {
        const { name, aim } = await begin(situation);
        const { changes } = JSON.parse(await lab.klab('scheduler', 'what-if', name, ...aim, '-o', 'json'));
        expect(changes.map((change: Change) => change.kind)).toContain(kind);
        const change: Change = changes.find((each: Change) => each.kind === kind);
        if (kind === 'NewNode') added.push(change.node);
        for (const command of change.commands) await paste(command);
        const landed = await theSubject(aim.length > 0 ? ({ spec }) => spec.nodeName === aim[1] : placed);
        // Where one node only can be meant.
        if (['Node', 'Eviction', 'NewNode'].includes(kind)) expect(landed.spec.nodeName).toBe(change.node);
      } finally {
        await end(situation, added);
      }
    }
  });
});

describe('dry runs', () => {
  it('go by the configuration of the cluster and the profile of the pod, or by the one that is given', async () => {
    const taint = [...gpu, 'gpu=true:NoSchedule'];
    await lab.kubectl(...taint);
    const file = join(lab.home, 'careless.json');
    const careless = pod('careless', { schedulerName: 'careless', schedulingGates: [{ name: 'a.b/c' }] });
    writeFileSync(file, JSON.stringify(careless));
    await lab.kubectl('apply', '-f', file);
    const ask = async (...args: string[]) =>
      JSON.parse(await lab.klab('scheduler', 'what-if', 'careless', '-o', 'json', ...args));
    expect(await ask()).toMatchObject({ configuration: 'cluster', changes: [{ kind: 'Gate' }] });
    expect(await ask('--config', plain)).toMatchObject({
      configuration: 'file',
      now: { sentence: 'it asks for another scheduler, "careless".' },
    });
    const { items } = JSON.parse(await lab.klab('scheduler', 'simulate', '-f', file, '-o', 'json'));
    expect(items[0]).toMatchObject({ config: 'cluster', unscheduled: [{ why: expect.stringContaining('a.b/c') }] });
    expect(await lab.klab('scheduler', 'why', 'careless')).toContain('waits behind its scheduling gates (a.b/c)');
  });
});
