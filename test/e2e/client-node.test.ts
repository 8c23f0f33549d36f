/** @kubernetes/client-node: what operators and tools in Node do with a cluster. */
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import {
  ApiException,
  AppsV1Api,
  Attach,
  CoordinationV1Api,
  CoreV1Api,
  Cp,
  Exec,
  Health,
  type Informer,
  KubeConfig,
  KubernetesObjectApi,
  Log,
  Metrics,
  makeInformer,
  PatchStrategy,
  PortForward,
  setHeaderOptions,
  topNodes,
  type V1ConfigMap,
  type V1Deployment,
  V1MicroTime,
  type V1Status,
  VersionApi,
  Watch,
} from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RemoteKV } from '../../src/etcd/index.ts';
import { Lab } from '../helpers/lab.ts';

const lab = new Lab();
const config = new KubeConfig();
const namespace = 'default';
let core: CoreV1Api;
beforeAll(async () => {
  await lab.klab('up', '--nodes', '2');
  config.loadFromFile(lab.env['KUBECONFIG']!);
  core = config.makeApiClient(CoreV1Api);
});
afterAll(() => lab.dispose());

/** Collects what is written, and can be waited for. */
class Heard extends Writable {
  text = '';
  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.text += chunk;
    done();
  }
}

const settings = (name: string, data: Record<string, string> = {}): V1ConfigMap => ({ metadata: { name }, data });
const failure = async (work: Promise<unknown>): Promise<{ code: number; status: V1Status }> => {
  const error = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(ApiException);
  const { code, body } = error as ApiException<string>;
  return { code, status: typeof body === 'string' ? JSON.parse(body) : body };
};

describe('the kubeconfig that klab writes', () => {
  it('reaches a ready server of its version', async () => {
    expect(config.getCurrentContext()).toBe('klab-default');
    expect((await config.makeApiClient(VersionApi).getCode()).gitVersion).toMatch(/^v1\.36\.0\+klab\./);
    const health = new Health(config);
    expect([await health.readyz({}), await health.livez({})]).toEqual([true, true]);
  });
});

