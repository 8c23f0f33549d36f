/** What `klab debug --profile` makes of the debugging container and its pod. Upstream: kubectl/pkg/cmd/debug/profiles.go. */
import type { KubeObject } from '../../apimachinery/index.ts';
import { UserError } from '../exit-codes.ts';

export interface SecurityContext {
  privileged?: boolean;
  runAsUser?: number;
  runAsNonRoot?: boolean;
  allowPrivilegeEscalation?: boolean;
  seccompProfile?: { type: string };
  capabilities?: { add?: string[]; drop?: string[] };
}

export interface DebugContainer {
  name: string;
  image?: string;
  imagePullPolicy?: string;
  command?: readonly string[];
  args?: readonly string[];
  env?: readonly { readonly name: string; readonly value?: string }[];
  stdin?: boolean;
  tty?: boolean;
  terminationMessagePolicy?: string;
  targetContainerName?: string;
  securityContext?: SecurityContext;
  volumeMounts?: { mountPath: string; name: string }[];
  livenessProbe?: unknown;
  readinessProbe?: unknown;
  startupProbe?: unknown;
}

export type DebugPod = KubeObject & {
  spec: {
    containers: DebugContainer[];
    initContainers?: DebugContainer[];
    ephemeralContainers?: DebugContainer[];
    volumes?: { name: string; hostPath?: { path: string } }[];
    nodeName?: string;
    restartPolicy?: string;
    tolerations?: { operator: string }[];
    hostNetwork?: boolean;
    hostPID?: boolean;
    hostIPC?: boolean;
    shareProcessNamespace?: boolean;
    securityContext?: { runAsUser?: number };
  };
};

/** An ephemeral container in a running pod, a changed copy of a pod, or a new pod on a node. */
export type DebugStyle = 'ephemeral' | 'copy' | 'node';

/** What a copy keeps of the pod it is made from. */
export interface Keep {
  readonly labels: boolean;
  readonly annotations: boolean;
  readonly liveness: boolean;
  readonly readiness: boolean;
  readonly startup: boolean;
  readonly initContainers: boolean;
}

/** Changes the pod in place. */
export type Profile = (pod: DebugPod, container: string, style: DebugStyle, keep: Keep) => void;

/** @throws UserError for a name that is none of kubectl's. */
export function profileOf(name: string): Profile {
  const profile = Object.hasOwn(profiles, name) ? profiles[name as keyof typeof profiles] : undefined;
  if (!profile) throw new UserError(`unknown profile: ${name}`);
  return profile;
}

const profiles = { legacy, general, baseline, restricted, netadmin, sysadmin } satisfies Record<string, Profile>;

/** Kubernetes 1.23's behaviour. */
function legacy(pod: DebugPod, container: string, style: DebugStyle): void {
  if (style === 'node') {
    mountRoot(pod, container);
    joinHostNamespaces(pod);
  } else if (style === 'copy') delete pod.metadata.labels;
}

function general(pod: DebugPod, container: string, style: DebugStyle, keep: Keep): void {
  if (style === 'node') {
    mountRoot(pod, container);
    clearSecurity(pod, container);
    joinHostNamespaces(pod);
    return;
  }
  if (style === 'copy') drop(pod, keep);
  addCapabilities(pod, container, 'SYS_PTRACE');
  if (style === 'copy') shareProcesses(pod);
}

function baseline(pod: DebugPod, container: string, style: DebugStyle, keep: Keep): void {
  clearSecurity(pod, container);
  if (style === 'copy') changeCopy(pod, keep);
}

function restricted(pod: DebugPod, container: string, style: DebugStyle, keep: Keep): void {
  clearSecurity(pod, container);
  const security = securityOf(pod, container);
  security.runAsNonRoot = true;
  security.capabilities = { drop: ['ALL'] };
  security.allowPrivilegeEscalation = false;
  security.seccompProfile = { type: 'RuntimeDefault' };
  if (style === 'copy') changeCopy(pod, keep);
}

function netadmin(pod: DebugPod, container: string, style: DebugStyle, keep: Keep): void {
  addCapabilities(pod, container, 'NET_ADMIN', 'NET_RAW');
  if (style === 'node') joinHostNamespaces(pod);
  else if (style === 'copy') changeCopy(pod, keep);
}

function sysadmin(pod: DebugPod, container: string, style: DebugStyle, keep: Keep): void {
  securityOf(pod, container).privileged = true;
  if (style === 'node') {
    joinHostNamespaces(pod);
    mountRoot(pod, container);
  } else if (style === 'copy') changeCopy(pod, keep);
}

function changeCopy(pod: DebugPod, keep: Keep): void {
  drop(pod, keep);
  shareProcesses(pod);
}

function drop({ metadata, spec }: DebugPod, keep: Keep): void {
  if (!keep.labels) delete metadata.labels;
  if (!keep.annotations) delete metadata.annotations;
  for (const container of spec.containers) {
    if (!keep.liveness) delete container.livenessProbe;
    if (!keep.readiness) delete container.readinessProbe;
    if (!keep.startup) delete container.startupProbe;
  }
  if (!keep.initContainers) delete spec.initContainers;
}

/** Unless the pod or the command line says otherwise. */
function shareProcesses({ spec }: DebugPod): void {
  spec.shareProcessNamespace ??= true;
}

function joinHostNamespaces({ spec }: DebugPod): void {
  spec.hostNetwork = true;
  spec.hostPID = true;
  spec.hostIPC = true;
}

/** The node's file system at /host. */
function mountRoot(pod: DebugPod, container: string): void {
  const name = 'host-root';
  pod.spec.volumes = [...(pod.spec.volumes ?? []), { name, hostPath: { path: '/' } }];
  const found = containerNamed(pod, container);
  found.volumeMounts = [...(found.volumeMounts ?? []), { mountPath: '/host', name }];
}

function clearSecurity(pod: DebugPod, container: string): void {
  delete containerNamed(pod, container).securityContext;
}

function addCapabilities(pod: DebugPod, container: string, ...names: readonly string[]): void {
  const security = securityOf(pod, container);
  security.capabilities ??= {};
  security.capabilities.add = [...(security.capabilities.add ?? []), ...names];
}

function securityOf(pod: DebugPod, container: string): SecurityContext {
  const found = containerNamed(pod, container);
  found.securityContext ??= {};
  return found.securityContext;
}

/** Every container of a pod, of whatever sort. */
export function containersOf({ spec }: DebugPod): DebugContainer[] {
  return [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])];
}

function containerNamed(pod: DebugPod, name: string): DebugContainer {
  return containersOf(pod).find((container) => container.name === name)!;
}
