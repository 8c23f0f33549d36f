/** Random clusters, with as many things in the way of a pod as fit into a few nodes. */
import { Prng } from '../../src/base/index.ts';
import { makeNode, makePod } from './objects.ts';
import type { Cluster } from './reference.ts';

export const gpuClass = { metadata: { name: 'gpu' }, spec: { extendedResourceName: 'example.com/card' } };

export const apps = ['web', 'db', 'cache'];
const hostname = 'kubernetes.io/hostname';
const zone = 'topology.kubernetes.io/zone';
const keys = [hostname, zone, 'rack'];

export class Dice {
  readonly #prng: Prng;

  constructor(seed: string) {
    this.#prng = new Prng(seed);
  }

  int(n: number): number {
    return this.#prng.int(n);
  }

  pick<T>(items: readonly T[]): T {
    return this.#prng.pick(items);
  }

  /** True once in n. */
  once(n: number): boolean {
    return this.int(n) === 0;
  }

  some<T>(max: number, make: () => T): T[] {
    return Array.from({ length: this.int(max + 1) }, make);
  }
}

const selector = (dice: Dice) =>
  dice.once(4)
    ? { matchExpressions: [{ key: 'app', operator: dice.pick(['In', 'NotIn']), values: [dice.pick(apps)] }] }
    : { matchLabels: { app: dice.pick(apps) } };

const podTerm = (dice: Dice) => ({
  topologyKey: dice.pick(keys),
  labelSelector: selector(dice),
  ...(dice.once(4) && { namespaces: ['other'] }),
});

const nodeTerm = (dice: Dice) => ({
  matchExpressions: [
    dice.pick([
      { key: 'disk', operator: 'In', values: ['ssd'] },
      { key: 'disk', operator: 'DoesNotExist' },
      { key: 'rack', operator: 'Exists' },
      { key: 'size', operator: 'Gt', values: ['1'] },
      { key: zone, operator: 'NotIn', values: ['a'] },
    ]),
  ],
});

const weighted = (dice: Dice, name: string, make: () => object) =>
  dice.some(2, () => ({ weight: 1 + dice.int(100), [name]: make() }));

export function randomNode(dice: Dice, i: number) {
  const node = plainNode(dice, i);
  if (dice.once(2)) (node.status as any).declaredFeatures = ['UserNamespacesHostNetworkSupport'];
  if (dice.once(5)) (node.status as any).allocatable['example.com/card'] = String(1 + dice.int(3));
  return node;
}

function plainNode(dice: Dice, i: number) {
  const taint = () => ({
    key: dice.pick(['gpu', 'old']),
    value: dice.pick(['', 'yes']),
    effect: dice.pick(['NoSchedule', 'PreferNoSchedule', 'PreferNoSchedule', 'NoExecute']),
  });
  return makeNode(`n${i}`, {
    cpu: `${500 + dice.int(8) * 500}m`,
    memory: `${1 + dice.int(8)}Gi`,
    pods: String(2 + dice.int(10)),
    unschedulable: dice.once(10),
    taints: dice.once(3) ? dice.some(2, taint) : [],
    labels: {
      ...(!dice.once(6) && { [zone]: dice.pick(['a', 'b', 'c']) }),
      ...(dice.once(2) && { rack: dice.pick(['1', '2']) }),
      ...(dice.once(3) && { disk: dice.pick(['ssd', 'hdd']) }),
      ...(dice.once(3) && { size: String(dice.int(4)) }),
    },
    images: dice.once(2) ? [{ names: ['app:1'], sizeBytes: (1 + dice.int(900)) * 2 ** 20 }] : [],
  });
}