describe('typed clients', () => {
  it('create, read, list in pages, replace with a conflict, delete', async () => {
    for (const name of ['page-1', 'page-2', 'page-3']) {
      await core.createNamespacedConfigMap({
        namespace,
        body: { ...settings(name), metadata: { name, labels: { page: 'y' } } },
      });
    }
    const names: string[] = [];
    let _continue: string | undefined;
    do {
      const page = await core.listNamespacedConfigMap({
        namespace,
        labelSelector: 'page=y',
        limit: 2,
        ...(_continue ? { _continue } : {}),
      });
      names.push(...page.items.map((item) => item.metadata!.name!));
      _continue = page.metadata?._continue;
    } while (_continue);
    expect(names).toEqual(['page-1', 'page-2', 'page-3']);

    const read = await core.readNamespacedConfigMap({ namespace, name: 'page-1' });
    expect(read.metadata!.creationTimestamp).toBeInstanceOf(Date);
    await core.replaceNamespacedConfigMap({ namespace, name: 'page-1', body: { ...read, data: { a: '1' } } });
    const conflict = await failure(
      core.replaceNamespacedConfigMap({ namespace, name: 'page-1', body: { ...read, data: { a: '2' } } }),
    );
    expect(conflict).toMatchObject({ code: 409, status: { reason: 'Conflict' } });
    const deleted = await core.deleteCollectionNamespacedConfigMap({ namespace, labelSelector: 'page=y' });
    expect(deleted).toBeDefined();
    const gone = await failure(core.readNamespacedConfigMap({ namespace, name: 'page-1' }));
    expect(gone).toMatchObject({ code: 404, status: { reason: 'NotFound', message: 'configmaps "page-1" not found' } });
  });

  it('refuse what is invalid with all causes', async () => {
    const { code, status } = await failure(
      core.createNamespacedPod({ namespace, body: { metadata: { name: 'Bad' }, spec: { containers: [] } } }),
    );
    expect(code).toBe(422);
    expect(status.details!.causes!.map(({ field }) => field)).toEqual(
      expect.arrayContaining(['metadata.name', 'spec.containers']),
    );
  });

  it('patch in all four ways', async () => {
    const apps = config.makeApiClient(AppsV1Api);
    const labels = { app: 'patched' };
    const body: V1Deployment = {
      metadata: { name: 'patched' },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'a', image: 'nginx' }] } },
      },
    };
    const name = 'patched';
    await apps.createNamespacedDeployment({ namespace, body });
    const patch = (strategy: PatchStrategy, body: unknown, more: object = {}) =>
      apps.patchNamespacedDeployment({ namespace, name, body, ...more }, setHeaderOptions('Content-Type', strategy));
    const json = await patch(PatchStrategy.JsonPatch, [{ op: 'replace', path: '/spec/replicas', value: 2 }]);
    expect(json.spec!.replicas).toBe(2);
    const merged = await patch(PatchStrategy.MergePatch, { metadata: { annotations: { a: 'b' } } });
    expect(merged.metadata!.annotations).toMatchObject({ a: 'b' });
    const strategic = await patch(PatchStrategy.StrategicMergePatch, {
      spec: { template: { spec: { containers: [{ name: 'b', image: 'redis' }] } } },
    });
    expect(strategic.spec!.template.spec!.containers.map(({ name }) => name)).toEqual(['b', 'a']);
    const wanted = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name }, spec: { replicas: 3 } };
    const conflict = await failure(patch(PatchStrategy.ServerSideApply, wanted, { fieldManager: 'ci' }));
    expect(conflict.status.message).toMatch(
      /^Apply failed with 1 conflict: conflict with ".*" using apps\/v1: \.spec\.replicas$/,
    );
    const applied = await patch(PatchStrategy.ServerSideApply, wanted, { fieldManager: 'ci', force: true });
    expect(applied.spec!.replicas).toBe(3);
    expect(applied.metadata!.managedFields!.find(({ manager }) => manager === 'ci')).toMatchObject({
      operation: 'Apply',
    });
    await apps.deleteNamespacedDeployment({ namespace, name, propagationPolicy: 'Foreground' });
  });

  it('hold a lease: one of two wins', async () => {
    const leases = config.makeApiClient(CoordinationV1Api);
    const spec = (holderIdentity: string) => ({
      holderIdentity,
      leaseDurationSeconds: 15,
      acquireTime: new V1MicroTime(),
      renewTime: new V1MicroTime(),
    });
    const lease = await leases.createNamespacedLease({
      namespace,
      body: { metadata: { name: 'leader' }, spec: spec('one') },
    });
    expect(String(lease.spec!.renewTime)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    const take = (who: string) =>
      leases.replaceNamespacedLease({ namespace, name: 'leader', body: { ...lease, spec: spec(who) } });
    const outcomes = await Promise.allSettled([take('one'), take('two')]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });
});

describe('KubernetesObjectApi', () => {
  it('finds the paths of any kind by discovery', async () => {
    const objects = KubernetesObjectApi.makeApiClient(config);
    const widget = { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name: 'any', namespace } };
    const created = await objects.create({
      ...widget,
      spec: { minAvailable: 1, selector: { matchLabels: { a: 'b' } } },
    } as typeof widget);
    expect(created.metadata).toMatchObject({ name: 'any', namespace });
    const applied: any = await objects.patch(
      { ...widget, spec: { minAvailable: 2 } } as typeof widget,
      undefined,
      undefined,
      'ci',
      true,
      PatchStrategy.ServerSideApply,
    );
    expect(applied.spec.minAvailable).toBe(2);
    expect((await objects.list('policy/v1', 'PodDisruptionBudget', namespace)).items).toHaveLength(1);
    expect((await objects.delete(widget)).status).toBe('Success');
  });
});

/** Forgets all revisions but the newest, as an administrator's etcdctl does. */
async function compact(): Promise<void> {
  const { etcd } = JSON.parse(await lab.klab('status', '-o', 'json'));
  const tls = { ca: etcd.cacert, cert: etcd.cert, key: etcd.key };
  const kv = new RemoteKV({ endpoints: etcd.endpoints, tls });
  const { header } = await kv.range({ key: Buffer.from('/registry/'), limit: 1 });
  await kv.compact(header.revision, { physical: true });
  await kv.close();
}

