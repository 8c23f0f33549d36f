import { describe, expect, it } from 'vitest';
import type { ResourceDefinition } from '../../../src/api/index.ts';
import type { KubeObject } from '../../../src/apimachinery/index.ts';
import { StatusError } from '../../../src/apimachinery/index.ts';
import { admissionChain } from '../../../src/apiserver/admission/chain.ts';
import { allPlugins, selectPlugins } from '../../../src/apiserver/admission/plugins.ts';
import type { AdmissionAttributes } from '../../../src/apiserver/index.ts';
import { Prng, VirtualClock } from '../../../src/base/index.ts';
import { FakeReader } from '../fake-reader.ts';

function setup(reader = new FakeReader(), onWait: () => void = () => {}) {
  reader.set('namespaces', namespace('a', 'Active'), namespace('going', 'Terminating'));
  reader.set('serviceaccounts', account('default'));
  const clock = new VirtualClock({ startMs: 0 });
  const plugins = allPlugins({
    reader,
    clock,
    prng: new Prng('admission'),
    waitForCache: async () => onWait(),
  });
  const chain = admissionChain(selectPlugins(plugins));
  return { reader, clock, chain };
}

function namespace(name: string, phase: string): KubeObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name }, status: { phase } };
}

function account(name: string, extra: object = {}): KubeObject {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: 'a' }, ...extra };
}

function pod(spec: object = {}, metadata: object = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'a', ...metadata },
    spec: { containers: [{ name: 'c' }], ...spec },
  };
}

function attributes(resource: string, rest: Partial<AdmissionAttributes> = {}): AdmissionAttributes {
  const [plural, ...group] = resource.split('.');
  return {
    operation: 'CREATE',
    definition: { plural, group: group.join('.'), kind: 'X' } as unknown as ResourceDefinition,
    subresource: '',
    namespace: 'a',
    name: rest.object?.metadata.name ?? '',
    user: { name: 'jane', groups: [] },
    dryRun: false,
    warnings: [],
    ...rest,
  };
}

async function refusal(promise: Promise<void>) {
  const error = await promise.then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(StatusError);
  return (error as StatusError).status;
}

describe('NamespaceLifecycle', () => {
  it('refuses objects in namespaces that do not exist or are going away', async () => {
    const { chain } = setup();
    const missing = await refusal(chain.admit(attributes('configmaps', { namespace: 'no' })));
    expect(missing).toMatchObject({
      code: 404,
      message: 'namespaces "no" not found',
      details: { kind: 'namespaces', name: 'no' },
    });
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' } };
    expect(await refusal(chain.admit(attributes('configmaps', { namespace: 'going', object })))).toMatchObject({
      code: 403,
      message:
        'configmaps "x" is forbidden: unable to create new content in namespace going because it is being terminated',
      details: {
        causes: [
          {
            reason: 'NamespaceTerminating',
            message: 'namespace going is being terminated',
            field: 'metadata.namespace',
          },
        ],
      },
    });
    await chain.admit(attributes('configmaps', { namespace: 'going', operation: 'UPDATE', object }));
    await chain.admit(attributes('configmaps', { namespace: 'no', operation: 'DELETE' }));
  });

  it('finds a namespace that reaches the cache a moment later', async () => {
    const reader = new FakeReader();
    const { chain } = setup(reader, () => reader.set('namespaces', namespace('fresh', 'Active')));
    await chain.admit(attributes('configmaps', { namespace: 'fresh' }));
  });

  it('looks again after a namespace was deleted, whatever the cache says', async () => {
    const reader = new FakeReader();
    const { chain } = setup(reader, () => reader.set('namespaces', namespace('a', 'Terminating')));
    await chain.admit(attributes('namespaces', { operation: 'DELETE', namespace: 'a', name: 'a' }));
    expect((await refusal(chain.admit(attributes('configmaps')))).message).toContain('because it is being terminated');
  });

  it('keeps the system namespaces', async () => {
    const { chain } = setup();
    const deletion = attributes('namespaces', { operation: 'DELETE', namespace: '', name: 'kube-system' });
    expect((await refusal(chain.admit(deletion))).message).toBe(
      'namespaces "kube-system" is forbidden: this namespace may not be deleted',
    );
  });
});

