/** What plugins read besides nodes and pods, from the informers' caches. */
import type {
  CSIDriver,
  CSIStorageCapacity,
  PersistentVolume,
  PersistentVolumeClaim,
  PodDisruptionBudget,
  ResourceClaim,
  ResourceSlice,
  Service,
  StorageClass,
  VolumeAttachment,
} from '../api/index.ts';
import { classOfVolume } from '../api/index.ts';
import { selectorFromLabelSelector, selectorFromSet } from '../apimachinery/index.ts';
import type { SharedInformer, SharedInformerFactory } from '../client/index.ts';
import { DeviceCatalog } from './devices/catalog.ts';
import { ClaimTracker } from './devices/claims.ts';
import { ExtendedClasses } from './devices/extended-classes.ts';
import type { ClusterResource } from './framework/events.ts';
import type { DeviceSources } from './plugins/dynamic-resources.ts';
import type { NamespaceSource } from './plugins/inter-pod-affinity.ts';
import type { SpreadSources } from './plugins/pod-topology-spread.ts';
import type { VolumeSources } from './plugins/volume-sources.ts';

export interface Sources {
  /** To wait for. */
  readonly informers: readonly SharedInformer[];
  /** Those whose changes may help waiting pods. */
  readonly watched: ReadonlyMap<ClusterResource, SharedInformer<any>>;
  readonly volumes: VolumeSources;
  readonly spread: SpreadSources;
  readonly namespaces: NamespaceSource;
  readonly devices: DeviceSources;
  budgets(): readonly Readonly<PodDisruptionBudget>[];
}

export function sourcesOf(informers: SharedInformerFactory, extendedResources = true): Sources {
  const services = informers.informer<Service>('services');
  const claims = informers.informer<PersistentVolumeClaim>('persistentvolumeclaims');
  const volumes = informers.informer<PersistentVolume>('persistentvolumes', {
    indexers: {
      storageClass: (volume) => [classOfVolume(volume)],
      claim: ({ spec }) => (spec?.claimRef ? [`${spec.claimRef.namespace}/${spec.claimRef.name}`] : []),
    },
  });
  const classes = informers.informer<StorageClass>('storageclasses.storage.k8s.io');
  const csiNodes = informers.informer('csinodes.storage.k8s.io');
  const csiDrivers = informers.informer<CSIDriver>('csidrivers.storage.k8s.io');
  const capacities = informers.informer<CSIStorageCapacity>('csistoragecapacities.storage.k8s.io', {
    indexers: { storageClass: ({ storageClassName }) => [storageClassName] },
  });
  const attachments = informers.informer<VolumeAttachment>('volumeattachments.storage.k8s.io', {
    indexers: { node: ({ spec }) => [spec.nodeName] },
  });
  const namespaces = informers.informer('namespaces');
  const budgets = informers.informer<PodDisruptionBudget>('poddisruptionbudgets.policy');
  const owners = new Map(
    (['replicasets.apps', 'replicationcontrollers', 'statefulsets.apps'] as const).map((name) => {
      const informer = informers.informer(name);
      return [informer.resource.kind, informer] as const;
    }),
  );
  const deviceClasses = informers.informer('deviceclasses.resource.k8s.io');
  const resourceClaims = informers.informer<ResourceClaim>('resourceclaims.resource.k8s.io');
  const resourceSlices = informers.informer<ResourceSlice>('resourceslices.resource.k8s.io');
  const tracker = new ClaimTracker();
  const catalog = new DeviceCatalog();
  const extended = new ExtendedClasses();
  deviceClasses.addHandler({
    onAdd: (deviceClass) => extended.set(deviceClass),
    onUpdate: (_, deviceClass) => extended.set(deviceClass),
    onDelete: (deviceClass) => extended.delete(deviceClass.metadata.name!),
  });
  // Before the queue hears of a change, so that hints see it made.
  resourceClaims.addHandler({
    onAdd: (claim) => tracker.set(claim),
    onUpdate: (_, claim) => tracker.set(claim),
    onDelete: (claim) => tracker.delete(claim),
  });
  resourceSlices.addHandler({
    onAdd: (slice) => catalog.set(slice),
    onUpdate: (_, slice) => catalog.set(slice),
    onDelete: (slice) => catalog.delete(slice.metadata.name!),
  });
  let namespaceChanges = 0;
  const namespaceChanged = () => {
    namespaceChanges++;
  };
  namespaces.addHandler({ onAdd: namespaceChanged, onUpdate: namespaceChanged, onDelete: namespaceChanged });
  const listeners = new Set<() => void>();
  const changed = () => {
    for (const listener of listeners) listener();
  };
  const waits = { onAdd: changed, onUpdate: changed, onDelete: changed };
  claims.addHandler(waits);
  volumes.addHandler(waits);
  return {
    informers: [
      services,
      claims,
      volumes,
      classes,
      csiNodes,
      csiDrivers,
      capacities,
      attachments,
      namespaces,
      budgets,
      deviceClasses,
      resourceClaims,
      resourceSlices,
      ...owners.values(),
    ] as SharedInformer[],
    watched: new Map<ClusterResource, SharedInformer<any>>([
      ['persistentvolumeclaims', claims],
      ['persistentvolumes', volumes],
      ['storageclasses', classes],
      ['csinodes', csiNodes],
      ['csidrivers', csiDrivers],
      ['csistoragecapacities', capacities],
      ['volumeattachments', attachments],
      ['deviceclasses', deviceClasses],
      ['resourceclaims', resourceClaims],
      ['resourceslices', resourceSlices],
    ]),
    volumes: {
      claim: (namespace, name) => claims.lister.get(namespace, name),
      volume: (name) => volumes.lister.get('', name),
      volumesOfClass: (name) => volumes.lister.byIndex('storageClass', name),
      volumesOfClaim: (key) => volumes.lister.byIndex('claim', key),
      storageClass: (name) => classes.lister.get('', name),
      csiNode: (name) => csiNodes.lister.get('', name),
      csiDriver: (name) => csiDrivers.lister.get('', name),
      capacitiesOfClass: (name) => capacities.lister.byIndex('storageClass', name),
      attachmentsOn: (node) => attachments.lister.byIndex('node', node),
      onChange: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    namespaces: {
      get: (name) => namespaces.lister.get('', name) as never,
      version: () => namespaceChanges,
    },
    devices: {
      claims: tracker,
      catalog,
      deviceClass: (name) => deviceClasses.lister.get('', name) as never,
      ...(extendedResources && { extendedClass: (resource: string) => extended.classOf(resource) }),
    },
    budgets: () => budgets.lister.list(),
    spread: {
      services: (namespace) => services.lister.list(namespace),
      ownerSelector: (pod) => {
        const owner = pod.metadata.ownerReferences?.find((reference) => reference.controller);
        const object = owner && owners.get(owner.kind)?.lister.get(pod.metadata.namespace!, owner.name);
        const selector = object?.['spec']?.selector;
        if (!selector) return undefined;
        return owner!.kind === 'ReplicationController'
          ? selectorFromSet(selector)
          : selectorFromLabelSelector(selector);
      },
    },
  };
}
