/** A Deployment of a thousand pods on a durable server, from its creation to the last pod Ready. */
import { readFileSync } from 'node:fs';
import { builtinResources } from '../../src/api/index.ts';
import { HttpsTransport, KubeClient } from '../../src/client/index.ts';
import { Lab } from '../helpers/lab.ts';
import { type Row, row } from './row.ts';

/** An admin client of the lab's server, over HTTPS. */
export async function adminClient(lab: Lab): Promise<{ client: KubeClient; close: () => Promise<void> }> {
  const { api, certificates } = JSON.parse(await lab.klab('status', '-o', 'json'));
  const transport = new HttpsTransport({
    server: api.endpoint,
    ca: readFileSync(certificates.ca, 'utf8'),
    cert: readFileSync(certificates.clientCert, 'utf8'),
    key: readFileSync(certificates.clientKey, 'utf8'),
  });
  const client = new KubeClient(transport, { definitions: builtinResources, userAgent: 'bench' });
  return { client, close: () => transport.close() };
}

export async function workload(replicas = 1000): Promise<Row[]> {
  const lab = new Lab();
  try {
    await lab.klab('up', '--nodes', String(Math.ceil(replicas / 100)));
    const { client, close } = await adminClient(lab);
    const deployments = client.resource('deployments').namespace('default');
    const end = new AbortController();
    const watch = await deployments.watch({ resourceVersion: '0', signal: end.signal });
    const started = performance.now();
    await deployments.create({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', namespace: 'default' },
      spec: {
        replicas,
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web' } },
          spec: { containers: [{ name: 'web', image: 'nginx', resources: { requests: { cpu: '10m' } } }] },
        },
      },
    });
    for await (const { object } of watch) if ((object as any).status?.readyReplicas === replicas) break;
    const seconds = (performance.now() - started) / 1000;
    end.abort();
    await close();
    return [row(`deployment of ${replicas} pods: created to all Ready`, 's', seconds, false)];
  } finally {
    await lab.dispose();
  }
}
