/** Containers and pod templates of a description. */
import type {
  Container,
  ContainerState,
  ContainerStatus,
  EnvVar,
  Pod,
  PodTemplateSpec,
  Probe,
} from '../../api/index.ts';
import { compareBytes, formatLabelSelector, milliValueOf, parseQuantity } from '../../apimachinery/index.ts';
import { goValue } from '../printers/go-value.ts';
import { describeResources } from './resources.ts';
import { describeVolumes } from './volumes.ts';
import { boolText, type DescribeWriter, orNone, timeText } from './writer.ts';

/** `pod` is given for containers of a pod, whose fields can be looked up; undefined for a template's. */
export function describeContainers(
  w: DescribeWriter,
  label: string,
  containers: readonly Container[],
  statuses: readonly ContainerStatus[],
  pod: Readonly<Pod> | undefined,
  indent = '',
): void {
  w.raw(`${indent}${label}:${containers.length === 0 ? ' <none>' : ''}\n`);
  for (const container of containers) {
    const status = statuses.find(({ name }) => name === container.name);
    w.raw(`  ${indent === '' ? '' : ' '}${container.name}:\n`);
    describeBasics(w, container, status);
    describeWords(w, 'Command', container.command);
    describeWords(w, 'Args', container.args);
    if (status) {
      describeState(w, 'State', status.state);
      if (status.lastState?.terminated) describeState(w, 'Last State', status.lastState);
      w.line(2, 'Ready:', boolText(status.ready));
      w.line(2, 'Restart Count:', status.restartCount ?? 0);
    }
    describeResources(w, container.resources, 2);
    if (container.livenessProbe) w.line(2, 'Liveness:', probeText(container.livenessProbe));
    if (container.readinessProbe) w.line(2, 'Readiness:', probeText(container.readinessProbe));
    if (container.startupProbe) w.line(2, 'Startup:', probeText(container.startupProbe));
    describeEnvironment(w, container, pod);
    describeMounts(w, container);
  }
}

function describeBasics(w: DescribeWriter, container: Container, status: ContainerStatus | undefined): void {
  if (status) w.line(2, 'Container ID:', status.containerID);
  w.line(2, 'Image:', container.image);
  if (status) w.line(2, 'Image ID:', status.imageID);
  const ports = (of: (port: NonNullable<Container['ports']>[number]) => number) =>
    (container.ports ?? [])
      .map((port) => `${of(port)}/${port.protocol ?? 'TCP'}${port.name ? ` (${port.name})` : ''}`)
      .join(', ');
  const list = ports((port) => port.containerPort);
  w.line(2, list.includes(',') ? 'Ports:' : 'Port:', orNone(list));
  const hostList = ports((port) => port.hostPort ?? 0);
  w.line(2, hostList.includes(',') ? 'Host Ports:' : 'Host Port:', orNone(hostList));
  const seccomp = container.securityContext?.seccompProfile;
  if (!seccomp) return;
  w.line(2, 'SeccompProfile:', seccomp.type);
  if (seccomp.type === 'Localhost') w.line(3, 'LocalhostProfile:', seccomp.localhostProfile);
}

function describeWords(w: DescribeWriter, title: string, words: readonly string[] | undefined): void {
  if (!words || words.length === 0) return;
  w.line(2, `${title}:`);
  for (const word of words) for (const line of word.split('\n')) w.line(3, line);
}

function describeState(w: DescribeWriter, title: string, state: ContainerState | undefined): void {
  const { running, waiting, terminated } = state ?? {};
  if (running) {
    w.line(2, `${title}:`, 'Running');
    w.line(3, 'Started:', timeText(running.startedAt));
  } else if (terminated) {
    w.line(2, `${title}:`, 'Terminated');
    if (terminated.reason) w.line(3, 'Reason:', terminated.reason);
    if (terminated.message) w.line(3, 'Message:', terminated.message);
    w.line(3, 'Exit Code:', terminated.exitCode);
    if ((terminated.signal ?? 0) > 0) w.line(3, 'Signal:', terminated.signal);
    w.line(3, 'Started:', timeText(terminated.startedAt));
    w.line(3, 'Finished:', timeText(terminated.finishedAt));
  } else {
    w.line(2, `${title}:`, 'Waiting');
    if (waiting?.reason) w.line(3, 'Reason:', waiting.reason);
  }
}

