import { describe, expect, it } from 'vitest';
import {
  builtinResources,
  decodeProtobuf,
  encodeMessage,
  encodeProtobuf,
  encodeWatchFrame,
  hasProtobuf,
  itemHead,
  listEnvelope,
  ProtobufError,
  type TypeMeta,
} from '../../src/api/index.ts';
import { deepCopy, type KubeObject } from '../../src/apimachinery/index.ts';
import { factsAtHand, readFact, whyFactsSkip } from './facts.ts';

/** Bodies that kubectl 1.35 sends: `create …`, and what is in them. */
const fromKubectl: Readonly<Record<string, readonly [body: string, object: object]>> = {
  'namespace x': [
    'azhzAAoPCgJ2MRIJTmFtZXNwYWNlEhkKEQoBeBIAGgAiACoAMgA4AEIAEgAaAgoAGgAiAA==',
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'x' }, spec: {}, status: {} },
  ],
  'cm a --from-literal=k=v --from-literal=b=ü -n x': [
    'azhzAAoPCgJ2MRIJQ29uZmlnTWFwEiUKEgoBYRIAGgF4IgAqADIAOABCABIHCgFiEgLDvBIGCgFrEgF2GgAiAA==',
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'x' }, data: { b: 'ü', k: 'v' } },
  ],
  'secret generic sec --from-literal=p=q -n x': [
    'azhzAAoMCgJ2MRIGU2VjcmV0EiAKFAoDc2VjEgAaAXgiACoAMgA4AEIAEgYKAXASAXEaABoAIgA=',
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'sec', namespace: 'x' }, data: { p: 'cQ==' } },
  ],
  'token s -n x --duration=1h --audience=a': [
    'azhzAAooChhhdXRoZW50aWNhdGlvbi5rOHMuaW8vdjESDFRva2VuUmVxdWVzdBIgChAKABIAGgAiACoAMgA4AEIAEgYKAWEgkBwaBAoAEgAaACIA',
    {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: {},
      spec: { audiences: ['a'], expirationSeconds: 3600 },
      status: { token: '' },
    },
  ],
  'deployment d --image=nginx --replicas=2 --port=80 -n x': [
    'azhzAAoVCgdhcHBzL3YxEgpEZXBsb3ltZW50ErEBChwKAWQSABoBeCIAKgAyADgAQgBaCAoDYXBwEgFkEoIBCAISCgoICgNhcHASAWQaagoaCgASABoAIgAqADIAOABCAFoICgNhcHASAWQSTBIuCgVuZ2lueBIFbmdpbngqADIKCgAQABhQIgAqAEIAagByAIABAIgBAJABAKIBABoAMgBCAEoAUgBYAGAAaACCAQCKAQCaAQDCAQAiAgoAKAA4ABoMCAAQABgAIAAoADgAGgAiAA==',
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'd', namespace: 'x', labels: { app: 'd' } },
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: 'd' } },
        template: {
          metadata: { labels: { app: 'd' } },
          spec: { containers: [{ name: 'nginx', image: 'nginx', ports: [{ containerPort: 80 }], resources: {} }] },
        },
        strategy: {},
      },
      status: {},
    },
  ],
  'service nodeport svc --tcp=80:http --node-port=30000 -n x': [
    'azhzAAoNCgJ2MRIHU2VydmljZRJuCiAKA3N2YxIAGgF4IgAqADIAOABCAFoKCgNhcHASA3N2YxJGCiAKBzgwLWh0dHASA1RDUBhQIgoIARAAGgRodHRwKLDqARIKCgNhcHASA3N2YxoAIghOb2RlUG9ydDoAQgBSAFoAYABoABoCCgAaACIA',
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'svc', namespace: 'x', labels: { app: 'svc' } },
      spec: {
        ports: [{ name: '80-http', protocol: 'TCP', port: 80, targetPort: 'http', nodePort: 30000 }],
        selector: { app: 'svc' },
        type: 'NodePort',
      },
      status: { loadBalancer: {} },
    },
  ],
  'quota q --hard=pods=10,cpu=500m -n x': [
    'azhzAAoTCgJ2MRINUmVzb3VyY2VRdW90YRI1ChIKAXESABoBeCIAKgAyADgAQgASHQoNCgNjcHUSBgoENTAwbQoMCgRwb2RzEgQKAjEwGgAaACIA',
    {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'q', namespace: 'x' },
      spec: { hard: { cpu: '500m', pods: '10' } },
      status: {},
    },
  ],
  'priorityclass pcx --value=-5': [
    'azhzAAolChRzY2hlZHVsaW5nLms4cy5pby92MRINUHJpb3JpdHlDbGFzcxI6ChMKA3BjeBIAGgAiACoAMgA4AEIAEPv//////////wEYACIAKhRQcmVlbXB0TG93ZXJQcmlvcml0eRoAIgA=',
    {
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name: 'pcx' },
      value: -5,
      preemptionPolicy: 'PreemptLowerPriority',
    },
  ],
};

