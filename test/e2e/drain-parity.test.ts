/** `klab drain` does and says what real kubectl does and says, on the same node. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Lab } from '../helpers/lab.ts';

const lab = new Lab();

const pod = (name: string, labels: string, more = '') => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {${labels}}}
spec: {nodeName: node-1, terminationGracePeriodSeconds: 0, containers: [{name: c, image: nginx}]${more}}
---`;

const manifest = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: ds}
spec:
  selector: {matchLabels: {a: ds}}
  template: {metadata: {labels: {a: ds}}, spec: {containers: [{name: c, image: nginx}]}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: guard}
spec: {minAvailable: 1, selector: {matchLabels: {a: guarded}}}
---
${pod('local', 'a: local', ', volumes: [{name: e, emptyDir: {}}]')}
${pod('guarded', 'a: guarded')}
${pod('evicted-kubectl', 'a: evicted-kubectl')}
${pod('evicted-klab', 'a: evicted-klab')}
${pod('deleted-kubectl', 'a: deleted-kubectl')}
${pod('deleted-klab', 'a: deleted-klab')}
`;

beforeAll(async () => {
  const file = join(lab.home, 'drain.yaml');
  writeFileSync(file, manifest);
  await lab.klab('up', '--nodes', '2');
  await lab.kubectl('apply', '-f', file);
  await lab.kubectl('rollout', 'status', 'ds/ds', '--timeout=30s');
  await lab.kubectl('wait', '--for=condition=Ready', 'pod', '--all', '--timeout=30s');
  await lab.kubectl('cordon', 'node-1', 'node-2');
});
afterAll(() => lab.dispose());

/** kubectl 1.35 said twice what cannot be done, and all of it in no order. */
const alike = (text: string) =>
  text
    .replaceAll('kubectl', 'klab')
    .replaceAll('cannot delete cannot delete', 'cannot delete')
    .split(/\n/)
    .map((line) =>
      line
        .split(/; |: \[|, (?=cannot)|\], |(?<=Warning): /)
        .sort()
        .join('\n'),
    )
    .sort();

async function expectAlike(theirArgs: string, ourArgs = theirArgs): Promise<string> {
  const [theirs, ours] = await Promise.all([lab.tryKubectl(theirArgs.split(' ')), lab.try(ourArgs.split(' '))]);
  expect([alike(ours.stdout), alike(ours.stderr)]).toEqual([alike(theirs.stdout), alike(theirs.stderr)]);
  expect(ours.code === 0).toBe(theirs.code === 0);
  return ours.stdout + ours.stderr;
}

it.each([
  'drain node-1 --dry-run=client',
  'drain node-1 --dry-run=client --ignore-daemonsets',
  'drain node-1 --dry-run=client --ignore-daemonsets --force',
  'drain node-1 --dry-run=client --ignore-daemonsets --force --delete-emptydir-data',
  'drain node-1 --dry-run=server --ignore-daemonsets --force --delete-emptydir-data --pod-selector=a=local',
  'drain node-1 node-2 --dry-run=client --ignore-daemonsets',
  'drain node-1 --dry-run=client --pod-selector=a=ds',
  'drain node-1 --dry-run=client --pod-selector=a=nothing',
  'drain node-1 --pod-selector=a(b',
  'drain node-1 nope',
  'drain -l nobody=home',
  'drain pod/guarded',
  'cordon pod/guarded',
  'uncordon deploy/x',
])('%s', async (line) => {
  await expectAlike(line);
});

it('a pod that a budget guards is asked for again, until the time is over', async () => {
  const said = await expectAlike('drain node-1 --force --pod-selector=a=guarded --timeout=1s');
  expect(said).toContain('(will retry after 5s): Cannot evict pod as it would violate the pod');
  expect(said).toContain('There are pending pods in node "node-1" when an error occurred: error when evicting');
  expect(said).toContain('global timeout reached: 1s');
  expect(await lab.kubectl('get', 'pod', 'guarded', '-o', 'name')).toBe('pod/guarded\n');
  expect((await lab.try('drain node-1 --force --pod-selector=a=guarded --timeout=1s'.split(' '))).code).toBe(3);
});

it.each([
  ['evicted', ''],
  ['deleted', ' --disable-eviction'],
])('pods are %s, and gone at the end', async (done, flag) => {
  const line = (program: string) => `drain node-1 --force --pod-selector=a=${done}-${program}${flag}`;
  const said = await expectAlike(line('kubectl'), line('klab'));
  expect(said).toContain(`pod/${done}-klab ${done}\n`);
  expect((await lab.tryKubectl(['get', 'pod', `${done}-klab`])).stderr).toContain('NotFound');
});

it('a deletion heeds no budget; in a dry run nothing is deleted', async () => {
  const line = 'drain node-1 --force --disable-eviction --pod-selector=a=guarded';
  const tried = await lab.klab(...line.split(' '), '--dry-run=server');
  expect(tried).toBe('node/node-1 already cordoned (server dry run)\nnode/node-1 drained (server dry run)\n');
  expect(await lab.kubectl('get', 'pod', 'guarded', '-o', 'name')).toBe('pod/guarded\n');
  expect(await lab.klab(...line.split(' '))).toBe(
    'node/node-1 already cordoned\npod/guarded deleted\nnode/node-1 drained\n',
  );
});
