/** The parts of core/v1 Pod that the node agent reads and writes. Upstream: staging/src/k8s.io/api/core/v1/types.go. */
import type { KubeObject, ObjectMeta } from '../apimachinery/index.ts';

export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';

export interface ProbeHandler {
  exec?: { command?: string[] };
  httpGet?: {
    path?: string;
    port: number | string;
    host?: string;
    scheme?: string;
    httpHeaders?: { name: string; value: string }[];
  };
  tcpSocket?: { port: number | string; host?: string };
  grpc?: { port: number; service?: string };
  sleep?: { seconds: number };
}

export interface Probe extends ProbeHandler {
  initialDelaySeconds?: number;
  timeoutSeconds?: number;
  periodSeconds?: number;
  successThreshold?: number;
  failureThreshold?: number;
  terminationGracePeriodSeconds?: number;
}

export interface EnvVar {
  name: string;
  value?: string;
  valueFrom?: {
    fieldRef?: { apiVersion?: string; fieldPath: string };
    resourceFieldRef?: { containerName?: string; resource: string; divisor?: string };
    configMapKeyRef?: { name?: string; key: string; optional?: boolean };
    secretKeyRef?: { name?: string; key: string; optional?: boolean };
  };
}

export interface Resources {
  requests?: Record<string, string>;
  limits?: Record<string, string>;
}

export interface VolumeMount {
  name: string;
  mountPath: string;
  subPath?: string;
  subPathExpr?: string;
  readOnly?: boolean;
  recursiveReadOnly?: string;
}

export interface Container {
  name: string;
  image?: string;
  command?: string[];
  args?: string[];
  workingDir?: string;
  ports?: {
    name?: string;
    containerPort: number;
    hostPort?: number;
    hostIP?: string;
    protocol?: 'TCP' | 'UDP' | 'SCTP';
  }[];
  env?: EnvVar[];
  envFrom?: {
    prefix?: string;
    configMapRef?: { name?: string; optional?: boolean };
    secretRef?: { name?: string; optional?: boolean };
  }[];
  resources?: Resources;
  volumeMounts?: VolumeMount[];
  livenessProbe?: Probe;
  readinessProbe?: Probe;
  startupProbe?: Probe;
  lifecycle?: { postStart?: ProbeHandler; preStop?: ProbeHandler };
  terminationMessagePath?: string;
  terminationMessagePolicy?: 'File' | 'FallbackToLogsOnError';
  imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never';
  restartPolicy?: 'Always' | 'OnFailure' | 'Never';
  restartPolicyRules?: {
    action: 'Restart' | 'RestartAllContainers';
    exitCodes?: { operator: 'In' | 'NotIn'; values?: number[] };
  }[];
  securityContext?: {
    runAsUser?: number;
    runAsGroup?: number;
    runAsNonRoot?: boolean;
    readOnlyRootFilesystem?: boolean;
  };
  stdin?: boolean;
  stdinOnce?: boolean;
  tty?: boolean;
  targetContainerName?: string;
}

export interface Volume {
  name: string;
  [source: string]: any;
}

export interface PodSpec {
  nodeName?: string;
  containers: Container[];
  initContainers?: Container[];
  ephemeralContainers?: Container[];
  volumes?: Volume[];
  restartPolicy?: 'Always' | 'OnFailure' | 'Never';
  terminationGracePeriodSeconds?: number;
  priority?: number;
  activeDeadlineSeconds?: number;
  dnsPolicy?: string;
  dnsConfig?: { nameservers?: string[]; searches?: string[]; options?: { name: string; value?: string }[] };
  hostNetwork?: boolean;
  hostname?: string;
  subdomain?: string;
  setHostnameAsFQDN?: boolean;
  serviceAccountName?: string;
  enableServiceLinks?: boolean;
  readinessGates?: { conditionType: string }[];
  nodeSelector?: Record<string, string>;
  affinity?: any;
  tolerations?: any[];
  hostAliases?: { ip: string; hostnames?: string[] }[];
  imagePullSecrets?: { name?: string }[];
  securityContext?: {
    runAsUser?: number;
    runAsGroup?: number;
    runAsNonRoot?: boolean;
    fsGroup?: number;
    supplementalGroups?: number[];
  };
  os?: { name: string };
  overhead?: Record<string, string>;
  resources?: Resources;
}

export interface ContainerStateTerminated {
  exitCode: number;
  signal?: number;
  reason?: string;
  message?: string;
  startedAt?: string | null;
  finishedAt?: string | null;
  containerID?: string;
}

