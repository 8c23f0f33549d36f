/** seccomp, AppArmor and Windows options of pods and containers. Upstream: pkg/apis/core/validation/validation.go (1.36). */
import { type FieldErrorList, type FieldPath, isDns1123Subdomain } from '../../../../apimachinery/index.ts';
import type { PodSpec } from '../../../types.ts';
import { invalidEach } from '../../../validation.ts';
import { containersOf } from './containers.ts';
import { validateDescendingPath } from './validation-files.ts';

type Annotations = Readonly<Record<string, string>>;
type Profile = { type?: string; localhostProfile?: string };

const profileTypes = ['Localhost', 'RuntimeDefault', 'Unconfined'];

function validateType(profile: Profile, kind: string, path: FieldPath, errors: FieldErrorList): void {
  if (!profile.type) errors.required(path.child('type'), `type is required when ${kind} is set`);
  else if (!profileTypes.includes(profile.type)) errors.notSupported(path.child('type'), profile.type, profileTypes);
}

export function validateSeccompProfile(profile: Profile | undefined, path: FieldPath, errors: FieldErrorList): void {
  if (!profile) return;
  validateType(profile, 'seccompProfile', path, errors);
  const at = path.child('localhostProfile');
  if (profile.type === 'Localhost') {
    if (profile.localhostProfile === undefined) errors.required(at, 'must be set when seccomp type is Localhost');
    else validateDescendingPath(profile.localhostProfile, at, errors);
  } else if (profile.localhostProfile !== undefined) {
    errors.invalid(at, profile, 'can only be set when seccomp type is Localhost');
  }
}

/** Longest path that Linux takes. */
const maxPath = 4095;

export function validateAppArmorProfile(profile: Profile | undefined, path: FieldPath, errors: FieldErrorList): void {
  if (!profile) return;
  const at = path.child('localhostProfile');
  const name = profile.localhostProfile;
  if (profile.type === 'Localhost') {
    if (name === undefined || name === '') errors.required(at, 'must be set when AppArmor type is Localhost');
    else if (name.trim() !== name) errors.invalid(at, name, 'must not be padded with whitespace');
    if ((name ?? '').length > maxPath) errors.tooLong(at, maxPath);
  } else if (profile.type === 'RuntimeDefault' || profile.type === 'Unconfined') {
    if (name !== undefined) errors.invalid(at, name, 'can only be set when AppArmor type is Localhost');
  } else {
    validateType(profile, 'appArmorProfile', path, errors);
  }
}

const maxCredentialSpecKiB = 64;
const controlCharacters = /\p{Cc}/u;
const netBiosDomain = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/;
const dnsLabel = '[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?';
const dnsDomain = new RegExp(`^${dnsLabel}(?:\\.${dnsLabel})*$`);

interface WindowsOptions {
  readonly gmsaCredentialSpecName?: string;
  readonly gmsaCredentialSpec?: string;
  readonly runAsUserName?: string;
  readonly hostProcess?: boolean;
}

export function validateWindowsOptions(
  options: WindowsOptions | undefined,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  if (!options) return;
  const { gmsaCredentialSpecName: name, gmsaCredentialSpec: spec, runAsUserName: user } = options;
  if (name !== undefined) invalidEach(isDns1123Subdomain(name), name, path.child('gmsaCredentialSpecName'), errors);
  if (spec !== undefined) {
    const at = path.child('gmsaCredentialSpec');
    if (spec === '') errors.invalid(at, spec, 'gmsaCredentialSpec cannot be an empty string');
    else if (Buffer.byteLength(spec) > maxCredentialSpecKiB * 1024) {
      errors.invalid(at, spec, `gmsaCredentialSpec size must be under ${maxCredentialSpecKiB} KiB`);
    }
  }
  if (user !== undefined) invalidEach(userNameProblems(user), user, path.child('runAsUserName'), errors);
}

