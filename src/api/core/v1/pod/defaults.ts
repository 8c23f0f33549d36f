/**
 * Defaults of pods and pod templates. Upstream: pkg/apis/core/v1/{defaults,zz_generated.defaults}.go (1.36).
 * Go writes some structs even when they are empty; those (`resources`, `metadata` of a template) appear here too.
 */
import { canonicalField, canonicalResources, setIfAbsent, setIfZero } from '../../../defaulting.ts';
import type { Container, EphemeralContainer, Pod, PodSpec, PodTemplateSpec, Probe, Volume } from '../../../types.ts';
import { aggregateContainerLimits, aggregateContainerRequests, isHugePages, isPodLevelResource } from './resources.ts';

/** Mode of files in volumes: 0644. */
const defaultMode = 0o644;

/** The tag of an image reference; `latest` when it has neither tag nor digest, empty when there is no image. */
export function imageTag(image: string): string {
  if (image === '') return '';
  const name = image.slice(image.lastIndexOf('/') + 1);
  const at = name.indexOf('@');
  const beforeDigest = at < 0 ? name : name.slice(0, at);
  const colon = beforeDigest.indexOf(':');
  if (colon >= 0) return beforeDigest.slice(colon + 1);
  return at < 0 ? 'latest' : '';
}

function pullPolicy(image: string | undefined): 'Always' | 'IfNotPresent' {
  return imageTag(image ?? '') === 'latest' ? 'Always' : 'IfNotPresent';
}

function defaultHttpGet(action: Record<string, unknown> | undefined): void {
  if (action === undefined) return;
  setIfZero(action, 'path', '/');
  setIfZero(action, 'scheme', 'HTTP');
}

function defaultProbe(probe: Probe | undefined): void {
  if (probe === undefined || probe === null) return;
  setIfZero(probe, 'timeoutSeconds', 1);
  setIfZero(probe, 'periodSeconds', 10);
  setIfZero(probe, 'successThreshold', 1);
  setIfZero(probe, 'failureThreshold', 3);
  defaultHttpGet(probe.httpGet as Record<string, unknown> | undefined);
  if (probe.grpc) setIfAbsent(probe.grpc, 'service', '');
}

function defaultContainer(container: Container | EphemeralContainer): void {
  setIfZero(container, 'imagePullPolicy', pullPolicy(container.image));
  setIfZero(container, 'terminationMessagePath', '/dev/termination-log');
  setIfZero(container, 'terminationMessagePolicy', 'File');
  for (const port of container.ports ?? []) setIfZero(port, 'protocol', 'TCP');
  for (const variable of container.env ?? []) {
    const source = variable.valueFrom;
    if (source?.fieldRef) setIfZero(source.fieldRef, 'apiVersion', 'v1');
    if (source?.fileKeyRef) setIfAbsent(source.fileKeyRef, 'optional', false);
    if (source?.resourceFieldRef) setIfAbsent(source.resourceFieldRef, 'divisor', '0');
  }
  setIfAbsent(container, 'resources', {});
  canonicalResources(container.resources?.limits);
  canonicalResources(container.resources?.requests);
  defaultProbe(container.livenessProbe);
  defaultProbe(container.readinessProbe);
  defaultProbe(container.startupProbe);
  defaultHttpGet(container.lifecycle?.postStart?.httpGet as Record<string, unknown> | undefined);
  defaultHttpGet(container.lifecycle?.preStop?.httpGet as Record<string, unknown> | undefined);
}

function defaultDownwardItems(items: readonly { fieldRef?: object; resourceFieldRef?: object }[] | undefined): void {
  for (const item of items ?? []) {
    if (item.fieldRef) setIfZero(item.fieldRef, 'apiVersion', 'v1');
    if (item.resourceFieldRef) setIfAbsent(item.resourceFieldRef, 'divisor', '0');
  }
}