export function probeText(probe: Probe): string {
  const attributes = [
    `delay=${probe.initialDelaySeconds ?? 0}s`,
    `timeout=${probe.timeoutSeconds ?? 0}s`,
    `period=${probe.periodSeconds ?? 0}s`,
    `#success=${probe.successThreshold ?? 0}`,
    `#failure=${probe.failureThreshold ?? 0}`,
  ].join(' ');
  const { exec, httpGet, tcpSocket, grpc } = probe;
  if (exec) return `exec ${goValue(exec.command ?? [])} ${attributes}`;
  if (httpGet) {
    const host = httpGet.host ?? '';
    const authority = host.includes(':') ? `[${host}]` : host;
    const path = httpGet.path ?? '';
    const slash = path === '' || path.startsWith('/') ? '' : '/';
    const url = `${(httpGet.scheme ?? '').toLowerCase()}://${authority}:${httpGet.port}${slash}${encodePath(path)}`;
    return `http-get ${url} ${attributes}`;
  }
  if (tcpSocket) return `tcp-socket ${tcpSocket.host ?? ''}:${tcpSocket.port} ${attributes}`;
  if (grpc) return `grpc <pod>:${grpc.port} ${grpc.service ?? ''} ${attributes}`;
  return `unknown ${attributes}`;
}

