/** Applying, pruning, waiting and deleting against a whole control plane in this process. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ApplyOptions, type ApplyReporter, applyManifests } from '../../src/cli/apply/apply.ts';
import { lastAppliedAnnotation, modifiedConfiguration } from '../../src/cli/apply/client-side.ts';
import { prune } from '../../src/cli/apply/prune.ts';
import { type ApplyFlags, checkApplyFlags } from '../../src/cli/apply/run.ts';
import { awaitReady } from '../../src/cli/apply/wait.ts';
import { checkDelete, type DeleteRequest, deleteObjects } from '../../src/cli/delete.ts';
import { UserError } from '../../src/cli/exit-codes.ts';
import { parseManifests } from '../../src/cli/manifests/read.ts';
import { Session } from '../../src/cli/session.ts';
import { type Cluster, createCluster } from '../../src/cluster/create-cluster.ts';

let cluster: Cluster;
let counter = 0;
let namespace: string;

beforeAll(async () => {
  cluster = await createCluster({ nodes: 1, api: false, etcd: false, instantContainers: true, seed: 'cli-apply' });
}, 60_000);
afterAll(() => cluster?.[Symbol.asyncDispose]());
beforeEach(() => {
  namespace = `apply-${++counter}`;
});

const session = (options: { signal?: AbortSignal; namespace?: string; namespaceGiven?: boolean } = {}) =>
  new Session(cluster.client, { namespace: 'default', ...options });

class Recorder implements ApplyReporter {
  readonly lines: string[] = [];
  readonly failures: string[] = [];
  readonly warnings: string[] = [];
  applied({ target, outcome }: Parameters<ApplyReporter['applied']>[0]): void {
    this.lines.push(`${target.object.kind}/${target.name} ${outcome}`);
  }
  failed(text: string): void {
    this.failures.push(text);
  }
  warn(text: string): void {
    this.warnings.push(text);
  }
  progress(): void {}
}

const options: ApplyOptions = {
  serverSide: true,
  forceConflicts: false,
  fieldManager: 'klab',
  dryRun: 'none',
  fieldValidation: 'Strict',
};

async function apply(text: string, change: Partial<ApplyOptions> = {}, on = session()) {
  const recorder = new Recorder();
  const manifests = await parseManifests([{ name: 'x.yaml', text }], 'applied');
  const result = await applyManifests(on, manifests, { ...options, ...change }, recorder);
  return { ...result, ...recorder };
}

const map = (name: string, data: Record<string, string> = {}, extra = '') =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, namespace: ${namespace}${extra}}\ndata: ${JSON.stringify(data)}\n`;
const space = () => `apiVersion: v1\nkind: Namespace\nmetadata: {name: ${namespace}}\n`;
const live = (name: string) => cluster.client.resource('configmaps').namespace(namespace).get(name);

describe('server-side apply', () => {
  it('sends a namespace before what is in it, wherever it stands', async () => {
    const { lines, failed } = await apply([map('a'), map('b'), space()].join('---\n'));
    expect(failed).toBe(0);
    expect(lines).toEqual([
      `Namespace/${namespace} serverside-applied`,
      'ConfigMap/a serverside-applied',
      'ConfigMap/b serverside-applied',
    ]);
  });

  it('waits for the account of a new namespace before it sends a pod', async () => {
    const pod = `apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: ${namespace}}\nspec: {containers: [{name: c, image: nginx}]}\n`;
    expect((await apply(`${pod}---\n${space()}`)).failures).toEqual([]);
  });

  it('applies the same object twice in the order of the manifests', async () => {
    await apply([space(), map('a', { x: '1' }), map('a', { x: '2' })].join('---\n'));
    expect((await live('a'))['data']).toEqual({ x: '2' });
  });

  it('a failure of one does not stop the others', async () => {
    const thing = 'apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: t}\n';
    const wrong = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad, namespace: ${namespace}}\ndatta: {}\n`;
    const { applied, failures, failed, total } = await apply([space(), thing, wrong, map('a')].join('---\n'));
    expect([applied.length, failed, total]).toEqual([2, 2, 4]);
    expect(failures[0]).toContain('datta');
    expect(failures[0]).toContain('  at x.yaml:');
    expect(failures[1]).toBe(
      'error: resource mapping not found for name: "t" namespace: "" from "x.yaml": ' +
        'no matches for kind "Thing" in version "example.com/v1"\nensure CRDs are installed first\n  in x.yaml:5:1',
    );
  });

  it('a definition with a broken schema is refused with all that is wrong, and its objects stay unknown', async () => {
    const definition = (schema: object) =>
      JSON.stringify({
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
        metadata: { name: 'hives.bees.example' },
        spec: {
          group: 'bees.example',
          scope: 'Namespaced',
          names: { plural: 'hives', singular: 'hive', kind: 'Hive', listKind: 'HiveList' },
          versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
        },
      });
    const broken = definition({ properties: { spec: { type: 'object', properties: { size: { type: 'intger' } } } } });
    const hive = `apiVersion: bees.example/v1\nkind: Hive\nmetadata: {name: h, namespace: ${namespace}}\n`;
    const { lines, failures } = await apply([space(), `${broken}\n`, hive].join('---\n'));
    expect(lines).toEqual([`Namespace/${namespace} serverside-applied`]);
    expect(failures).toHaveLength(2);
    const [refused, unknown] = failures;
    expect(refused).toMatch(/^The CustomResourceDefinition "hives\.bees\.example" is invalid: ?\n/);
    const schema = 'spec.validation.openAPIV3Schema';
    expect(refused).toContain(`* ${schema}.type: Required value: must not be empty at the root\n`);
    expect(refused).toContain(
      `* ${schema}.properties[spec].properties[size].type: Unsupported value: "intger": ` +
        'supported values: "array", "boolean", "integer", "number", "object", "string"\n',
    );
    expect(refused).toContain('  at x.yaml:5:');
    expect(unknown).toBe(
      `error: resource mapping not found for name: "h" namespace: "${namespace}" from "x.yaml": ` +
        'no matches for kind "Hive" in version "bees.example/v1"\nensure CRDs are installed first\n  in x.yaml:7:1',
    );
  });

  it('names the owner of a field that somebody else holds, and takes it when forced', async () => {
    await apply(`${space()}---\n${map('a', { x: '1' })}`, { fieldManager: 'other' });
    const { failures } = await apply(map('a', { x: '2' }));
    expect(failures[0]).toContain('Apply failed with 1 conflict: conflict with "other": .data.x');
    expect(failures[0]).toContain('--force-conflicts');
    expect((await apply(map('a', { x: '2' }), { forceConflicts: true })).failed).toBe(0);
  });

  it('an object of another namespace than -n is refused', async () => {
    const { failures } = await apply(map('a'), {}, session({ namespace: 'default', namespaceGiven: true }));
    expect(failures[0]).toContain(
      `the namespace from the provided object "${namespace}" does not match the namespace "default". You must pass '--namespace=${namespace}' to perform this operation.`,
    );
  });

  it('a selector chooses among the manifests', async () => {
    const text = [space(), map('a', {}, ', labels: {app: x}'), map('b')].join('---\n');
    await apply(space());
    expect((await apply(text, { selector: 'app=x' })).lines).toEqual(['ConfigMap/a serverside-applied']);
    await expect(apply(text, { selector: 'app=y' })).rejects.toThrow('no objects passed to apply');
  });

  it('an interrupt stops between objects and tells how many were applied', async () => {
    await apply(space());
    const interrupt = new AbortController();
    const manifests = await parseManifests(
      [{ name: 'x.yaml', text: Array.from({ length: 200 }, (_, i) => map(`m-${i}`)).join('---\n') }],
      'applied',
    );
    const recorder = new Recorder();
    recorder.progress = () => interrupt.abort();
    const error = await applyManifests(session({ signal: interrupt.signal }), manifests, options, recorder).catch(
      (e) => e,
    );
    expect(error).toBeInstanceOf(UserError);
    expect(error.exitCode).toBe(130);
    const stored = (await cluster.client.resource('configmaps').namespace(namespace).list()).items.filter(
      ({ metadata }) => metadata.name!.startsWith('m-'),
    );
    expect(error.message).toContain(`interrupted: ${stored.length} of 200 objects were applied`);
    expect(stored.length).toBeLessThan(200);
    expect(recorder.lines).toHaveLength(stored.length);
  });
});

describe('client-side apply', () => {
  const clientSide = { serverSide: false, fieldManager: 'kubectl-client-side-apply' };

  it('says created, configured, unchanged', async () => {
    await apply(space());
    const said = async (data: Record<string, string>) => (await apply(map('a', data), clientSide)).lines[0];
    expect(await said({ x: '1', y: '1' })).toBe('ConfigMap/a created');
    expect(await said({ x: '1', y: '1' })).toBe('ConfigMap/a unchanged');
    expect(await said({ x: '2' })).toBe('ConfigMap/a configured');
    expect((await live('a'))['data']).toEqual({ x: '2' });
  });

  it('leaves alone what others added', async () => {
    await apply(space());
    await apply(map('a', { x: '1' }), clientSide);
    await cluster.client
      .resource('configmaps')
      .namespace(namespace)
      .patch('a', 'merge', { data: { theirs: '1' } });
    await apply(map('a', { x: '2' }), clientSide);
    expect((await live('a'))['data']).toEqual({ x: '2', theirs: '1' });
  });

  it('merges containers by name', async () => {
    const deployment = (env: string) =>
      `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, namespace: ${namespace}}\nspec: {replicas: 0, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i${env}}]}}}\n`;
    await apply(`${space()}---\n${deployment(', env: [{name: A, value: "1"}, {name: B, value: "1"}]')}`, clientSide);
    await apply(deployment(', env: [{name: B, value: "2"}]'), clientSide);
    const { spec } = (await cluster.client.resource('deployments').namespace(namespace).get('d')) as any;
    expect(spec.template.spec.containers[0].env).toEqual([{ name: 'B', value: '2' }]);
    expect(spec.template.spec.containers[0].imagePullPolicy).toBeDefined();
  });

  it('warns when the object was not made by apply', async () => {
    await apply(`${space()}---\n${map('a', { x: '1' })}`);
    expect((await apply(map('a', { x: '2' }), clientSide)).warnings[0]).toContain(
      'is missing the kubectl.kubernetes.io/last-applied-configuration annotation',
    );
  });

  it('keeps the configuration as kubectl writes it', () => {
    const object = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'a' }, data: { b: '<x>', a: '1' } };
    expect(modifiedConfiguration(object).metadata.annotations).toEqual({
      [lastAppliedAnnotation]:
        '{"apiVersion":"v1","data":{"a":"1","b":"\\u003cx\\u003e"},"kind":"ConfigMap","metadata":{"annotations":{},"name":"a"}}\n',
    });
  });

  it('changes nothing in a dry run', async () => {
    await apply(space());
    expect((await apply(map('a'), { ...clientSide, dryRun: 'client' })).lines).toEqual(['ConfigMap/a created']);
    expect((await apply(map('a'), { ...clientSide, dryRun: 'server' })).lines).toEqual(['ConfigMap/a created']);
    await expect(live('a')).rejects.toThrow('not found');
  });
});

describe('pruning', () => {
  it('deletes what this manager applied before and does not want any more', async () => {
    await apply([space(), map('keep'), map('drop')].join('---\n'));
    await apply(map('foreign'), { fieldManager: 'other' });
    const { applied } = await apply(map('keep'));
    const gone: string[] = [];
    const how = { serverSide: true, fieldManager: 'klab', dryRun: 'none' } as const;
    await prune(session(), applied, how, (name) => gone.push(name));
    expect(gone).toEqual(['configmap/drop']);
    await expect(live('drop')).rejects.toThrow('not found');
    await live('foreign');
  });
});

describe('waiting', () => {
  const deployment = (image: string) =>
    `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, namespace: ${namespace}}\nspec: {replicas: 2, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: ${image}}]}}}\n`;

  it('ends when everything is ready', async () => {
    const { applied } = await apply([space(), map('a'), deployment('nginx')].join('---\n'));
    const seen = new Set<string>();
    await awaitReady(session(), applied, { timeoutMs: 15_000, onChange: (_, item) => seen.add(item.readiness.text) });
    expect([...seen].at(-1)).toBe('2 of 2 replicas available');
  });

  it('does not take the state before the change for the state after it', async () => {
    const first = await apply(`${space()}---\n${deployment('nginx:1')}`);
    await awaitReady(session(), first.applied, { timeoutMs: 15_000 });
    const { applied } = await apply(deployment('nginx:2'));
    await awaitReady(session(), applied, { timeoutMs: 15_000 });
    const { items } = await cluster.client.resource('pods').namespace(namespace).list();
    const running = items.filter(({ metadata }) => !metadata.deletionTimestamp);
    expect(running.map((pod: any) => pod.spec.containers[0].image)).toEqual(['nginx:2', 'nginx:2']);
  });

  it('says what is not ready and why, with exit code 3', async () => {
    const { applied } = await apply(`${space()}---\n${deployment('nowhere.invalid/x')}`);
    const error = await awaitReady(session(), applied, { timeoutMs: 1500 }).catch((e) => e);
    expect(error).toBeInstanceOf(UserError);
    expect(error.exitCode).toBe(3);
    const lines = error.message.split('\n');
    expect(lines[0]).toBe('timed out after 1.5s: 1 of 1 objects are not ready');
    expect(lines[1]).toBe('  deployment.apps/d: 0 of 2 updated replicas are available');
    expect(lines[2]).toMatch(/^ {4}pod\/d-\S+: (ErrImagePull|ImagePullBackOff) \(container c: .*nowhere\.invalid/);
  });
});

describe('deleting', () => {
  const request: DeleteRequest = {
    words: [],
    all: false,
    allNamespaces: false,
    now: false,
    force: false,
    gracePeriodSeconds: -1,
    cascade: 'background',
    wait: true,
    timeoutMs: 0,
    ignoreNotFound: false,
    dryRun: 'none',
  };
  const run = async (change: Partial<DeleteRequest>) => {
    const printed: string[] = [];
    const io = { print: (text: string) => printed.push(text), say: () => {} };
    const error = await deleteObjects(session({ namespace }), { ...request, ...change }, io).catch((e) => e);
    return { printed, error };
  };

  it("prints kubectl's lines and waits until the objects are gone", async () => {
    await apply([space(), map('a'), map('b', {}, ', labels: {x: z}')].join('---\n'));
    expect(await run({ words: ['cm', 'a'] })).toEqual({
      printed: [`configmap "a" deleted from ${namespace} namespace`],
      error: undefined,
    });
    expect((await run({ words: ['cm'], labelSelector: 'x=z' })).printed).toEqual([
      `configmap "b" deleted from ${namespace} namespace`,
    ]);
    expect((await run({ words: ['cm'], labelSelector: 'x=z' })).printed).toEqual(['No resources found']);
    expect((await run({ words: [`ns/${namespace}`], wait: false })).printed).toEqual([
      `namespace "${namespace}" deleted`,
    ]);
  });

  it('names what is not there', async () => {
    await apply(space());
    expect((await run({ words: ['cm', 'no'] })).error.message).toBe('configmaps "no" not found');
    expect((await run({ words: ['cm', 'no'], ignoreNotFound: true })).error).toBeUndefined();
    expect((await run({ words: ['cm'] })).error.message).toBe('resource(s) were provided, but no name was specified');
  });

  it('says so when a finalizer holds an object longer than the timeout', async () => {
    await apply(`${space()}---\n${map('held', {}, ', finalizers: [example.com/hold]')}`);
    const { printed, error } = await run({ words: ['cm/held'], timeoutMs: 300 });
    expect(printed).toEqual([`configmap "held" deleted from ${namespace} namespace`]);
    expect([error.message, error.exitCode]).toEqual(['timed out waiting for the condition on configmaps/held', 3]);
    await cluster.client
      .resource('configmaps')
      .namespace(namespace)
      .patch('held', 'merge', { metadata: { finalizers: null } });
  });

  it('flags that contradict each other are refused', () => {
    const check = (change: Partial<DeleteRequest>) => () => checkDelete({ ...request, ...change }, () => {});
    expect(check({ now: true, gracePeriodSeconds: 5 })).toThrow(
      '--now and --grace-period cannot be specified together',
    );
    expect(check({ force: true, gracePeriodSeconds: 5 })).toThrow('--force and --grace-period greater than 0');
    expect(check({ cascade: 'x' })).toThrow('invalid cascade value (x)');
    expect(checkDelete({ ...request, force: true }, () => {}).gracePeriodSeconds).toBe(0);
    expect(checkDelete({ ...request, gracePeriodSeconds: 0 }, () => {}).gracePeriodSeconds).toBe(1);
  });
});

describe('the flags of apply', () => {
  const flags: ApplyFlags = {
    filename: ['x.yaml'],
    recursive: false,
    'server-side': true,
    'force-conflicts': false,
    'dry-run': 'none',
    validate: 'strict',
    prune: false,
    all: false,
    wait: false,
    timeout: '5m',
  };
  it.each<[Partial<ApplyFlags>, string]>([
    [{ filename: undefined }, 'must specify one of -f and -k'],
    [{ kustomize: 'x' }, 'only one of -f or -k can be specified'],
    [{ 'dry-run': 'client' }, "--dry-run=client doesn't work with --server-side"],
    [{ 'server-side': false, 'force-conflicts': true }, '--force-conflicts only works with --server-side'],
    [{ prune: true }, 'all resources selected for prune without explicitly passing --all'],
    [{ prune: true, all: true, selector: 'a=b' }, 'cannot set --all and --selector at the same time'],
    [{ wait: true, 'dry-run': 'server' }, '--wait cannot be used with --dry-run'],
    [{ validate: 'maybe' }, 'invalid value "maybe" for --validate'],
  ])('%j', (change, text) => {
    expect(() => checkApplyFlags({ ...flags, ...change })).toThrow(text);
  });
  it('are fine as they are by default', () => {
    expect(() => checkApplyFlags(flags)).not.toThrow();
  });
});
