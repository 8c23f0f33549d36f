/** Warning headers of pods and of kinds with a pod template. Upstream: pkg/api/pod/warnings.go (1.36). */
import {
  deepEqual,
  isDns1123Label,
  isLabelValue,
  type KubeObject,
  parseQuantity,
} from '../../../../apimachinery/index.ts';
import { ipWarning } from '../../../addresses.ts';
import { deprecatedNodeLabel } from '../../../node-labels.ts';
import type {
  Container,
  ContainerPort,
  NodeSelectorTerm,
  PersistentVolumeClaimSpec,
  PodAffinityTerm,
  PodSpec,
  Volume,
} from '../../../types.ts';
import { appArmorPrefix, seccompContainerPrefix, seccompPodKey } from './validation-profiles.ts';
import { overlappingPathWarnings } from './warnings-paths.ts';

interface Template {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec?: Readonly<PodSpec>;
}

type Placed = readonly [Container, string];

const deprecatedAnnotations: readonly (readonly [string, string])[] = [
  ['scheduler.alpha.kubernetes.io/critical-pod', 'non-functional in v1.16+; use the "priorityClassName" field instead'],
  ['security.alpha.kubernetes.io/sysctls', 'non-functional in v1.11+; use the "sysctls" field instead'],
  ['security.alpha.kubernetes.io/unsafe-sysctls', 'non-functional in v1.11+; use the "sysctls" field instead'],
];

const goneVolumes: Readonly<Record<string, string>> = {
  photonPersistentDisk: 'deprecated in v1.11, non-functional in v1.16+',
  gitRepo: 'deprecated in v1.11, and disabled by default in v1.33+',
  scaleIO: 'deprecated in v1.16, non-functional in v1.22+',
  flocker: 'deprecated in v1.22, non-functional in v1.25+',
  storageos: 'deprecated in v1.22, non-functional in v1.25+',
  quobyte: 'deprecated in v1.22, non-functional in v1.25+',
  glusterfs: 'deprecated in v1.25, non-functional in v1.26+',
  cephfs: 'deprecated in v1.28, non-functional in v1.31+',
  rbd: 'deprecated in v1.28, non-functional in v1.31+',
};
/** How the path calls a volume where that is not its field. */
const volumePaths: Readonly<Record<string, string>> = { storageos: 'storageOS' };

/** `values`: whether they are looked at too. */
export function* nodeTermWarnings(
  term: NodeSelectorTerm | undefined,
  place: string,
  values: boolean,
): Generator<string> {
  for (const [i, expression] of (term?.matchExpressions ?? []).entries()) {
    const at = `${place}.matchExpressions[${i}]`;
    const message = deprecatedNodeLabel(expression.key);
    if (message !== undefined) yield `${at}.key: ${expression.key} is ${message}`;
    for (const [j, value] of values ? (expression.values ?? []).entries() : []) {
      for (const problem of isLabelValue(value)) yield `${at}.values[${j}]: ${value} is invalid, ${problem}`;
    }
  }
}

function* podTermWarnings(term: PodAffinityTerm | undefined, place: string): Generator<string> {
  if (term !== undefined && !term.labelSelector)
    yield `${place}.labelSelector: a null labelSelector results in matching no pod`;
}

