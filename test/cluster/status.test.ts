/** Every STATUS that kubectl can show is reached by a manifest of fixtures/status, and klab explains each. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pod } from '../../src/api/index.ts';
import { decodeYaml, type KubeObject } from '../../src/apimachinery/index.ts';
import { packageRoot } from '../../src/base/index.ts';
import { explainStatus } from '../../src/cli/describe/status-explained.ts';
import type { Cluster } from '../../src/cluster/create-cluster.ts';
import { quietCluster } from './lab.ts';

const fixtures = join(packageRoot(), 'fixtures');
const table = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

/** File, the word of the STATUS column, and what klab's advice must speak of. */
const states: readonly (readonly [string, string, RegExp])[] = [
  ['running', 'Running', /nothing; it runs/],
  ['pending', 'Pending', /klab scheduler explain pod pending/],
  ['scheduling-gated', 'SchedulingGated', /example\.com\/quota/],
  ['container-creating', 'ContainerCreating', /wait/],
  ['pod-initializing', 'PodInitializing', /wait/],
  ['init-progress', 'Init:0/1', /"setup" is next or at work/],
  ['init-error', 'Init:Error', /init container setup ended with exit code 1/],
  ['init-crash-loop', 'Init:CrashLoopBackOff', /init container setup.*--previous/],
  ['init-exit-code', 'Init:ExitCode:3', /init container setup ended with exit code 3/],
  ['init-signal', 'Init:Signal:15', /init container setup was ended by signal 15/],
  ['init-image', 'Init:ImagePullBackOff', /registry\.invalid\/setup:1/],
  ['init-oom', 'Init:OOMKilled', /resources\.limits\.memory of container setup/],
  ['err-image-pull', 'ErrImagePull', /registry\.invalid\/app:1/],
  ['image-pull-back-off', 'ImagePullBackOff', /check name and tag/],
  ['err-image-never-pull', 'ErrImageNeverPull', /imagePullPolicy is Never/],
  ['invalid-image-name', 'InvalidImageName', /"Not\/\/An\/\/Image" cannot be parsed/],
  ['create-container-config-error', 'CreateContainerConfigError', /ConfigMap or Secret/],
  ['create-container-error', 'CreateContainerError', /command, args and mounts/],
  ['run-container-error', 'RunContainerError', /could not start it/],
  ['start-error', 'StartError', /could not start it/],
  ['post-start-hook-error', 'PostStartHookError', /lifecycle\.postStart/],
  ['crash-loop-back-off', 'CrashLoopBackOff', /klab logs crash-loop-back-off --previous/],
  ['error', 'Error', /exit code 1.*klab logs error/],
  ['exit-code', 'ExitCode:3', /exit code 3/],
  ['signal', 'Signal:9', /klab/],
  ['completed', 'Completed', /nothing/],
  ['oom-killed', 'OOMKilled', /raise resources\.limits\.memory of container main/],
  ['oom-killed-by-stress', 'OOMKilled', /raise resources\.limits\.memory/],
  ['evicted', 'Evicted', /short of resources: klab describe node node-1/],
  ['evicted-for-memory', 'Error', /short of resources: klab describe node node-1/],
  ['deadline-exceeded', 'DeadlineExceeded', /activeDeadlineSeconds/],
  ['evicted-for-storage', 'Error', /delete the pod/],
  ['deadline-exceeded-and-killed', 'Error', /activeDeadlineSeconds/],
  ['not-ready', 'NotReady', /some containers have ended and others run/],
  ['terminating', 'Terminating', /containers have 600s to stop/],
  ['out-of-cpu', 'OutOfcpu', /refused the pod/],
  ['out-of-memory', 'OutOfmemory', /refused the pod/],
  ['node-affinity', 'NodeAffinity', /refused the pod/],
  ['unexpected-admission-error', 'UnexpectedAdmissionError', /refused the pod/],
  ['container-status-unknown', 'ContainerStatusUnknown', /raise activeDeadlineSeconds/],
  ['unknown', 'Unknown', /klab describe node/],
];
/** Shown of a pod that is being deleted. */
const deleted = new Set(['terminating', 'unknown']);

