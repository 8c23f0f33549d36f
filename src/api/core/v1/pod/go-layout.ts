/**
 * A pod spec as upstream's internal types lay it out in JSON: what the differences in refusals of updates are made of.
 * Internal types have no JSON names and omit nothing, so every field appears, under its Go name and in Go's order.
 * Upstream: pkg/apis/core/types.go, apimachinery/pkg/util/diff (1.36).
 */
import type { PodSpec } from '../../../types.ts';
import { unifiedDiff } from '../../../unified-diff.ts';

type Fields = Readonly<Record<string, any>>;

/**
 * Type: its fields. `Name` text · `Name#` number · `Name!` flag · `Name~` quantity · `Name?` null when absent ·
 * `Name?Type` pointer · `Name*Type` list · `Name:Type` struct · `:Type` its fields in this place. `=json`: the name in JSON,
 * where it is not the same but for case.
 */
const layouts = `
  PodSpec: Volumes*Volume InitContainers*Container Containers*Container EphemeralContainers*EphemeralContainer
    RestartPolicy TerminationGracePeriodSeconds? ActiveDeadlineSeconds? DNSPolicy NodeSelector? ServiceAccountName
    AutomountServiceAccountToken? NodeName SecurityContext?PodSecurityContext ImagePullSecrets*LocalObjectReference
    Hostname Subdomain SetHostnameAsFQDN? Affinity?Affinity SchedulerName Tolerations*Toleration
    HostAliases*HostAlias PriorityClassName Priority? PreemptionPolicy? DNSConfig?PodDNSConfig
    ReadinessGates*PodReadinessGate RuntimeClassName? Overhead? EnableServiceLinks?
    TopologySpreadConstraints*TopologySpreadConstraint OS?PodOS SchedulingGates*PodSchedulingGate
    ResourceClaims*PodResourceClaim Resources?ResourceRequirements HostnameOverride?
    SchedulingGroup?PodSchedulingGroup
  Volume: Name :VolumeSource
  Container: Name Image Command? Args? WorkingDir Ports*ContainerPort EnvFrom*EnvFromSource Env*EnvVar
    Resources:ResourceRequirements ResizePolicy*ContainerResizePolicy RestartPolicy?
    RestartPolicyRules*ContainerRestartRule VolumeMounts*VolumeMount VolumeDevices*VolumeDevice LivenessProbe?Probe
    ReadinessProbe?Probe StartupProbe?Probe Lifecycle?Lifecycle TerminationMessagePath TerminationMessagePolicy
    ImagePullPolicy SecurityContext?SecurityContext Stdin! StdinOnce! TTY!
  EphemeralContainer: :EphemeralContainerCommon TargetContainerName
  PodSecurityContext: HostNetwork! HostPID! HostIPC! ShareProcessNamespace? HostUsers? SELinuxOptions?SELinuxOptions
    WindowsOptions?WindowsSecurityContextOptions RunAsUser? RunAsGroup? RunAsNonRoot? SupplementalGroups?
    SupplementalGroupsPolicy? FSGroup? FSGroupChangePolicy? Sysctls*Sysctl SeccompProfile?SeccompProfile
    AppArmorProfile?AppArmorProfile SELinuxChangePolicy?
  LocalObjectReference: Name
  Affinity: NodeAffinity?NodeAffinity PodAffinity?PodAffinity PodAntiAffinity?PodAntiAffinity
  Toleration: Key Operator Value Effect TolerationSeconds?
  HostAlias: IP Hostnames?
  PodDNSConfig: Nameservers? Searches? Options*PodDNSConfigOption
  PodReadinessGate: ConditionType
  TopologySpreadConstraint: MaxSkew# TopologyKey WhenUnsatisfiable LabelSelector? MinDomains? NodeAffinityPolicy?
    NodeTaintsPolicy? MatchLabelKeys?
  PodOS: Name
  PodSchedulingGate: Name
  PodResourceClaim: Name ResourceClaimName? ResourceClaimTemplateName?
  ResourceRequirements: Limits? Requests? Claims*ResourceClaim
  PodSchedulingGroup: PodGroupName?
  VolumeSource: HostPath?HostPathVolumeSource EmptyDir?EmptyDirVolumeSource
    GCEPersistentDisk?GCEPersistentDiskVolumeSource AWSElasticBlockStore?AWSElasticBlockStoreVolumeSource
    GitRepo?GitRepoVolumeSource Secret?SecretVolumeSource NFS?NFSVolumeSource ISCSI?ISCSIVolumeSource
    Glusterfs?GlusterfsVolumeSource PersistentVolumeClaim?PersistentVolumeClaimVolumeSource RBD?RBDVolumeSource
    Quobyte?QuobyteVolumeSource FlexVolume?FlexVolumeSource Cinder?CinderVolumeSource CephFS?CephFSVolumeSource
    Flocker?FlockerVolumeSource DownwardAPI?DownwardAPIVolumeSource FC?FCVolumeSource
    AzureFile?AzureFileVolumeSource ConfigMap?ConfigMapVolumeSource VsphereVolume?VsphereVirtualDiskVolumeSource
    AzureDisk?AzureDiskVolumeSource PhotonPersistentDisk?PhotonPersistentDiskVolumeSource
    Projected?ProjectedVolumeSource PortworxVolume?PortworxVolumeSource ScaleIO?ScaleIOVolumeSource
    StorageOS?StorageOSVolumeSource CSI?CSIVolumeSource Ephemeral?EphemeralVolumeSource Image?ImageVolumeSource
  ContainerPort: Name HostPort# ContainerPort# Protocol HostIP
  EnvFromSource: Prefix ConfigMapRef?ConfigMapEnvSource SecretRef?SecretEnvSource
  EnvVar: Name Value ValueFrom?EnvVarSource
  ContainerResizePolicy: ResourceName RestartPolicy
  ContainerRestartRule: Action ExitCodes?ContainerRestartRuleOnExitCodes
  VolumeMount: Name ReadOnly! RecursiveReadOnly? MountPath SubPath MountPropagation? SubPathExpr
  VolumeDevice: Name DevicePath
  Probe: :ProbeHandler InitialDelaySeconds# TimeoutSeconds# PeriodSeconds# SuccessThreshold# FailureThreshold#
    TerminationGracePeriodSeconds?
  Lifecycle: PostStart?LifecycleHandler PreStop?LifecycleHandler StopSignal?
  SecurityContext: Capabilities?Capabilities Privileged? SELinuxOptions?SELinuxOptions
    WindowsOptions?WindowsSecurityContextOptions RunAsUser? RunAsGroup? RunAsNonRoot? ReadOnlyRootFilesystem?
    AllowPrivilegeEscalation? ProcMount? SeccompProfile?SeccompProfile AppArmorProfile?AppArmorProfile
  EphemeralContainerCommon: Name Image Command? Args? WorkingDir Ports*ContainerPort EnvFrom*EnvFromSource
    Env*EnvVar Resources:ResourceRequirements ResizePolicy*ContainerResizePolicy RestartPolicy?
    RestartPolicyRules*ContainerRestartRule VolumeMounts*VolumeMount VolumeDevices*VolumeDevice LivenessProbe?Probe
    ReadinessProbe?Probe StartupProbe?Probe Lifecycle?Lifecycle TerminationMessagePath TerminationMessagePolicy
    ImagePullPolicy SecurityContext?SecurityContext Stdin! StdinOnce! TTY!
  SELinuxOptions: User Role Type Level
  WindowsSecurityContextOptions: GMSACredentialSpecName? GMSACredentialSpec? RunAsUserName? HostProcess?
  Sysctl: Name Value
  SeccompProfile: Type LocalhostProfile?
  AppArmorProfile: Type LocalhostProfile?
  NodeAffinity: RequiredDuringSchedulingIgnoredDuringExecution?NodeSelector
    PreferredDuringSchedulingIgnoredDuringExecution*PreferredSchedulingTerm
  PodAffinity: RequiredDuringSchedulingIgnoredDuringExecution*PodAffinityTerm
    PreferredDuringSchedulingIgnoredDuringExecution*WeightedPodAffinityTerm
  PodAntiAffinity: RequiredDuringSchedulingIgnoredDuringExecution*PodAffinityTerm
    PreferredDuringSchedulingIgnoredDuringExecution*WeightedPodAffinityTerm
  PodDNSConfigOption: Name Value?
  ResourceClaim: Name Request
  HostPathVolumeSource: Path Type?
  EmptyDirVolumeSource: Medium SizeLimit?
  GCEPersistentDiskVolumeSource: PDName FSType Partition# ReadOnly!
  AWSElasticBlockStoreVolumeSource: VolumeID FSType Partition# ReadOnly!
  GitRepoVolumeSource: Repository Revision Directory
  SecretVolumeSource: SecretName Items*KeyToPath DefaultMode? Optional?
  NFSVolumeSource: Server Path ReadOnly!
  ISCSIVolumeSource: TargetPortal IQN Lun# ISCSIInterface FSType ReadOnly! Portals? DiscoveryCHAPAuth!
    SessionCHAPAuth! SecretRef?LocalObjectReference InitiatorName?
  GlusterfsVolumeSource: EndpointsName=endpoints Path ReadOnly!
  PersistentVolumeClaimVolumeSource: ClaimName ReadOnly!
  RBDVolumeSource: CephMonitors=monitors? RBDImage=image FSType RBDPool=pool RadosUser=user Keyring
    SecretRef?LocalObjectReference ReadOnly!
  QuobyteVolumeSource: Registry Volume ReadOnly! User Group Tenant
  FlexVolumeSource: Driver FSType SecretRef?LocalObjectReference ReadOnly! Options?
  CinderVolumeSource: VolumeID FSType ReadOnly! SecretRef?LocalObjectReference
  CephFSVolumeSource: Monitors? Path User SecretFile SecretRef?LocalObjectReference ReadOnly!
  FlockerVolumeSource: DatasetName DatasetUUID
  DownwardAPIVolumeSource: Items*DownwardAPIVolumeFile DefaultMode?
  FCVolumeSource: TargetWWNs? Lun? FSType ReadOnly! WWIDs?
  AzureFileVolumeSource: SecretName ShareName ReadOnly!
  ConfigMapVolumeSource: :LocalObjectReference Items*KeyToPath DefaultMode? Optional?
  VsphereVirtualDiskVolumeSource: VolumePath FSType StoragePolicyName StoragePolicyID
  AzureDiskVolumeSource: DiskName DataDiskURI=diskURI CachingMode? FSType? ReadOnly? Kind?
  PhotonPersistentDiskVolumeSource: PdID FSType
  ProjectedVolumeSource: Sources*VolumeProjection DefaultMode?
  PortworxVolumeSource: VolumeID FSType ReadOnly!
  ScaleIOVolumeSource: Gateway System SecretRef?LocalObjectReference SSLEnabled! ProtectionDomain StoragePool
    StorageMode VolumeName FSType ReadOnly!
  StorageOSVolumeSource: VolumeName VolumeNamespace FSType ReadOnly! SecretRef?LocalObjectReference
  CSIVolumeSource: Driver ReadOnly? FSType? VolumeAttributes? NodePublishSecretRef?LocalObjectReference
  EphemeralVolumeSource: VolumeClaimTemplate?PersistentVolumeClaimTemplate
  ImageVolumeSource: Reference PullPolicy
  ConfigMapEnvSource: :LocalObjectReference Optional?
  SecretEnvSource: :LocalObjectReference Optional?
  EnvVarSource: FieldRef?ObjectFieldSelector ResourceFieldRef?ResourceFieldSelector
    ConfigMapKeyRef?ConfigMapKeySelector SecretKeyRef?SecretKeySelector FileKeyRef?FileKeySelector
  ContainerRestartRuleOnExitCodes: Operator Values?
  ProbeHandler: Exec?ExecAction HTTPGet?HTTPGetAction TCPSocket?TCPSocketAction GRPC?GRPCAction
  LifecycleHandler: Exec?ExecAction HTTPGet?HTTPGetAction TCPSocket?TCPSocketAction Sleep?SleepAction
  Capabilities: Add? Drop?
  NodeSelector: NodeSelectorTerms*NodeSelectorTerm
  PreferredSchedulingTerm: Weight# Preference:NodeSelectorTerm
  PodAffinityTerm: LabelSelector? Namespaces? TopologyKey NamespaceSelector? MatchLabelKeys? MismatchLabelKeys?
  WeightedPodAffinityTerm: Weight# PodAffinityTerm:PodAffinityTerm
  KeyToPath: Key Path Mode?
  DownwardAPIVolumeFile: Path FieldRef?ObjectFieldSelector ResourceFieldRef?ResourceFieldSelector Mode?
  VolumeProjection: Secret?SecretProjection DownwardAPI?DownwardAPIProjection ConfigMap?ConfigMapProjection
    ServiceAccountToken?ServiceAccountTokenProjection ClusterTrustBundle?ClusterTrustBundleProjection
    PodCertificate?PodCertificateProjection
  PersistentVolumeClaimTemplate: :metadata Spec:PersistentVolumeClaimSpec
  ObjectFieldSelector: APIVersion FieldPath
  ResourceFieldSelector: ContainerName Resource Divisor~
  ConfigMapKeySelector: :LocalObjectReference Key Optional?
  SecretKeySelector: :LocalObjectReference Key Optional?
  FileKeySelector: VolumeName Path Key Optional?
  ExecAction: Command?
  HTTPGetAction: Path Port# Host Scheme HTTPHeaders*HTTPHeader
  TCPSocketAction: Port# Host
  GRPCAction: Port# Service?
  SleepAction: Seconds#
  NodeSelectorTerm: MatchExpressions*NodeSelectorRequirement MatchFields*NodeSelectorRequirement
  SecretProjection: :LocalObjectReference Items*KeyToPath Optional?
  DownwardAPIProjection: Items*DownwardAPIVolumeFile
  ConfigMapProjection: :LocalObjectReference Items*KeyToPath Optional?
  ServiceAccountTokenProjection: Audience ExpirationSeconds# Path
  ClusterTrustBundleProjection: Name? SignerName? LabelSelector? Optional? Path
  PodCertificateProjection: SignerName KeyType MaxExpirationSeconds? CredentialBundlePath KeyPath
    CertificateChainPath UserAnnotations?
  PersistentVolumeClaimSpec: AccessModes? Selector? Resources:VolumeResourceRequirements VolumeName
    StorageClassName? VolumeMode? DataSource?TypedLocalObjectReference DataSourceRef?TypedObjectReference
    VolumeAttributesClassName?
  HTTPHeader: Name Value
  NodeSelectorRequirement: Key Operator Values?
  VolumeResourceRequirements: Limits? Requests?
  TypedLocalObjectReference: APIGroup? Kind Name
  TypedObjectReference: APIGroup? Kind Name Namespace?
`;

