/**
 * How fast the nodes of a zone are tainted when they fall silent, and when not at all, with upstream's figures: 0.1 nodes
 * a second; 0.01 in a zone of more than 50 nodes of which 55 % and at least three are down, none in a smaller one; none
 * while every zone is down. Upstream: pkg/controller/nodelifecycle, node_lifecycle_controller.go.
 */
import { describe, expect, it } from 'vitest';
import type { Lease, Node, Pod } from '../../src/api/index.ts';
import { rfc3339, rfc3339Micro } from '../../src/base/index.ts';
import type { ControllerSettings } from '../../src/controllers/index.ts';
import { NodeLifecycleController, TaintEvictionController } from '../../src/controllers/index.ts';
import { Lab } from '../helpers/controllers.ts';

/** Zones of nodes that renew their leases every ten seconds, as kubelets do, until they are told not to. */
class Fleet implements AsyncDisposable {
  readonly lab: Lab;
  readonly #silent = new Set<string>();
  /** Seconds at which each node got its NoExecute taint, and lost it. */
  readonly tainted = new Map<string, number>();

  constructor(settings: Partial<ControllerSettings> = {}) {
    this.lab = new Lab(settings);
    const { context, api } = this.lab;
    api.observe(({ object }) => {
      const { kind, metadata, spec } = object as Node;
      if (kind !== 'Node') return;
      const name = metadata.name!;
      if (!spec?.taints?.some(({ effect }) => effect === 'NoExecute')) this.tainted.delete(name);
      else if (!this.tainted.has(name)) this.tainted.set(name, this.seconds);
    });
    this.lab.start(new NodeLifecycleController(context), new TaintEvictionController(context));
  }

  get seconds(): number {
    return this.lab.clock.monotonic() / 1000;
  }

  async add(zone: string, count: number): Promise<string[]> {
    const names = Array.from({ length: count }, (_, i) => `${zone}-${i}`);
    for (const name of names) await this.#addNode(name, zone);
    return names;
  }

  silence(names: readonly string[]): void {
    for (const name of names) this.#silent.add(name);
  }

  /** The kubelet is back: its lease and its status say so. */
  async revive(names: readonly string[]): Promise<void> {
    for (const name of names) {
      this.#silent.delete(name);
      await this.#report(name);
      await this.#renew(name);
    }
  }

  /** Seconds between one taint and the next. */
  gaps(): number[] {
    const times = [...this.tainted.values()].sort((a, b) => a - b);
    return times.slice(1).map((time, i) => time - times[i]!);
  }

  async status(name: string): Promise<string | undefined> {
    const node = await this.lab.get<Node>('nodes', '', name);
    return node?.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  }

  async #addNode(name: string, zone: string): Promise<void> {
    const { lab } = this;
    await lab.create<Node>('nodes', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels: { 'topology.kubernetes.io/zone': zone } },
    });
    await this.#report(name);
    const renewTime = rfc3339Micro(lab.clock.now());
    await lab.client.resource<Lease>('leases').create({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace: 'kube-node-lease' },
      spec: { holderIdentity: name, leaseDurationSeconds: 40, renewTime },
    });
    const beat = () => {
      if (!this.#silent.has(name)) void this.#renew(name);
      lab.clock.schedule(10_000, beat);
    };
    lab.clock.schedule(10_000, beat);
  }

  async #report(name: string): Promise<void> {
    const nodes = this.lab.client.resource<Node>('nodes');
    const at = rfc3339(this.lab.clock.now());
    const times = { lastHeartbeatTime: at, lastTransitionTime: at };
    const conditions = [
      { type: 'Ready', status: 'True' as const, ...times },
      { type: 'MemoryPressure', status: 'False' as const, ...times },
      { type: 'DiskPressure', status: 'False' as const, ...times },
      { type: 'PIDPressure', status: 'False' as const, ...times },
    ];
    await nodes.patch(name, 'merge', { status: { conditions } }, { subresource: 'status' });
  }

  async #renew(name: string): Promise<void> {
    const leases = this.lab.client.resource<Lease>('leases').namespace('kube-node-lease');
    await leases.patch(name, 'merge', { spec: { renewTime: rfc3339Micro(this.lab.clock.now()) } });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.lab[Symbol.asyncDispose]();
  }
}

