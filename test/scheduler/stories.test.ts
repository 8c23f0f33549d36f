/** The scheduler's loop where things are unusual: several profiles, pods that wait for leave, restarts, bad input. */
import { describe, expect, it } from 'vitest';
import type { Pod } from '../../src/api/index.ts';
import { Prng, silentLogger } from '../../src/base/index.ts';
import { EventBroadcaster, SharedInformerFactory } from '../../src/client/index.ts';
import {
  DecisionStore,
  loadSchedulerConfig,
  type Plugin,
  Scheduler,
  type SchedulerOptions,
} from '../../src/scheduler/index.ts';
import { Lab } from '../helpers/controllers.ts';
import { cycleOver, makeNode, makePod } from './objects.ts';

function schedulerOver(lab: Lab, options: SchedulerOptions = {}) {
  const deps = { clock: lab.clock, prng: new Prng('stories'), log: silentLogger };
  const client = lab.api.client('system:kube-scheduler');
  const informers = new SharedInformerFactory({ ...deps, client });
  const broadcaster = new EventBroadcaster({ ...deps, client });
  const decisions = new DecisionStore();
  const events = broadcaster.recorder({ component: 'default-scheduler' });
  const scheduler = new Scheduler({ ...deps, client, informers, events, decisions }, options);
  return { scheduler, decisions, parts: [informers, broadcaster, scheduler] as const };
}

const withPlugins = (plugins: Record<string, Plugin>): SchedulerOptions => ({
  plugins: Object.fromEntries(Object.entries(plugins).map(([name, plugin]) => [name, () => plugin])),
  config: loadSchedulerConfig(
    [
      'apiVersion: kubescheduler.config.k8s.io/v1',
      'kind: KubeSchedulerConfiguration',
      'profiles:',
      '- plugins:',
      '    multiPoint:',
      '      enabled:',
      ...Object.keys(plugins).map((name) => `      - name: ${name}`),
    ].join('\n'),
  ),
});

async function addNode(lab: Lab, name: string, spec: Parameters<typeof makeNode>[1] = {}) {
  await lab.create('nodes', makeNode(name, spec));
  const { status } = makeNode(name, spec);
  await lab.client.resource('nodes').patch(name, 'merge', { status }, { subresource: 'status' });
}

const nodeOf = async (lab: Lab, name: string) => (await lab.get<Pod>('pods', 'default', name))?.spec?.nodeName;
const bound = (lab: Lab, name: string) => async () => (await nodeOf(lab, name)) !== undefined;
const conditionOf = async (lab: Lab, name: string) =>
  (await lab.get<Pod>('pods', 'default', name))?.status?.conditions?.find(({ type }) => type === 'PodScheduled');
const cpu = (amount: string) => ({ requests: { cpu: amount } });

describe('a pod that must wait for leave', () => {
  const hold: Plugin = {
    name: 'Hold',
    permit: (_state, { pod }) => (pod.metadata.name === 'p' ? { waitMs: 10_000 } : undefined),
  };

  it('keeps its place meanwhile and is bound when it is let go', async () => {
    await using lab = new Lab();
    const { scheduler, parts } = schedulerOver(lab, withPlugins({ Hold: hold }));
    lab.start(...parts);
    await addNode(lab, 'a', { cpu: '1' });
    await lab.create('pods', makePod('p', cpu('800m')));
    await lab.until('it waits', () => [...scheduler.waiting.values()].length === 1);
    await lab.create('pods', makePod('q', cpu('800m')));
    await lab.until('q finds no room', async () => (await conditionOf(lab, 'q'))?.reason === 'Unschedulable');
    expect(await nodeOf(lab, 'p')).toBeUndefined();
    for (const waiting of scheduler.waiting.values()) {
      expect(waiting.pending).toEqual(['Hold']);
      waiting.allow('Hold');
    }
    await lab.until('bound', bound(lab, 'p'));
    expect(await nodeOf(lab, 'q')).toBeUndefined();
  });

  it('loses its place when nobody lets it go in time', async () => {
    await using lab = new Lab();
    const { parts, decisions } = schedulerOver(lab, withPlugins({ Hold: hold }));
    lab.start(...parts);
    await addNode(lab, 'a', { cpu: '1' });
    await lab.create('pods', makePod('p', cpu('800m')));
    await lab.until('refused', () => decisions.of('default', 'p').length > 0);
    expect(decisions.of('default', 'p')[0]!.message).toBe('rejected due to timeout after waiting 10s at plugin Hold');
    await lab.create('pods', makePod('q', cpu('800m')));
    await lab.until('q has the room', bound(lab, 'q'));
  });
});

