/** Tables of the core kinds but pods. Upstream: pkg/printers/internalversion/printers.go (1.36). */
import { canonicalQuantity } from '../../../apimachinery/index.ts';
import {
  ageOf,
  containerCells,
  count,
  labelText,
  listWithMore,
  nameAgePrinter,
  nameOfRow,
  printer,
  since,
} from '../../printing.ts';
import type {
  ConfigMap,
  Endpoints,
  Event,
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  PodTemplate,
  Quantity,
  ReplicationController,
  ResourceQuota,
  Secret,
  Service,
} from '../../types.ts';

export const serviceAccountPrinter = nameAgePrinter;

export const podTemplatePrinter = printer('Name:name, Containers, Images, Pod Labels', (object) => {
  const { template } = object as Readonly<PodTemplate>;
  return [nameOfRow(object), ...containerCells(template?.spec?.containers), labelText(template?.metadata?.labels)];
});

export const replicationControllerPrinter = printer(
  'Name:name, Desired:integer, Current:integer, Ready:integer, Age, Containers*, Images*, Selector*',
  (object, context) => {
    const { spec, status } = object as Readonly<ReplicationController>;
    return [
      nameOfRow(object),
      spec?.replicas ?? 0,
      status?.replicas ?? 0,
      status?.readyReplicas ?? 0,
      ageOf(object, context),
      ...containerCells(spec?.template?.spec?.containers),
      labelText(spec?.selector),
    ];
  },
);

function externalIp(service: Readonly<Service>): string {
  const { spec, status } = service;
  const external = spec?.externalIPs ?? [];
  switch (spec?.type) {
    case 'ClusterIP':
    case 'NodePort':
      return external.length > 0 ? external.join(',') : '<none>';
    case 'LoadBalancer': {
      const ingress = (status?.loadBalancer?.ingress ?? []).map((entry) => entry.ip || entry.hostname || '');
      const addresses = [...new Set(ingress.filter((address) => address !== ''))].sort();
      return [...addresses, ...external].join(',') || '<pending>';
    }
    case 'ExternalName':
      return spec.externalName ?? '';
    default:
      return '<unknown>';
  }
}

export const servicePrinter = printer(
  'Name:name, Type, Cluster-IP, External-IP, Port(s), Age, Selector*',
  (object, context) => {
    const service = object as Readonly<Service>;
    const ports = (service.spec?.ports ?? []).map((port) =>
      port.nodePort ? `${port.port}:${port.nodePort}/${port.protocol}` : `${port.port}/${port.protocol}`,
    );
    return [
      nameOfRow(object),
      service.spec?.type ?? '',
      service.spec?.clusterIPs?.[0] ?? '<none>',
      externalIp(service),
      ports.join(',') || '<none>',
      ageOf(object, context),
      labelText(service.spec?.selector),
    ];
  },
);