describe('silent nodes', () => {
  it('of a zone that is well otherwise are tainted one every ten seconds, from 50 s after their last sign on', async () => {
    await using fleet = new Fleet();
    const names = await fleet.add('a', 10);
    await fleet.lab.clock.advance(60_000);
    const last = fleet.seconds;
    fleet.silence(names.slice(0, 5));
    await fleet.lab.until('all five', () => fleet.tainted.size === 5);
    const first = Math.min(...fleet.tainted.values()) - last;
    // The lease was renewed up to ten seconds before; the monitor looks every five.
    expect(first).toBeGreaterThan(40);
    expect(first).toBeLessThanOrEqual(55);
    for (const gap of fleet.gaps()) {
      expect(gap).toBeGreaterThanOrEqual(9.9);
      expect(gap).toBeLessThanOrEqual(10.3);
    }
    expect([...fleet.tainted.keys()].sort()).toEqual(names.slice(0, 5));
  });

  it('of two zones are tainted at the rate of each', async () => {
    await using fleet = new Fleet();
    const [a, b] = [await fleet.add('a', 8), await fleet.add('b', 8)];
    fleet.silence([...a.slice(0, 3), ...b.slice(0, 3)]);
    await fleet.lab.until('all six', () => fleet.tainted.size === 6);
    const times = [...fleet.tainted.values()].sort((x, y) => x - y);
    expect(times[5]! - times[0]!).toBeLessThanOrEqual(21);
    expect(times[1]! - times[0]!).toBeLessThan(1);
  });

  it('that are two in a zone of three are not yet a disruption', async () => {
    await using fleet = new Fleet();
    const names = await fleet.add('a', 3);
    fleet.silence(names.slice(0, 2));
    await fleet.lab.until('both', () => fleet.tainted.size === 2);
    expect(fleet.gaps()[0]).toBeLessThanOrEqual(10.3);
  });

  it.each([
    [54, 100, 'the full rate', 10],
    [55, 100, 'the secondary rate', 100],
  ])('%i of %i are tainted at %s', async (down, size, _, every) => {
    await using fleet = new Fleet();
    const names = await fleet.add('a', size);
    fleet.silence(names.slice(0, down));
    await fleet.lab.until('four', () => fleet.tainted.size >= 4);
    // The zone's state is known after the first look: the one token of the full rate may be gone by then.
    const [, ...gaps] = fleet.gaps();
    for (const gap of gaps) {
      expect(gap).toBeGreaterThanOrEqual(every - 0.1);
      expect(gap).toBeLessThanOrEqual(every + 0.5);
    }
  });

  it('that are most of a zone of at most 50 are left alone until some come back', async () => {
    await using fleet = new Fleet();
    const names = await fleet.add('a', 50);
    await fleet.add('b', 1);
    fleet.silence(names.slice(0, 28));
    await fleet.lab.until('unknown', async () => (await fleet.status('a-0')) === 'Unknown');
    await fleet.lab.clock.advance(1_800_000);
    expect(fleet.tainted.size).toBe(0);
    const backAt = fleet.seconds;
    await fleet.revive(names.slice(20, 28));
    await fleet.lab.until('three', () => fleet.tainted.size === 3);
    // A queue that stood still starts with no token.
    expect(Math.min(...fleet.tainted.values()) - backAt).toBeGreaterThanOrEqual(9.9);
    for (const gap of fleet.gaps()) expect(gap).toBeGreaterThanOrEqual(9.9);
  });

  it('in every zone at once keep their pods, lose the taints they have, and get a new grace when one node is back', async () => {
    await using fleet = new Fleet();
    const { lab } = fleet;
    const [a, b] = [await fleet.add('a', 2), await fleet.add('b', 2)];
    fleet.silence(a);
    await lab.until('one', () => fleet.tainted.size > 0);
    fleet.silence(b);
    await lab.until('full disruption', async () => (await fleet.status('b-0')) === 'Unknown');
    await lab.until('no taints', () => fleet.tainted.size === 0);
    await lab.clock.advance(1_800_000);
    expect(fleet.tainted.size).toBe(0);
    const backAt = fleet.seconds;
    await fleet.revive(['b-0']);
    await lab.until('three', () => fleet.tainted.size === 3);
    expect(Math.min(...fleet.tainted.values()) - backAt).toBeGreaterThanOrEqual(10);
    expect(await fleet.status('b-0')).toBe('True');
    expect(fleet.tainted.has('b-0')).toBe(false);
  });

  it('do not count, and are tainted all the same, when they are excluded from disruption', async () => {
    await using fleet = new Fleet();
    const names = await fleet.add('a', 6);
    const nodes = fleet.lab.client.resource<Node>('nodes');
    const labels = { 'node.kubernetes.io/exclude-disruption': '' };
    for (const name of names.slice(0, 4)) await nodes.patch(name, 'merge', { metadata: { labels } });
    fleet.silence(names.slice(0, 4));
    await fleet.lab.until('all four', () => fleet.tainted.size === 4);
  });
});

