import { describe, expect, it } from 'vitest';
import type { ControllerRevision, DaemonSet, DaemonSetSpec, Node, Pod, Taint } from '../../src/api/index.ts';
import { newInternalError } from '../../src/apimachinery/index.ts';
import { rfc3339 } from '../../src/base/index.ts';
import { hashLabel, placementOn } from '../../src/controllers/daemonset/nodes.ts';
import { rollingUpdateStep } from '../../src/controllers/daemonset/rolling-update.ts';
import { DaemonSetController } from '../../src/controllers/index.ts';
import { Lab, startMs } from '../helpers/controllers.ts';

const labels = { app: 'agent' };

function makeSet(change: Partial<DaemonSetSpec> = {}, podSpec: object = {}): DaemonSet {
  const spec = { containers: [{ name: 'agent', image: 'agent:1' }], ...podSpec };
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'agent', namespace: 'default' },
    spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec }, ...change },
  } as DaemonSet;
}

function makeNode(name: string, taints: Taint[] = [], nodeLabels: Record<string, string> = {}): Node {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, labels: nodeLabels }, spec: { taints } } as Node;
}

const rolling = (rollingUpdate: object) => ({ updateStrategy: { type: 'RollingUpdate' as const, rollingUpdate } });
const get = (l: Lab) => l.get<DaemonSet>('daemonsets', 'default', 'agent');
const pods = (l: Lab) => l.list<Pod>('pods');
const patch = (l: Lab, spec: object) =>
  l.client.resource('daemonsets').namespace('default').patch('agent', 'merge', { spec });
const image = (name: string) => ({ template: { spec: { containers: [{ name: 'agent', image: name }] } } });
const placed = async (l: Lab) =>
  (await pods(l))
    .filter((pod) => !pod.metadata.deletionTimestamp)
    .map((pod) => pod.spec!.nodeName!)
    .sort();
const ready = (l: Lab, count: number) => async () => (await get(l))?.status?.numberReady === count;
const rolledOut = (l: Lab, count: number) => async () => {
  const { metadata, status } = (await get(l))!;
  return (
    status?.observedGeneration === metadata.generation &&
    status?.updatedNumberScheduled === count &&
    status?.numberAvailable === count
  );
};

async function lab(nodes: readonly Node[]): Promise<Lab> {
  const l = new Lab();
  for (const node of nodes) await l.create('nodes', node);
  return l.start(new DaemonSetController(l.context));
}

const nodes = (count: number) => Array.from({ length: count }, (_, i) => makeNode(`n${i + 1}`));