function defaultVolume(volume: Volume): void {
  const sources = Object.keys(volume).filter((field) => field !== 'name');
  if (sources.length === 0) volume.emptyDir = {};
  const { emptyDir, hostPath, secret, configMap, downwardAPI, projected, iscsi, rbd, azureDisk, scaleIO } = volume;
  if (volume.image) setIfZero(volume.image, 'pullPolicy', pullPolicy(volume.image.reference));
  if (emptyDir) canonicalField(emptyDir, 'sizeLimit');
  if (hostPath) setIfAbsent(hostPath, 'type', '');
  if (secret) setIfAbsent(secret, 'defaultMode', defaultMode);
  if (configMap) setIfAbsent(configMap, 'defaultMode', defaultMode);
  if (downwardAPI) {
    setIfAbsent(downwardAPI, 'defaultMode', defaultMode);
    defaultDownwardItems(downwardAPI.items);
  }
  if (projected) {
    setIfAbsent(projected, 'defaultMode', defaultMode);
    for (const source of projected.sources ?? []) {
      defaultDownwardItems(source.downwardAPI?.items);
      if (source.serviceAccountToken) setIfAbsent(source.serviceAccountToken, 'expirationSeconds', 3600);
    }
  }
  if (iscsi) setIfZero(iscsi, 'iscsiInterface', 'default');
  if (rbd) {
    setIfZero(rbd, 'pool', 'rbd');
    setIfZero(rbd, 'user', 'admin');
    setIfZero(rbd, 'keyring', '/etc/ceph/keyring');
  }
  if (azureDisk) {
    setIfAbsent(azureDisk, 'cachingMode', 'ReadWrite');
    setIfAbsent(azureDisk, 'fsType', 'ext4');
    setIfAbsent(azureDisk, 'readOnly', false);
    setIfAbsent(azureDisk, 'kind', 'Shared');
  }
  if (scaleIO) {
    setIfZero(scaleIO, 'storageMode', 'ThinProvisioned');
    setIfZero(scaleIO, 'fsType', 'xfs');
  }
  const claim = volume.ephemeral?.volumeClaimTemplate;
  if (claim) {
    setIfAbsent(claim, 'metadata', {});
    defaultClaimSpec(claim.spec);
  }
}

/** PersistentVolumeClaimSpec, alone or in a template. */
export function defaultClaimSpec(spec: Record<string, any> | undefined): void {
  if (spec === undefined || spec === null) return;
  setIfAbsent(spec, 'volumeMode', 'Filesystem');
  setIfAbsent(spec, 'resources', {});
  canonicalResources(spec['resources'].limits);
  canonicalResources(spec['resources'].requests);
}

/** What holds in every pod spec, templates too. */
export function defaultPodSpec(spec: PodSpec): void {
  setIfZero(spec, 'dnsPolicy', 'ClusterFirst');
  setIfZero(spec, 'restartPolicy', 'Always');
  setIfAbsent(spec, 'securityContext', {});
  setIfAbsent(spec, 'terminationGracePeriodSeconds', 30);
  setIfZero(spec, 'schedulerName', 'default-scheduler');
  // The deprecated name mirrors the other one in both directions.
  if (!spec.serviceAccountName && spec.serviceAccount) spec.serviceAccountName = spec.serviceAccount;
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName;
  for (const volume of spec.volumes ?? []) defaultVolume(volume);
  for (const container of spec.initContainers ?? []) defaultContainer(container);
  for (const container of spec.containers ?? []) defaultContainer(container);
  for (const container of spec.ephemeralContainers ?? []) defaultContainer(container);
  canonicalResources(spec.overhead as Record<string, unknown> | undefined);
  canonicalResources(spec.resources?.limits);
  canonicalResources(spec.resources?.requests);
}

export function defaultPodTemplate(template: PodTemplateSpec | undefined | null): void {
  if (template === undefined || template === null) return;
  setIfAbsent(template, 'metadata', {});
  if (template.spec) defaultPodSpec(template.spec);
}

/** Pods only, not templates: requests from limits, service links, host ports. */
export function defaultPod(pod: Pod): void {
  const spec = pod.spec;
  if (!spec) return;
  for (const container of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) {
    const limits = container.resources?.limits;
    if (!limits) continue;
    container.resources!.requests = { ...limits, ...container.resources!.requests };
  }
  defaultPodSpec(spec);
  defaultPodLevelResources(spec);
  setIfAbsent(spec, 'enableServiceLinks', true);
  if (spec.hostNetwork) {
    for (const container of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) {
      for (const port of container.ports ?? []) setIfZero(port, 'hostPort', port.containerPort);
    }
  }
}

/** Only where the pod names resources of its own: limits of huge pages and requests follow from the containers'. */
function defaultPodLevelResources(spec: PodSpec): void {
  const resources = spec.resources;
  if (!resources || (!resources.limits && !resources.requests)) return;
  const limits: Record<string, any> = { ...resources.limits };
  for (const [name, amount] of aggregateContainerLimits(spec)) {
    if (isHugePages(name) && resources.requests?.[name] === undefined) limits[name] ??= amount.toString();
  }
  if (Object.keys(limits).length === 0) return;
  resources.limits = limits;
  const requests: Record<string, any> = { ...resources.requests };
  for (const [name, amount] of aggregateContainerRequests(spec)) {
    if (isPodLevelResource(name) && !isHugePages(name)) requests[name] ??= amount.toString();
  }
  for (const [name, amount] of Object.entries(limits)) {
    if (isPodLevelResource(name)) requests[name] ??= amount;
  }
  if (Object.keys(requests).length > 0) resources.requests = requests;
}
