/**
 * The control plane as kubeadm shows it: static pods of the first node. The components themselves run in klab's process;
 * each pod's container stands for one, has its log, and is there while it runs.
 * Upstream: kubeadm app/phases/controlplane/manifests.go, phases/etcd/local.go, util/staticpod.
 */
import { builtinResources } from '../api/index.ts';
import type { KubeletPod, Program } from '../kubelet/index.ts';
import type { ComponentLogs } from './component-logs.ts';

const version = 'v1.36.0';
const registry = 'registry.k8s.io';

export interface ControlPlaneFacts {
  /** Of the node they are on. */
  readonly nodeIp: string;
  readonly nodeName: string;
  readonly serviceCidr: string;
  readonly podCidr: string;
  readonly controllers: readonly string[];
  /** Upstream's flags that the user gave, by component. */
  readonly flags: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** What the pods of kube-system are called, by what klab calls them. */
export const controlPlanePodNames = {
  etcd: 'etcd',
  apiserver: 'kube-apiserver',
  'controller-manager': 'kube-controller-manager',
  scheduler: 'kube-scheduler',
} as const;
export type ControlPlanePart = keyof typeof controlPlanePodNames;

interface Shape {
  readonly image: string;
  readonly cpu: string;
  readonly memory?: string;
  readonly port: number;
  readonly portName: string;
  readonly scheme: 'HTTPS' | 'HTTP';
  readonly host: string;
  /** Paths of the liveness, readiness and startup probe; undefined: none. */
  readonly probes: { readonly liveness: string; readonly readiness?: string; readonly startup: string };
  readonly flags: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

const pki = '/etc/kubernetes/pki';

function shapeOf(part: ControlPlanePart, facts: ControlPlaneFacts): Shape {
  const { nodeIp, nodeName } = facts;
  const local = { host: '127.0.0.1', scheme: 'HTTPS', portName: 'probe-port' } as const;
  switch (part) {
    case 'etcd':
      return {
        image: `${registry}/etcd:3.6.6-0`,
        cpu: '100m',
        memory: '100Mi',
        port: 2381,
        portName: 'probe-port',
        scheme: 'HTTP',
        host: '127.0.0.1',
        probes: { liveness: '/livez', readiness: '/readyz', startup: '/readyz' },
        annotations: { 'kubeadm.kubernetes.io/etcd.advertise-client-urls': `https://${nodeIp}:2379` },
        flags: {
          'advertise-client-urls': `https://${nodeIp}:2379`,
          'cert-file': `${pki}/etcd/server.crt`,
          'client-cert-auth': 'true',
          'data-dir': '/var/lib/etcd',
          'initial-advertise-peer-urls': `https://${nodeIp}:2380`,
          'initial-cluster': `${nodeName}=https://${nodeIp}:2380`,
          'key-file': `${pki}/etcd/server.key`,
          'listen-client-urls': `https://127.0.0.1:2379,https://${nodeIp}:2379`,
          'listen-metrics-urls': 'http://127.0.0.1:2381',
          'listen-peer-urls': `https://${nodeIp}:2380`,
          name: nodeName,
          'peer-client-cert-auth': 'true',
          'trusted-ca-file': `${pki}/etcd/ca.crt`,
        },
      };
    case 'apiserver':
      return {
        image: `${registry}/kube-apiserver:${version}`,
        cpu: '250m',
        port: 6443,
        portName: 'probe-port',
        scheme: 'HTTPS',
        host: nodeIp,
        probes: { liveness: '/livez', readiness: '/readyz', startup: '/livez' },
        annotations: { 'kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint': `${nodeIp}:6443` },
        flags: {
          'advertise-address': nodeIp,
          'allow-privileged': 'true',
          'authorization-mode': 'Node,RBAC',
          'client-ca-file': `${pki}/ca.crt`,
          'enable-admission-plugins': 'NodeRestriction',
          'etcd-servers': 'https://127.0.0.1:2379',
          'secure-port': '6443',
          'service-account-key-file': `${pki}/sa.pub`,
          'service-account-signing-key-file': `${pki}/sa.key`,
          'service-cluster-ip-range': facts.serviceCidr,
          'tls-cert-file': `${pki}/apiserver.crt`,
          'tls-private-key-file': `${pki}/apiserver.key`,
          ...facts.flags['kube-apiserver'],
        },
      };
    case 'controller-manager':
      return {
        ...local,
        image: `${registry}/kube-controller-manager:${version}`,
        cpu: '200m',
        port: 10257,
        probes: { liveness: '/healthz', startup: '/healthz' },
        flags: {
          'allocate-node-cidrs': 'true',
          'bind-address': '127.0.0.1',
          'client-ca-file': `${pki}/ca.crt`,
          'cluster-cidr': facts.podCidr,
          'cluster-name': 'kubernetes',
          controllers: facts.controllers.join(','),
          kubeconfig: '/etc/kubernetes/controller-manager.conf',
          'root-ca-file': `${pki}/ca.crt`,
          'service-account-private-key-file': `${pki}/sa.key`,
          'service-cluster-ip-range': facts.serviceCidr,
          'use-service-account-credentials': 'true',
          ...facts.flags['kube-controller-manager'],
        },
      };
    case 'scheduler':
      return {
        ...local,
        image: `${registry}/kube-scheduler:${version}`,
        cpu: '100m',
        port: 10259,
        probes: { liveness: '/livez', readiness: '/readyz', startup: '/livez' },
        flags: {
          'authentication-kubeconfig': '/etc/kubernetes/scheduler.conf',
          'authorization-kubeconfig': '/etc/kubernetes/scheduler.conf',
          'bind-address': '127.0.0.1',
          kubeconfig: '/etc/kubernetes/scheduler.conf',
        },
      };
  }
}

/** The manifest that kubeadm would have written, with all defaults filled in. */
export function controlPlanePod(part: ControlPlanePart, facts: ControlPlaneFacts): KubeletPod {
  const shape = shapeOf(part, facts);
  const name = controlPlanePodNames[part];
  const probe = (path: string, failureThreshold: number, periodSeconds: number, initialDelaySeconds?: number) => ({
    httpGet: { host: shape.host, path, port: shape.portName, scheme: shape.scheme },
    failureThreshold,
    periodSeconds,
    timeoutSeconds: 15,
    ...(initialDelaySeconds !== undefined && { initialDelaySeconds }),
  });
  const { liveness, readiness, startup } = shape.probes;
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'kube-system',
      labels: { component: name, tier: 'control-plane' },
      ...(shape.annotations && { annotations: shape.annotations }),
    },
    spec: {
      containers: [
        {
          name,
          image: shape.image,
          imagePullPolicy: 'IfNotPresent',
          command: [
            name,
            ...Object.entries(shape.flags)
              .map(([flag, value]) => `--${flag}=${value}`)
              .sort(),
          ],
          ports: [{ containerPort: shape.port, name: shape.portName, protocol: 'TCP' }],
          livenessProbe: probe(liveness, 8, 10, 10),
          ...(readiness && { readinessProbe: probe(readiness, 3, 1) }),
          startupProbe: probe(startup, 24, 10, 10),
          resources: { requests: { cpu: shape.cpu, ...(shape.memory && { memory: shape.memory }) } },
        },
      ],
      hostNetwork: true,
      priority: 2_000_001_000,
      priorityClassName: 'system-node-critical',
      securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
    },
  };
  const definition = builtinResources.find(({ plural, group }) => plural === 'pods' && group === '')!;
  definition.strategy.applyDefaults?.(pod as any);
  return pod as unknown as KubeletPod;
}

/** The programs in the containers: each says what its component logs, answers its probes, and ends when told to. */
export function controlPlanePrograms(logs: ComponentLogs): Record<string, Program> {
  return Object.fromEntries(
    Object.entries(controlPlanePodNames).map(([part, name]): [string, Program] => [
      name,
      async (process, args) => {
        const { world } = process;
        if (args.includes('--version')) {
          await process.print(part === 'etcd' ? 'etcd Version: 3.6.6\n' : `Kubernetes ${version}\n`);
          return 0;
        }
        const unfollow = logs.follow(part, (line) => world.log('stderr', `${line}\n`));
        try {
          for (const { containerPort } of world.config.ports) {
            world.listen(containerPort, { http: async () => ({ status: 200, headers: {}, body: 'ok' }) });
          }
          await process.waitForSignal('TERM', 'INT');
          return 0;
        } finally {
          unfollow();
        }
      },
    ]),
  );
}
