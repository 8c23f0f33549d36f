/**
 * What a node agent answers on its own HTTP port (10250), as `nodes/<name>/proxy` reaches it. Upstream:
 * pkg/kubelet/server/server.go, server/stats. Streaming and metrics endpoints are not here: the API server dials those
 * services directly.
 */
import type { Kubelet } from './kubelet.ts';

export interface KubeletHttpResponse {
  readonly code: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export async function kubeletHttp(
  kubelet: Kubelet,
  request: { readonly method: string; readonly path: string },
): Promise<KubeletHttpResponse> {
  const path = request.path.split('?', 1)[0]!.replace(/\/+$/, '');
  switch (path) {
    case '/healthz':
    case '/healthz/ping':
    case '/healthz/syncloop':
      return text(200, 'ok');
    case '/pods':
      return json({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items: kubelet.pods() });
    case '/stats/summary':
      return json(await statsSummary(kubelet));
    default:
      return text(404, '404 page not found\n');
  }
}

/** Upstream: k8s.io/kubelet/pkg/apis/stats/v1alpha1 Summary, the parts that metrics clients read. */
async function statsSummary(kubelet: Kubelet): Promise<object> {
  const pods = [];
  let nanoCores = 0;
  let memory = 0;
  for (const { metadata } of kubelet.pods()) {
    const containers = await kubelet.podStats(metadata.uid ?? '');
    for (const { cpuUsageNanoCores, memoryWorkingSetBytes } of containers) {
      nanoCores += cpuUsageNanoCores;
      memory += memoryWorkingSetBytes;
    }
    pods.push({
      podRef: { name: metadata.name, namespace: metadata.namespace, uid: metadata.uid },
      containers: containers.map((container) => ({
        name: container.name,
        cpu: {
          usageNanoCores: container.cpuUsageNanoCores,
          usageCoreNanoSeconds: container.cpuUsageCoreNanoSeconds,
        },
        memory: { workingSetBytes: container.memoryWorkingSetBytes },
      })),
    });
  }
  const node = {
    nodeName: kubelet.config.name,
    cpu: { usageNanoCores: nanoCores },
    memory: { workingSetBytes: memory },
  };
  return { node, pods };
}

function text(code: number, body: string): KubeletHttpResponse {
  return { code, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: Buffer.from(body) };
}

function json(object: object): KubeletHttpResponse {
  return { code: 200, headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(object)) };
}