describe('watches and informers', () => {
  const path = `/api/v1/namespaces/${namespace}/configmaps`;

  it('a watch tells of changes from a revision on, until it is aborted', async () => {
    const { metadata } = await core.listNamespacedConfigMap({ namespace });
    const seen: string[] = [];
    let ended: (() => void) | undefined;
    const end = new Promise<void>((resolve) => {
      ended = resolve;
    });
    const query = {
      resourceVersion: metadata!.resourceVersion,
      fieldSelector: 'metadata.name=seen',
      allowWatchBookmarks: true,
    };
    const controller = await new Watch(config).watch(
      path,
      query,
      (type) => void seen.push(type),
      () => ended!(),
    );
    await core.createNamespacedConfigMap({ namespace, body: settings('seen') });
    await core.deleteNamespacedConfigMap({ namespace, name: 'seen' });
    await expect.poll(() => seen).toEqual(['ADDED', 'DELETED']);
    controller.abort();
    await end;
  });

  /** `name event` of everything that happens to objects with the label. */
  function follow(label: string, watchPath = path) {
    const seen: string[] = [];
    const labelSelector = `follow=${label}`;
    const lists: (string | undefined)[] = [];
    const informer: Informer<V1ConfigMap> = makeInformer(
      config,
      watchPath,
      async () => {
        const list = await core.listNamespacedConfigMap({ namespace, labelSelector });
        lists.push(list.metadata?.resourceVersion);
        return list;
      },
      labelSelector,
    );
    for (const verb of ['add', 'update', 'delete'] as const) {
      informer.on(verb, (object) => void seen.push(`${verb} ${object.metadata!.name} ${object.data?.['a'] ?? ''}`));
    }
    let connects = 0;
    informer.on('connect', () => void connects++);
    const put = (name: string, a: string) =>
      core.createNamespacedConfigMap({
        namespace,
        body: { metadata: { name, labels: { follow: label } }, data: { a } },
      });
    const change = (name: string, a: string) =>
      core.patchNamespacedConfigMap(
        { namespace, name, body: { data: { a } } },
        setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
      );
    return { informer, seen, lists, put, change, connects: () => connects };
  }

  it('an informer sees every add, update and delete once, and what leaves its selector', async () => {
    const { informer, seen, put, change } = follow('all');
    await put('before', '0');
    await informer.start();
    await put('after', '1');
    await change('after', '2');
    await core.patchNamespacedConfigMap(
      { namespace, name: 'before', body: { metadata: { labels: { follow: null } } } },
      setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
    );
    await core.deleteNamespacedConfigMap({ namespace, name: 'after' });
    await expect
      .poll(() => seen)
      .toEqual(['add before 0', 'add after 1', 'update after 2', 'delete before 0', 'delete after 2']);
    await informer.stop();
  });

  it('goes on without a new list after the server ended its watch', async () => {
    const { informer, seen, lists, put, change, connects } = follow('timeout', `${path}?timeoutSeconds=1`);
    await informer.start();
    await put('kept', '1');
    await expect.poll(connects, { timeout: 20_000 }).toBeGreaterThan(1);
    await change('kept', '2');
    await expect.poll(connects, { timeout: 20_000 }).toBeGreaterThan(2);
    await change('kept', '3');
    await expect.poll(() => seen, { timeout: 20_000 }).toEqual(['add kept 1', 'update kept 2', 'update kept 3']);
    expect(lists).toHaveLength(1);
    await informer.stop();
  });

  it('lists again when its revision is compacted: 410 after a restart', async () => {
    const { informer, seen, lists, put } = follow('gone');
    await informer.start();
    await put('one', '1');
    await expect.poll(() => seen).toEqual(['add one 1']);
    const failed = new Promise<void>((resolve) => informer.on('error', () => resolve()));
    await lab.klab('down');
    await failed;
    await lab.klab('up');
    await put('two', '2');
    await compact();
    await lab.klab('down');
    await lab.klab('up');
    // As its documentation says: on an error, start it again.
    await informer.start();
    await expect.poll(() => lists.length, { timeout: 30_000 }).toBe(2);
    await expect.poll(() => seen).toContain('add two 2');
    await put('three', '3');
    await expect.poll(() => seen).toContain('add three 3');
    await informer.stop();
  });
});