const hostPort = (ip: string, port: number): string => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`);

function endpointsText(endpoints: Readonly<Endpoints>): string {
  const list: string[] = [];
  for (const subset of endpoints.subsets ?? []) {
    const addresses = subset.addresses ?? [];
    if (count(subset.ports) === 0) list.push(...addresses.map((address) => address.ip));
    for (const port of subset.ports ?? []) list.push(...addresses.map((address) => hostPort(address.ip, port.port)));
  }
  // Upstream prints nothing when there are subsets without ready addresses.
  return listWithMore(list, 3, count(endpoints.subsets) === 0 ? '<none>' : '');
}

export const endpointsPrinter = printer('Name:name, Endpoints, Age', (object, context) => [
  nameOfRow(object),
  endpointsText(object as Readonly<Endpoints>),
  ageOf(object, context),
]);

const roleLabelPrefix = 'node-role.kubernetes.io/';

function nodeRoles(node: Readonly<Node>): string {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(node.metadata.labels ?? {})) {
    if (key.startsWith(roleLabelPrefix) && key.length > roleLabelPrefix.length) {
      roles.add(key.slice(roleLabelPrefix.length));
    } else if (key === 'kubernetes.io/role' && value !== '') roles.add(value);
  }
  return roles.size === 0 ? '<none>' : [...roles].sort().join(',');
}

function nodeStatusText(node: Readonly<Node>): string {
  const ready = node.status?.conditions?.findLast((condition) => condition.type === 'Ready');
  let text = 'Unknown';
  if (ready !== undefined) text = ready.status === 'True' ? 'Ready' : 'NotReady';
  return node.spec?.unschedulable ? `${text},SchedulingDisabled` : text;
}

export const nodePrinter = printer(
  'Name:name, Status, Roles, Age, Version, Internal-IP*, External-IP*, OS-Image*, Kernel-Version*, Container-Runtime*',
  (object, context) => {
    const node = object as Readonly<Node>;
    const info = node.status?.nodeInfo;
    const address = (type: string) =>
      node.status?.addresses?.find((candidate) => candidate.type === type)?.address ?? '<none>';
    const kernel = info?.kernelVersion || '<unknown>';
    return [
      nameOfRow(object),
      nodeStatusText(node),
      nodeRoles(node),
      ageOf(object, context),
      info?.kubeletVersion ?? '',
      address('InternalIP'),
      address('ExternalIP'),
      info?.osImage || '<unknown>',
      info?.architecture ? `${kernel} (${info.architecture})` : kernel,
      info?.containerRuntimeVersion || '<unknown>',
    ];
  },
);

function eventSource(event: Readonly<Event>): string {
  const component = event.source?.component || event.reportingComponent || '';
  const instance = event.source?.host || event.reportingInstance || '';
  return instance === '' ? component : `${component}, ${instance}`;
}

export const eventPrinter = printer(
  'Last Seen, Type, Reason, Object, Subobject*, Source*, Message, First Seen*, Count*, Name:name*',
  (object, context) => {
    const event = object as Readonly<Event>;
    const firstSeen = since(event.firstTimestamp || event.eventTime, context);
    let lastSeen = event.lastTimestamp ? since(event.lastTimestamp, context) : firstSeen;
    let occurrences = event.count || 1;
    if (event.series) {
      lastSeen = since(event.series.lastObservedTime, context);
      occurrences = event.series.count ?? 0;
    }
    const { kind = '', name = '', fieldPath = '' } = event.involvedObject ?? {};
    return [
      lastSeen,
      event.type ?? '',
      event.reason ?? '',
      name === '' ? kind.toLowerCase() : `${kind.toLowerCase()}/${name}`,
      fieldPath,
      eventSource(event),
      (event.message ?? '').trim(),
      firstSeen,
      occurrences,
      nameOfRow(object),
    ];
  },
);

export const namespacePrinter = printer('Name:name, Status, Age', (object, context) => [
  nameOfRow(object),
  (object as Readonly<Namespace>).status?.phase ?? '',
  ageOf(object, context),
]);

export const secretPrinter = printer('Name:name, Type, Data, Age', (object, context) => {
  const secret = object as Readonly<Secret>;
  return [nameOfRow(object), secret.type ?? '', count(secret.data), ageOf(object, context)];
});

export const configMapPrinter = printer('Name:name, Data, Age', (object, context) => {
  const { data, binaryData } = object as Readonly<ConfigMap>;
  return [nameOfRow(object), count(data) + count(binaryData), ageOf(object, context)];
});

const accessModeWords: readonly (readonly [string, string])[] = [
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
];

function accessModes(modes: readonly string[] | undefined): string {
  const found = accessModeWords.filter(([mode]) => modes?.includes(mode));
  return found.map(([, word]) => word).join(',');
}

const storageClassAnnotation = 'volume.beta.kubernetes.io/storage-class';
const quantityText = (value: Quantity | undefined): string => (value === undefined ? '0' : canonicalQuantity(value));

export const persistentVolumePrinter = printer(
  'Name:name, Capacity, Access Modes, Reclaim Policy, Status, Claim, StorageClass, VolumeAttributesClass, Reason, Age, VolumeMode*',
  (object, context) => {
    const { metadata, spec, status } = object as Readonly<PersistentVolume>;
    return [
      nameOfRow(object),
      quantityText(spec?.capacity?.['storage']),
      accessModes(spec?.accessModes),
      spec?.persistentVolumeReclaimPolicy ?? '',
      metadata.deletionTimestamp ? 'Terminating' : (status?.phase ?? ''),
      spec?.claimRef ? `${spec.claimRef.namespace ?? ''}/${spec.claimRef.name ?? ''}` : '',
      metadata.annotations?.[storageClassAnnotation] ?? spec?.storageClassName ?? '',
      spec?.volumeAttributesClassName ?? '<unset>',
      status?.reason ?? '',
      ageOf(object, context),
      spec?.volumeMode ?? '<unset>',
    ];
  },
);

export const persistentVolumeClaimPrinter = printer(
  'Name:name, Status, Volume, Capacity, Access Modes, StorageClass, VolumeAttributesClass, Age, VolumeMode*',
  (object, context) => {
    const { metadata, spec, status } = object as Readonly<PersistentVolumeClaim>;
    const bound = Boolean(spec?.volumeName);
    return [
      nameOfRow(object),
      metadata.deletionTimestamp ? 'Terminating' : (status?.phase ?? ''),
      spec?.volumeName ?? '',
      bound ? quantityText(status?.capacity?.['storage']) : '',
      bound ? accessModes(status?.accessModes) : '',
      metadata.annotations?.[storageClassAnnotation] ?? spec?.storageClassName ?? '',
      spec?.volumeAttributesClassName ?? '<unset>',
      ageOf(object, context),
      spec?.volumeMode ?? '<unset>',
    ];
  },
);

export const resourceQuotaPrinter = printer('Name:name, Request, Limit, Age', (object, context) => {
  const { status } = object as Readonly<ResourceQuota>;
  const hard = status?.hard ?? {};
  const requests: string[] = [];
  const limits: string[] = [];
  for (const resource of Object.keys(hard).sort()) {
    const text = `${resource}: ${quantityText(status?.used?.[resource])}/${quantityText(hard[resource])}`;
    (resource.startsWith('limits.') ? limits : requests).push(text);
  }
  return [nameOfRow(object), requests.join(', '), limits.join(', '), ageOf(object, context)];
});

export const componentStatusPrinter = printer('Name:name, Status, Message, Error', (object) => {
  const conditions = object['conditions'] as { type: string; status: string; message?: string; error?: string }[];
  const healthy = conditions?.find((condition) => condition.type === 'Healthy');
  if (healthy === undefined) return [nameOfRow(object), 'Unknown', '', ''];
  const status = healthy.status === 'True' ? 'Healthy' : 'Unhealthy';
  return [nameOfRow(object), status, healthy.message ?? '', healthy.error ?? ''];
});
