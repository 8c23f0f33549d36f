/**
 * The controllers klab has, and how they are chosen and run.
 * Upstream: cmd/kube-controller-manager/app/controllermanager.go, names/controller_names.go (1.36).
 */
import { type Runnable, TaskGroup } from '../base/index.ts';
import { BootstrapSignerController } from './bootstrap-signer/controller.ts';
import { CertificateApprovingController } from './certificatesigningrequest-approving/controller.ts';
import { CertificateCleanerController } from './certificatesigningrequest-cleaner/controller.ts';
import { CertificateSigningController } from './certificatesigningrequest-signing/controller.ts';
import { ClusterRoleAggregationController } from './clusterrole-aggregation/controller.ts';
import type { Controller, ControllerContext, ControllerDescriptor } from './common/controller.ts';
import { CronJobController } from './cronjob/controller.ts';
import { DaemonSetController } from './daemonset/controller.ts';
import { DeploymentController } from './deployment/controller.ts';
import { DeviceTaintEvictionController } from './device-taint-eviction/controller.ts';
import { DisruptionController } from './disruption/controller.ts';
import { EndpointsController } from './endpoint/controller.ts';
import { EndpointSliceController } from './endpointslice/controller.ts';
import { EndpointSliceMirroringController } from './endpointslice-mirroring/controller.ts';
import { EphemeralVolumeController } from './ephemeral-volume/controller.ts';
import { GarbageCollector } from './garbage-collector/controller.ts';
import { HorizontalPodAutoscalerController } from './horizontal-pod-autoscaler/controller.ts';
import { IngressAddressController } from './ingress-address/controller.ts';
import { JobController } from './job/controller.ts';
import { LegacyTokenCleaner } from './legacy-serviceaccount-token-cleaner/controller.ts';
import { NamespaceController } from './namespace/controller.ts';
import { NodeIpamController } from './node-ipam/controller.ts';
import { NodeLifecycleController } from './node-lifecycle/controller.ts';
import { PersistentVolumeBinder } from './persistentvolume-binder/controller.ts';
import { PersistentVolumeProtection } from './persistentvolume-protection/controller.ts';
import { PersistentVolumeClaimProtection } from './persistentvolumeclaim-protection/controller.ts';
import { PodGarbageCollector } from './pod-garbage-collector/controller.ts';
import { ReplicaSetController } from './replicaset/controller.ts';
import { ReplicationController } from './replicationcontroller/controller.ts';
import { ResourceClaimController } from './resourceclaim/controller.ts';
import { ResourceQuotaController } from './resourcequota/controller.ts';
import { RootCACertificatePublisher } from './root-ca-certificate-publisher/controller.ts';
import { ServiceCidrsController } from './service-cidrs/controller.ts';
import { ServiceLoadBalancerController } from './service-lb/controller.ts';
import { ServiceAccountController } from './serviceaccount/controller.ts';
import { ServiceAccountTokenController } from './serviceaccount-token/controller.ts';
import { SimPathProvisioner } from './sim-path-provisioner/controller.ts';
import { StatefulSetController } from './statefulset/controller.ts';
import { TaintEvictionController } from './taint-eviction/controller.ts';
import { TokenCleanerController } from './token-cleaner/controller.ts';
import { TtlController } from './ttl/controller.ts';
import { TtlAfterFinishedController } from './ttl-after-finished/controller.ts';
import { ValidatingAdmissionPolicyStatusController } from './validatingadmissionpolicy-status/controller.ts';
import { VolumeAttributesClassProtection } from './volumeattributesclass-protection/controller.ts';