it('pods go by the profile they name; nobody touches those of another scheduler', async () => {
  await using lab = new Lab();
  const config = loadSchedulerConfig(`
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: default-scheduler
- schedulerName: packer
  pluginConfig:
  - name: NodeResourcesFit
    args: {scoringStrategy: {type: MostAllocated}}
  plugins:
    score:
      disabled: [{name: NodeResourcesBalancedAllocation}]
`);
  lab.start(...schedulerOver(lab, { config }).parts);
  await addNode(lab, 'full');
  await addNode(lab, 'empty');
  await lab.create('pods', makePod('there', { nodeName: 'full', requests: { cpu: '2', memory: '4Gi' } }));
  const wants = { requests: { cpu: '500m', memory: '1Gi' } };
  await lab.create('pods', makePod('foreign', { ...wants, schedulerName: 'nobody' }));
  await lab.create('pods', makePod('packed', { ...wants, schedulerName: 'packer' }));
  await lab.until('packed', bound(lab, 'packed'));
  await lab.create('pods', makePod('spread', wants));
  await lab.until('spread', bound(lab, 'spread'));
  expect([await nodeOf(lab, 'packed'), await nodeOf(lab, 'spread')]).toEqual(['full', 'empty']);
  await lab.clock.advance(600_000);
  expect(await nodeOf(lab, 'foreign')).toBeUndefined();
  expect(await conditionOf(lab, 'foreign')).toBeUndefined();
});

it('a scheduler that ends in the middle of binding leaves nothing behind, and the next one binds once', async () => {
  await using lab = new Lab();
  let reached = 0;
  const stuck: Plugin = {
    name: 'Stuck',
    async preBind(_state, _pod, _node, signal) {
      reached++;
      await lab.clock.sleep(3_600_000, signal);
    },
  };
  const first = schedulerOver(lab, withPlugins({ Stuck: stuck }));
  const end = new AbortController();
  const runs = first.parts.map((part) => part.run(end.signal).catch(() => {}));
  await addNode(lab, 'a', { cpu: '1' });
  await lab.create('pods', makePod('p', cpu('800m')));
  await lab.until('it is being bound', () => reached === 1);
  expect(first.scheduler.cache.nodeOf((await lab.get<Pod>('pods', 'default', 'p'))!.metadata.uid!)).toBe('a');
  end.abort();
  await Promise.all(runs);
  const left = (await lab.get<Pod>('pods', 'default', 'p'))!;
  expect([left.spec?.nodeName, left.status?.nominatedNodeName]).toEqual([undefined, 'a']);
  const second = schedulerOver(lab);
  lab.start(...second.parts);
  await lab.until('bound', bound(lab, 'p'));
  expect(second.decisions.of('default', 'p').map(({ result }) => result)).toEqual(['Scheduled']);
  expect(second.scheduler.cache.get('a')!.requested.milliCPU).toBe(800);
  expect((await lab.get<Pod>('pods', 'default', 'p'))?.status?.nominatedNodeName).toBeUndefined();
});

