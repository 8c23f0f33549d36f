/**
 * One object that cannot be dealt with stops nobody else's: for every controller, each write that has to do with
 * `broken` fails for ever, and `good`, which comes later, is served as if it were alone.
 */
import { describe, expect, it } from 'vitest';
import { type KubeObject, newInternalError } from '../../src/apimachinery/index.ts';
import { rfc3339, wallClock } from '../../src/base/index.ts';
import { controllerTable, startControllers } from '../../src/controllers/index.ts';
import { CertificateAuthority, createCertificateRequest } from '../../src/pki/index.ts';
import { Lab, startMs } from '../helpers/controllers.ts';

const namespace = 'default';
/** Some look once an hour, or at what is a day old. */
const limitMs = 36 * 3_600_000;
type Named = readonly [resource: string, object: any];

interface Story {
  /** What the controller is to deal with. */
  readonly make: (name: string) => readonly Named[];
  /** Resource whose object `name` (default: of the first thing made) shows that it did… */
  readonly in: string;
  /** …when this holds of one of its objects. */
  readonly done: (object: any, name: string) => boolean;
  /** It deals with what goes: these are deleted once made. */
  readonly deletes?: boolean;
}

const meta = (name: string, more: object = {}) => ({ name, namespace, ...more });
const object = (apiVersion: string, kind: string, name: string, rest: object = {}) => ({
  apiVersion,
  kind,
  metadata: meta(name),
  ...rest,
});
const template = (name: string, spec: object = {}) => ({
  metadata: { labels: { app: name } },
  spec: { containers: [{ name: 'c', image: 'nginx' }], ...spec },
});
const workload = (name: string, more: object = {}) => ({
  spec: { replicas: 1, selector: { matchLabels: { app: name } }, template: template(name), ...more },
});
const owned = (child: any, name: string) => child.metadata.ownerReferences?.some((owner: any) => owner.name === name);
const named = (child: any, name: string) => child.metadata.name === name;
const startsWith = (child: any, name: string) => child.metadata.name.startsWith(name);
const gone = () => false;

const node = (name: string): Named => [
  'nodes',
  {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name } },
    spec: {},
    status: { conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime: rfc3339(startMs) }] },
  },
];
const pod = (name: string, spec: object = {}, status: object = {}): Named => [
  'pods',
  object('v1', 'Pod', name, {
    metadata: meta(name, { labels: { app: name } }),
    spec: { containers: [{ name: 'c', image: 'nginx' }], ...spec },
    status: { phase: 'Pending', ...status },
  }),
];
const running = (name: string): Named =>
  pod(
    name,
    { nodeName: 'n' },
    {
      phase: 'Running',
      podIP: '10.0.0.1',
      podIPs: [{ ip: '10.0.0.1' }],
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  );
const claim = (name: string, spec: object = {}): Named => [
  'persistentvolumeclaims',
  object('v1', 'PersistentVolumeClaim', name, {
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      storageClassName: '',
      ...spec,
    },
  }),
];
const volume = (name: string): Named => [
  'persistentvolumes',
  {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      storageClassName: '',
      hostPath: { path: '/' },
    },
    status: {},
  },
];
const service = (name: string, spec: object = {}): Named => [
  'services',
  object('v1', 'Service', name, { spec: { selector: { app: name }, ports: [{ port: 80 }], ...spec } }),
];
const namespaceObject = (name: string): Named => [
  'namespaces',
  {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  },
];
const job = (name: string, spec: object = {}, status: object = {}): Named => [
  'jobs',
  object('batch/v1', 'Job', name, {
    spec: {
      parallelism: 1,
      completions: 1,
      backoffLimit: 6,
      completionMode: 'NonIndexed',
      selector: { matchLabels: { app: name } },
      template: template(name, { restartPolicy: 'Never' }),
      ...spec,
    },
    status,
  }),
];
const { csr: pem } = createCertificateRequest({ subject: { commonName: 'jane' }, dnsNames: [] });
const csr = (name: string, spec: object = {}, status: object = {}): Named => [
  'certificatesigningrequests',
  {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name },
    spec: {
      request: Buffer.from(pem).toString('base64'),
      signerName: 'kubernetes.io/kube-apiserver-client',
      usages: ['client auth'],
      ...spec,
    },
    status,
  },
];
const approved = { conditions: [{ type: 'Approved', status: 'True', reason: 'Because' }] };
const expired = { name: '', expiration: rfc3339(startMs - 60_000) };
const bootstrapToken = (name: string): Named => [
  'secrets',
  {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: `bootstrap-token-${name}`, namespace: 'kube-system' },
    type: 'bootstrap.kubernetes.io/token',
    data: { expiration: Buffer.from(expired.expiration).toString('base64') },
  },
];