/** As Go's net/url writes a path. */
function encodePath(path: string): string {
  return encodeURI(path).replace(/[?#]/g, encodeURIComponent);
}

function describeEnvironment(w: DescribeWriter, container: Container, pod: Readonly<Pod> | undefined): void {
  const { env = [], envFrom = [] } = container;
  if (envFrom.length > 0) w.line(2, 'Environment Variables from:');
  for (const { configMapRef, secretRef, prefix } of envFrom) {
    const from = configMapRef ? 'ConfigMap' : secretRef ? 'Secret' : '';
    const { name = '', optional = false } = configMapRef ?? secretRef ?? {};
    w.line(3, name, prefix ? `${from} with prefix '${prefix}'` : from, `Optional: ${optional}`);
  }
  w.raw(`    Environment:${env.length === 0 ? '\t<none>' : ''}\n`);
  for (const variable of env) describeVariable(w, container, variable, pod);
}

function describeVariable(
  w: DescribeWriter,
  container: Container,
  { name, value = '', valueFrom }: EnvVar,
  pod: Readonly<Pod> | undefined,
): void {
  if (!valueFrom) {
    for (const [i, line] of value.split('\n').entries()) w.line(3, i === 0 ? `${name}:` : '', line);
    return;
  }
  const { fieldRef, resourceFieldRef, secretKeyRef, configMapKeyRef } = valueFrom;
  if (fieldRef) {
    w.line(
      3,
      `${name}:`,
      `${fieldValue(pod, fieldRef.fieldPath)} (${fieldRef.apiVersion ?? 'v1'}:${fieldRef.fieldPath})`,
    );
  } else if (resourceFieldRef) {
    w.line(3, `${name}:`, `${resourceValue(container, resourceFieldRef)} (${resourceFieldRef.resource})`);
  } else if (secretKeyRef) {
    const { key, name: secret = '', optional = false } = secretKeyRef;
    w.line(3, `${name}:`, `<set to the key '${key}' in secret '${secret}'>`, `Optional: ${optional}`);
  } else if (configMapKeyRef) {
    const { key, name: map = '', optional = false } = configMapKeyRef;
    w.line(3, `${name}:`, `<set to the key '${key}' of config map '${map}'>`, `Optional: ${optional}`);
  }
}

/** Only metadata can be told from the object alone, as upstream does. */
function fieldValue(pod: Readonly<Pod> | undefined, path: string): string {
  const metadata = pod?.metadata;
  if (!metadata) return '';
  const [, map, key = ''] = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path) ?? [];
  if (map) return metadata[map as 'labels' | 'annotations']?.[key] ?? '';
  const fields: Readonly<Record<string, string | undefined>> = {
    'metadata.name': metadata.name,
    'metadata.namespace': metadata.namespace,
    'metadata.uid': metadata.uid,
  };
  return fields[path] ?? '';
}

function resourceValue(
  container: Container,
  { resource, divisor }: { readonly resource: string; readonly divisor?: string | number },
): string {
  const [list, name = ''] = resource.split(/\.(.*)/s);
  const quantity = (list === 'limits' ? container.resources?.limits : container.resources?.requests)?.[name];
  const unit = divisor && parseQuantity(divisor).toString() !== '0' ? divisor : '1';
  const amount = quantity === undefined ? 0 : Math.ceil(milliValueOf(quantity) / milliValueOf(unit));
  if (amount === 0 && (resource === 'limits.cpu' || resource === 'limits.memory')) return 'node allocatable';
  return String(amount);
}

function describeMounts(w: DescribeWriter, container: Container): void {
  const { volumeMounts = [], volumeDevices = [] } = container;
  w.raw(`    Mounts:${volumeMounts.length === 0 ? '\t<none>' : ''}\n`);
  for (const mount of [...volumeMounts].sort((a, b) => compareBytes(a.mountPath, b.mountPath))) {
    const flags = [mount.readOnly ? 'ro' : 'rw', ...(mount.subPath ? [`path=${JSON.stringify(mount.subPath)}`] : [])];
    w.line(3, `${mount.mountPath} from ${mount.name} (${flags.join(',')})`);
  }
  if (volumeDevices.length === 0) return;
  w.line(2, 'Devices:');
  for (const device of [...volumeDevices].sort((a, b) => compareBytes(a.devicePath, b.devicePath))) {
    w.line(3, `${device.devicePath} from ${device.name}`);
  }
}

type Tolerations = NonNullable<NonNullable<Pod['spec']>['tolerations']>;

export function describeTolerations(w: DescribeWriter, title: string, tolerations: Tolerations | undefined): void {
  const sorted = [...(tolerations ?? [])].sort((a, b) => compareBytes(a.key ?? '', b.key ?? ''));
  const lines = sorted.map(({ key = '', value, effect, operator, tolerationSeconds }) => {
    let text = key;
    if (value) text += `=${value}`;
    if (effect) text += `:${effect}`;
    if (operator === 'Exists' && !value) text += key || effect ? ' op=Exists' : 'op=Exists';
    return tolerationSeconds === undefined ? text : `${text} for ${tolerationSeconds}s`;
  });
  w.multiline(title, lines);
}

type Constraints = NonNullable<NonNullable<Pod['spec']>['topologySpreadConstraints']>;

export function describeSpread(w: DescribeWriter, constraints: Constraints | undefined, indent = ''): void {
  if (!constraints || constraints.length === 0) return;
  const sorted = [...constraints].sort((a, b) => compareBytes(a.topologyKey, b.topologyKey));
  const lines = sorted.map((constraint) => {
    const selector = constraint.labelSelector ? ` for selector ${formatLabelSelector(constraint.labelSelector)}` : '';
    const { topologyKey, whenUnsatisfiable, maxSkew } = constraint;
    return `${topologyKey}:${whenUnsatisfiable} when max skew ${maxSkew} is exceeded${selector}`;
  });
  w.multiline('Topology Spread Constraints', lines, indent);
}

export function describePodTemplate(w: DescribeWriter, template: PodTemplateSpec | undefined): void {
  w.line(0, 'Pod Template:');
  if (!template) {
    w.raw('  <unset>');
    return;
  }
  const { metadata, spec } = template;
  w.labels('  Labels', metadata?.labels);
  if (Object.keys(metadata?.annotations ?? {}).length > 0) w.annotations('  Annotations', metadata!.annotations);
  if (spec?.serviceAccountName) w.line(1, 'Service Account:', spec.serviceAccountName);
  if (spec?.initContainers?.length) {
    describeContainers(w, 'Init Containers', spec.initContainers, [], undefined, '  ');
  }
  describeContainers(w, 'Containers', spec?.containers ?? [], [], undefined, '  ');
  describeVolumes(w, spec?.volumes, '  ');
  describeSpread(w, spec?.topologySpreadConstraints, '  ');
  if (spec?.priorityClassName) w.line(1, 'Priority Class Name:', spec.priorityClassName);
  w.labels('  Node-Selectors', spec?.nodeSelector);
  describeTolerations(w, '  Tolerations', spec?.tolerations);
}