describe('a pod that is not bound at once', () => {
  const nominated = async (lab: Lab, name: string) =>
    (await lab.get<Pod>('pods', 'default', name))?.status?.nominatedNodeName;
  const slow = (lab: Lab, more: Partial<Plugin> = {}): Plugin => ({
    name: 'Slow',
    async preBind(_state, { pod }, _node, signal) {
      if (pod.metadata.name === 'p') await lab.clock.sleep(60_000, signal);
    },
    ...more,
  });

  it('is nominated to its node until it is, so that others know', async () => {
    await using lab = new Lab();
    const { parts } = schedulerOver(lab, withPlugins({ Slow: slow(lab) }));
    lab.start(...parts);
    await addNode(lab, 'a', { cpu: '1' });
    await lab.create('pods', makePod('p', cpu('800m')));
    await lab.until('nominated', async () => (await nominated(lab, 'p')) === 'a');
    expect(await nodeOf(lab, 'p')).toBeUndefined();
    await lab.until('bound', bound(lab, 'p'));
    expect(await nominated(lab, 'p')).toBeUndefined();
  });

  it('is not nominated where PreBind has nothing to do for it', async () => {
    await using lab = new Lab();
    const seen: (string | undefined)[] = [];
    const idle = slow(lab, {
      preBindPreFlight: () => false,
      preBind: async () => {
        throw new Error('nobody asked');
      },
      postBind: (_state, { pod }) => {
        seen.push(pod.status?.nominatedNodeName);
      },
    });
    const { parts, decisions } = schedulerOver(lab, withPlugins({ Slow: idle }));
    lab.start(...parts);
    await addNode(lab, 'a', { cpu: '1' });
    const { resourceVersion } = (await lab.create('pods', makePod('p', cpu('800m')))).metadata;
    await lab.until('bound', bound(lab, 'p'));
    await lab.until('recorded', () => decisions.of('default', 'p').length === 1);
    expect(seen).toEqual([undefined]);
    expect(resourceVersion).toBeDefined();
  });

  it('loses the nomination when its binding fails', async () => {
    await using lab = new Lab();
    let failures = 1;
    const shaky = slow(lab, {
      preBind: async () => {
        if (failures-- > 0) throw new Error('not today');
        await lab.clock.sleep(3_600_000);
      },
    });
    const { parts } = schedulerOver(lab, withPlugins({ Slow: shaky }));
    lab.start(...parts);
    await addNode(lab, 'a', { cpu: '1' });
    await lab.create('pods', makePod('p', cpu('800m')));
    await lab.until('told', async () => (await conditionOf(lab, 'p'))?.reason === 'SchedulerError');
    expect((await conditionOf(lab, 'p'))?.message).toBe('running PreBind plugin "Slow": not today');
    expect(await nominated(lab, 'p')).toBeUndefined();
  });

  it('is preempted without being deleted', async () => {
    await using lab = new Lab();
    const { parts, decisions } = schedulerOver(lab, withPlugins({ Slow: slow(lab) }));
    lab.start(...parts);
    await addNode(lab, 'a', { cpu: '1' });
    await lab.create('pods', makePod('p', cpu('800m')));
    await lab.until('nominated', async () => (await nominated(lab, 'p')) === 'a');
    await lab.create('pods', makePod('vip', { ...cpu('800m'), priority: 1000 }));
    await lab.until('bound', bound(lab, 'vip'));
    const [attempt] = decisions.of('default', 'p');
    expect(attempt).toMatchObject({
      result: 'Error',
      message: 'running PreBind plugin "Slow": preempted by DefaultPreemption',
    });
    const pod = (await lab.get<Pod>('pods', 'default', 'p'))!;
    expect([pod.metadata.deletionTimestamp, pod.spec?.nodeName]).toEqual([undefined, undefined]);
  });

  it('gives its place away as soon as it is being deleted', async () => {
    await using lab = new Lab();
    const { parts } = schedulerOver(lab, withPlugins({ Slow: slow(lab) }));
    lab.start(...parts);
    await addNode(lab, 'a', { cpu: '1' });
    await lab.create('pods', makePod('p', cpu('800m'), { finalizers: ['example.com/keep'] }));
    await lab.until('nominated', async () => (await nominated(lab, 'p')) === 'a');
    await lab.create('pods', makePod('q', cpu('800m')));
    await lab.until('q finds no room', async () => (await conditionOf(lab, 'q'))?.reason === 'Unschedulable');
    await lab.client.resource('pods').namespace('default').delete('p', {});
    await lab.until('q is bound', bound(lab, 'q'));
  });
});

it('a plugin that fails while a pod is bound gives its place back, and the pod is tried again', async () => {
  await using lab = new Lab();
  let failures = 2;
  const shaky: Plugin = {
    name: 'Shaky',
    preBind: async () => {
      if (failures-- > 0) throw new Error('not today');
    },
  };
  const { parts, decisions, scheduler } = schedulerOver(lab, withPlugins({ Shaky: shaky }));
  lab.start(...parts);
  await addNode(lab, 'a', { cpu: '1' });
  await lab.create('pods', makePod('p', cpu('800m')));
  await lab.until('bound', bound(lab, 'p'));
  await lab.until('recorded', () => decisions.of('default', 'p').length === 3);
  expect(decisions.of('default', 'p').map(({ result, bindError }) => bindError ?? result)).toEqual([
    'not today',
    'not today',
    'Scheduled',
  ]);
  expect(scheduler.cache.get('a')!.requested.milliCPU).toBe(800);
});

