/**
 * Scheduling rates on static nodes: a whole control plane in this process on a durable store, decisions recorded. The
 * workloads are those of upstream's scheduler_perf, as data. Pods are created and bound in the measured time; beside it, the
 * part of it that the scheduling cycles took, and the part that recording them took. For some the cost of recording is measured:
 * runs with and without records take turns in this process, warm and without counters.
 *
 *   node test/bench/scheduler.ts [WORKLOAD]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCluster } from '../../src/cluster/create-cluster.ts';
import { DecisionBuilder } from '../../src/scheduler/decision/record.ts';
import { DecisionStore, SchedulingCycle } from '../../src/scheduler/index.ts';
import { markdown, median, type Row, row } from './row.ts';

interface Workload {
  readonly nodes: number;
  /** Bound before the measurement. */
  readonly before: number;
  readonly pods: number;
  readonly labels?: Record<string, string>;
  readonly spec?: (index: number) => object;
  /** Of the pods bound before, when another than `spec`. */
  readonly specBefore?: (index: number) => object;
  readonly nodeCapacity?: Record<string, string>;
  /** Run it with and without records, in turns. */
  readonly compare?: true;
}

const app = { app: 'bench' };
const term = (topologyKey: string) => ({ topologyKey, labelSelector: { matchLabels: app } });
const required = 'requiredDuringSchedulingIgnoredDuringExecution';
const zones = ['moon-1', 'moon-2', 'moon-3'];

const workloads: Readonly<Record<string, Workload>> = {
  'SchedulingBasic 500 nodes': { nodes: 500, before: 500, pods: 1000, compare: true },
  'SchedulingBasic 5000 nodes': { nodes: 5000, before: 1000, pods: 10_000, compare: true },
  'TopologySpreading 5000 nodes': {
    nodes: 5000,
    before: 1000,
    pods: 2000,
    labels: app,
    compare: true,
    specBefore: () => ({}),
    spec: () => ({
      topologySpreadConstraints: [
        {
          maxSkew: 5,
          topologyKey: 'topology.kubernetes.io/zone',
          whenUnsatisfiable: 'DoNotSchedule',
          labelSelector: { matchLabels: app },
        },
      ],
    }),
  },
  'SchedulingNodeAffinity 5000 nodes': {
    nodes: 5000,
    before: 1000,
    pods: 2000,
    spec: () => ({
      affinity: {
        nodeAffinity: {
          [required]: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: 'topology.kubernetes.io/zone', operator: 'In', values: zones.slice(0, 2) }] },
            ],
          },
        },
      },
    }),
  },
  'SchedulingPodAntiAffinity 5000 nodes': {
    nodes: 5000,
    before: 500,
    pods: 1000,
    labels: app,
    spec: () => ({ affinity: { podAntiAffinity: { [required]: [term('kubernetes.io/hostname')] } } }),
  },
  'SchedulingPodAffinity 5000 nodes': {
    nodes: 5000,
    before: 500,
    pods: 1000,
    labels: app,
    spec: () => ({ affinity: { podAffinity: { [required]: [term('topology.kubernetes.io/zone')] } } }),
  },
  'Preemption 500 nodes': {
    nodes: 500,
    before: 2000,
    pods: 500,
    nodeCapacity: { cpu: '4', memory: '32Gi', pods: '110' },
    specBefore: () => ({ priority: 0, ...cpu('900m') }),
    spec: () => ({ priorityClassName: 'system-cluster-critical', ...cpu('3') }),
  },
  'DaemonSet 15000 nodes': {
    nodes: 15_000,
    before: 0,
    pods: 5000,
    spec: (index) => ({
      affinity: {
        nodeAffinity: {
          [required]: {
            nodeSelectorTerms: [
              { matchFields: [{ key: 'metadata.name', operator: 'In', values: [`static-${index}`] }] },
            ],
          },
        },
      },
    }),
  },
};

function cpu(amount: string): object {
  return { containers: [{ name: 'pause', image: 'pause:3', resources: { requests: { cpu: amount } } }] };
}

const cycles = { ms: 0, runs: 0 };
const records = { ms: 0, runs: 0 };
const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
/** Cycles and records are counted where they are made, by the processor's time: the machine may be busy with other things. */
function measured<T extends object, K extends keyof T & string>(prototype: T, method: K, into: typeof cycles) {
  const original = prototype[method] as (...args: unknown[]) => unknown;
  prototype[method] = function counted(this: unknown, ...args: unknown[]) {
    const start = cpuMs();
    const outcome = original.apply(this, args);
    into.ms += cpuMs() - start;
    into.runs++;
    return outcome;
  } as T[K];
  return () => {
    prototype[method] = original as T[K];
  };
}

/** Nothing of an attempt is kept, not even for the time of its cycle. */
function withoutRecords(): () => void {
  const undo: (() => void)[] = [];
  const off = <T extends object>(prototype: T, ...methods: (keyof T & string)[]) => {
    for (const method of methods) {
      const original = prototype[method];
      prototype[method] = (() => {}) as T[typeof method];
      undo.push(() => {
        prototype[method] = original;
      });
    }
  };
  off(DecisionStore.prototype, 'record');
  off(DecisionBuilder.prototype, 'feasible', 'refused', 'scored', 'excludeAllBut', 'seal', 'finish');
  return () => {
    for (const again of undo) again();
  };
}

async function lanes(total: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < total) await work(next++);
  };
  await Promise.all(Array.from({ length: 64 }, lane));
}

