/**
 * Strategic merge patches against the real thing: what `kubectl patch --local --type strategic` makes of hundreds of
 * generated cases, ours must make too, refusals included. A case is an object with annotated lists and a patch with
 * every directive.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, expect, it } from 'vitest';
import { builtinResources, loadBuiltinSchema } from '../../src/api/index.ts';
import { applyStrategicMergePatch } from '../../src/apimachinery/index.ts';
import { Prng } from '../../src/base/index.ts';
import { kubectlPath } from '../helpers/clients.ts';
import { run } from '../helpers/lab.ts';

const schemas = loadBuiltinSchema();
const dir = mkdtempSync(join(tmpdir(), 'klab-patch-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

type Json = any;
/** How the items of a list are told apart: by a key, as wholes, or not at all. */
interface ListShape {
  readonly key?: string;
  readonly primitive?: 'merge' | 'atomic';
  item(r: Random): Json;
}

class Random {
  readonly #prng: Prng;
  constructor(seed: string) {
    this.#prng = new Prng(seed);
  }
  chance(percent: number): boolean {
    return this.#prng.int(100) < percent;
  }
  pick<T>(values: readonly T[]): T {
    return this.#prng.pick(values);
  }
  number(below: number): number {
    return this.#prng.int(below);
  }
  name(): string {
    return this.pick(['a', 'b', 'c', 'd']);
  }
  /** Up to four items; those with a key have it once each. */
  list({ key, primitive, item }: ListShape): Json[] {
    // Never empty: upstream cannot tell the type of an empty list and refuses it now and then.
    const items = Array.from({ length: 1 + this.number(4) }, () => item(this));
    const identity = (each: Json) => (key === undefined ? (primitive === 'merge' ? each : {}) : each[key]);
    const seen = new Set<unknown>();
    return items.filter((each) => !seen.has(identity(each)) && seen.add(identity(each)));
  }
  map(): Json {
    return Object.fromEntries(this.list({ primitive: 'merge', item: (r) => r.name() }).map((k) => [k, this.name()]));
  }
}

const env: ListShape = { key: 'name', item: (r) => ({ name: r.name(), value: r.name() }) };
const ports: ListShape = {
  key: 'containerPort',
  item: (r) => ({ containerPort: 80 + r.number(3), ...(r.chance(50) ? { name: r.name() } : {}) }),
};
const mounts: ListShape = { key: 'mountPath', item: (r) => ({ mountPath: `/${r.name()}`, name: r.name() }) };
const args: ListShape = { primitive: 'atomic', item: (r) => r.name() };
const container: ListShape = {
  key: 'name',
  item: (r) => ({
    name: r.name(),
    image: r.name(),
    ...some(r, { env, ports, volumeMounts: mounts, args }),
  }),
};
const volume: ListShape = {
  key: 'name',
  item: (r) => ({ name: r.name(), ...r.pick([{ emptyDir: {} }, { configMap: { name: r.name() } }]) }),
};
const finalizers: ListShape = { primitive: 'merge', item: (r) => `x.io/${r.name()}` };
const tolerations: ListShape = { item: (r) => ({ key: r.name(), operator: 'Exists' }) };
const conditions: ListShape = { key: 'type', item: (r) => ({ type: r.name(), status: r.pick(['True', 'False']) }) };
const owners: ListShape = {
  key: 'uid',
  item: (r) => ({ uid: r.name(), apiVersion: 'v1', kind: 'Pod', name: r.name() }),
};

const podLists = { containers: container, initContainers: container, volumes: volume, tolerations };
const lists: Readonly<Record<string, ListShape>> = {
  ...podLists,
  env,
  volumeMounts: mounts,
  args,
  finalizers,
  ownerReferences: owners,
  conditions,
  imagePullSecrets: { key: 'name', item: (r) => ({ name: r.name() }) },
  hostAliases: { key: 'ip', item: (r) => ({ ip: `10.0.0.${r.number(3)}`, hostnames: [r.name()] }) },
  topologySpreadConstraints: {
    key: 'topologyKey',
    item: (r) => ({ topologyKey: r.name(), maxSkew: 1 + r.number(3), whenUnsatisfiable: 'DoNotSchedule' }),
  },
  secrets: { key: 'name', item: (r) => ({ name: r.name() }) },
  webhooks: {
    key: 'name',
    item: (r) => ({ name: r.name(), sideEffects: 'None', admissionReviewVersions: [r.name()], clientConfig: {} }),
  },
  rules: { item: (r) => ({ verbs: [r.name()], resources: [r.name()], apiGroups: [''] }) },
};