describe('flags', () => {
  it('--node-eviction-rate, --node-monitor-grace-period and --node-monitor-period change the pace', async () => {
    await using fleet = new Fleet({
      nodeEvictionRate: 1,
      nodeMonitorGracePeriodMs: 20_000,
      nodeMonitorPeriodMs: 1000,
    });
    const names = await fleet.add('a', 10);
    const since = fleet.seconds;
    fleet.silence(names.slice(0, 5));
    await fleet.lab.until('all five', () => fleet.tainted.size === 5);
    expect(Math.min(...fleet.tainted.values()) - since).toBeLessThanOrEqual(22);
    for (const gap of fleet.gaps()) expect(gap).toBeCloseTo(1, 0);
  });

  it('--large-cluster-size-threshold and --secondary-node-eviction-rate let small zones go on slowly', async () => {
    await using fleet = new Fleet({ largeClusterSizeThreshold: 4, secondaryNodeEvictionRate: 0.05 });
    const names = await fleet.add('a', 5);
    fleet.silence(names.slice(0, 4));
    await fleet.lab.until('three', () => fleet.tainted.size >= 3);
    const [, gap] = fleet.gaps();
    expect(gap).toBeGreaterThanOrEqual(19.9);
    expect(gap).toBeLessThanOrEqual(20.5);
  });

  it('--unhealthy-zone-threshold says when a zone is disrupted', async () => {
    await using fleet = new Fleet({ unhealthyZoneThreshold: 0.9 });
    const names = await fleet.add('a', 5);
    fleet.silence(names.slice(0, 4));
    await fleet.lab.until('all four', () => fleet.tainted.size === 4);
    for (const gap of fleet.gaps()) expect(gap).toBeLessThanOrEqual(10.3);
  });
});

describe('a pod on a node with NoExecute taints', () => {
  const tolerate = (key: string, tolerationSeconds?: number) => ({
    key,
    operator: 'Exists' as const,
    effect: 'NoExecute' as const,
    ...(tolerationSeconds === undefined ? {} : { tolerationSeconds }),
  });
  const taint = (key: string) => ({ key, effect: 'NoExecute' as const });

  it.each<[string, Parameters<typeof tolerate>[], string[], number | 'never']>([
    ['goes at once when it tolerates none', [], ['dedicated'], 0],
    ['goes at once when it tolerates one of two', [['dedicated', 300]], ['dedicated', 'gpu'], 0],
    [
      'goes after the shortest of its tolerations',
      [
        ['dedicated', 300],
        ['gpu', 30],
      ],
      ['dedicated', 'gpu'],
      30,
    ],
    ['goes at once with a toleration of no seconds', [['dedicated', 0]], ['dedicated'], 0],
    ['goes at once with a toleration of negative seconds', [['dedicated', -5]], ['dedicated'], 0],
    [
      'goes after the five minutes that admission gives',
      [['node.kubernetes.io/unreachable', 300]],
      ['node.kubernetes.io/unreachable'],
      300,
    ],
    ['stays when it tolerates for ever', [['dedicated']], ['dedicated'], 'never'],
    [
      'goes after the limit of one toleration although another has none',
      [['dedicated'], ['gpu', 60]],
      ['dedicated', 'gpu'],
      60,
    ],
  ])('%s', async (_, tolerations, taints, seconds) => {
    await using lab = new Lab();
    lab.start(new TaintEvictionController(lab.context));
    await lab.create<Node>('nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' } });
    const pod = await lab.create<Pod>('pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', namespace: 'default' },
      spec: { containers: [{ name: 'c', image: 'i' }], tolerations: tolerations.map((each) => tolerate(...each)) },
    });
    await lab.run(pod, true, 'n');
    await lab.clock.advance(1000);
    const since = lab.clock.monotonic();
    await lab.client.resource('nodes').patch('n', 'merge', { spec: { taints: taints.map(taint) } });
    const going = async () => (await lab.get<Pod>('pods', 'default', 'p'))?.metadata.deletionTimestamp !== undefined;
    if (seconds === 'never') {
      await lab.clock.advance(86_400_000);
      expect(await going()).toBe(false);
      return;
    }
    await lab.until('gone', going);
    const took = (lab.clock.monotonic() - since) / 1000;
    expect(took).toBeGreaterThanOrEqual(seconds);
    expect(took).toBeLessThanOrEqual(seconds + 1);
  });
});