interface Field {
  readonly name: string;
  /** Lower case. */
  readonly json: string;
  readonly kind: string;
  readonly type: string;
}

let compiled: ReadonlyMap<string, readonly Field[]> | undefined;

/** Read when the first update is refused. */
function layoutOf(type: string): readonly Field[] {
  compiled ??= new Map(
    layouts
      .trim()
      .split(/\n {2}(?=\w+: )/)
      .map((entry) => {
        const [, name = '', fields = ''] = /^(\w+): ([\s\S]*)$/.exec(entry.trim())!;
        return [name, fields.split(/\s+/).map(parseField)] as const;
      }),
  );
  return compiled.get(type)!;
}

function parseField(text: string): Field {
  const [, name = '', json, kind = '', type = ''] = /^(\w*)(?:=(\w+))?([#!~?*:]?)(\w*)$/.exec(text)!;
  return { name, json: (json ?? name).toLowerCase(), kind, type };
}

const valueFor: Readonly<Record<string, unknown>> = { '': '', '#': 0, '!': false, '~': '0' };

function arrange(value: Fields, type: string, into: Record<string, unknown>): Record<string, unknown> {
  const byName = new Map(Object.entries(value).map(([key, item]) => [key.toLowerCase(), item]));
  for (const { name, json, kind, type: inner } of layoutOf(type)) {
    const item = byName.get(json);
    if (name === '') {
      if (inner === 'metadata') Object.assign(into, value['metadata']);
      else arrange(value, inner, into);
    } else if (kind === ':') into[name] = arrange(item ?? {}, inner, {});
    else if (item === undefined || item === null) into[name] = valueFor[kind] ?? null;
    else if (kind === '*') into[name] = item.map((entry: Fields) => arrange(entry, inner, {}));
    else if (inner !== '') into[name] = arrange(item, inner, {});
    else into[name] = arrangeLeaf(item);
  }
  return into;
}

/** Maps by key; label selectors, which have JSON names upstream too, by field. */
function arrangeLeaf(item: any): unknown {
  if (typeof item !== 'object' || Array.isArray(item)) return item;
  if (!('matchExpressions' in item) && !('matchLabels' in item)) return sorted(item);
  const { matchLabels, matchExpressions } = item;
  return {
    ...(matchLabels ? { matchLabels: sorted(matchLabels) } : {}),
    ...(matchExpressions
      ? { matchExpressions: matchExpressions.map(({ key, operator, values }: Fields) => ({ key, operator, values })) }
      : {}),
  };
}

const sorted = (map: Fields): Fields => Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));

/** As Go writes it: indented by one blank, with what HTML reads escaped. */
function toGoJson(value: unknown): string {
  return JSON.stringify(value, null, 1).replace(
    /[<>&\u2028\u2029]/g,
    (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** In the internal type these belong to the security context, which is always there. */
const movedFields = ['hostNetwork', 'hostPID', 'hostIPC', 'shareProcessNamespace', 'hostUsers'] as const;

function internalSpec(spec: Readonly<PodSpec>): string {
  const securityContext: Record<string, unknown> = { ...spec.securityContext };
  for (const field of movedFields) if (spec[field] !== undefined) securityContext[field] = spec[field];
  return toGoJson(arrange({ ...spec, securityContext }, 'PodSpec', {}));
}

export function podSpecDiff(before: Readonly<PodSpec>, after: Readonly<PodSpec>): string {
  return unifiedDiff(internalSpec(before), internalSpec(after));
}

export function ephemeralContainerDiff(before: Fields, after: Fields): string {
  const [from, to] = [before, after].map((container) => toGoJson(arrange(container, 'EphemeralContainer', {})));
  return unifiedDiff(from!, to!);
}