/** Objects in the form that JSON shows: they come back as they were. */
const samples: readonly (TypeMeta & Record<string, unknown>)[] = [
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'p',
      creationTimestamp: '2026-01-02T03:04:05Z',
      deletionTimestamp: '1969-12-31T23:59:59Z',
      deletionGracePeriodSeconds: 0,
      generation: 2 ** 52 + 1,
      annotations: { __proto__x: 'no', ключ: 'значение', long: 'ä'.repeat(100) },
      ownerReferences: [
        { kind: 'ReplicaSet', name: 'r', uid: 'u', apiVersion: 'apps/v1', controller: true, blockOwnerDeletion: false },
      ],
      managedFields: [
        {
          manager: 'm',
          operation: 'Update',
          apiVersion: 'v1',
          time: '2026-01-02T03:04:05Z',
          fieldsType: 'FieldsV1',
          fieldsV1: { 'f:metadata': { 'f:labels': { '.': {} } } },
        },
      ],
    },
    spec: {
      volumes: [
        { name: 'empty', emptyDir: {} },
        { name: 'sized', emptyDir: { medium: 'Memory', sizeLimit: '1Gi' } },
        { name: 'map', configMap: { name: 'c', items: [{ key: 'k', path: 'p', mode: 0 }], optional: false } },
      ],
      containers: [
        {
          name: 'c',
          image: 'i',
          env: [{ name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '0' } } }],
          resources: { limits: { cpu: '1500m', memory: '1Gi' }, requests: { cpu: '0' } },
          livenessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 10 },
          readinessProbe: { tcpSocket: { port: 80 } },
          startupProbe: { exec: { command: ['true'] }, terminationGracePeriodSeconds: 0 },
          securityContext: { capabilities: { drop: ['ALL'] }, runAsUser: 0, privileged: false },
        },
      ],
      terminationGracePeriodSeconds: 0,
      securityContext: {},
      tolerations: [{ key: 'k', operator: 'Exists', tolerationSeconds: -1 }],
    },
    status: {
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-02T03:04:05Z' }],
      containerStatuses: [
        {
          name: 'c',
          state: { terminated: { exitCode: 0, finishedAt: '2026-01-02T03:04:05Z' } },
          lastState: {},
          ready: false,
          restartCount: 0,
          image: 'i',
          imageID: '',
          started: false,
        },
      ],
    },
  },
  {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'l' },
    spec: { holderIdentity: 'h', renewTime: '2026-01-02T03:04:05.000007Z', acquireTime: '1969-12-31T23:59:59.999999Z' },
  },
  { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, data: { empty: '', bytes: 'AP8B' }, immutable: false },
  {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: { name: 'r' },
    data: { spec: { n: 1234567890123456789n, list: [null, 1.5, 'x'] } },
    revision: 9007199254740993n,
  },
  {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'c' },
    spec: {
      group: 'g',
      names: { plural: 'cs', kind: 'C' },
      scope: 'Namespaced',
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              required: ['a'],
              properties: {
                a: { type: 'array', items: { type: 'string', enum: ['x', 1, { y: [] }] }, default: ['x'] },
                b: { additionalProperties: false, 'x-kubernetes-preserve-unknown-fields': true },
                c: { additionalProperties: { type: 'number', maximum: 0, minimum: -1.5 } },
                d: { additionalItems: true, dependencies: { e: ['f'], g: { type: 'string' } } },
                h: { $ref: '#', $schema: 's', 'x-kubernetes-list-map-keys': ['k'], default: 0 },
              },
            },
          },
        },
      ],
    },
    status: { acceptedNames: { plural: '', kind: '' } },
  },
  {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: 'c' },
    spec: { request: 'LS0t', signerName: 's', usages: ['client auth'], extra: { k: ['a', 'b'], none: [] } },
    status: {},
  },
  {
    apiVersion: 'v1',
    kind: 'Status',
    metadata: {},
    status: 'Failure',
    message: 'pods "x" not found',
    reason: 'NotFound',
    details: { name: 'x', kind: 'pods', causes: [{ reason: 'r', message: 'm', field: 'f' }] },
    code: 404,
  },
  {
    apiVersion: 'apps/v1',
    kind: 'DeleteOptions',
    gracePeriodSeconds: 0,
    preconditions: { uid: 'u' },
    orphanDependents: false,
  },
];