const stories: Readonly<Record<string, Story>> = {
  'serviceaccount-token-controller': {
    make: (name) => [
      ['serviceaccounts', object('v1', 'ServiceAccount', name)],
      [
        'secrets',
        object('v1', 'Secret', `${name}-token`, {
          metadata: meta(`${name}-token`, { annotations: { 'kubernetes.io/service-account.name': name } }),
          type: 'kubernetes.io/service-account-token',
        }),
      ],
    ],
    in: 'secrets',
    done: (secret, name) => startsWith(secret, name) && secret.data?.token !== undefined,
  },
  'serviceaccount-controller': {
    make: (name) => [namespaceObject(name)],
    in: 'serviceaccounts',
    done: ({ metadata }, name) => metadata.namespace === name,
  },
  'root-ca-certificate-publisher-controller': {
    make: (name) => [namespaceObject(name)],
    in: 'configmaps',
    done: ({ metadata }, name) => metadata.namespace === name,
  },
  'node-ipam-controller': {
    make: (name) => [node(name)],
    in: 'nodes',
    done: (n, name) => named(n, name) && n.spec.podCIDR,
  },
  'node-lifecycle-controller': {
    make: (name) => [node(name)],
    in: 'nodes',
    // Silent since it came.
    done: ({ metadata, status }, name) =>
      metadata.name === name &&
      status.conditions.some(({ type, status }: any) => type === 'Ready' && status === 'Unknown'),
  },
  'taint-eviction-controller': {
    make: (name) => {
      const [resource, tainted] = node(`node-of-${name}`);
      const spec = { taints: [{ key: 'k', effect: 'NoExecute' }] };
      return [[resource, { ...tainted, spec }], pod(name, { nodeName: `node-of-${name}` })];
    },
    in: 'pods',
    done: gone,
  },
  'deployment-controller': {
    make: (name) => [
      ['deployments', object('apps/v1', 'Deployment', name, workload(name, { strategy: { type: 'Recreate' } }))],
    ],
    in: 'replicasets',
    done: owned,
  },
  'replicaset-controller': {
    make: (name) => [['replicasets', object('apps/v1', 'ReplicaSet', name, workload(name))]],
    in: 'pods',
    done: owned,
  },
  'replicationcontroller-controller': {
    make: (name) => [
      [
        'replicationcontrollers',
        object('v1', 'ReplicationController', name, workload(name, { selector: { app: name } })),
      ],
    ],
    in: 'pods',
    done: owned,
  },
  'endpoints-controller': { make: (name) => [service(name), running(name)], in: 'endpoints', done: named },
  'endpointslice-controller': {
    make: (name) => [service(name), running(name)],
    in: 'endpointslices',
    done: startsWith,
  },
  'endpointslice-mirroring-controller': {
    make: (name) => [
      service(name, { selector: undefined }),
      [
        'endpoints',
        object('v1', 'Endpoints', name, { subsets: [{ addresses: [{ ip: '10.9.9.9' }], ports: [{ port: 80 }] }] }),
      ],
    ],
    in: 'endpointslices',
    done: startsWith,
  },
  'daemonset-controller': {
    make: (name) => [
      node('n'),
      [
        'daemonsets',
        object(
          'apps/v1',
          'DaemonSet',
          name,
          workload(name, { updateStrategy: { type: 'OnDelete' }, revisionHistoryLimit: 10 }),
        ),
      ],
    ],
    in: 'pods',
    done: owned,
  },
  'disruption-controller': {
    make: (name) => [
      [
        'poddisruptionbudgets',
        object('policy/v1', 'PodDisruptionBudget', name, {
          spec: { minAvailable: 1, selector: { matchLabels: { app: name } } },
        }),
      ],
    ],
    in: 'poddisruptionbudgets',
    done: (pdb, name) => named(pdb, name) && pdb.status?.observedGeneration !== undefined,
  },
  'statefulset-controller': {
    make: (name) => [
      [
        'statefulsets',
        object(
          'apps/v1',
          'StatefulSet',
          name,
          workload(name, { serviceName: name, updateStrategy: { type: 'OnDelete' }, revisionHistoryLimit: 10 }),
        ),
      ],
    ],
    in: 'pods',
    done: owned,
  },
  'job-controller': { make: (name) => [job(name)], in: 'pods', done: owned },
  'persistentvolume-binder-controller': {
    make: (name) => [volume(name), claim(name)],
    in: 'persistentvolumes',
    done: (pv, name) => pv.spec.claimRef?.name === name,
  },
  'persistentvolumeclaim-protection-controller': {
    make: (name) => {
      const [resource, made] = claim(name);
      return [[resource, { ...made, metadata: meta(name, { finalizers: ['kubernetes.io/pvc-protection'] }) }]];
    },
    deletes: true,
    in: 'persistentvolumeclaims',
    done: gone,
  },
  'persistentvolume-protection-controller': {
    make: (name) => {
      const [resource, made] = volume(name);
      return [[resource, { ...made, metadata: { name, finalizers: ['kubernetes.io/pv-protection'] } }]];
    },
    deletes: true,
    in: 'persistentvolumes',
    done: gone,
  },
  'ephemeral-volume-controller': {
    make: (name) => [
      pod(name, {
        volumes: [
          {
            name: 'scratch',
            ephemeral: {
              volumeClaimTemplate: {
                spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
              },
            },
          },
        ],
      }),
    ],
    in: 'persistentvolumeclaims',
    done: owned,
  },
  'volumeattributesclass-protection-controller': {
    make: (name) => [
      [
        'volumeattributesclasses',
        { apiVersion: 'storage.k8s.io/v1', kind: 'VolumeAttributesClass', metadata: { name }, driverName: 'sim' },
      ],
    ],
    in: 'volumeattributesclasses',
    done: (vac, name) => named(vac, name) && vac.metadata.finalizers?.length === 1,
  },
  'resourceclaim-controller': {
    make: (name) => [
      [
        'resourceclaimtemplates',
        object('resource.k8s.io/v1', 'ResourceClaimTemplate', 'gpu', { spec: { spec: { devices: { requests: [] } } } }),
      ],
      pod(name, { resourceClaims: [{ name: 'card', resourceClaimTemplateName: 'gpu' }] }),
    ],
    in: 'resourceclaims',
    done: owned,
  },
  'sim-path-provisioner': {
    make: (name) => [
      [
        'storageclasses',
        {
          apiVersion: 'storage.k8s.io/v1',
          kind: 'StorageClass',
          metadata: { name: 'net' },
          provisioner: 'klab.dev/sim-path',
          reclaimPolicy: 'Delete',
          volumeBindingMode: 'Immediate',
        },
      ],
      (() => {
        const [resource, made] = claim(name, { storageClassName: 'net' });
        const annotations = { 'volume.kubernetes.io/storage-provisioner': 'klab.dev/sim-path' };
        return [resource, { ...made, metadata: meta(name, { annotations }) }] as const;
      })(),
    ],
    in: 'persistentvolumes',
    done: (pv, name) => pv.spec.claimRef?.name === name,
  },
  'cronjob-controller': {
    make: (name) => [
      [
        'cronjobs',
        object('batch/v1', 'CronJob', name, {
          spec: {
            schedule: '* * * * *',
            concurrencyPolicy: 'Allow',
            jobTemplate: { spec: { template: template(name, { restartPolicy: 'Never' }) } },
          },
        }),
      ],
    ],
    in: 'jobs',
    done: owned,
  },
  'certificatesigningrequest-signing-controller': {
    make: (name) => [csr(name, {}, approved)],
    in: 'certificatesigningrequests',
    done: (request, name) => named(request, name) && request.status?.certificate !== undefined,
  },
  'certificatesigningrequest-cleaner-controller': {
    make: (name) => {
      const [resource, made] = csr(name);
      return [[resource, made]];
    },
    in: 'certificatesigningrequests',
    // Pending for more than a day.
    done: gone,
  },
  'ttl-controller': {
    make: (name) => [node(name)],
    in: 'nodes',
    done: (n, name) => named(n, name) && n.metadata.annotations?.['node.alpha.kubernetes.io/ttl'] !== undefined,
  },
  'token-cleaner-controller': { make: (name) => [bootstrapToken(name)], in: 'secrets', done: gone },
  'clusterrole-aggregation-controller': {
    make: (name) => [
      [
        'clusterroles',
        {
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'ClusterRole',
          metadata: { name },
          rules: [],
          aggregationRule: { clusterRoleSelectors: [{ matchLabels: { part: 'yes' } }] },
        },
      ],
      [
        'clusterroles',
        {
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'ClusterRole',
          metadata: { name: 'part', labels: { part: 'yes' } },
          rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
        },
      ],
    ],
    in: 'clusterroles',
    done: (role, name) => named(role, name) && role.rules?.length === 1,
  },
  'ttl-after-finished-controller': {
    make: (name) => [
      job(
        name,
        { ttlSecondsAfterFinished: 1 },
        { conditions: [{ type: 'Complete', status: 'True', lastTransitionTime: rfc3339(startMs) }] },
      ),
    ],
    in: 'jobs',
    done: gone,
  },
  'validatingadmissionpolicy-status-controller': {
    make: (name) => [
      [
        'validatingadmissionpolicies',
        {
          apiVersion: 'admissionregistration.k8s.io/v1',
          kind: 'ValidatingAdmissionPolicy',
          metadata: { name, generation: 1 },
          spec: { validations: [{ expression: 'true' }] },
        },
      ],
    ],
    in: 'validatingadmissionpolicies',
    done: (policy, name) => named(policy, name) && policy.status?.observedGeneration !== undefined,
  },
  'pod-garbage-collector-controller': {
    // Their node does not exist.
    make: (name) => [pod(name, { nodeName: 'nowhere' })],
    in: 'pods',
    done: gone,
  },
  'horizontal-pod-autoscaler-controller': {
    make: (name) => [
      ['deployments', object('apps/v1', 'Deployment', name, workload(name, { replicas: 5 }))],
      [
        'horizontalpodautoscalers',
        object('autoscaling/v2', 'HorizontalPodAutoscaler', name, {
          spec: {
            minReplicas: 1,
            maxReplicas: 2,
            scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
            metrics: [
              { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
            ],
          },
        }),
      ],
    ],
    in: 'horizontalpodautoscalers',
    done: (hpa, name) => named(hpa, name) && hpa.status?.conditions?.length > 0,
  },
  'service-lb-controller': {
    make: (name) => [service(name, { type: 'LoadBalancer' })],
    in: 'services',
    done: (each, name) => named(each, name) && each.status?.loadBalancer?.ingress?.length === 1,
  },
  'ingress-address-controller': {
    make: (name) => [
      [
        'ingressclasses',
        {
          apiVersion: 'networking.k8s.io/v1',
          kind: 'IngressClass',
          metadata: { name: 'klab' },
          spec: { controller: 'klab.dev/ingress' },
        },
      ],
      ['ingresses', object('networking.k8s.io/v1', 'Ingress', name, { spec: { ingressClassName: 'klab' } })],
    ],
    in: 'ingresses',
    done: (each, name) => named(each, name) && each.status?.loadBalancer?.ingress?.length === 1,
  },
  'resourcequota-controller': {
    make: (name) => [['resourcequotas', object('v1', 'ResourceQuota', name, { spec: { hard: { pods: '3' } } })]],
    in: 'resourcequotas',
    done: (quota, name) => named(quota, name) && quota.status?.used?.pods !== undefined,
  },
  'namespace-controller': { make: (name) => [namespaceObject(name)], deletes: true, in: 'namespaces', done: gone },
  'garbage-collector-controller': {
    make: (name) => [
      [
        'configmaps',
        object('v1', 'ConfigMap', name, {
          metadata: meta(name, {
            ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'away', uid: 'away' }],
          }),
        }),
      ],
    ],
    in: 'configmaps',
    done: gone,
  },
};