function some(r: Random, shapes: Readonly<Record<string, ListShape>>): Json {
  const out: Json = {};
  for (const [name, shape] of Object.entries(shapes)) if (r.chance(60)) out[name] = r.list(shape);
  return out;
}

const podSpec = (r: Random) => ({
  ...some(r, {
    ...podLists,
    imagePullSecrets: lists['imagePullSecrets']!,
    hostAliases: lists['hostAliases']!,
    topologySpreadConstraints: lists['topologySpreadConstraints']!,
  }),
  ...(r.chance(50) ? { nodeSelector: r.map() } : {}),
  ...(r.chance(50) ? { securityContext: { runAsUser: r.number(9) } } : {}),
});
const metadata = (r: Random) => ({
  name: 'x',
  ...some(r, { finalizers, ownerReferences: owners }),
  ...(r.chance(50) ? { labels: r.map() } : {}),
  ...(r.chance(30) ? { annotations: r.map() } : {}),
});
const servicePorts: ListShape = { key: 'port', item: (r) => ({ port: 80 + r.number(3), name: r.name() }) };

const kinds: Readonly<Record<string, (r: Random) => Json>> = {
  'apps/v1 Deployment': (r) => ({
    spec: {
      replicas: r.number(4),
      strategy: r.pick([{ type: 'Recreate' }, { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } }]),
      template: { metadata: r.chance(50) ? { labels: r.map() } : {}, spec: podSpec(r) },
    },
    ...(r.chance(40) ? { status: some(r, { conditions }) } : {}),
  }),
  'v1 Pod': (r) => ({ spec: podSpec(r), ...(r.chance(40) ? { status: some(r, { conditions }) } : {}) }),
  'v1 Service': (r) => ({ spec: { selector: r.map(), ports: r.list(servicePorts) } }),
  'v1 ServiceAccount': (r) => ({ secrets: r.list(lists['secrets']!) }),
  'v1 ConfigMap': (r) => ({ data: r.map() }),
  'rbac.authorization.k8s.io/v1 Role': (r) => ({ rules: r.list(lists['rules']!) }),
  'admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration': (r) => ({ webhooks: r.list(lists['webhooks']!) }),
};

/** Which list a field is in this place. */
function shapeOf(name: string, kind: string): ListShape | undefined {
  if (name !== 'ports') return lists[name];
  return kind === 'v1 Service' ? servicePorts : ports;
}

function patchOf(r: Random, object: Json, kind: string, depth = 0): Json {
  const out: Json = {};
  for (const [name, value] of Object.entries<Json>(object)) {
    if (['apiVersion', 'kind'].includes(name) || !r.chance(depth < 2 ? 75 : 55)) continue;
    const shape = Array.isArray(value) ? shapeOf(name, kind) : undefined;
    if (depth > 0 && r.chance(10) && name !== 'name') out[name] = null;
    else if (shape) patchList(r, out, name, value, shape, kind, depth);
    else if (value !== null && typeof value === 'object' && !Array.isArray(value))
      out[name] = patchMap(r, value, kind, depth);
    else if (name !== 'name') out[name] = typeof value === 'number' ? r.number(9) : value;
  }
  return out;
}

function patchMap(r: Random, value: Json, kind: string, depth: number): Json {
  const next = patchOf(r, value, kind, depth + 1);
  if (depth === 0) return next;
  if (r.chance(6)) next['$patch'] = r.pick(['replace', 'delete', 'merge']);
  else if (r.chance(12))
    next['$retainKeys'] = Object.keys({ ...value, ...next }).filter((k) => !k.startsWith('$') && r.chance(60));
  return next;
}

