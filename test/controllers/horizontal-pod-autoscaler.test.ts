import { describe, expect, it } from 'vitest';
import { builtinResources, type Deployment, type HorizontalPodAutoscaler, type Pod } from '../../src/api/index.ts';
import { newNotFound } from '../../src/apimachinery/index.ts';
import { rfc3339 } from '../../src/base/index.ts';
import { KubeClient, type Transport } from '../../src/client/index.ts';
import { HorizontalPodAutoscalerController } from '../../src/controllers/index.ts';
import { Lab } from '../helpers/controllers.ts';

const labels = { app: 'web' };

/** A deployment `web` whose pods follow its size at once, with the usage (milli-cores) a story gives them. */
class World {
  readonly lab = new Lab();
  /** Total load in milli-cores, divided over the pods; a function gives each pod its own. */
  load = 0;
  usage: ((pod: Readonly<Pod>) => number | undefined) | undefined;
  readonly sizes: { at: number; replicas: number }[] = [];
  readonly #startMs = this.lab.clock.now();

  async start(replicas: number, spec: Record<string, unknown>, request = '200m'): Promise<this> {
    const { lab } = this;
    const clientFor = (account: string) => new KubeClient(this.#transport(account), { definitions: builtinResources });
    lab.start(new HorizontalPodAutoscalerController({ ...lab.context, clientFor }));
    const resources = request === '' ? {} : { requests: { cpu: request } };
    await lab.create('deployments.apps', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', namespace: 'default' },
      spec: {
        replicas,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'web', resources }] } },
      },
    } as Deployment);
    await this.size(replicas);
    await lab.create('horizontalpodautoscalers.autoscaling', {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'web', namespace: 'default' },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
        minReplicas: 1,
        maxReplicas: 10,
        metrics: [
          { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
        ],
        ...spec,
      },
    } as HorizontalPodAutoscaler);
    return this;
  }

  /** Makes the pods and says that they have run for an hour. */
  async size(replicas: number): Promise<void> {
    const { lab } = this;
    const template = (await lab.get<Deployment>('deployments.apps', 'default', 'web'))!.spec!.template;
    const pods = await lab.list<Pod>('pods');
    for (let i = pods.length; i < replicas; i++) {
      await lab.create('pods', {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: `web-${i}`, namespace: 'default', labels },
        spec: template.spec,
      } as Pod);
      const pod = (await lab.get<Pod>('pods', 'default', `web-${i}`))!;
      await lab.run(pod);
      const running = (await lab.get<Pod>('pods', 'default', `web-${i}`))!;
      const longAgo = rfc3339(lab.clock.now() - 3_600_000);
      const conditions = running.status!.conditions!.map((c) => ({ ...c, lastTransitionTime: longAgo }));
      await lab.client
        .resource<Pod>('pods')
        .updateStatus({ ...running, status: { ...running.status, conditions, startTime: longAgo } });
    }
    for (const pod of pods.slice(replicas)) await lab.finish(pod);
    this.sizes.push({ at: (lab.clock.now() - this.#startMs) / 1000, replicas });
  }

  #transport(account: string): Transport {
    const { lab } = this;
    const inner = lab.api.transport(account);
    const ok = (body: unknown) => ({ code: 200, body, warnings: [] });
    return {
      ...inner,
      request: async (request) => {
        if (request.path.startsWith('/apis/metrics.k8s.io/')) return ok({ items: await this.#metrics() });
        const scaled = /\/deployments\/([^/]+)\/scale$/.exec(request.path);
        if (!scaled) return inner.request(request);
        const found = await lab.get<Deployment>('deployments.apps', 'default', scaled[1]!);
        if (!found) throw newNotFound({ group: 'apps', resource: 'deployments' }, scaled[1]!);
        if (request.method === 'PUT') {
          const { replicas } = (request.body as any).spec;
          await lab.client
            .resource('deployments.apps')
            .namespace('default')
            .patch('web', 'merge', { spec: { replicas } });
          await this.size(replicas);
        }
        return ok({
          apiVersion: 'autoscaling/v1',
          kind: 'Scale',
          metadata: { name: 'web', namespace: 'default' },
          spec: { replicas: found.spec!.replicas },
          status: { replicas: found.spec!.replicas, selector: 'app=web' },
        });
      },
    };
  }

  async #metrics(): Promise<object[]> {
    const pods = await this.lab.list<Pod>('pods');
    return pods.flatMap((pod) => {
      const cpu = this.usage ? this.usage(pod) : this.load / pods.length;
      if (cpu === undefined) return [];
      const containers = [{ name: 'c', usage: { cpu: `${Math.round(cpu * 1e6)}n`, memory: '100Mi' } }];
      return [{ metadata: pod.metadata, timestamp: rfc3339(this.lab.clock.now()), window: '15s', containers }];
    });
  }

  async status() {
    return (await this.lab.get<HorizontalPodAutoscaler>('horizontalpodautoscalers.autoscaling', 'default', 'web'))!
      .status!;
  }

  async condition(type: string): Promise<string | undefined> {
    const found = (await this.status())?.conditions?.find((condition) => condition.type === type);
    return found && `${found.status} ${found.reason} ${found.message}`;
  }

  get replicas(): number {
    return this.sizes.at(-1)!.replicas;
  }

  async [Symbol.asyncDispose]() {
    await this.lab[Symbol.asyncDispose]();
  }
}

const world = (...args: Parameters<World['start']>) => new World().start(...args);
const minutes = 60_000;

describe('the walkthrough of horizontal pod autoscaling', () => {
  it('grows under load by doubling or to four, and shrinks five minutes after the load has gone', async () => {
    await using w = await world(1, {});
    w.load = 610;
    await w.lab.clock.advance(2 * minutes);
    // 610m of 200m at 50 %: seven, but first at most four.
    expect(w.sizes.map(({ replicas }) => replicas)).toEqual([1, 4, 7]);
    expect(w.sizes[1]!.at).toBe(15);
    expect(w.sizes[2]!.at).toBe(30);
    expect(await w.lab.events('SuccessfulRescale')).toEqual([
      'Normal SuccessfulRescale New size: 4; reason: cpu resource utilization (percentage of request) above target',
      'Normal SuccessfulRescale New size: 7; reason: cpu resource utilization (percentage of request) above target',
    ]);
    expect((await w.status()).currentMetrics).toEqual([
      { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 44, averageValue: '88m' } } },
    ]);
    expect(await w.condition('ScalingActive')).toBe(
      'True ValidMetricFound the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)',
    );
    const quietFrom = w.lab.clock.now();
    w.load = 0;
    await w.lab.clock.advance(4 * minutes);
    expect(w.replicas).toBe(7);
    expect(await w.condition('AbleToScale')).toBe(
      'True ScaleDownStabilized recent recommendations were higher than current one, applying the highest recent recommendation',
    );
    await w.lab.until('small again', () => w.replicas === 1);
    const took = w.lab.clock.now() - quietFrom;
    expect(took).toBeGreaterThan(4.5 * minutes);
    expect(took).toBeLessThanOrEqual(5.5 * minutes);
    await w.lab.until('told', async () => (await w.lab.events('SuccessfulRescale')).length === 3);
    expect((await w.lab.events('SuccessfulRescale')).at(-1)).toBe(
      'Normal SuccessfulRescale New size: 1; reason: All metrics below target',
    );
    await w.lab.clock.advance(30_000);
    expect(await w.condition('ScalingLimited')).toBe(
      'True TooFewReplicas the desired replica count is less than the minimum replica count',
    );
  });

  it('looks every 15 seconds, and shrinks exactly 300 seconds after the last time it wanted more', async () => {
    await using w = await world(4, {});
    const { clock } = w.lab;
    const start = clock.now();
    const looks: number[] = [];
    // 400m of 4 pods of 200m at 50 %: four are right.
    w.load = 400;
    w.usage = (pod) => {
      if (pod.metadata.name === 'web-0') looks.push((clock.now() - start) / 1000);
      return w.load / w.replicas;
    };
    await clock.advance(61_000);
    const gaps = looks.slice(1).map((at, i) => at - looks[i]!);
    expect(gaps).toEqual([15, 15, 15]);
    const lastFull = looks.at(-1)!;
    // Two would do.
    w.load = 200;
    await w.lab.until('two', () => w.replicas === 2);
    const { at } = w.sizes.at(-1)!;
    expect(at - lastFull).toBe(300);
  });

  it('stays within a tenth of the target', async () => {
    await using w = await world(4, {});
    for (const load of [440, 364]) {
      w.load = load;
      await w.lab.clock.advance(10 * minutes);
      expect(w.replicas).toBe(4);
    }
    w.load = 452;
    await w.lab.clock.advance(minutes);
    expect(w.replicas).toBe(5);
  });

  it('never exceeds its bounds, and says so', async () => {
    await using w = await world(4, { maxReplicas: 5 });
    w.load = 4000;
    await w.lab.clock.advance(minutes);
    expect(w.replicas).toBe(5);
    expect(await w.condition('ScalingLimited')).toBe(
      'True TooManyReplicas the desired replica count is more than the maximum replica count',
    );
  });

  it('brings a target back into its bounds without looking at metrics', async () => {
    await using w = await world(8, { maxReplicas: 5 }, '');
    await w.lab.clock.advance(20_000);
    expect(w.replicas).toBe(5);
    expect(await w.lab.events('SuccessfulRescale')).toEqual([
      'Normal SuccessfulRescale New size: 5; reason: Current number of replicas above Spec.MaxReplicas',
    ]);
  });

  it('leaves a target of zero alone', async () => {
    await using w = await world(0, {});
    await w.lab.clock.advance(minutes);
    expect(w.replicas).toBe(0);
    expect(await w.condition('ScalingActive')).toBe(
      'False ScalingDisabled scaling is disabled since the replica count of the target is zero',
    );
  });
});