/** Controllers without an object of their own to fail at; each has its reason. */
const without: Readonly<Record<string, string>> = {
  'device-taint-eviction-controller': 'acts on pods as taint-eviction does; see resourceclaim.test.ts',
  'certificatesigningrequest-approving-controller': 'asks the authorizer first; see certificates.test.ts',
  'bootstrap-signer-controller': 'has one object in all',
  'legacy-serviceaccount-token-cleaner-controller': 'looks once a day, at what is a year old',
  'service-cidr-controller': 'a range that is stuck is meant to stay; see service-cidrs.test.ts',
};

it('every controller has its story here or a reason for having none', () => {
  expect([...Object.keys(stories), ...Object.keys(without)].sort()).toEqual(
    controllerTable.map(({ name }) => name).sort(),
  );
});

describe.each(Object.entries(stories))('%s', (name, story) => {
  it('serves one while another cannot be served', async () => {
    await using l = new Lab({
      tokenGenerator: () => 'token',
      clusterSigning: {
        authority: CertificateAuthority.create({ commonName: 'kubernetes', now: wallClock.now() }),
        wallNow: () => wallClock.now(),
      },
    });
    let failures = 0;
    let settingUp = false;
    l.api.intercept(({ method, path, body, headers }) => {
      const own = headers?.['x-user'] !== 'system:admin';
      if (settingUp || !own || method === 'GET') return;
      if (!path.includes('broken') && !JSON.stringify(body ?? '').includes('broken')) return;
      if (path.endsWith('/events')) return;
      failures++;
      throw newInternalError('injected');
    });
    const put = async (which: string) => {
      settingUp = true;
      for (const [resource, made] of story.make(which)) {
        const client = l.client.resource(resource).namespace(made.metadata.namespace ?? '');
        try {
          await client.create(made as KubeObject);
          if (made.status && Object.keys(made.status).length > 0) {
            const there = await client.get(made.metadata.name);
            await client.updateStatus({ ...there, status: made.status } as KubeObject);
          }
        } catch (error) {
          // What both share is there already.
          if ((error as any).reason !== 'AlreadyExists') throw error;
        }
        if (story.deletes) await client.delete(made.metadata.name);
      }
      settingUp = false;
    };
    const [resource] = [story.in];
    const isDone = async (which: string) => {
      const all = await l.list(resource);
      if (story.done === gone) {
        const stays = ({ metadata }: Readonly<KubeObject>) =>
          metadata.name!.endsWith(which) && (story.deletes || metadata.deletionTimestamp === undefined);
        return !all.some(stays);
      }
      return all.some((each) => story.done(each, which));
    };
    await put('broken');
    const manager = startControllers(l.context, { controllers: [name] });
    l.start(manager);
    await l.until('the broken one fails', () => failures > 0, limitMs);
    await put('good');
    await l.until('the good one is served', () => isDone('good'), limitMs);
    expect(await isDone('broken')).toBe(false);
    // It is tried again, less and less often.
    const before = failures;
    await l.until('tried again', () => failures > before, limitMs);
    expect(failures).toBeLessThan(2000);
  });
});
