/** `klab get pods` and `kubectl get pods`, wall time, against the same server, run in turns. */
import { kubectlPath } from '../helpers/clients.ts';
import { bin, eventually, Lab, run } from '../helpers/lab.ts';
import { medianAndBest, type Row } from './row.ts';

const runs = 15;

export async function command(): Promise<Row[]> {
  const lab = new Lab();
  try {
    await lab.klab('up');
    await lab.kubectl('create', 'deployment', 'web', '--image=nginx', '--replicas=10');
    await eventually(
      () => lab.json('get', 'deployment', 'web'),
      (web) => web.status.readyReplicas === 10,
    );
    const wall = async (file: string, args: readonly string[]) => {
      const start = performance.now();
      const { code, stdout, stderr } = await run(file, args, { env: lab.env });
      const ms = performance.now() - start;
      if (code !== 0 || stdout.split('\n').length < 11) throw new Error(`${args.join(' ')} exited ${code}: ${stderr}`);
      return ms;
    };
    const klab: number[] = [];
    const kubectl: number[] = [];
    for (let i = -2; i < runs; i++) {
      const ours = await wall(process.execPath, [bin, 'get', 'pods']);
      const theirs = await wall(kubectlPath(), ['get', 'pods']);
      // The first ones fill caches: discovery, compiled code.
      if (i < 0) continue;
      klab.push(ours);
      kubectl.push(theirs);
    }
    return medianAndBest('get pods (10), wall', 'ms', klab, { name: 'kubectl', values: kubectl });
  } finally {
    await lab.dispose();
  }
}