describe('protobuf bodies', () => {
  it.each(Object.entries(fromKubectl))(
    'of kubectl create %s are read, and written byte for byte',
    (_, [body, object]) => {
      const bytes = Buffer.from(body, 'base64');
      const decoded = decodeProtobuf(bytes);
      expect(decoded).toEqual(object);
      expect(encodeProtobuf(decoded).toString('base64')).toBe(body);
    },
  );

  it.each(samples.map((object) => [object.kind, object] as const))('bring a %s back as it was', (_, object) => {
    expect(decodeProtobuf(encodeProtobuf(object))).toEqual(object);
  });

  it.skipIf(!factsAtHand)(`bring every built-in kind back (${whyFactsSkip} otherwise)`, () => {
    const kinds = readFact<{ group: string; version: string; resource: string; stub: object }[]>('etcd-paths.json');
    let count = 0;
    for (const { group, version, resource, stub } of kinds) {
      const row = builtinResources.find((it) => it.group === group && it.version === version && it.plural === resource);
      if (!row) continue;
      const apiVersion = group === '' ? version : `${group}/${version}`;
      const object = { apiVersion, kind: row.kind, ...deepCopy(stub) } as KubeObject;
      row.strategy.applyDefaults?.(object);
      // What Go shows of it, which may be more than was given; from then on nothing changes.
      const shown = decodeProtobuf(encodeProtobuf(object));
      expect(shown.metadata).toEqual(object.metadata);
      expect(decodeProtobuf(encodeProtobuf(shown))).toEqual(shown);
      if (object['spec']) expect(shown['spec']).toMatchObject(shownOf(object['spec']));
      count++;
    }
    expect(count).toBeGreaterThan(55);
  });

  it('say their kind, or are of the kind that is expected', () => {
    const bytes = encodeProtobuf(
      { apiVersion: '', kind: '' },
      encodeMessage({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n' } }),
    );
    const expected = { apiVersion: 'v1', kind: 'Namespace' };
    expect(decodeProtobuf(bytes, expected)).toMatchObject({ ...expected, metadata: { name: 'n' } });
    expect(() => decodeProtobuf(bytes)).toThrow('no kind "" is registered for version ""');
    expect(() => decodeProtobuf(Buffer.from('{}'))).toThrow(
      'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]',
    );
  });

  it('keep a map key __proto__ as data', () => {
    const data = JSON.parse('{"__proto__":"x"}');
    const decoded = decodeProtobuf(encodeProtobuf({ apiVersion: 'v1', kind: 'ConfigMap', metadata: {}, data }));
    expect(Object.keys(decoded['data'])).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(decoded['data'])).toBe(Object.prototype);
  });

  it('skip fields that are unknown, and read numbers packed or not', () => {
    const message = Buffer.from([0xf8, 0x3f, 1, 0xfa, 0x3f, 1, 0x61, 0xfd, 0x3f, 1, 2, 3, 4, 0x12, 0]);
    const type = { apiVersion: 'v1', kind: 'Namespace' };
    expect(decodeProtobuf(encodeProtobuf(type, message))).toEqual({ ...type, metadata: {}, spec: {}, status: {} });
    // fsGroup's neighbour: supplementalGroups = 4, repeated int64.
    const groups = (bytes: number[]) => Buffer.from([0x12, bytes.length + 2, 0x72, bytes.length, ...bytes]);
    for (const bytes of [
      [0x22, 2, 7, 9],
      [0x20, 7, 0x20, 9],
    ]) {
      const pod = decodeProtobuf(encodeProtobuf({ apiVersion: 'v1', kind: 'Pod' }, groups(bytes)));
      expect(pod['spec'].securityContext).toEqual({ supplementalGroups: [7, 9] });
    }
  });

  it('that are damaged are refused, and never read beyond their end', () => {
    const whole = encodeProtobuf(samples[0]!);
    for (let end = 0; end < whole.length; end++) {
      try {
        decodeProtobuf(whole.subarray(0, end));
      } catch (error) {
        expect(error).toBeInstanceOf(ProtobufError);
      }
    }
    for (let at = 4; at < whole.length; at++) {
      const damaged = Buffer.from(whole);
      damaged[at] = damaged[at]! ^ 0x55;
      try {
        decodeProtobuf(damaged);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtobufError);
      }
    }
    // `not` in `not` in `not` …
    const deep = Array.from({ length: 2000 }).reduce<Buffer>((inner) => {
      const head = itemHead(inner.length);
      return Buffer.concat([Buffer.from([0xe2, 0x01]), head.subarray(1), inner]);
    }, Buffer.alloc(0));
    const schema = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'JSONSchemaProps' };
    expect(() => decodeProtobuf(encodeProtobuf(schema, deep))).toThrow('proto: exceeded maximum recursion depth');
    expect(() => decodeProtobuf(encodeProtobuf({ apiVersion: 'v1', kind: 'Pod' }, Buffer.from([0x08, 1])))).toThrow(
      'proto: wrong wireType = 0 for field metadata',
    );
  });

  it('are not there for custom resources and Tables', () => {
    expect(hasProtobuf({ apiVersion: 'stable.example.com/v1', kind: 'CronTab' })).toBe(false);
    expect(hasProtobuf({ apiVersion: 'meta.k8s.io/v1', kind: 'Table' })).toBe(false);
    expect(() => encodeProtobuf({ apiVersion: 'meta.k8s.io/v1', kind: 'Table' })).toThrow(ProtobufError);
  });

  it('of lists are the items joined', () => {
    const items = ['a', 'b'].map((name) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } }));
    const metadata = { resourceVersion: '7', continue: 'c', remainingItemCount: 0 };
    const parts = items.flatMap((item) => {
      const message = encodeMessage(item);
      return [itemHead(message.length), message];
    });
    const type = { apiVersion: 'v1', kind: 'ConfigMapList' };
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    const { head, tail } = listEnvelope(type, metadata, size);
    const joined = Buffer.concat([head, ...parts, tail]);
    expect(joined.equals(encodeProtobuf({ ...type, metadata, items }))).toBe(true);
    expect(decodeProtobuf(joined)).toEqual({
      ...type,
      metadata,
      items: [{ metadata: { name: 'a' } }, { metadata: { name: 'b' } }],
    });
  });

  it('of a watch are frames with their length, an object inside an event', () => {
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } };
    const body = encodeProtobuf(object);
    const event = [0x0a, 5, ...Buffer.from('ADDED'), 0x12, body.length + 2, 0x0a, body.length, ...body];
    expect([...encodeWatchFrame('ADDED', object)]).toEqual([0, 0, 0, event.length, ...event]);
  });
});

/** What stays of a value in Go: neither nulls nor empty lists, nor fields that are none. */
function shownOf(value: any): any {
  if (Array.isArray(value)) return value.map(shownOf);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== null && !(Array.isArray(item) && item.length === 0))
      .map(([key, item]) => [key, shownOf(item)]),
  );
}
