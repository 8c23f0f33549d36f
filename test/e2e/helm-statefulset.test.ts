/** helm --wait and a StatefulSet: its members come in order with their disks, hooks before and after see what they should. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab, root } from '../helpers/lab.ts';

const lab = new Lab();
const chart = join(root, 'fixtures', 'charts', 'granary');
const wait = ['--wait', '--timeout', '90s'];
beforeAll(async () => {
  await lab.klab('up', '--nodes', '3');
});
afterAll(() => lab.dispose());

const set = () => lab.json('get', 'statefulset', 'g');
const pods = async () => (await lab.json('get', 'pods', '-l', 'app=g')).items;
const claims = async () => (await lab.json('get', 'pvc')).items;

describe('a chart with a StatefulSet', () => {
  it('install --wait ends when every member is ready, with its disk; the hooks have run', async () => {
    expect(await lab.helm('install', 'g', chart, ...wait)).toContain('g keeps 3 bins of 1Gi each.');
    expect((await set()).status).toMatchObject({ readyReplicas: 3, updatedReplicas: 3 });
    const members = await pods();
    expect(members.map(({ metadata }: any) => metadata.name)).toEqual(['g-0', 'g-1', 'g-2']);
    const started = members.map(({ status }: any) => Date.parse(status.startTime));
    expect(started).toEqual([...started].sort((a: number, b: number) => a - b));
    expect((await claims()).map(({ metadata, status }: any) => [metadata.name, status.phase])).toEqual(
      ['grain-g-0', 'grain-g-1', 'grain-g-2'].map((name) => [name, 'Bound']),
    );
    const counted = await lab.kubectl('logs', '-l', 'batch.kubernetes.io/job-name=g-counted', '--tail=1');
    expect(counted.trim().split('\n').sort()).toEqual([0, 1, 2].map((index) => `bin ${index} counted`));
  });

  it('upgrade --wait replaces every member, the last first, and keeps the disks', async () => {
    const uids = (await claims()).map(({ metadata }: any) => metadata.uid);
    await lab.helm('upgrade', 'g', chart, '--set', 'image=redis:7.4', ...wait);
    const { status } = await set();
    expect(status).toMatchObject({ readyReplicas: 3, updatedReplicas: 3, currentRevision: status.updateRevision });
    const members = await pods();
    expect(members.map(({ spec }: any) => spec.containers[0].image)).toEqual(Array(3).fill('redis:7.4'));
    const created = members.map(({ metadata }: any) => Date.parse(metadata.creationTimestamp));
    expect(created).toEqual([...created].sort((a: number, b: number) => b - a));
    expect((await claims()).map(({ metadata }: any) => metadata.uid)).toEqual(uids);
  });

  it('fewer members leave their disks; uninstall leaves all of them', async () => {
    await lab.helm('upgrade', 'g', chart, '--set', 'replicas=1', '--set', 'image=redis:7.4', ...wait);
    expect((await set()).status.replicas).toBe(1);
    await lab.helm('uninstall', 'g', ...wait);
    expect(await pods()).toEqual([]);
    expect(await claims()).toHaveLength(3);
  });
});