/** In upstream's order of start. A new controller is a folder and a row here. */
export const controllerTable: readonly ControllerDescriptor[] = [
  {
    // First, as upstream: the others' accounts may need their tokens.
    name: 'serviceaccount-token-controller',
    aliases: ['serviceaccount-token'],
    create: (context) => {
      const { tokenGenerator } = context.settings;
      if (tokenGenerator) return new ServiceAccountTokenController(context, tokenGenerator);
      context.log.info('Controller is disabled because there is no private key');
      return undefined;
    },
  },
  {
    name: 'serviceaccount-controller',
    aliases: ['serviceaccount'],
    serviceAccount: 'service-account-controller',
    create: (context) => new ServiceAccountController(context),
  },
  {
    name: 'root-ca-certificate-publisher-controller',
    aliases: ['root-ca-cert-publisher'],
    serviceAccount: 'root-ca-cert-publisher',
    create: (context) => new RootCACertificatePublisher(context),
  },
  {
    name: 'node-ipam-controller',
    aliases: ['nodeipam'],
    serviceAccount: 'node-controller',
    create: (context) => new NodeIpamController(context),
  },
  {
    name: 'node-lifecycle-controller',
    aliases: ['nodelifecycle'],
    serviceAccount: 'node-controller',
    create: (context) => new NodeLifecycleController(context),
  },
  {
    name: 'taint-eviction-controller',
    serviceAccount: 'node-controller',
    create: (context) => new TaintEvictionController(context),
  },
  {
    name: 'device-taint-eviction-controller',
    serviceAccount: 'device-taint-eviction-controller',
    create: (context) => new DeviceTaintEvictionController(context),
  },
  {
    name: 'deployment-controller',
    aliases: ['deployment'],
    serviceAccount: 'deployment-controller',
    create: (context) => new DeploymentController(context),
  },
  {
    name: 'replicaset-controller',
    aliases: ['replicaset'],
    serviceAccount: 'replicaset-controller',
    create: (context) => new ReplicaSetController(context),
  },
  {
    name: 'replicationcontroller-controller',
    aliases: ['replicationcontroller'],
    serviceAccount: 'replication-controller',
    create: (context) => new ReplicationController(context),
  },
  {
    name: 'endpoints-controller',
    aliases: ['endpoint'],
    serviceAccount: 'endpoint-controller',
    create: (context) => new EndpointsController(context),
  },
  {
    name: 'endpointslice-controller',
    aliases: ['endpointslice'],
    serviceAccount: 'endpointslice-controller',
    create: (context) => new EndpointSliceController(context),
  },
  {
    name: 'endpointslice-mirroring-controller',
    aliases: ['endpointslicemirroring'],
    serviceAccount: 'endpointslicemirroring-controller',
    create: (context) => new EndpointSliceMirroringController(context),
  },
  {
    name: 'daemonset-controller',
    aliases: ['daemonset'],
    serviceAccount: 'daemon-set-controller',
    create: (context) => new DaemonSetController(context),
  },
  {
    name: 'disruption-controller',
    aliases: ['disruption'],
    serviceAccount: 'disruption-controller',
    create: (context) => new DisruptionController(context),
  },
  {
    name: 'statefulset-controller',
    aliases: ['statefulset'],
    serviceAccount: 'statefulset-controller',
    create: (context) => new StatefulSetController(context),
  },
  {
    name: 'job-controller',
    aliases: ['job'],
    serviceAccount: 'job-controller',
    create: (context) => new JobController(context),
  },
  {
    name: 'persistentvolume-binder-controller',
    aliases: ['persistentvolume-binder'],
    serviceAccount: 'persistent-volume-binder',
    create: (context) => new PersistentVolumeBinder(context),
  },
  {
    name: 'persistentvolumeclaim-protection-controller',
    aliases: ['pvc-protection'],
    serviceAccount: 'pvc-protection-controller',
    create: (context) => new PersistentVolumeClaimProtection(context),
  },
  {
    name: 'persistentvolume-protection-controller',
    aliases: ['pv-protection'],
    serviceAccount: 'pv-protection-controller',
    create: (context) => new PersistentVolumeProtection(context),
  },
  {
    name: 'ephemeral-volume-controller',
    aliases: ['ephemeral-volume'],
    serviceAccount: 'ephemeral-volume-controller',
    create: (context) => new EphemeralVolumeController(context),
  },
  {
    name: 'volumeattributesclass-protection-controller',
    serviceAccount: 'volumeattributesclass-protection-controller',
    create: (context) => new VolumeAttributesClassProtection(context),
  },
  {
    name: 'resourceclaim-controller',
    serviceAccount: 'resource-claim-controller',
    create: (context) => new ResourceClaimController(context),
  },
  {
    name: 'sim-path-provisioner',
    serviceAccount: 'sim-path-provisioner',
    create: (context) => new SimPathProvisioner(context),
  },
  {
    name: 'cronjob-controller',
    aliases: ['cronjob'],
    serviceAccount: 'cronjob-controller',
    create: (context) => new CronJobController(context),
  },
  {
    name: 'certificatesigningrequest-signing-controller',
    aliases: ['csrsigning'],
    serviceAccount: 'certificate-controller',
    create: (context) => {
      const { clusterSigning } = context.settings;
      if (clusterSigning) return new CertificateSigningController(context, clusterSigning);
      context.log.info('Skipping CSR signer controller because no csr cert/key was specified');
      return undefined;
    },
  },
  {
    name: 'certificatesigningrequest-approving-controller',
    aliases: ['csrapproving'],
    serviceAccount: 'certificate-controller',
    create: (context) => new CertificateApprovingController(context),
  },
  {
    name: 'certificatesigningrequest-cleaner-controller',
    aliases: ['csrcleaner'],
    serviceAccount: 'certificate-controller',
    create: (context) => new CertificateCleanerController(context),
  },
  {
    name: 'ttl-controller',
    aliases: ['ttl'],
    serviceAccount: 'ttl-controller',
    create: (context) => new TtlController(context),
  },
  {
    name: 'bootstrap-signer-controller',
    aliases: ['bootstrapsigner'],
    serviceAccount: 'bootstrap-signer',
    disabledByDefault: true,
    create: (context) => new BootstrapSignerController(context),
  },
  {
    name: 'token-cleaner-controller',
    aliases: ['tokencleaner'],
    serviceAccount: 'token-cleaner',
    disabledByDefault: true,
    create: (context) => new TokenCleanerController(context),
  },
  {
    name: 'clusterrole-aggregation-controller',
    aliases: ['clusterrole-aggregation'],
    serviceAccount: 'clusterrole-aggregation-controller',
    create: (context) => new ClusterRoleAggregationController(context),
  },
  {
    name: 'ttl-after-finished-controller',
    aliases: ['ttl-after-finished'],
    serviceAccount: 'ttl-after-finished-controller',
    create: (context) => new TtlAfterFinishedController(context),
  },
  {
    name: 'legacy-serviceaccount-token-cleaner-controller',
    aliases: ['legacy-service-account-token-cleaner'],
    serviceAccount: 'legacy-service-account-token-cleaner',
    create: (context) => new LegacyTokenCleaner(context),
  },
  {
    name: 'validatingadmissionpolicy-status-controller',
    serviceAccount: 'validatingadmissionpolicy-status-controller',
    create: (context) => new ValidatingAdmissionPolicyStatusController(context),
  },
  {
    name: 'pod-garbage-collector-controller',
    aliases: ['podgc'],
    serviceAccount: 'pod-garbage-collector',
    create: (context) => new PodGarbageCollector(context),
  },
  {
    name: 'horizontal-pod-autoscaler-controller',
    aliases: ['horizontalpodautoscaling'],
    serviceAccount: 'horizontal-pod-autoscaler',
    create: (context) => new HorizontalPodAutoscalerController(context),
  },
  {
    name: 'service-lb-controller',
    aliases: ['service'],
    serviceAccount: 'service-controller',
    create: (context) => new ServiceLoadBalancerController(context),
  },
  {
    name: 'ingress-address-controller',
    serviceAccount: 'ingress-address-controller',
    create: (context) => new IngressAddressController(context),
  },
  {
    name: 'service-cidr-controller',
    serviceAccount: 'service-cidrs-controller',
    create: (context) => new ServiceCidrsController(context),
  },
  {
    name: 'resourcequota-controller',
    aliases: ['resourcequota'],
    serviceAccount: 'resourcequota-controller',
    create: (context) => new ResourceQuotaController(context),
  },
  {
    name: 'namespace-controller',
    aliases: ['namespace'],
    serviceAccount: 'namespace-controller',
    create: (context) => new NamespaceController(context),
  },
  {
    name: 'garbage-collector-controller',
    aliases: ['garbagecollector'],
    serviceAccount: 'generic-garbage-collector',
    create: (context) => new GarbageCollector(context),
  },
];