describe('a daemon set', () => {
  it('puts a pod on every node, through the scheduler, and tolerates what its nodes suffer', async () => {
    await using l = (await lab(nodes(3))).autoRun();
    await l.create('daemonsets', makeSet());
    await l.until('ready', ready(l, 3));
    expect(await placed(l)).toEqual(['n1', 'n2', 'n3']);
    const [pod] = await pods(l);
    expect(pod!.metadata.name).toMatch(/^agent-[a-z0-9]{5}$/);
    expect(pod!.spec!.affinity!.nodeAffinity!.requiredDuringSchedulingIgnoredDuringExecution).toEqual({
      nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [pod!.spec!.nodeName] }] }],
    });
    expect(pod!.spec!.tolerations!.map(({ key, operator, effect }) => `${key} ${operator} ${effect}`)).toEqual([
      'node.kubernetes.io/not-ready Exists NoExecute',
      'node.kubernetes.io/unreachable Exists NoExecute',
      'node.kubernetes.io/disk-pressure Exists NoSchedule',
      'node.kubernetes.io/memory-pressure Exists NoSchedule',
      'node.kubernetes.io/pid-pressure Exists NoSchedule',
      'node.kubernetes.io/unschedulable Exists NoSchedule',
    ]);
    const [revision] = await l.list<ControllerRevision>('controllerrevisions');
    const hash = revision!.metadata.labels![hashLabel];
    expect(revision!.metadata.name).toBe(`agent-${hash}`);
    expect(pod!.metadata.labels).toEqual({ ...labels, [hashLabel]: hash, 'pod-template-generation': '1' });
    expect((await get(l))!.status).toEqual({
      observedGeneration: 1,
      desiredNumberScheduled: 3,
      currentNumberScheduled: 3,
      numberMisscheduled: 0,
      numberReady: 3,
      updatedNumberScheduled: 3,
      numberAvailable: 3,
    });
    expect(await l.events('SuccessfulCreate')).toHaveLength(3);
  });

  it('follows nodes as they come, change their labels and get taints', async () => {
    await using l = (await lab([makeNode('n1', [], { disk: 'ssd' }), makeNode('n2')])).autoRun();
    await l.create('daemonsets', makeSet({}, { nodeSelector: { disk: 'ssd' } }));
    await l.until('one', ready(l, 1));
    await l.create('nodes', makeNode('n3', [], { disk: 'ssd' }));
    await l.until('two', ready(l, 2));
    const node = l.client.resource('nodes');
    await node.patch('n1', 'merge', { metadata: { labels: { disk: 'hdd' } } });
    await l.until('moved', async () => (await placed(l)).join() === 'n3');
    const taint = (effect: string) => ({ spec: { taints: [{ key: 'dedicated', value: 'db', effect }] } });
    await node.patch('n3', 'merge', taint('NoSchedule'));
    // As upstream, a node that may keep its pod does not wake the set; the next sync counts it.
    await patch(l, { revisionHistoryLimit: 5 });
    await l.until('misscheduled', async () => (await get(l))?.status?.numberMisscheduled === 1);
    // NoSchedule leaves what is there, NoExecute does not.
    expect(await placed(l)).toEqual(['n3']);
    expect((await get(l))!.status!.desiredNumberScheduled).toBe(0);
    await node.patch('n3', 'merge', taint('NoExecute'));
    await l.until('gone', async () => (await placed(l)).length === 0);
  });

  it('replaces failed pods, ever slower, and says so', async () => {
    await using l = await lab(nodes(1));
    await l.create('daemonsets', makeSet());
    const seen: number[] = [];
    const done = new Set<string>();
    for (let i = 0; i < 5; i++) {
      await l.until('pod', async () => (await pods(l)).some((pod) => !done.has(pod.metadata.uid!)));
      const pod = (await pods(l)).find((each) => !done.has(each.metadata.uid!))!;
      done.add(pod.metadata.uid!);
      seen.push(l.clock.now());
      await l.run(pod);
      await l.end(pod, 1);
      await l.clock.advance(1);
    }
    const gaps = seen.slice(1).map((at, i) => Math.round((at - seen[i]!) / 1000));
    expect(gaps).toEqual([0, 1, 2, 4]);
    const [first] = await l.events('FailedDaemonPod');
    expect(first).toMatch(
      /^Warning FailedDaemonPod Found failed daemon pod default\/agent-\w+ on node n1, will try to kill it$/,
    );
  });

  it('creates at most 250 pods in a step and gets to all of them', async () => {
    await using l = (await lab(nodes(600))).autoRun();
    await l.create('daemonsets', makeSet());
    await l.until('ready', ready(l, 600));
    expect(new Set(await placed(l)).size).toBe(600);
  });

  it('doubles nothing when writes fail and watches are cut', async () => {
    await using l = (await lab(nodes(8))).autoRun();
    let writes = 0;
    l.api.intercept((request, { verb }) => {
      const mine = request.headers?.['x-user']?.includes('daemon-set-controller') && !request.path.includes('/events');
      if (!mine || ['list', 'watch', 'get'].includes(verb)) return;
      if (++writes % 7 === 0) l.api.dropWatches();
      if (writes % 3 === 0) throw newInternalError('etcdserver: request timed out');
    });
    await l.create('daemonsets', makeSet());
    await l.until('ready', ready(l, 8));
    await patch(l, image('agent:2'));
    await l.until('rolled out', rolledOut(l, 8));
    expect(await placed(l)).toEqual(['n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7', 'n8']);
  });
});