function* schedulingWarnings(spec: Readonly<PodSpec>, at: string): Generator<string> {
  for (const key of Object.keys(spec.nodeSelector ?? {})) {
    const message = deprecatedNodeLabel(key);
    if (message !== undefined) yield `${at}.nodeSelector[${key}]: ${message}`;
  }
  const nodes = spec.affinity?.nodeAffinity;
  const [required, preferred] = [
    'requiredDuringSchedulingIgnoredDuringExecution',
    'preferredDuringSchedulingIgnoredDuringExecution',
  ] as const;
  for (const [i, term] of (nodes?.[required]?.nodeSelectorTerms ?? []).entries()) {
    yield* nodeTermWarnings(term, `${at}.affinity.nodeAffinity.${required}.nodeSelectorTerms[${i}]`, false);
  }
  for (const [i, term] of (nodes?.[preferred] ?? []).entries()) {
    yield* nodeTermWarnings(term.preference, `${at}.affinity.nodeAffinity.${preferred}[${i}].preference`, true);
  }
  for (const [i, constraint] of (spec.topologySpreadConstraints ?? []).entries()) {
    const place = `${at}.topologySpreadConstraints[${i}]`;
    const message = deprecatedNodeLabel(constraint.topologyKey);
    if (message !== undefined) yield `${place}.topologyKey: ${constraint.topologyKey} is ${message}`;
    yield* podTermWarnings(constraint as PodAffinityTerm, place);
  }
}