describe('what an autoscaler cannot know', () => {
  it('is asked for by name when requests are missing', async () => {
    await using w = await world(2, {}, '');
    w.load = 100;
    await w.lab.clock.advance(20_000);
    const why = 'failed to get cpu utilization: missing request for cpu in container c of Pod web-0';
    expect(await w.condition('ScalingActive')).toBe(
      `False FailedGetResourceMetric the HPA was unable to compute the replica count: ${why}`,
    );
    expect(await w.lab.events()).toEqual([
      `Warning FailedGetResourceMetric ${why}`,
      `Warning FailedComputeMetricsReplicas invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: ${why}`,
    ]);
  });

  it('is said when there are no metrics, and acted upon when there are', async () => {
    await using w = await world(2, {});
    w.usage = () => undefined;
    await w.lab.clock.advance(20_000);
    expect(await w.condition('ScalingActive')).toContain(
      'failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API',
    );
    w.usage = () => 150;
    await w.lab.clock.advance(20_000);
    expect(w.replicas).toBe(3);
  });

  it('a target that is not there', async () => {
    await using w = await world(1, { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'gone' } });
    await w.lab.clock.advance(20_000);
    expect(await w.condition('AbleToScale')).toBe(
      'False FailedGetScale the HPA controller was unable to get the target\'s current scale: deployments.apps "gone" not found',
    );
    expect(await w.lab.events('FailedGetScale')).toEqual(['Warning FailedGetScale deployments.apps "gone" not found']);
  });

  it('pods without metrics count as full when it would shrink, and as empty when it would grow', async () => {
    await using shrinking = await world(4, {});
    // Three use little, of one nobody knows: (3 × 10 + 200) of 800, 28 % of a 50 % target.
    shrinking.usage = (pod) => (pod.metadata.name === 'web-3' ? undefined : 10);
    await shrinking.lab.clock.advance(6 * minutes);
    expect(shrinking.replicas).toBe(3);
    await using growing = await world(4, {});
    growing.usage = (pod) => (pod.metadata.name === 'web-3' ? undefined : 140);
    await growing.lab.clock.advance(minutes);
    // 70 % known, but 420 of 800 are 52 %: within the tolerance.
    expect(growing.replicas).toBe(4);
  });

  it('metrics of other kinds have no source', async () => {
    await using w = await world(1, {
      metrics: [
        { type: 'Pods', pods: { metric: { name: 'rps' }, target: { type: 'AverageValue', averageValue: '10' } } },
      ],
    });
    await w.lab.clock.advance(20_000);
    expect(await w.condition('ScalingActive')).toBe(
      'False FailedGetPodsMetric the HPA was unable to compute the replica count: unable to get metric rps: unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered',
    );
  });
});