describe('a rolling update of a daemon set', () => {
  /** Fewest ready pods, and most pods, seen on the way. */
  async function roll(l: Lab, count: number, name = 'agent:2') {
    let least = count;
    let most = 0;
    l.context.informers.informer<Pod>('pods').addHandler({ onUpdate: () => {} });
    await patch(l, image(name));
    await l.until('rolled out', async () => {
      const all = (await pods(l)).filter((pod) => !pod.metadata.deletionTimestamp);
      least = Math.min(
        least,
        all.filter((pod) => pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True')).length,
      );
      most = Math.max(most, all.length);
      return rolledOut(l, count)();
    });
    return { least, most };
  }

  it('has at most maxUnavailable pods away', async () => {
    await using l = (await lab(nodes(10))).autoRun();
    await l.create('daemonsets', makeSet(rolling({ maxUnavailable: '25%' })));
    await l.until('ready', ready(l, 10));
    const { least, most } = await roll(l, 10);
    // 25 % of 10 nodes, rounded up.
    expect(least).toBeGreaterThanOrEqual(7);
    expect(most).toBe(10);
    expect(await placed(l)).toHaveLength(10);
    expect(await l.list('controllerrevisions')).toHaveLength(2);
  });

  it('with surge starts the new pod beside the old one and loses nothing', async () => {
    await using l = (await lab(nodes(6))).autoRun();
    await l.create('daemonsets', makeSet(rolling({ maxSurge: 2, maxUnavailable: 0 })));
    await l.until('ready', ready(l, 6));
    const { least, most } = await roll(l, 6);
    expect(least).toBe(6);
    expect(most).toBeLessThanOrEqual(8);
    expect(await placed(l)).toHaveLength(6);
  });

  it('waits for minReadySeconds before the next', async () => {
    await using l = (await lab(nodes(3))).autoRun();
    await l.create('daemonsets', makeSet({ minReadySeconds: 20, ...rolling({ maxUnavailable: 1 }) }));
    await l.until('available', rolledOut(l, 3));
    const from = l.clock.now();
    await roll(l, 3);
    expect(l.clock.now() - from).toBeGreaterThanOrEqual(60_000);
    expect(l.clock.now() - from).toBeLessThan(75_000);
  });

  it('stops at a version that does not come up, and goes back to the one before', async () => {
    await using l = (await lab(nodes(4))).autoRun({ ready: (pod) => pod.spec!.containers[0]!.image !== 'broken' });
    await l.create('daemonsets', makeSet());
    await l.until('ready', ready(l, 4));
    await patch(l, image('broken'));
    await l.until('one broken', async () => (await get(l))?.status?.updatedNumberScheduled === 1);
    await l.clock.advance(600_000);
    expect((await get(l))!.status).toMatchObject({ numberReady: 3, updatedNumberScheduled: 1, numberUnavailable: 1 });
    await patch(l, image('agent:1'));
    await l.until('back', rolledOut(l, 4));
    const revisions = await l.list<ControllerRevision>('controllerrevisions');
    expect(revisions.map((each) => each.revision).sort()).toEqual([2, 3]);
  });

  it('with OnDelete waits for the user', async () => {
    await using l = (await lab(nodes(2))).autoRun();
    await l.create('daemonsets', makeSet({ updateStrategy: { type: 'OnDelete' } }));
    await l.until('ready', ready(l, 2));
    await patch(l, image('agent:2'));
    await l.clock.advance(60_000);
    expect((await get(l))!.status!.updatedNumberScheduled).toBeUndefined();
    await l.finish((await pods(l))[0]!);
    await l.until('one new', async () => (await get(l))?.status?.updatedNumberScheduled === 1 && (await ready(l, 2)()));
  });

  it('keeps as many revisions as its limit says', async () => {
    await using l = (await lab(nodes(1))).autoRun();
    await l.create('daemonsets', makeSet({ revisionHistoryLimit: 1 }));
    await l.until('ready', ready(l, 1));
    for (const version of [2, 3, 4]) await roll(l, 1, `agent:${version}`);
    await l.clock.advance(1000);
    const revisions = await l.list<ControllerRevision>('controllerrevisions');
    expect(revisions.map((each) => each.revision).sort()).toEqual([3, 4]);
  });
});

describe('one step of a rolling update', () => {
  type Kind = 'old' | 'old-unavailable' | 'new' | 'new-unavailable' | 'old-going';
  const now = startMs + 3_600_000;

  function makePod(name: string, node: string, kind: Kind): Pod {
    const available = !kind.endsWith('unavailable');
    const readySince = rfc3339(now - (available ? 60_000 : 5_000));
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name,
        namespace: 'default',
        creationTimestamp: rfc3339(startMs),
        labels: { ...labels, [hashLabel]: kind.startsWith('new') ? 'h2' : 'h1' },
        ...(kind === 'old-going' ? { deletionTimestamp: rfc3339(now) } : {}),
      },
      spec: { nodeName: node },
      // Unavailable: ready, but not yet for minReadySeconds.
      status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: readySince }] },
    } as unknown as Pod;
  }

  /** `layout`: pods by node. `tainted`: nodes that pods should not run on any more. */
  function step(strategy: object, layout: Record<string, Kind[]>, tainted: readonly string[] = []) {
    const set = makeSet({ minReadySeconds: 10, ...rolling(strategy) });
    const podsByNode = new Map<string, Pod[]>();
    for (const [node, kinds] of Object.entries(layout)) {
      if (kinds.length > 0)
        podsByNode.set(
          node,
          kinds.map((kind, i) => makePod(`${node}-${kind}-${i}`, node, kind)),
        );
    }
    const all = Object.keys(layout).map((name) =>
      makeNode(name, tainted.includes(name) ? [{ key: 'x', effect: 'NoSchedule' }] : []),
    );
    const result = rollingUpdateStep({ set, hash: 'h2', nodes: all, podsByNode, placement: placementOn(set), now });
    return {
      gone: result.podsToDelete.map((pod) => pod.metadata.name),
      started: [...result.nodesNeedingPods],
    };
  }

  describe('without surge', () => {
    const two = { maxUnavailable: 2 };

    it('takes available old pods within maxUnavailable', () => {
      expect(step(two, { a: ['old'], b: ['old'], c: ['old'] }).gone).toEqual(['a-old-0', 'b-old-0']);
    });

    it('counts a node with excess pods as unavailable and leaves it to the main loop', () => {
      expect(step(two, { a: ['old', 'old'], b: ['old'], c: ['old'] }).gone).toEqual(['b-old-0']);
      expect(step(two, { a: ['new', 'new'], b: ['old'], c: ['old'] }).gone).toEqual(['b-old-0']);
    });

    it('counts a node with an old and a new pod as unavailable', () => {
      expect(step(two, { a: ['old', 'new'], b: ['old'], c: ['old'] }).gone).toEqual(['b-old-0']);
    });

    it('counts a node with neither as unavailable', () => {
      expect(step(two, { a: [], b: ['old'], c: ['old'] }).gone).toEqual(['b-old-0']);
    });

    it('counts a new pod until it is available for minReadySeconds', () => {
      expect(step(two, { a: ['new-unavailable'], b: ['old'], c: ['old'] }).gone).toEqual(['b-old-0']);
      expect(step(two, { a: ['new'], b: ['old'], c: ['old'] }).gone).toEqual(['b-old-0', 'c-old-0']);
    });

    it('takes old pods that are not available always, and first', () => {
      const layout = { a: ['old'], b: ['old-unavailable'], c: ['old-unavailable'], d: ['old-unavailable'] } as const;
      expect(step(two, layout as unknown as Record<string, Kind[]>).gone).toEqual([
        'b-old-unavailable-0',
        'c-old-unavailable-0',
        'd-old-unavailable-0',
      ]);
      const one = { a: ['old'], b: ['old-unavailable'], c: ['old'] } satisfies Record<string, Kind[]>;
      expect(step(two, one).gone).toEqual(['b-old-unavailable-0', 'a-old-0']);
    });

    it('does not count a pod being deleted, but the node is without one', () => {
      expect(step(two, { a: ['old-going'], b: ['old'], c: ['old'] }).gone).toEqual(['b-old-0']);
      expect(step(two, { a: ['old-going', 'new'], b: ['old'], c: ['old'] }).gone).toEqual(['b-old-0', 'c-old-0']);
    });

    it('rounds percentages of the nodes up', () => {
      expect(step({ maxUnavailable: '34%' }, { a: ['old'], b: ['old'], c: ['old'] }).gone).toHaveLength(2);
    });

    it('with neither surge nor unavailability allowed takes one', () => {
      expect(step({ maxUnavailable: 0, maxSurge: 0 }, { a: ['old'], b: ['old'] }).gone).toEqual(['a-old-0']);
    });
  });

  describe('with surge', () => {
    const one = { maxSurge: 1, maxUnavailable: 0 };

    it('starts a new pod beside an available old one within maxSurge', () => {
      expect(step(one, { a: ['old'], b: ['old'] })).toEqual({ gone: [], started: ['a'] });
    });

    it('starts one beside an unavailable old pod at once, whatever the surge', () => {
      expect(step(one, { a: ['old-unavailable'], b: ['old-unavailable'], c: ['old'] })).toEqual({
        gone: [],
        started: ['a', 'b', 'c'],
      });
    });

    it('counts a new pod beside an old one until it is available', () => {
      expect(step(one, { a: ['old', 'new-unavailable'], b: ['old'] })).toEqual({ gone: [], started: [] });
    });

    it('lets the old pod go when the new one is available', () => {
      expect(step(one, { a: ['old', 'new'], b: ['old'] })).toEqual({ gone: ['a-old-0'], started: ['b'] });
    });

    it('counts a node with excess pods as surge', () => {
      expect(step(one, { a: ['old', 'old'], b: ['old'] })).toEqual({ gone: [], started: [] });
    });

    it('leaves nodes without an old pod to the main loop', () => {
      expect(step(one, { a: [], b: ['new'], c: ['new-unavailable'] })).toEqual({ gone: [], started: [] });
    });

    it('on a node that should have none takes an unavailable old pod at once', () => {
      expect(step(one, { a: ['old-unavailable'], b: ['new'] }, ['a'])).toEqual({
        gone: ['a-old-unavailable-0'],
        started: [],
      });
    });

    it('on a node that should have none takes an available old pod only when enough others are available', () => {
      expect(step(one, { a: ['old'], b: ['new-unavailable'] }, ['a'])).toEqual({ gone: [], started: [] });
      expect(step(one, { a: ['old'], b: ['new'] }, ['a'])).toEqual({ gone: ['a-old-0'], started: [] });
    });
  });
});
