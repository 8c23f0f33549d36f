/** What `klab scheduler simulate -f` reads: as an API server would take it, and nothing that it would refuse. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readSchedulerConfig } from '../../src/cli/scheduler-setup.ts';
import { schedulerSimulate } from '../../src/cli/scheduler-simulate.ts';
import { readWorkload } from '../../src/cli/scheduler-workload.ts';

const dir = mkdtempSync(join(tmpdir(), 'klab-workload-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

let serial = 0;
function file(text: string): string {
  const path = join(dir, `${serial++}.yaml`);
  writeFileSync(path, text);
  return path;
}
const problem = async (text: string): Promise<string> => {
  const path = file(text);
  const error = await readWorkload([path]).catch((reason: Error) => reason);
  if (!(error instanceof Error)) throw new Error('it was taken');
  return error.message.replaceAll(path, 'w.yaml');
};

const container = '{name: c, image: nginx, resources: {requests: {cpu: 100m}}}';
const job = `apiVersion: batch/v1
kind: Job
metadata: {name: j}
spec: {parallelism: 2, template: {spec: {restartPolicy: Never, containers: [${container}]}}}
`;

describe('the manifests of a simulation', () => {
  it('get the defaults of the API: limits count as requests, a job selects its pods', async () => {
    const limited = `apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: [{name: c, image: nginx, resources: {limits: {cpu: 2}}}]}
`;
    const { objects, notes } = await readWorkload([file(limited), file(job)]);
    expect(objects[0]!['spec'].containers[0].resources.requests).toEqual({ cpu: '2' });
    expect(objects[1]!['spec']).toMatchObject({ completionMode: 'NonIndexed', selector: { matchLabels: {} } });
    expect(notes).toEqual([]);
  });

  it('are refused where they are wrong, with the place', async () => {
    expect(await problem('apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {container: []}\n')).toBe(
      'w.yaml:4:8: Pod "x": unknown field "spec.container"\n  4 | spec: {container: []}\n    |        ^',
    );
    expect(await problem('apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: hello\n')).toBe(
      'w.yaml:1:1: Pod "x" cannot be read: json: cannot unmarshal string into Go struct field Pod.spec of type v1.PodSpec',
    );
    expect(await problem('apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n')).toMatch(
      /^The Deployment "x" is invalid: \n.*\* spec\.selector: Required value/,
    );
    expect(await problem('apiVersion: extensions/v1beta1\nkind: Deployment\nmetadata: {name: x}\n')).toBe(
      'w.yaml:1:1: no kind "Deployment" in version "extensions/v1beta1"; it is in apps/v1',
    );
    expect(await problem('apiVersion: v1\nkind: Pod\nspec: {}\n')).toBe('w.yaml:1:1: Pod has no metadata.name');
    expect(
      await problem(
        'apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: c, image: i, resources: {requests: {cpu: abc}}}]}\n',
      ),
    ).toMatch(/^w\.yaml:1:1: Pod "x" cannot be read: quantities must match/);
    expect(await problem('kind: Pod\nspec: {\n')).toMatch(/^w\.yaml:\d+:\d+: /);
  });

  it('may hold what is no workload: it is named, limits and quotas by what they would do', async () => {
    const others = `apiVersion: v1
kind: Service
metadata: {name: s}
---
apiVersion: example.com/v1
kind: Widget
metadata: {name: w}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: q}
`;
    const { objects, notes } = await readWorkload([file(others), file(job)]);
    expect(objects).toHaveLength(1);
    expect(notes).toEqual([
      'ResourceQuota/q: limits and quotas are not applied, pods count as they are written.',
      'Service/s, Widget/w: not simulated, the scheduler places pods only.',
    ]);
    const nobody = () => Promise.reject(new Error('no cluster is needed'));
    const signal = new AbortController().signal;
    const path = file(others);
    await expect(schedulerSimulate({ files: [path], nodes: 1, signal }, nobody)).rejects.toThrow(
      /^there is no workload in these files: .*\n {2}ResourceQuota\/q: .*\n {2}Service\/s, Widget\/w: /,
    );
    const text = await schedulerSimulate({ files: [path, file(job)], nodes: 0, signal }, nobody);
    expect(text).toMatch(/default\/j-0, default\/j-1: The cluster has no nodes\.\n\nResourceQuota\/q: /);
  });

  it('may be compared by two configurations of the same file name; what is wrong with one is said', async () => {
    const header = 'apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n';
    const bad = file(`${header}profiles:\n- plugins: {score: {enabled: [{name: Nope}]}}\n`);
    const configs = ['a', 'b'].map((folder) => {
      mkdirSync(join(dir, folder));
      const path = join(dir, folder, 'same.yaml');
      writeFileSync(path, header);
      return path;
    });
    const signal = new AbortController().signal;
    const nobody = () => Promise.reject(new Error('no cluster is needed'));
    const request = { files: [file(job)], nodes: 2, configs, signal, output: 'json' };
    const { items } = JSON.parse(await schedulerSimulate(request, nobody));
    expect(items.map(({ config }: { config: string }) => config)).toEqual(configs);
    await expect(readSchedulerConfig(bad)).rejects.toThrow(`${bad}: `);
    await expect(readSchedulerConfig(bad)).rejects.toThrow('"Nope" does not exist');
    await expect(readSchedulerConfig(join(dir, 'none.yaml'))).rejects.toThrow(
      /^the path ".*none\.yaml" does not exist$/,
    );
  });
});