function* podAffinityWarnings(spec: Readonly<PodSpec>, at: string): Generator<string> {
  for (const kind of ['podAffinity', 'podAntiAffinity'] as const) {
    const affinity = spec.affinity?.[kind];
    const place = `${at}.affinity.${kind}`;
    for (const [i, term] of (affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
      yield* podTermWarnings(term, `${place}.requiredDuringSchedulingIgnoredDuringExecution[${i}]`);
    }
    for (const [i, term] of (affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
      yield* podTermWarnings(
        term.podAffinityTerm,
        `${place}.preferredDuringSchedulingIgnoredDuringExecution[${i}].podAffinityTerm`,
      );
    }
  }
}

function* volumeWarnings(volumes: readonly Volume[] | undefined, at: string): Generator<string> {
  for (const [i, volume] of (volumes ?? []).entries()) {
    for (const [field, message] of Object.entries(goneVolumes)) {
      if (volume[field as keyof Volume] === undefined) continue;
      yield `${at}.volumes[${i}].${volumePaths[field] ?? field}: ${message}`;
    }
    const claim = volume.ephemeral?.volumeClaimTemplate;
    if (claim) yield* claimSpecWarnings(claim.spec, `${at}.volumes[${i}].ephemeral.volumeClaimTemplate.spec`);
  }
}

function* repeated(items: readonly string[], place: (index: number) => string, what: string): Generator<string> {
  const seen = new Set<string>();
  for (const [index, item] of items.entries()) {
    if (seen.has(item)) yield `${place(index)}: duplicate ${what} ${JSON.stringify(item)}`;
    seen.add(item);
  }
}

function* fractionalBytes(
  amounts: Readonly<Record<string, any>> | undefined,
  place: string,
  names: readonly string[] = ['memory', 'ephemeral-storage'],
): Generator<string> {
  for (const name of names) {
    if (amounts?.[name] === undefined) continue;
    const quantity = parseQuantity(amounts[name]);
    if (quantity.nano % 1_000_000_000n === 0n) continue;
    yield `${place}[${name}]: fractional byte value ${JSON.stringify(quantity.toString())} is invalid, must be an integer`;
  }
}

/** Of a claim, alone or in a template. Upstream: GetWarningsForPersistentVolumeClaimSpec. */
export function* claimSpecWarnings(
  spec: Readonly<PersistentVolumeClaimSpec> | undefined,
  at: string,
): Generator<string> {
  yield* fractionalBytes(spec?.resources?.requests, `${at}.resources.requests`, ['storage']);
  yield* fractionalBytes(spec?.resources?.limits, `${at}.resources.limits`, ['storage']);
}

function* containerWarnings([container, at]: Placed): Generator<string> {
  for (const name of ['memory', 'ephemeral-storage']) {
    yield* fractionalBytes(container.resources?.limits, `${at}.resources.limits`, [name]);
    yield* fractionalBytes(container.resources?.requests, `${at}.resources.requests`, [name]);
  }
  const seen = new Set<string>();
  for (const [i, variable] of (container.env ?? []).entries()) {
    const reference = `$(${variable.name})`;
    const extendsItself = variable.value?.includes(reference) && variable.value !== reference && !variable.valueFrom;
    if (seen.has(variable.name) && !extendsItself) {
      yield `${at}.env[${i}]: hides previous definition of ${JSON.stringify(variable.name)}, which may be dropped when using apply`;
    }
    seen.add(variable.name);
  }
}

/** As Go prints the struct. */
const goPort = ({ name = '', hostPort = 0, containerPort, protocol, hostIP = '' }: ContainerPort): string =>
  `{Name:${name} HostPort:${hostPort} ContainerPort:${containerPort} Protocol:${protocol ?? ''} HostIP:${hostIP}}`;

function* portWarnings(containers: readonly Placed[]): Generator<string> {
  const known = new Map<string, { readonly place: string; readonly port: ContainerPort }[]>();
  for (const [container, at] of containers) {
    for (const [i, port] of (container.ports ?? []).entries()) {
      const place = `${at}.ports[${i}]`;
      if (port.hostIP && !port.hostPort) yield `${place}: hostIP set without hostPort: ${goPort(port)}`;
      const key = `${port.containerPort}/${port.protocol ?? ''}`;
      const others = known.get(key) ?? [];
      for (const { place: other, port: before } of others) {
        const [address, otherAddress] = [port.hostIP ?? '', before.hostIP ?? ''];
        const [host, otherHost] = [port.hostPort ?? 0, before.hostPort ?? 0];
        if (address === otherAddress && host === otherHost) yield `${place}: duplicate port definition with ${other}`;
        else if (host === 0 || otherHost === 0) yield `${place}: overlapping port definition with ${other}`;
        else if (host === otherHost && (address === '') !== (otherAddress === '')) {
          yield `${place}: dangerously ambiguous port definition with ${other}`;
        }
      }
      known.set(key, [...others, { place, port }]);
    }
  }
  const names = new Map<string, string>();
  for (const [container, at] of containers) {
    for (const [i, port] of (container.ports ?? []).entries()) {
      if (!port.name) continue;
      const place = `${at}.ports[${i}]`;
      const other = names.get(port.name);
      if (other === undefined) names.set(port.name, place);
      else {
        yield `${place}: duplicate port name ${JSON.stringify(port.name)} with ${other}, services and probes that select ports by name will use ${other}`;
      }
    }
  }
}

function* deprecatedAnnotationWarnings({ metadata }: Template, at: string): Generator<string> {
  for (const [key, message] of deprecatedAnnotations) {
    if (metadata?.annotations && key in metadata.annotations) yield `${at}metadata.annotations[${key}]: ${message}`;
  }
}

const goneSeccomp = 'non-functional in v1.27+; use the "seccompProfile" field instead';

/** The profile that an annotation stood for. Upstream: ApparmorFieldForAnnotation. */
function appArmorProfile(annotation: string): Record<string, string> | undefined {
  if (annotation === 'unconfined') return { type: 'Unconfined' };
  if (annotation === 'runtime/default') return { type: 'RuntimeDefault' };
  const [, name] = /^localhost\/(.+)$/.exec(annotation) ?? [];
  return name === undefined ? undefined : { type: 'Localhost', localhostProfile: name };
}

/** Of a container; `at` is empty for pods, where profiles are taken over from annotations. */
function* profileWarnings({ metadata, spec }: Template, container: Container, at: string): Generator<string> {
  const annotations = metadata?.annotations ?? {};
  const place = (key: string): string => `${at}metadata.annotations[${key}]`;
  const key = seccompContainerPrefix + container.name;
  if (key in annotations && !container.securityContext?.seccompProfile) yield `${place(key)}: ${goneSeccomp}`;
  const armor = annotations[appArmorPrefix + container.name];
  if (at === '' || armor === undefined || container.securityContext?.appArmorProfile) return;
  const ofPod = spec?.securityContext?.appArmorProfile;
  if (ofPod && deepEqual(ofPod, appArmorProfile(armor))) return;
  yield `${place(appArmorPrefix + container.name)}: deprecated since v1.30; use the "appArmorProfile" field instead`;
}

function* allWarnings(template: Template, prefix: string): Generator<string> {
  const { spec } = template;
  if (!spec) return;
  const start = prefix === '' ? '' : `${prefix}.`;
  const at = `${start}spec`;
  const placed = (list: 'initContainers' | 'containers' | 'ephemeralContainers'): Placed[] =>
    ((spec[list] ?? []) as Container[]).map((container, i) => [container, `${at}.${list}[${i}]`]);
  const containers = [...placed('initContainers'), ...placed('containers'), ...placed('ephemeralContainers')];
  yield* schedulingWarnings(spec, at);
  yield* deprecatedAnnotationWarnings(template, start);
  yield* volumeWarnings(spec.volumes, at);
  yield* overlappingPathWarnings(spec.volumes);
  const addresses = (spec.hostAliases ?? []).map((alias) => alias.ip ?? '');
  yield* repeated(addresses, (i) => `${at}.hostAliases[${i}].ip`, 'ip');
  const secrets = (spec.imagePullSecrets ?? []).map((secret) => secret.name ?? '');
  yield* repeated(secrets, (i) => `${at}.imagePullSecrets[${i}].name`, 'name');
  for (const [i, name] of secrets.entries()) {
    if (name === '') yield `${at}.imagePullSecrets[${i}].name: invalid empty name ""`;
  }
  yield* fractionalBytes(spec.overhead as Record<string, unknown> | undefined, `${at}.overhead`);
  if (template.metadata?.annotations?.[seccompPodKey] !== undefined && !spec.securityContext?.seccompProfile) {
    yield `${start}metadata.annotations[${seccompPodKey}]: ${goneSeccomp}`;
  }
  for (const container of containers) {
    yield* profileWarnings(template, container[0], start);
    yield* containerWarnings(container);
  }
  yield* portWarnings(containers);
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) {
    yield `${at}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`;
  }
  yield* podAffinityWarnings(spec, at);
  for (const [i, server] of (spec.dnsConfig?.nameservers ?? []).entries()) {
    yield* ipWarning(`${at}.dnsConfig.nameservers[${i}]`, server);
  }
  for (const [i, address] of addresses.entries()) yield* ipWarning(`${at}.hostAliases[${i}].ip`, address);
}

/** `prefix`: where the template stands, `spec.template`; empty for a pod. */
export function podWarnings(template: Template | undefined, prefix = ''): string[] {
  return template === undefined ? [] : [...allWarnings(template, prefix)];
}

/** A name that ends up in host names should be fit for one. `where`: what upstream says it is used in. */
export function nameWarnings(object: Readonly<KubeObject>, where: string): string[] {
  const problems = isDns1123Label(object.metadata.name ?? '');
  if (problems.length === 0) return [];
  const effect = 'which can result in surprising behavior; a DNS label is recommended';
  return [`metadata.name: this is used in ${where}, ${effect}: [${problems.join(' ')}]`];
}

const inPodNames = 'Pod names and hostnames';

export interface TemplateWarningOptions {
  /** Fields that lead to the template. Default: `spec`, `template`. */
  readonly path?: readonly string[];
  /** Its pods are named after the object: daemon sets, stateful sets and templates alone are not looked at. */
  readonly namesPods?: boolean;
}

/** Of kinds with a template: said again only when the template changed. */
export function templateWarnings(options: TemplateWarningOptions = {}) {
  const { path = ['spec', 'template'], namesPods = false } = options;
  return (object: Readonly<KubeObject>, old?: Readonly<KubeObject>): string[] => {
    const at = (root: Readonly<KubeObject>): Template | undefined =>
      path.reduce((value: any, name) => value?.[name], root);
    if (old !== undefined) return deepEqual(at(object), at(old)) ? [] : podWarnings(at(object), path.join('.'));
    return [...(namesPods ? nameWarnings(object, inPodNames) : []), ...podWarnings(at(object), path.join('.'))];
  };
}