describe('behaviour', () => {
  const rules = (change: object) => ({
    stabilizationWindowSeconds: 0,
    selectPolicy: 'Max',
    policies: [
      { type: 'Pods', value: 4, periodSeconds: 15 },
      { type: 'Percent', value: 100, periodSeconds: 15 },
    ],
    ...change,
  });

  it('limits how fast it grows', async () => {
    const scaleUp = rules({ policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }] });
    await using w = await world(1, { behavior: { scaleUp, scaleDown: rules({}) } });
    w.load = 1000;
    await w.lab.clock.advance(16_000);
    expect(w.replicas).toBe(2);
    await w.lab.clock.advance(40_000);
    expect(w.replicas).toBe(2);
    expect(await w.condition('ScalingLimited')).toBe(
      'True ScaleUpLimit the desired replica count is increasing faster than the maximum scale rate',
    );
    await w.lab.clock.advance(30_000);
    expect(w.replicas).toBe(3);
  });

  it('forbids to shrink, or makes it slow', async () => {
    await using never = await world(4, {
      behavior: { scaleUp: rules({}), scaleDown: rules({ selectPolicy: 'Disabled' }) },
    });
    await never.lab.clock.advance(20 * minutes);
    expect(never.replicas).toBe(4);
    const scaleDown = rules({ policies: [{ type: 'Percent', value: 50, periodSeconds: 60 }] });
    await using slow = await world(8, { behavior: { scaleUp: rules({}), scaleDown } });
    await slow.lab.until('one', () => slow.replicas === 1);
    expect(slow.sizes.map(({ replicas }) => replicas)).toEqual([8, 4, 2, 1]);
    expect(slow.sizes[2]!.at - slow.sizes[1]!.at).toBeGreaterThanOrEqual(60);
  });

  it('waits for a recommendation to last before it grows', async () => {
    const scaleUp = rules({ stabilizationWindowSeconds: 60 });
    await using w = await world(2, { behavior: { scaleUp, scaleDown: rules({}) } });
    w.load = 200;
    await w.lab.clock.advance(2 * minutes);
    w.load = 1000;
    const from = w.lab.clock.now();
    await w.lab.until('grown', () => w.replicas > 2);
    expect(w.lab.clock.now() - from).toBeGreaterThanOrEqual(45_000);
    expect(await w.lab.events('SuccessfulRescale')).toHaveLength(1);
  });

  it('has a tolerance of its own', async () => {
    const behavior = { scaleUp: rules({ tolerance: '0.5' }), scaleDown: rules({}) };
    await using w = await world(4, { behavior });
    w.load = 560;
    await w.lab.clock.advance(minutes);
    expect(w.replicas).toBe(4);
    w.load = 640;
    await w.lab.clock.advance(minutes);
    expect(w.replicas).toBe(7);
  });
});
