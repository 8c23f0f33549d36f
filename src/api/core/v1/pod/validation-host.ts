/**
 * What a pod may ask of its host: operating system, namespaces, names. Upstream: validateOS, validateLinux,
 * validateWindows, validateWindowsHostProcessPod, validateHostUsers, validatePodHostName of
 * pkg/apis/core/validation/validation.go (1.36).
 */
import { type FieldErrorList, type FieldPath, isDns1123Subdomain } from '../../../../apimachinery/index.ts';
import type { PodSpec } from '../../../types.ts';
import { invalidEach } from '../../../validation.ts';
import { containersOf } from './containers.ts';

const systems = ['linux', 'windows'];

/** Go's pointers and slices: set unless absent; flags only when true. */
const isGiven = (value: unknown): boolean => value !== undefined && value !== null;

const podOnLinux = [
  ['securityContext', 'appArmorProfile'],
  ['securityContext', 'seLinuxOptions'],
  ['hostUsers'],
  ['hostPID'],
  ['hostIPC'],
  ['securityContext', 'seccompProfile'],
  ['securityContext', 'fsGroup'],
  ['securityContext', 'fsGroupChangePolicy'],
  ['securityContext', 'sysctls'],
  ['shareProcessNamespace'],
  ['securityContext', 'runAsUser'],
  ['securityContext', 'runAsGroup'],
  ['securityContext', 'supplementalGroups'],
  ['securityContext', 'supplementalGroupsPolicy'],
  ['securityContext', 'seLinuxChangePolicy'],
];
/** Of these Go keeps the value itself, so that its zero is not there. */
const plainFields = new Set(['hostPID', 'hostIPC', 'sysctls']);

const containerOnLinux = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'capabilities',
  'readOnlyRootFilesystem',
  'privileged',
  'allowPrivilegeEscalation',
  'procMount',
  'runAsUser',
  'runAsGroup',
] as const;

function validateWindows(spec: Readonly<PodSpec>, path: FieldPath, errors: FieldErrorList): void {
  const detail = 'cannot be set for a windows pod';
  for (const names of podOnLinux) {
    let value: any = spec;
    for (const name of names) value = value?.[name];
    if (plainFields.has(names.at(-1)!) && (value === false || value?.length === 0)) continue;
    if (isGiven(value)) errors.forbidden(path.child(...names), detail);
  }
  for (const [container, place] of containersOf(spec, path)) {
    for (const field of containerOnLinux) {
      if (isGiven(container.securityContext?.[field])) {
        errors.forbidden(place.child('securityContext', field), detail);
      }
    }
  }
}

function validateLinux(spec: Readonly<PodSpec>, path: FieldPath, errors: FieldErrorList): void {
  const detail = 'windows options cannot be set for a linux pod';
  if (spec.securityContext?.windowsOptions) errors.forbidden(path.child('securityContext', 'windowsOptions'), detail);
  for (const [container, place] of containersOf(spec, path)) {
    if (container.securityContext?.windowsOptions) {
      errors.forbidden(place.child('securityContext', 'windowsOptions'), detail);
    }
  }
}

export function validateOs(spec: Readonly<PodSpec>, path: FieldPath, errors: FieldErrorList): void {
  if (!spec.os) return;
  const { name } = spec.os;
  if (!name) errors.required(path.child('os', 'name'));
  else if (!systems.includes(name)) errors.notSupported(path.child('os'), name, systems);
  else if (name === 'linux') validateLinux(spec, path, errors);
  else validateWindows(spec, path, errors);
}

/** All containers of a pod are host processes, or none is. */
export function validateHostProcesses(spec: Readonly<PodSpec>, path: FieldPath, errors: FieldErrorList): void {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess;
  let containers = 0;
  let hostProcesses = 0;
  for (const [container, place] of containersOf(spec, path)) {
    containers++;
    const own = container.securityContext?.windowsOptions?.hostProcess;
    if (ofPod !== undefined && own !== undefined && ofPod !== own) {
      const detail = `pod hostProcess value must be identical if both are specified, was ${ofPod}`;
      errors.invalid(place.child('securityContext', 'windowsOptions', 'hostProcess'), own, detail);
    }
    if (own ?? ofPod) hostProcesses++;
  }
  if (hostProcesses === 0) return;
  if (hostProcesses !== containers) {
    const detail = 'If pod contains any hostProcess containers then all containers must be HostProcess containers';
    errors.invalid(path, '', detail);
  }
  if (!spec.hostNetwork) {
    const detail = 'hostNetwork must be true if pod contains any hostProcess containers';
    errors.invalid(path.child('hostNetwork'), false, detail);
  }
}

export interface HostUsersOptions {
  /** An older pod may keep what is refused today. */
  readonly old?: Readonly<PodSpec> | undefined;
}

/** With user namespaces of its own a pod shares no other namespace with its host. */
export function validateHostUsers(
  spec: Readonly<PodSpec>,
  { old }: HostUsersOptions,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  if (spec.hostUsers !== false) return;
  const detail = 'when `hostUsers` is false';
  const oldIsolated = old?.hostUsers === false;
  if (spec.hostNetwork && !(oldIsolated && old?.hostNetwork)) errors.forbidden(path.child('hostNetwork'), detail);
  if (spec.hostPID) errors.forbidden(path.child('HostPID'), detail);
  if (spec.hostIPC) errors.forbidden(path.child('HostIPC'), detail);
  const hasDevices = ({ volumeDevices }: { volumeDevices?: readonly unknown[] }) => (volumeDevices ?? []).length > 0;
  if (oldIsolated && [...containersOf(old!, path)].some(([container]) => hasDevices(container))) return;
  for (const [container, place] of containersOf(spec, path)) {
    if (hasDevices(container)) errors.forbidden(place.child('volumeDevices'), detail);
  }
}

export function validateHostname(spec: Readonly<PodSpec>, path: FieldPath, errors: FieldErrorList): void {
  const name = spec.hostnameOverride;
  if (name === undefined) return;
  const at = path.child('hostnameOverride');
  if (spec.setHostnameAsFQDN) errors.forbidden(at, 'may not be specified when setHostnameAsFQDN is true');
  if (spec.hostNetwork) errors.forbidden(at, 'may not be specified when hostNetwork is true');
  if (name.length > 64) errors.tooLong(at, 64);
  invalidEach(isDns1123Subdomain(name), name, at, errors);
}

const signals = `ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM
  TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ`;
const realTime = Array.from({ length: 16 }, (_, i) => (i === 0 ? 'SIGRTMIN' : `SIGRTMIN+${i}`)).concat(
  Array.from({ length: 15 }, (_, i) => (i === 0 ? 'SIGRTMAX' : `SIGRTMAX-${i}`)),
);
const stopSignals: Readonly<Record<string, readonly string[]>> = {
  linux: [...signals.split(/\s+/).map((name) => `SIG${name}`), ...realTime].sort(),
  windows: ['SIGKILL', 'SIGTERM'],
};

export function validateStopSignal(
  signal: string | undefined,
  os: PodSpec['os'],
  path: FieldPath,
  errors: FieldErrorList,
): void {
  if (signal === undefined) return;
  if (!os) errors.forbidden(path, 'may not be set for containers with empty `spec.os.name`');
  else {
    const supported = stopSignals[os.name];
    if (supported && !supported.includes(signal)) errors.notSupported(path, signal, supported);
  }
}