export interface ContainerState {
  waiting?: { reason?: string; message?: string };
  running?: { startedAt?: string | null };
  terminated?: ContainerStateTerminated;
}

export interface ContainerStatus {
  name: string;
  state: ContainerState;
  lastState: ContainerState;
  ready: boolean;
  restartCount: number;
  image: string;
  imageID: string;
  containerID?: string;
  started?: boolean;
  allocatedResources?: Record<string, string>;
  resources?: Resources;
  volumeMounts?: { name: string; mountPath: string; readOnly?: boolean; recursiveReadOnly?: string }[];
  user?: { linux: { uid: number; gid: number; supplementalGroups?: number[] } };
}

export interface PodCondition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  observedGeneration?: number;
  lastProbeTime?: string | null;
  lastTransitionTime?: string | null;
  reason?: string;
  message?: string;
}

export interface PodStatus {
  observedGeneration?: number;
  phase?: PodPhase;
  conditions?: PodCondition[];
  message?: string;
  reason?: string;
  hostIP?: string;
  hostIPs?: { ip: string }[];
  podIP?: string;
  podIPs?: { ip: string }[];
  startTime?: string;
  initContainerStatuses?: ContainerStatus[];
  containerStatuses?: ContainerStatus[];
  ephemeralContainerStatuses?: ContainerStatus[];
  qosClass?: string;
  [other: string]: any;
}

/** As it comes from the API: read-only. */
export interface Pod extends KubeObject {
  metadata: ObjectMeta;
  spec: PodSpec;
  status?: PodStatus;
}

/** `name_namespace(uid)`, as the kubelet's messages name a pod. Upstream: pkg/kubelet/util/format/pod.go. */
export function formatPod(pod: Pod): string {
  return `${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})`;
}

/** Init containers that keep running beside the app. */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

export function findStatus(
  statuses: readonly ContainerStatus[] | undefined,
  name: string,
): ContainerStatus | undefined {
  return statuses?.find((status) => status.name === name);
}

const configSourceAnnotation = 'kubernetes.io/config.source';
const systemCriticalPriority = 2_000_000_000;

/** A pod of the node itself, or one of a system's priority class. Upstream: pkg/kubelet/types/pod_update.go IsCriticalPod. */
export function isCriticalPod({ metadata, spec }: Pod): boolean {
  const source = metadata.annotations?.[configSourceAnnotation] ?? 'api';
  return source !== 'api' || (spec.priority ?? 0) >= systemCriticalPriority;
}

export function isTerminalPhase(phase: string | undefined): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}

/** `spec.containers`, `spec.initContainers` or `spec.ephemeralContainers` entry with its place, for events' fieldPath. */
export function containerFieldPath(pod: Pod, name: string): string | undefined {
  const { spec } = pod;
  if (spec.containers.some((c) => c.name === name)) return `spec.containers{${name}}`;
  if (spec.initContainers?.some((c) => c.name === name)) return `spec.initContainers{${name}}`;
  if (spec.ephemeralContainers?.some((c) => c.name === name)) return `spec.ephemeralContainers{${name}}`;
  return undefined;
}

export function findContainer(pod: Pod, name: string): Container | undefined {
  const { spec } = pod;
  return (
    spec.containers.find((c) => c.name === name) ??
    spec.initContainers?.find((c) => c.name === name) ??
    spec.ephemeralContainers?.find((c) => c.name === name)
  );
}

/**
 * Whether a container that exited with `exitCode` is started again, by its own policy and rules before the pod's.
 * Upstream: pkg/api/v1/pod/util.go ContainerShouldRestart.
 */
export function containerShouldRestart(container: Container, spec: PodSpec, exitCode: number): boolean {
  for (const rule of container.restartPolicyRules ?? []) {
    const values = rule.exitCodes?.values ?? [];
    const listed = values.includes(exitCode);
    const matches = rule.exitCodes?.operator === 'NotIn' ? !listed : listed;
    if (rule.exitCodes && matches) return true;
  }
  const policy = container.restartPolicy ?? spec.restartPolicy ?? 'Always';
  if (policy === 'Always') return true;
  return policy === 'OnFailure' && exitCode !== 0;
}

/** The pod as the runtime sees it. Upstream: kubecontainer.PodStatus. */
export interface RuntimePodStatus {
  readonly sandboxes: readonly import('./runtime/types.ts').PodSandboxStatus[];
  /** Newest first. */
  readonly containers: readonly import('./runtime/types.ts').RuntimeContainerStatus[];
}

export function findRuntimeStatus(status: RuntimePodStatus, name: string) {
  return status.containers.find((container) => container.metadata.name === name);
}
