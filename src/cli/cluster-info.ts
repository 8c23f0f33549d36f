/** `klab cluster-info`. Upstream: kubectl/pkg/cmd/clusterinfo/clusterinfo.go. */
import type { Service } from '../api/index.ts';
import type { Session } from './session.ts';
import type { WriteIo } from './write/io.ts';

/** Where the API and the services marked as the cluster's own answer; of kube-system unless `-n` was given. */
export async function clusterInfo(session: Session, io: WriteIo): Promise<void> {
  const { signal, address } = session;
  const namespace = session.namespaceGiven ? session.namespace : 'kube-system';
  const calls = session.client.resource<Service>(await session.resolve('services')).namespace(namespace);
  const { items } = await calls.list({ labelSelector: 'kubernetes.io/cluster-service=true', signal });
  io.write(`Kubernetes control plane is running at ${address}\n`);
  for (const { metadata, spec, status } of items) {
    const [ingress] = status?.loadBalancer?.ingress ?? [];
    const [port] = spec?.ports ?? [];
    let link: string;
    if (ingress) {
      const host = ingress.ip || ingress.hostname;
      link = (spec?.ports ?? []).map((one) => `http://${host}:${one.port} `).join('');
    } else {
      const scheme = port && (port.name === 'https' || port.port === 443) ? 'https' : '';
      const portName = port?.name ?? '';
      const name =
        scheme || portName ? [...(scheme ? [scheme] : []), metadata.name, portName].join(':') : metadata.name;
      link = `${address}/api/v1/namespaces/${metadata.namespace}/services/${name}/proxy`;
    }
    io.write(`${metadata.labels?.['kubernetes.io/name'] || metadata.name} is running at ${link}\n`);
  }
  io.write("\nTo further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.\n");
}