/** What has to be so before, and no longer after. */
const circumstances: Readonly<Record<string, { begin(): Promise<unknown>; end(): Promise<unknown> }>> = {
  evicted: {
    async begin() {
      await cluster.nodes.press('node-1', { resource: 'memory' });
      await cluster.clock.advance(15_000);
    },
    end: liftPressure,
  },
  'evicted-for-memory': {
    async begin() {
      const path = '/api/v1/namespaces/default/pods/evicted-for-memory';
      const runs = async () => (await cluster.client.request({ method: 'GET', path })).body.status.phase === 'Running';
      await cluster.clock.advanceUntil(runs, 60_000);
      await cluster.nodes.press('node-1', { resource: 'memory' });
    },
    end: liftPressure,
  },
};
/** Those that come when the pod is there. */
const afterwards = new Set(['evicted-for-memory']);

async function liftPressure(): Promise<void> {
  await cluster.nodes.press('node-1', { resource: 'memory', lift: true });
  await cluster.clock.advance(330_000);
}

let cluster: Cluster;

async function statusOf(name: string): Promise<string> {
  const path = `/api/v1/namespaces/default/pods/${name}`;
  const { body } = await cluster.client.request({ method: 'GET', path, accept: table });
  const column = body.columnDefinitions.findIndex((each: { name: string }) => each.name === 'Status');
  return body.rows[0].cells[column];
}

beforeAll(async () => {
  cluster = await quietCluster({ nodes: 2 });
  const images = join(fixtures, 'images');
  for (const file of readdirSync(images).filter((each) => each.endsWith('.yaml'))) {
    await cluster.images.add({ file, text: readFileSync(join(images, file), 'utf8') });
  }
});
afterAll(() => cluster.stop());

describe('STATUS', () => {
  it('has a scenario for each manifest', () => {
    const files = readdirSync(join(fixtures, 'status')).map((file) => file.replace(/\.yaml$/, ''));
    expect(states.map(([file]) => file).sort()).toEqual(files.sort());
  });

  it.each(states)('%s shows %s', async (file, word, advice) => {
    const text = readFileSync(join(fixtures, 'status', `${file}.yaml`), 'utf8');
    const value: any = decodeYaml(text, { file })[0]!.value;
    const pods = cluster.client.resource('pods').namespace('default');
    if (!afterwards.has(file)) await circumstances[file]?.begin();
    await pods.create(structuredClone(value) as KubeObject);
    if (value.status) await pods.patch(file, 'strategic', { status: value.status }, { subresource: 'status' });
    if (afterwards.has(file)) await circumstances[file]?.begin();
    const shows = async () => (await statusOf(file)) === word;
    if (deleted.has(file)) {
      if (!value.status) await cluster.clock.advanceUntil(async () => (await statusOf(file)) === 'Running', 60_000);
      await pods.delete(file);
      await cluster.clock.advance(1_000);
    }
    // The clock goes in small steps: some words stand for a moment only.
    if (!(await cluster.clock.advanceUntil(shows, 300_000))) expect(await statusOf(file)).toBe(word);
    const pod = (await pods.get(file)) as unknown as Pod;
    const explained = explainStatus(pod, cluster.clock.now());
    expect(explained.word).toBe(word);
    expect(explained.advice).toMatch(advice);
    expect(explained.steps.length).toBeGreaterThan(0);
    await pods.delete(file, { gracePeriodSeconds: 0 }).catch(() => {});
    await circumstances[file]?.end();
  });

  it('of a pod on a node that died is Terminating once its tolerations end, with the node named', async () => {
    const pods = cluster.client.resource('pods').namespace('default');
    await pods.create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'lost' },
      spec: { containers: [{ name: 'main', image: 'nginx' }] },
    });
    await cluster.clock.advanceUntil(async () => (await statusOf('lost')) === 'Running', 60_000);
    const { nodeName = '' } = ((await pods.get('lost')) as unknown as Pod).spec ?? {};
    await cluster.nodes.stop(nodeName);
    expect(await cluster.clock.advanceUntil(async () => (await statusOf('lost')) === 'Terminating', 900_000)).toBe(
      true,
    );
    await cluster.clock.advance(60_000);
    const pod = (await pods.get('lost')) as unknown as Pod;
    expect(explainStatus(pod, cluster.clock.now()).advice).toMatch(
      new RegExp(`node ${nodeName} has not confirmed.*--force gives up`),
    );
  });
});