async function measure(name: string, workload: Workload): Promise<Row[]> {
  const dir = mkdtempSync(join(tmpdir(), 'klab-bench-scheduler-'));
  const cluster = await createCluster({
    dir,
    nodes: 0,
    api: false,
    etcd: false,
    seed: 'bench',
    controllers: ['serviceaccount-controller'],
    flags: { 'disable-admission-plugins': 'TaintNodesByCondition' },
  });
  try {
    const { client } = cluster;
    const capacity = workload.nodeCapacity ?? { cpu: '4', memory: '32Gi', pods: '110' };
    await lanes(workload.nodes, (i) =>
      client.resource('nodes').create({
        apiVersion: 'v1',
        kind: 'Node',
        metadata: {
          name: `static-${i}`,
          labels: { 'kubernetes.io/hostname': `static-${i}`, 'topology.kubernetes.io/zone': zones[i % zones.length]! },
        },
        status: { capacity, allocatable: capacity, conditions: [{ type: 'Ready', status: 'True' }] },
      } as never),
    );
    const pods = client.resource('pods').namespace('default');
    const create = (prefix: string, spec?: (index: number) => object) => (i: number) =>
      pods.create({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: `${prefix}-${i}`, namespace: 'default', labels: workload.labels },
        spec: {
          containers: [{ name: 'pause', image: 'pause:3', resources: { requests: { cpu: '100m', memory: '500Mi' } } }],
          terminationGracePeriodSeconds: 0,
          ...spec?.(i),
        },
      } as never);
    let bound = 0;
    const end = new AbortController();
    const watch = await client.resource('pods').watch({ resourceVersion: '0', signal: end.signal });
    let wanted = 0;
    let reached = () => {};
    let prefix = 'before-';
    const watching = (async () => {
      const seen = new Set<string>();
      for await (const { object } of watch) {
        const { metadata, spec } = object as any;
        if (!spec?.nodeName || seen.has(metadata.uid) || !metadata.name.startsWith(prefix)) continue;
        seen.add(metadata.uid);
        if (++bound >= wanted) reached();
      }
    })().catch(() => {});
    const place = async (as: string, count: number, spec?: (index: number) => object) => {
      if (count === 0) return;
      prefix = `${as}-`;
      bound = 0;
      wanted = count;
      const all = new Promise<void>((resolve) => {
        reached = resolve;
      });
      await lanes(count, create(as, spec));
      await all;
    };
    await place('before', workload.before, workload.specBefore ?? workload.spec);
    for (const counter of [cycles, records]) Object.assign(counter, { ms: 0, runs: 0 });
    const [start, busy] = [performance.now(), cpuMs()];
    await place('pod', workload.pods, workload.spec);
    const ms = performance.now() - start;
    const cpu = cpuMs() - busy;
    end.abort();
    await watching;
    return [
      row(`${name}: pods bound`, '1/s', (workload.pods / ms) * 1000, true),
      row(`${name}: all that binding a pod takes, processor time`, 'ms', cpu / workload.pods, false),
      row(`${name}: a scheduling cycle, processor time`, 'ms', cycles.ms / cycles.runs, false),
      ...(records.runs === 0
        ? []
        : [
            row(`${name}: recording an attempt, processor time`, 'ms', records.ms / records.runs, false),
            row(`${name}: recording, share of all`, '%', (records.ms / cpu) * 100, false),
          ]),
    ];
  } finally {
    await cluster.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Pairs of runs, one with records and one without, the other way round each time; a pair before them warms up. */
const pairs = 6;
/** Pods of a run: enough for a second, or two. */
const pairPods = 4000;

async function recordingCost(name: string, workload: Workload): Promise<Row[]> {
  const rates: [number[], number[]] = [[], []];
  const times: [number[], number[]] = [[], []];
  const small = { ...workload, pods: Math.min(workload.pods * 2, pairPods) };
  for (let pair = 0; pair <= pairs; pair++) {
    for (const recorded of pair % 2 === 0 ? [true, false] : [false, true]) {
      const again = recorded ? () => {} : withoutRecords();
      const [rate, time] = await measure(name, small).finally(again);
      if (pair === 0) continue;
      rates[recorded ? 0 : 1].push(rate!.klab);
      times[recorded ? 0 : 1].push(time!.klab);
    }
  }
  const [recorded, not] = rates.map(median) as [number, number];
  const [time, timeNot] = times.map(median) as [number, number];
  return [
    row(`${name}, warm, ${pairs} runs in turns: pods bound`, '1/s', recorded, true, {
      name: 'nothing recorded',
      value: not,
    }),
    row(`${name}, warm: all that binding a pod takes, processor time`, 'ms', time, false, {
      name: 'nothing recorded',
      value: timeNot,
    }),
    row(`${name}: cost of recording, fewer pods/s`, '%', (1 - recorded / not) * 100, false),
  ];
}

export async function scheduler(only?: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [name, workload] of Object.entries(workloads)) {
    if (only !== undefined && !name.includes(only)) continue;
    const stop = measured(SchedulingCycle.prototype, 'run', cycles);
    const uncount = measured(DecisionStore.prototype, 'record', records);
    const found = await measure(name, workload).finally(() => {
      uncount();
      stop();
    });
    if (workload.compare) found.push(...(await recordingCost(name, workload)));
    process.stderr.write(`${markdown(found)}\n`);
    rows.push(...found);
  }
  return rows;
}

if (import.meta.main) process.stdout.write(`${markdown(await scheduler(process.argv[2]))}\n`);