export function randomPod(dice: Dice, name: string, rich: boolean) {
  const affinity: Record<string, any> = {};
  if (rich && dice.once(3)) {
    affinity['nodeAffinity'] = {
      ...(dice.once(2) && {
        requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [nodeTerm(dice), nodeTerm(dice)] },
      }),
      preferredDuringSchedulingIgnoredDuringExecution: weighted(dice, 'preference', () => nodeTerm(dice)),
    };
  }
  for (const kind of ['podAffinity', 'podAntiAffinity']) {
    if (!dice.once(rich ? 3 : 5)) continue;
    affinity[kind] = {
      ...(dice.once(2) && { requiredDuringSchedulingIgnoredDuringExecution: [podTerm(dice)] }),
      preferredDuringSchedulingIgnoredDuringExecution: weighted(dice, 'podAffinityTerm', () => podTerm(dice)),
    };
  }
  const constraint = () => ({
    topologyKey: dice.pick(keys),
    maxSkew: 1 + dice.int(3),
    whenUnsatisfiable: dice.pick(['DoNotSchedule', 'ScheduleAnyway']),
    labelSelector: selector(dice),
    ...(dice.once(3) && { nodeTaintsPolicy: 'Honor' }),
    ...(dice.once(3) && { nodeAffinityPolicy: 'Ignore' }),
  });
  const withDomains = () => {
    const made = constraint();
    return made.whenUnsatisfiable === 'DoNotSchedule' && dice.once(3) ? { ...made, minDomains: 1 + dice.int(4) } : made;
  };
  return makePod(
    name,
    {
      requests: {
        ...(!dice.once(4) && { cpu: `${dice.int(12) * 100}m` }),
        ...(!dice.once(4) && { memory: `${dice.int(12) * 128}Mi` }),
        ...(rich && dice.once(4) && { 'example.com/card': String(1 + dice.int(2)) }),
      },
      ...(dice.once(6) && { ports: [{ containerPort: 80, hostPort: dice.pick([8080, 8081]) }] }),
      ...(Object.keys(affinity).length > 0 && { affinity }),
      ...(rich && dice.once(2) && { topologySpreadConstraints: dice.some(2, withDomains) }),
      ...(rich && dice.once(5) && { nodeSelector: { disk: 'ssd' } }),
      ...(rich && dice.once(6) && { hostNetwork: true, hostUsers: false }),
      ...(rich && dice.once(3) && { resourceClaims: claimNames(dice) }),
      tolerations: dice.some(2, () => ({
        ...(!dice.once(5) && { key: dice.pick(['gpu', 'old', 'node.kubernetes.io/unschedulable']) }),
        operator: 'Exists',
        ...(dice.once(2) && { effect: dice.pick(['NoSchedule', 'PreferNoSchedule']) }),
      })),
    },
    { namespace: rich || !dice.once(6) ? 'default' : 'other', labels: { app: dice.pick(apps) } },
  );
}

const claimNames = (dice: Dice) =>
  dice.pick([['c0'], ['c1'], ['c0', 'c1']]).map((name) => ({ name, resourceClaimName: name }));

const driver = 'gpu.example.com';

/** Devices of sizes on some nodes, and claims in both namespaces, some of which have theirs. */
function randomDevices(dice: Dice, nodes: Cluster['nodes']) {
  const slices = nodes
    .filter(() => !dice.once(4))
    .map(({ metadata: { name } }) => ({
      metadata: { name },
      spec: {
        driver,
        nodeName: name,
        pool: { name, generation: 1, resourceSliceCount: 1 },
        devices: dice.some(4, () => 0).map((_, i) => ({ name: `d${i}`, attributes: { size: { int: dice.int(3) } } })),
      },
    }));
  const devices = slices.flatMap(({ spec }) =>
    spec.devices.map(({ name }) => ({ pool: spec.pool.name!, device: name })),
  );
  const request = (name: string) => {
    const expression = `device.attributes["${driver}"].size >= ${dice.int(3)}`;
    const selectors = [{ cel: { expression } }];
    return {
      name,
      exactly: { deviceClassName: 'gpu', allocationMode: 'ExactCount', count: 1 + dice.int(2), selectors },
    };
  };
  const claims = ['c0', 'c1', 'others'].map((name) => {
    const requests = dice.once(2) ? [request('a')] : [request('a'), request('b')];
    const at = devices.length > 0 && dice.once(4) ? devices.splice(dice.int(devices.length), 1)[0] : undefined;
    const values = [at?.pool];
    const nodeSelector = {
      nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values }] }],
    };
    const status = at && { allocation: { devices: { results: [{ request: 'a', driver, ...at }] }, nodeSelector } };
    const metadata = { name, namespace: 'default', uid: name, resourceVersion: '1' };
    return { metadata, spec: { devices: { requests } }, ...(status && { status }) };
  });
  return { slices, claims };
}

export function randomCluster(dice: Dice): Cluster {
  const nodes = Array.from({ length: 1 + dice.int(9) }, (_, i) => randomNode(dice, i));
  const placed = dice
    .some(14, () => 0)
    .map((_, i) => [randomPod(dice, `p${i}`, false), dice.pick(nodes).metadata.name!] as const);
  const services = dice.once(2) ? [{ spec: { selector: { app: dice.pick(apps) } } }] : [];
  return { nodes, placed, services, ...randomDevices(dice, nodes) };
}
