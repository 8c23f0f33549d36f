/** The package as a program of others imports it: bundled, by its own name. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { Lab, root, run } from '../helpers/lab.ts';

const lab = new Lab();
afterAll(() => lab.dispose());

it('createCluster runs a control plane in the caller’s process, on time that only moves when told to', async () => {
  const file = join(lab.home, 'program.mjs');
  writeFileSync(
    file,
    `import { createCluster } from ${JSON.stringify(join(root, 'dist', 'index.js'))};
     const cluster = await createCluster({ nodes: 2, clock: 'virtual', seed: 'demo', api: false, etcd: false });
     const pods = cluster.client.resource('pods').namespace('default');
     await pods.create({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' }, spec: { containers: [{ name: 'c', image: 'nginx' }] } });
     const before = cluster.clock.now();
     await cluster.clock.advance(60_000);
     const pod = await pods.get('web');
     console.log(JSON.stringify({ phase: pod.status.phase, moved: cluster.clock.now() - before }));
     await cluster.stop();`,
  );
  const { code, stdout, stderr } = await run(process.execPath, [file], { env: lab.env });
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual({ phase: 'Running', moved: 60_000 });
});