describe('pods', () => {
  beforeAll(async () => {
    await lab.kubectl(
      'run',
      'box',
      '--image=busybox',
      '--',
      'sh',
      '-c',
      'echo begun; while true; do echo tick; sleep 0.2; done',
    );
    await lab.kubectl('run', 'web', '--image=nginx', '--port=80');
    await lab.kubectl('wait', 'pod', '--all', '--for=condition=Ready', '--timeout=30s');
  });

  it('Exec: output apart, input, exit code', async () => {
    const exec = new Exec(config);
    const [out, err] = [new Heard(), new Heard()];
    const run = (command: string[], stdin: Readable | null = null) =>
      new Promise<V1Status>((resolve, reject) => {
        exec.exec(namespace, 'box', 'box', command, out, err, stdin, false, resolve).catch(reject);
      });
    const status = await run(['sh', '-c', 'cat; echo wrong >&2; exit 3'], Readable.from(['piped\n']));
    expect([out.text, err.text]).toEqual(['piped\n', 'wrong\n']);
    expect(status.details!.causes).toEqual([{ reason: 'ExitCode', message: '3' }]);
    expect((await run(['true'])).status).toBe('Success');
  });

  it('Attach and Log follow what a container prints', async () => {
    const attached = new Heard();
    const socket = await new Attach(config).attach(namespace, 'box', 'box', attached, null, null, false);
    await expect.poll(() => attached.text).toContain('tick\ntick\n');
    socket.close();
    const followed = new PassThrough();
    // The library listens to no error of the stream it pipes here, and aborting is one.
    followed.on('pipe', (source: Readable) => source.on('error', () => {}));
    let text = '';
    followed.on('data', (chunk) => {
      text += chunk;
    });
    const controller = await new Log(config).log(namespace, 'box', 'box', followed, { follow: true });
    await expect.poll(() => text).toMatch(/^begun\n(tick\n)+/);
    controller.abort();
  });

  it('Cp copies folders to and from a pod', async () => {
    const [from, to] = ['from', 'to'].map((name) => mkdtempSync(join(lab.home, `${name}-`))) as [string, string];
    writeFileSync(join(from, 'text'), 'to and fro\n');
    const cp = new Cp(config);
    // It resolves when the copy has begun.
    await lab.kubectl('exec', 'box', '--', 'mkdir', '-p', '/tmp/there');
    await cp.cpToPod(namespace, 'box', 'box', from, '/tmp/there');
    const inPod = () => lab.tryKubectl(['exec', 'box', '--', 'cat', '/tmp/there/text']);
    await expect.poll(async () => (await inPod()).stdout, { timeout: 10_000 }).toBe('to and fro\n');
    await cp.cpFromPod(namespace, 'box', 'box', 'text', to, '/tmp/there');
    const back = () => (existsSync(join(to, 'text')) ? readFileSync(join(to, 'text'), 'utf8') : '');
    await expect.poll(back, { timeout: 10_000 }).toBe('to and fro\n');
  });

  it('PortForward speaks HTTP through the API server', async () => {
    const page = new Heard();
    const input = new PassThrough();
    await new PortForward(config).portForward(namespace, 'web', [80], page, null, input);
    input.write('GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n');
    await expect.poll(() => page.text).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*Welcome to nginx!/);
  });

  it('Metrics and topNodes say what is used', async () => {
    await expect
      .poll(async () => (await new Metrics(config).getNodeMetrics()).items, { timeout: 30_000 })
      .toHaveLength(2);
    const nodes = await topNodes(core);
    expect(nodes.map(({ Node }) => Node.metadata!.name)).toEqual(['node-1', 'node-2']);
    expect(Number(nodes[0]!.CPU.Capacity)).toBeGreaterThan(0);
  });
});