function patchList(
  r: Random,
  out: Json,
  name: string,
  value: Json[],
  shape: ListShape,
  kind: string,
  depth: number,
): void {
  const added = r.list(shape);
  if (shape.primitive) {
    out[name] = added;
    if (shape.primitive === 'merge' && r.chance(50))
      out[`$deleteFromPrimitiveList/${name}`] = value.filter((each) => !added.includes(each));
    if (shape.primitive === 'merge' && r.chance(50))
      out[`$setElementOrder/${name}`] = shuffled(r, [...new Set([...value, ...added])]);
    return;
  }
  if (shape.key === undefined) {
    out[name] = added;
    return;
  }
  const { key } = shape;
  const items = added.map((item) => {
    const old = value.find((each) => each[key] === item[key]);
    if (r.chance(15)) return { [key]: item[key], $patch: 'delete' };
    return old && r.chance(50) ? { ...patchOf(r, old, kind, depth + 1), [key]: item[key] } : item;
  });
  if (r.chance(8)) items.push({ $patch: 'replace' });
  if (r.chance(4)) items.push({ nothing: 'to tell it by' });
  out[name] = items;
  if (r.chance(50)) {
    const kept = [...value, ...items].filter((each) => each[key] !== undefined && each.$patch !== 'delete');
    const order = shuffled(r, [...new Set(kept.map((each) => each[key]))]);
    out[`$setElementOrder/${name}`] = order.map((each) => ({ [key]: each }));
    // Mostly in that order, as it has to be.
    if (r.chance(80)) items.sort((a, b) => order.indexOf(a[key]) - order.indexOf(b[key]));
  }
}

function shuffled<T>(r: Random, values: readonly T[]): T[] {
  return values
    .map((value) => [r.number(1000), value] as const)
    .sort(([a], [b]) => a - b)
    .map(([, value]) => value);
}

function ours(kind: string, object: Json, patch: Json): { result?: Json; error?: string } {
  const [apiVersion, name] = kind.split(' ');
  const definition = builtinResources.find(
    (each) => each.kind === name && (each.group === '' ? each.version : `${each.group}/${each.version}`) === apiVersion,
  )!;
  try {
    const schema = schemas.get(definition.schema as string)!;
    return { result: applyStrategicMergePatch(object, patch, schema, schemas) };
  } catch (error) {
    return { error: (error as Error).message };
  }
}

async function theirs(id: string, object: Json, patch: Json): Promise<{ result?: Json; error?: string }> {
  const file = join(dir, `${id}.json`);
  const patchFile = join(dir, `${id}-patch.json`);
  writeFileSync(file, JSON.stringify(object));
  writeFileSync(patchFile, JSON.stringify(patch));
  const args = ['patch', '--local', '--type', 'strategic', '-f', file, '--patch-file', patchFile, '-o', 'json'];
  const { code, stdout, stderr } = await run(kubectlPath(), args, { env: { KUBECONFIG: '/dev/null', HOME: dir } });
  return code === 0 ? { result: JSON.parse(stdout) } : { error: stderr.trim().replace(/^error: /, '') };
}

it.each(Object.keys(kinds))('%s', { timeout: 120_000 }, async (kind) => {
  const [apiVersion, name] = kind.split(' ');
  const cases = Array.from({ length: 50 }, (_, i) => {
    const r = new Random(`${kind} ${i}`);
    const object = { apiVersion, kind: name, metadata: metadata(r), ...kinds[kind]!(r) };
    return { id: `${name}-${i}`, object, patch: patchOf(r, object, kind) };
  });
  let compared = 0;
  let carriedOut = 0;
  const differences: string[] = [];
  const workers = Array.from({ length: 4 }, async () => {
    for (let next = cases.pop(); next; next = cases.pop()) {
      const { id, object, patch } = next;
      const text = JSON.stringify({ object, patch });
      const wanted = await theirs(id, object, patch);
      const got = ours(kind, object, patch);
      compared++;
      if (wanted.error === undefined) carriedOut++;
      // Both refuse: kubectl wraps some of the texts.
      if (wanted.error === undefined ? isDeepStrictEqual(got, wanted) : got.error !== undefined) continue;
      differences.push(`${text}\n  kubectl: ${JSON.stringify(wanted)}\n  klab:    ${JSON.stringify(got)}`);
    }
  });
  await Promise.all(workers);
  expect(differences.join('\n\n')).toBe('');
  expect(compared).toBe(50);
  expect(carriedOut).toBeGreaterThan(15);
});