/** `DOMAIN\USER`, the domain optional. */
function userNameProblems(name: string): string[] {
  if (name === '') return ['runAsUserName cannot be an empty string'];
  if (controlCharacters.test(name)) return ['runAsUserName cannot contain control characters'];
  const parts = name.split('\\');
  if (parts.length > 2) return ['runAsUserName cannot contain more than one backslash'];
  const problems: string[] = [];
  const domain = parts.length === 2 ? parts[0]! : '';
  const user = parts.at(-1)!;
  if (domain.length >= 256) problems.push("runAsUserName's Domain length must be under 256 characters");
  if (parts.length === 2 && !netBiosDomain.test(domain) && !dnsDomain.test(domain)) {
    problems.push("runAsUserName's Domain doesn't match the NetBios nor the DNS format");
  }
  if (user === '') problems.push("runAsUserName's User cannot be empty");
  else if (user.length > 104) problems.push("runAsUserName's User length must not be longer than 104 characters");
  if (/^[. ]+$/.test(user)) problems.push("runAsUserName's User cannot contain only periods or spaces");
  if (/["/\\:;|=,+*?<>@[\]]/.test(user)) {
    problems.push('runAsUserName\'s User cannot contain the following characters: "/\\:;|=,+*?<>@[]');
  }
  return problems;
}

export const seccompPodKey = 'seccomp.security.alpha.kubernetes.io/pod';
export const seccompContainerPrefix = 'container.seccomp.security.alpha.kubernetes.io/';
export const appArmorPrefix = 'container.apparmor.security.beta.kubernetes.io/';
const localhost = 'localhost/';

function validateSeccompAnnotation(value: string, path: FieldPath, errors: FieldErrorList): void {
  if (value === 'runtime/default' || value === 'docker/default' || value === 'unconfined') return;
  if (value.startsWith(localhost)) validateDescendingPath(value.slice(localhost.length), path, errors);
  else errors.invalid(path, value, 'must be a valid seccomp profile');
}

/** Annotations that came before the fields; they must still be well formed. */
export function validateProfileAnnotations(
  annotations: Annotations,
  spec: Readonly<PodSpec>,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const pod = annotations[seccompPodKey];
  if (pod !== undefined) validateSeccompAnnotation(pod, path.child(seccompPodKey), errors);
  for (const [key, value] of Object.entries(annotations)) {
    if (key.startsWith(seccompContainerPrefix)) validateSeccompAnnotation(value, path.child(key), errors);
  }
  for (const [key, value] of Object.entries(annotations)) {
    if (!key.startsWith(appArmorPrefix)) continue;
    const name = key.slice(appArmorPrefix.length);
    const known = [...containersOf(spec, path)].some(([container]) => container.name === name);
    if (!known) errors.invalid(path.key(key), name, 'container not found');
    if (value !== '' && value !== 'runtime/default' && value !== 'unconfined' && !value.startsWith(localhost)) {
      errors.invalid(path.key(key), value, `invalid AppArmor profile name: ${JSON.stringify(value)}`);
    }
  }
}

interface Annotated {
  readonly kind: 'seccomp' | 'apparmor';
  readonly runtimeDefault: readonly string[];
}

const seccomp: Annotated = { kind: 'seccomp', runtimeDefault: ['runtime/default', 'docker/default'] };
const appArmor: Annotated = { kind: 'apparmor', runtimeDefault: ['runtime/default'] };

/** Where both are given they must say the same. */
function validateMatch(
  annotation: string | undefined,
  profile: Profile,
  { kind, runtimeDefault }: Annotated,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  if (annotation === undefined) return;
  let matches = true;
  if (profile.type === 'Unconfined') matches = annotation === 'unconfined';
  else if (profile.type === 'RuntimeDefault') matches = runtimeDefault.includes(annotation);
  else if (profile.type === 'Localhost') {
    matches = annotation.startsWith(localhost);
    if (matches && annotation.slice(localhost.length) !== profile.localhostProfile) {
      errors.forbidden(path.child('localhostProfile'), `${kind} profile in annotation and field must match`);
    }
  }
  if (!matches) errors.forbidden(path.child('type'), `${kind} type in annotation and field must match`);
}

/** At creation. */
export function validateProfilesMatchAnnotations(
  annotations: Annotations,
  spec: Readonly<PodSpec>,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const pod = spec.securityContext;
  if (pod?.seccompProfile) {
    const at = path.child('securityContext', 'seccompProfile');
    validateMatch(annotations[seccompPodKey], pod.seccompProfile, seccomp, at, errors);
  }
  for (const [container, place] of containersOf(spec, path)) {
    const profile = container.securityContext?.seccompProfile;
    if (!profile) continue;
    const at = place.child('securityContext', 'seccompProfile');
    validateMatch(annotations[seccompContainerPrefix + container.name], profile, seccomp, at, errors);
  }
  for (const [container, place] of containersOf(spec, path)) {
    const profile = container.securityContext?.appArmorProfile ?? pod?.appArmorProfile;
    if (!profile) continue;
    const at = place.child('securityContext', 'appArmorProfile');
    validateMatch(annotations[appArmorPrefix + container.name], profile, appArmor, at, errors);
  }
}
