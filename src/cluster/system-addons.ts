/**
 * kube-proxy and CoreDNS as kubeadm installs them. What they do, klab's network does by itself; the objects are what
 * people, charts and tools look for. Upstream: kubeadm app/phases/addons/{proxy,dns}/manifests.go.
 */
import { isAlreadyExists, isInvalid, isNotFound, type KubeObject } from '../apimachinery/index.ts';
import type { KubeClient } from '../client/index.ts';
import type { Program } from '../kubelet/index.ts';
import type { ComponentLogs } from './component-logs.ts';
import type { CoreDns } from './core-dns.ts';

const namespace = 'kube-system';
const dnsVersion = '1.13.1';
const dnsLabels = { 'k8s-app': 'kube-dns' };
const proxyLabels = { 'k8s-app': 'kube-proxy' };

export interface SystemAddonFacts {
  readonly clusterDns: string;
  readonly podCidr: string;
}

const account = (name: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name, namespace },
});

const binding = (name: string, role: string, user: string): KubeObject => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
  subjects: [{ kind: 'ServiceAccount', name: user, namespace }],
});

/** Upstream: kubeadm's, app/phases/addons/dns/manifests.go. */
export const defaultCorefile = `.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30 {
       disable success cluster.local
       disable denial cluster.local
    }
    loop
    reload
    loadbalance
}
`;

function proxy({ podCidr }: SystemAddonFacts): KubeObject[] {
  const config = [
    'apiVersion: kubeproxy.config.k8s.io/v1alpha1',
    `clusterCIDR: ${podCidr}`,
    'kind: KubeProxyConfiguration',
    'mode: ""',
    '',
  ].join('\n');
  const container = {
    name: 'kube-proxy',
    image: 'registry.k8s.io/kube-proxy:v1.36.0',
    imagePullPolicy: 'IfNotPresent',
    command: [
      '/usr/local/bin/kube-proxy',
      '--config=/var/lib/kube-proxy/config.conf',
      '--hostname-override=$(NODE_NAME)',
    ],
    securityContext: { privileged: true },
    env: [{ name: 'NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }],
    volumeMounts: [
      { mountPath: '/var/lib/kube-proxy', name: 'kube-proxy' },
      { mountPath: '/run/xtables.lock', name: 'xtables-lock' },
      { mountPath: '/lib/modules', name: 'lib-modules', readOnly: true },
    ],
  };
  const volumes = [
    { name: 'kube-proxy', configMap: { name: 'kube-proxy' } },
    { name: 'xtables-lock', hostPath: { path: '/run/xtables.lock', type: 'FileOrCreate' } },
    { name: 'lib-modules', hostPath: { path: '/lib/modules' } },
  ];
  return [
    account('kube-proxy'),
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'kube-proxy', namespace, labels: { app: 'kube-proxy' } },
      data: { 'config.conf': config },
    },
    binding('kubeadm:node-proxier', 'system:node-proxier', 'kube-proxy'),
    {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'kube-proxy', namespace, labels: proxyLabels },
      spec: {
        selector: { matchLabels: proxyLabels },
        updateStrategy: { type: 'RollingUpdate' },
        template: {
          metadata: { labels: proxyLabels },
          spec: {
            priorityClassName: 'system-node-critical',
            containers: [container],
            hostNetwork: true,
            serviceAccountName: 'kube-proxy',
            volumes,
            tolerations: [{ operator: 'Exists' }],
            nodeSelector: { 'kubernetes.io/os': 'linux' },
          },
        },
      },
    },
  ];
}