describe('pods are completed', () => {
  it('with account, token volume, tolerations and priority, exactly as upstream', async () => {
    const { chain, reader } = setup();
    reader.set('serviceaccounts', account('default', { imagePullSecrets: [{ name: 'pull' }] }));
    const object = pod({ initContainers: [{ name: 'i' }] });
    await chain.admit(attributes('pods', { object }));
    const volume = object.spec.volumes[0];
    expect(volume.name).toMatch(/^kube-api-access-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    const mount = { name: volume.name, readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' };
    expect(object.spec).toEqual({
      containers: [{ name: 'c', volumeMounts: [mount] }],
      initContainers: [{ name: 'i', volumeMounts: [mount] }],
      imagePullSecrets: [{ name: 'pull' }],
      preemptionPolicy: 'PreemptLowerPriority',
      priority: 0,
      serviceAccount: 'default',
      serviceAccountName: 'default',
      tolerations: [
        { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
        { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
      ],
      volumes: [
        {
          name: volume.name,
          projected: {
            defaultMode: 420,
            sources: [
              { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
              { configMap: { items: [{ key: 'ca.crt', path: 'ca.crt' }], name: 'kube-root-ca.crt' } },
              {
                downwardAPI: {
                  items: [{ fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' }, path: 'namespace' }],
                },
              },
            ],
          },
        },
      ],
    });
    await chain.validate(attributes('pods', { object }));
  });

  it('without a token where pod or account opt out', async () => {
    const { chain, reader } = setup();
    const out = pod({ automountServiceAccountToken: false });
    await chain.admit(attributes('pods', { object: out }));
    expect(out.spec.volumes).toBeUndefined();
    reader.set('serviceaccounts', account('default', { automountServiceAccountToken: false }));
    const asked = pod({ automountServiceAccountToken: true });
    await chain.admit(attributes('pods', { object: asked }));
    expect(asked.spec.volumes).toHaveLength(1);
  });

  it('only with an account that exists; the default one is waited for', async () => {
    const { chain, reader, clock } = setup();
    expect(
      (await refusal(chain.admit(attributes('pods', { object: pod({ serviceAccountName: 'bot' }) })))).message,
    ).toBe('pods "p" is forbidden: error looking up service account a/bot: serviceaccount "bot" not found');
    reader.remove('serviceaccounts', 'a', 'default');
    const object = pod();
    const waiting = chain.admit(attributes('pods', { object }));
    await clock.advance(300);
    reader.set('serviceaccounts', account('default'));
    await clock.advance(300);
    await waiting;
    expect(object.spec.serviceAccountName).toBe('default');
  });

  it('with the priority of their class, and with no other', async () => {
    const { chain, reader } = setup();
    const high = { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: 'high' }, value: 1000 };
    reader.set('priorityclasses.scheduling.k8s.io', high);
    const object = pod({ priorityClassName: 'high' });
    await chain.admit(attributes('pods', { object }));
    expect(object.spec.priority).toBe(1000);
    expect((await refusal(chain.admit(attributes('pods', { object: pod({ priorityClassName: 'no' }) })))).message).toBe(
      'pods "p" is forbidden: no PriorityClass with name no was found',
    );
    expect((await refusal(chain.admit(attributes('pods', { object: pod({ priority: 5 }) })))).message).toBe(
      'pods "p" is forbidden: the integer value of priority (5) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name',
    );
  });

  it('with the overhead and the nodes of their runtime class', async () => {
    const { chain, reader } = setup();
    reader.set('runtimeclasses.node.k8s.io', {
      apiVersion: 'node.k8s.io/v1',
      kind: 'RuntimeClass',
      metadata: { name: 'kata' },
      overhead: { podFixed: { cpu: '100m' } },
      scheduling: { nodeSelector: { kata: 'yes' } },
    });
    const object = pod({ runtimeClassName: 'kata' });
    await chain.admit(attributes('pods', { object }));
    expect(object.spec).toMatchObject({ overhead: { cpu: '100m' }, nodeSelector: { kata: 'yes' } });
    expect((await refusal(chain.admit(attributes('pods', { object: pod({ runtimeClassName: 'no' }) })))).message).toBe(
      'pods "p" is forbidden: pod rejected: RuntimeClass "no" not found',
    );
  });
});

describe('defaults of other kinds', () => {
  it('chooses the newest default class', async () => {
    const { chain, reader } = setup();
    const storage = (name: string, creationTimestamp: string) => ({
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name, creationTimestamp, annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    });
    reader.set(
      'storageclasses.storage.k8s.io',
      storage('old', '2020-01-01T00:00:00Z'),
      storage('new', '2021-01-01T00:00:00Z'),
    );
    const claim = (spec: object): KubeObject => ({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'c' },
      spec,
    });
    const unset = claim({});
    await chain.admit(attributes('persistentvolumeclaims', { object: unset }));
    expect(unset.spec.storageClassName).toBe('new');
    const none = claim({ storageClassName: '' });
    await chain.admit(attributes('persistentvolumeclaims', { object: none }));
    expect(none.spec.storageClassName).toBe('');
  });

  it('taints new nodes', async () => {
    const { chain } = setup();
    const object: KubeObject = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } };
    await chain.admit(attributes('nodes', { object, namespace: '' }));
    expect(object.spec.taints).toEqual([{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }]);
  });
});

describe('NodeRestriction', () => {
  const user = { name: 'system:node:n1', groups: ['system:nodes'] };

  it('keeps a kubelet to its own node and pods', async () => {
    const { chain, reader } = setup();
    const other: KubeObject = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n2' } };
    expect((await refusal(chain.admit(attributes('nodes', { user, object: other, namespace: '' })))).message).toBe(
      'nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2"',
    );
    const foreign = pod({ nodeName: 'n2' });
    reader.set('pods', foreign);
    const status = { user, operation: 'UPDATE', subresource: 'status', object: foreign, oldObject: foreign } as const;
    expect((await refusal(chain.admit(attributes('pods', status)))).message).toContain(
      'can only update pod status for pods with spec.nodeName set to itself',
    );
    await chain.admit(
      attributes('pods', { ...status, object: pod({ nodeName: 'n1' }), oldObject: pod({ nodeName: 'n1' }) }),
    );
  });

  it('gives tokens only for pods on the node', async () => {
    const { chain, reader } = setup();
    reader.set('pods', pod({ nodeName: 'n2' }, { uid: 'u' }));
    const token = (boundObjectRef?: object): AdmissionAttributes =>
      attributes('serviceaccounts', {
        user,
        subresource: 'token',
        object: {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenRequest',
          metadata: { name: 'bot' },
          spec: { boundObjectRef },
        },
      });
    expect((await refusal(chain.admit(token()))).message).toContain('node requested token not bound to a pod');
    const bound = token({ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' });
    expect((await refusal(chain.admit(bound))).message).toContain('scheduled on a different node');
  });
});

it('refuses plugins that nobody knows, and leaves out what is switched off', () => {
  const plugins = allPlugins({
    reader: new FakeReader(),
    clock: new VirtualClock({ startMs: 0 }),
    prng: new Prng('x'),
    waitForCache: async () => {},
  });
  expect(() => selectPlugins(plugins, { enable: ['Nope'] })).toThrow('plugin "Nope" is unknown');
  const names = (options: object) => selectPlugins(plugins, options).map((plugin) => plugin.name);
  expect(names({ disable: ['Priority'] })).toEqual([
    'NamespaceLifecycle',
    'LimitRanger',
    'ServiceAccount',
    'NodeRestriction',
    'TaintNodesByCondition',
    'DefaultTolerationSeconds',
    'DefaultStorageClass',
    'StorageObjectInUseProtection',
    'PersistentVolumeClaimResize',
    'RuntimeClass',
    'DefaultIngressClass',
    'PodTopologyLabels',
    'ResourceQuota',
  ]);
});