/**
 * What `--controllers` may name and nothing runs for, each with its reason: upstream knows these names too and, with its
 * own defaults, starts nothing (or nothing that would act) for them.
 */
export const idleControllers: readonly {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly reason: string;
}[] = [
  { name: 'podcertificaterequest-cleaner-controller', reason: 'feature gate PodCertificateRequest is off' },
  { name: 'podgroup-protection-controller', reason: 'feature gate GenericWorkload is off' },
  { name: 'resourcepoolstatusrequest-controller', reason: 'feature gate DRAResourcePoolStatus is off' },
  {
    name: 'kube-apiserver-serving-clustertrustbundle-publisher-controller',
    reason: 'feature gate ClusterTrustBundle is off',
  },
  {
    name: 'storageversion-garbage-collector-controller',
    aliases: ['storage-version-gc'],
    reason: 'feature gate StorageVersionAPI is off',
  },
  { name: 'storage-version-migrator-controller', reason: 'feature gate StorageVersionMigrator is off' },
  {
    name: 'selinux-warning-controller',
    reason: 'off by default, and simulated nodes have no SELinux labels to compare',
  },
  {
    name: 'persistentvolume-attach-detach-controller',
    aliases: ['attachdetach'],
    reason: 'the simulated driver attaches nothing, and no attacher runs that would answer a VolumeAttachment',
  },
  {
    name: 'persistentvolume-expander-controller',
    aliases: ['persistentvolume-expander'],
    reason: 'sim-path-provisioner grows the volumes it makes',
  },
  { name: 'node-route-controller', aliases: ['route'], reason: 'there is no cloud provider' },
  { name: 'cloud-node-lifecycle-controller', aliases: ['cloud-node-lifecycle'], reason: 'there is no cloud provider' },
];