function dns({ clusterDns }: SystemAddonFacts): KubeObject[] {
  const affinity = {
    podAntiAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        {
          weight: 100,
          podAffinityTerm: {
            labelSelector: { matchExpressions: [{ key: 'k8s-app', operator: 'In', values: ['kube-dns'] }] },
            topologyKey: 'kubernetes.io/hostname',
          },
        },
      ],
    },
  };
  const container = {
    name: 'coredns',
    image: `registry.k8s.io/coredns/coredns:v${dnsVersion}`,
    imagePullPolicy: 'IfNotPresent',
    resources: { limits: { memory: '170Mi' }, requests: { cpu: '100m', memory: '70Mi' } },
    args: ['-conf', '/etc/coredns/Corefile'],
    volumeMounts: [{ name: 'config-volume', mountPath: '/etc/coredns', readOnly: true }],
    ports: [
      { containerPort: 53, name: 'dns', protocol: 'UDP' },
      { containerPort: 53, name: 'dns-tcp', protocol: 'TCP' },
      { containerPort: 9153, name: 'metrics', protocol: 'TCP' },
      { containerPort: 8080, name: 'liveness-probe', protocol: 'TCP' },
      { containerPort: 8181, name: 'readiness-probe', protocol: 'TCP' },
    ],
    livenessProbe: {
      httpGet: { path: '/health', port: 'liveness-probe', scheme: 'HTTP' },
      initialDelaySeconds: 60,
      timeoutSeconds: 5,
      successThreshold: 1,
      failureThreshold: 5,
    },
    readinessProbe: { httpGet: { path: '/ready', port: 'readiness-probe', scheme: 'HTTP' } },
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { add: ['NET_BIND_SERVICE'], drop: ['ALL'] },
      readOnlyRootFilesystem: true,
    },
  };
  return [
    account('coredns'),
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'coredns', namespace },
      data: { Corefile: defaultCorefile },
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'system:coredns' },
      rules: [
        { apiGroups: [''], resources: ['endpoints', 'services', 'pods', 'namespaces'], verbs: ['list', 'watch'] },
        { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
      ],
    },
    binding('system:coredns', 'system:coredns', 'coredns'),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: {
        name: 'kube-dns',
        namespace,
        labels: { ...dnsLabels, 'kubernetes.io/cluster-service': 'true', 'kubernetes.io/name': 'CoreDNS' },
        annotations: { 'prometheus.io/port': '9153', 'prometheus.io/scrape': 'true' },
      },
      spec: {
        clusterIP: clusterDns,
        selector: dnsLabels,
        ports: [
          { name: 'dns', port: 53, protocol: 'UDP', targetPort: 53 },
          { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 53 },
          { name: 'metrics', port: 9153, protocol: 'TCP', targetPort: 9153 },
        ],
      },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'coredns', namespace, labels: dnsLabels },
      spec: {
        replicas: 2,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
        selector: { matchLabels: dnsLabels },
        template: {
          metadata: { labels: dnsLabels },
          spec: {
            priorityClassName: 'system-cluster-critical',
            serviceAccountName: 'coredns',
            affinity,
            tolerations: [
              { key: 'CriticalAddonsOnly', operator: 'Exists' },
              { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' },
            ],
            nodeSelector: { 'kubernetes.io/os': 'linux' },
            containers: [container],
            dnsPolicy: 'Default',
            volumes: [
              { name: 'config-volume', configMap: { name: 'coredns', items: [{ key: 'Corefile', path: 'Corefile' }] } },
            ],
          },
        },
      },
    },
  ];
}

/** Makes what is missing; the rest stays as it is. */
export async function ensureSystemAddons(
  client: KubeClient,
  facts: SystemAddonFacts,
  signal: AbortSignal,
): Promise<void> {
  for (const object of [...dns(facts), ...proxy(facts)]) {
    signal.throwIfAborted();
    try {
      await client.forObject(object).create(object, { signal });
    } catch (error) {
      // A service that exists is refused for its address before it is for its name, as upstream.
      if (!isAlreadyExists(error) && !(isInvalid(error) && (await isThere(client, object, signal)))) throw error;
    }
  }
}

async function isThere(client: KubeClient, object: KubeObject, signal: AbortSignal): Promise<boolean> {
  try {
    await client.forObject(object).get(object.metadata.name!, { signal });
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

/** Programs of their containers: they say what the real ones say when they start and answer probes. */
export function addonPrograms(logs: ComponentLogs, coreDns: CoreDns): Record<string, Program> {
  const serve =
    (
      greeting: (nodeIps: readonly string[]) => { readonly to: 'stdout' | 'stderr'; readonly lines: readonly string[] },
    ): Program =>
    async (process) => {
      const { world } = process;
      const { to, lines } = greeting(world.peer.ips ?? [world.podIP]);
      for (const line of lines) world.log(to, `${line}\n`);
      for (const { containerPort, protocol } of world.config.ports) {
        if (protocol !== 'TCP') continue;
        world.listen(containerPort, { http: async () => ({ status: 200, headers: {}, body: 'OK' }) });
      }
      await process.waitForSignal('TERM', 'INT');
      return 0;
    };
  const proxy = serve((NodeIPs) => ({
    to: 'stderr',
    lines: [
      logs.line('info', 'Successfully retrieved NodeIPs', { NodeIPs }),
      logs.line('info', 'Using iptables Proxier'),
      logs.line('info', 'Version info', { version: 'v1.36.0' }),
      ...['service', 'endpoint slice', 'node'].map((kind) => logs.line('info', `Starting ${kind} config controller`)),
    ],
  }));
  const dns: Program = async (process) => {
    const { world } = process;
    const say = (line: string) => world.log('stdout', `${line}\n`);
    for (const line of ['.:53', `CoreDNS-${dnsVersion}`, 'linux/amd64']) say(line);
    const detach = coreDns.attach(say);
    const { health, ready } = coreDns.probes;
    const answers: [number | undefined, string][] = [
      [health, 'OK'],
      [ready, 'OK'],
      [9153, ''],
    ];
    for (const [port, body] of answers) {
      if (port !== undefined) world.listen(port, { http: async () => ({ status: 200, headers: {}, body }) });
    }
    world.listen(53, {
      datagram: async (bytes, { ip }) => coreDns.respond(Buffer.from(bytes), 'udp', { address: ip, port: 0 }),
    });
    try {
      await process.waitForSignal('TERM', 'INT');
    } finally {
      detach();
    }
    return 0;
  };
  return { 'kube-proxy': proxy, coredns: dns };
}