describe('a node that vanishes', () => {
  it('while an extender is asked fails the attempt; the pod goes elsewhere', async () => {
    await using lab = new Lab();
    const config = loadSchedulerConfig(`
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
extenders: [{urlPrefix: 'http://slow.example', filterVerb: filter, nodeCacheCapable: true}]
`);
    let asked = 0;
    const answer = Promise.withResolvers<void>();
    const { parts, decisions, scheduler } = schedulerOver(lab, {
      config,
      post: async (_url, body) => {
        if (++asked === 1) await answer.promise;
        return { status: 200, body: JSON.stringify({ nodenames: JSON.parse(body).NodeNames }) };
      },
    });
    lab.start(...parts);
    await addNode(lab, 'a', { cpu: '1' });
    await lab.create('pods', makePod('p', cpu('800m')));
    await lab.until('the extender is asked', () => asked === 1);
    await lab.client.resource('nodes').delete('a', {});
    await lab.until('the scheduler knows', () => scheduler.cache.get('a') === undefined);
    answer.resolve();
    await lab.until('it failed', () => decisions.of('default', 'p').length === 1);
    expect(decisions.of('default', 'p')[0]).toMatchObject({
      result: 'Error',
      message: 'nodeinfo not found for node name "a"',
    });
    await lab.until('it is told', async () => (await conditionOf(lab, 'p'))?.reason === 'SchedulerError');
    await addNode(lab, 'b', { cpu: '1' });
    await lab.until('bound', bound(lab, 'p'));
    expect(await nodeOf(lab, 'p')).toBe('b');
  });

  it('while the pod is bound to it gets the pod all the same, as the API does not ask for nodes; no other goes there', async () => {
    await using lab = new Lab();
    const slow: Plugin = {
      name: 'Slow',
      async preBind(_state, { pod }, _node, signal) {
        if (pod.metadata.name === 'p') await lab.clock.sleep(5000, signal);
      },
    };
    const { parts, decisions, scheduler } = schedulerOver(lab, withPlugins({ Slow: slow }));
    lab.start(...parts);
    await addNode(lab, 'a', { cpu: '1' });
    await lab.create('pods', makePod('p', cpu('800m')));
    const uid = (await lab.get<Pod>('pods', 'default', 'p'))!.metadata.uid!;
    await lab.until('it is being bound', () => scheduler.cache.isAssumed(uid));
    await lab.client.resource('nodes').delete('a', {});
    await lab.until('the scheduler knows', () => scheduler.cache.get('a') === undefined);
    await lab.until('bound', bound(lab, 'p'));
    await lab.until('recorded', () => decisions.of('default', 'p').length === 1);
    await lab.create('pods', makePod('q', cpu('100m')));
    await lab.until('q finds nothing', () => decisions.of('default', 'q').length === 1);
    expect(decisions.of('default', 'q')[0]!.message).toMatch(/^no nodes available to schedule pods/);
    // Should it come back, the pod is still counted there.
    await addNode(lab, 'a', { cpu: '1' });
    await lab.until('q is bound', bound(lab, 'q'));
    expect(scheduler.cache.get('a')!.requested.milliCPU).toBe(900);
  });
});

describe('bad input', () => {
  it('requests beyond all measure are a shortage like any other', () => {
    const { message } = cycleOver([makeNode('a')]).run(makePod('p', { requests: { cpu: '1e18', memory: '9E' } }));
    expect(message).toBe('0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory.');
  });

  it('a hundred topology keys are a hundred constraints', () => {
    const keys = Array.from({ length: 100 }, (_, i) => `key-${i}`);
    const labels = Object.fromEntries(keys.map((key) => [key, 'x']));
    const topologySpreadConstraints = keys.map((topologyKey) => ({
      topologyKey,
      maxSkew: 1,
      whenUnsatisfiable: 'DoNotSchedule',
      labelSelector: { matchLabels: { app: 'web' } },
    }));
    const pod = (name: string) => makePod(name, { topologySpreadConstraints }, { labels: { app: 'web' } });
    const { 'key-50': _, ...most } = labels;
    const nodes = [
      makeNode('most', { labels: most }),
      makeNode('all', { labels }),
      makeNode('other', { labels: { ...labels, 'key-99': 'y' } }),
    ];
    const run = (at: string) => cycleOver(nodes, [[pod('there'), at]]).run(pod('p'));
    expect(run('all').node).toBe('other');
    expect(run('other').node).toBe('all');
    expect(cycleOver(nodes.slice(0, 1)).run(pod('p')).message).toBe(
      "0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints (missing required label).",
    );
  });
});