/** `--controllers` names something that is not there. */
export class UnknownControllerError extends Error {
  override readonly name = 'UnknownControllerError';
}

/**
 * Which controllers `--controllers` (a list, or comma-separated) asks for: `*` all that are on by default, `foo` this one, `-foo` not this one; `-*`
 * is taken too and says nothing more than a list without `*`. The first word about a controller counts. Old names are taken too.
 * @throws UnknownControllerError `"foo" is not in the list of known controllers`
 */
export function enabledControllers(controllers: readonly string[] = ['*']): ControllerDescriptor[] {
  const words = controllers
    .flatMap((text) => text.split(','))
    .map((word) => word.trim())
    .filter((word) => word !== '');
  const known = [...controllerTable, ...idleControllers];
  const canonical = (word: string): string => {
    const found = known.find(({ name, aliases }) => name === word || aliases?.includes(word));
    if (!found) throw new UnknownControllerError(`"${word}" is not in the list of known controllers`);
    return found.name;
  };
  const verdicts = new Map<string, boolean>();
  for (const word of words) {
    if (word === '*' || word === '-*') continue;
    const off = word.startsWith('-');
    const name = canonical(off ? word.slice(1) : word);
    if (!verdicts.has(name)) verdicts.set(name, !off);
  }
  const star = words.includes('*');
  return controllerTable.filter(({ name, disabledByDefault }) => verdicts.get(name) ?? (star && !disabledByDefault));
}

export interface ControllerManagerOptions {
  /** `--controllers`, as a list or comma-separated. Default `*`. */
  readonly controllers?: readonly string[];
}

/**
 * Runs the chosen controllers until aborted; one that fails ends all. The context's informers are run by whoever made
 * them, after this: the controllers' handlers are registered here, so each gets the first list.
 */
export class ControllerManager implements Runnable {
  readonly name = 'kube-controller-manager';
  readonly controllers: readonly Controller[];

  constructor(context: ControllerContext, options: ControllerManagerOptions = {}) {
    this.controllers = enabledControllers(options.controllers)
      .map((descriptor) => descriptor.create(context))
      .filter((controller) => controller !== undefined);
  }

  get names(): readonly string[] {
    return this.controllers.map((controller) => controller.name);
  }

  async run(signal: AbortSignal): Promise<void> {
    const group = new TaskGroup(signal);
    for (const controller of this.controllers) group.add(controller);
    await group.wait();
  }
}

/** The chosen controllers, made and registered with the informers; they act when `run` is called. */
export function startControllers(
  context: ControllerContext,
  options: ControllerManagerOptions = {},
): ControllerManager {
  return new ControllerManager(context, options);
}
