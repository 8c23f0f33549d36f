/** Projected volumes. Upstream: validateProjectedVolumeSource of pkg/apis/core/validation/validation.go (1.36). */
import { type FieldErrorList, type FieldPath, isQualifiedName } from '../../../../apimachinery/index.ts';
import { isKubernetesSigner, trustBundleNameProblems, validateSignerName } from '../../../certificates/signer.ts';
import { Place } from '../../../place.ts';
import type { Volume } from '../../../types.ts';
import { validateDownwardItems, validateItems, validateMode, validateNonReservedPath } from './validation-files.ts';

/** By its own name, or all of a signer. */
function validateTrustBundle(bundle: Place): void {
  const [name, signer] = [bundle.child('name'), bundle.child('signerName')];
  const selector = bundle.child('labelSelector');
  if (name.isSet && signer.isSet) bundle.invalid('only one of name and signerName may be used');
  else if (name.isSet) {
    if (name.text === '') name.required('must be a valid object name');
    const colon = name.text.lastIndexOf(':');
    const signerName = colon < 0 ? '' : name.text.slice(0, colon).replaceAll(':', '/');
    for (const message of trustBundleNameProblems(signerName, name.text, false)) {
      name.invalid(`not a valid clustertrustbundlename: ${message}`);
    }
    if (selector.isSet) selector.invalid('labelSelector must be unset if name is specified');
  } else if (signer.isSet) {
    if (signer.text === '') signer.required('must be a valid signer name');
    validateSignerName(signer);
    selector.selector();
  } else {
    bundle.required('either name or signerName must be specified');
  }
  const path = bundle.child('path');
  if (path.text === '') path.required();
  validateNonReservedPath(path.text, path.path, path.errors);
}

const keyTypes = ['RSA3072', 'RSA4096', 'ECDSAP256', 'ECDSAP384', 'ECDSAP521', 'ED25519'];
const shortestCertificateSeconds = 3600;
/** 91 days; a day for signers of Kubernetes. */
const longestCertificateSeconds = 91 * 86_400;
const longestKubernetesCertificateSeconds = 86_400;

function validatePodCertificate(certificate: Place, claimPath: (file: string) => void): void {
  const signer = certificate.child('signerName');
  validateSignerName(signer);
  validateUserAnnotations(certificate.child('userAnnotations'));
  const keyType = certificate.child('keyType');
  if (!keyTypes.includes(keyType.text)) keyType.notSupported(keyTypes);
  const seconds = certificate.child('maxExpirationSeconds');
  const limit = isKubernetesSigner(signer.text) ? longestKubernetesCertificateSeconds : longestCertificateSeconds;
  if (seconds.isSet && seconds.number < shortestCertificateSeconds) {
    seconds.invalid(`if provided, maxExpirationSeconds must be >= ${shortestCertificateSeconds}`);
  }
  if (seconds.number > limit) seconds.invalid(`if provided, maxExpirationSeconds must be <= ${limit}`);
  const files = ['credentialBundlePath', 'keyPath', 'certificateChainPath'].map((name) => certificate.child(name));
  for (const file of files) {
    if (file.text === '') continue;
    validateNonReservedPath(file.text, file.path, file.errors);
    claimPath(file.text);
  }
  if (files.every((file) => file.text === '')) {
    certificate.required('specify at least one of credentialBundlePath, keyPath, and certificateChainPath');
  }
}

const maxAnnotationBytes = 256 * 1024;

/** For signers: each key under a domain. */
function validateUserAnnotations(annotations: Place): void {
  let bytes = 0;
  for (const [key, value] of Object.entries<string>(annotations.value ?? {})) {
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
    const name = key.toLowerCase();
    if (name === '') annotations.required();
    else if (annotations.messages(isQualifiedName(name), name) && !name.includes('/')) {
      annotations.invalid('must be a domain-prefixed key (such as "acme.io/foo")', name);
    }
  }
  if (bytes > maxAnnotationBytes) annotations.tooLong(maxAnnotationBytes);
}

export function validateProjected(
  source: NonNullable<Volume['projected']>,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  validateMode(source.defaultMode, path.child('defaultMode'), errors);
  const paths = new Set<string>();
  const claimPath = (file: string | undefined, badValue: unknown) => {
    if (!file) return;
    if (paths.has(file)) errors.invalid(path, badValue, 'conflicting duplicate paths');
    paths.add(file);
  };
  for (const [index, projection] of (source.sources ?? []).entries()) {
    const at = path.child('sources').index(index);
    for (const kind of ['secret', 'configMap'] as const) {
      const named = projection[kind];
      if (!named) continue;
      if (!named.name) errors.required(at.child(kind, 'name'));
      validateItems(named.items, at.child(kind, 'items'), errors);
      for (const item of named.items ?? []) claimPath(item.path, named.name);
    }
    if (projection.downwardAPI) {
      validateDownwardItems(projection.downwardAPI.items, at.child('downwardAPI'), errors);
      for (const item of projection.downwardAPI.items ?? []) claimPath(item.path, item.path);
    }
    const token = projection.serviceAccountToken;
    if (token) {
      const seconds = token.expirationSeconds ?? 0;
      const secondsPath = at.child('serviceAccountToken', 'expirationSeconds');
      if (seconds < 600) errors.invalid(secondsPath, seconds, 'may not specify a duration less than 10 minutes');
      if (seconds > 2 ** 32)
        errors.invalid(secondsPath, seconds, 'may not specify a duration larger than 2^32 seconds');
      if (!token.path) errors.required(path.child('path'));
      else validateNonReservedPath(token.path, path.child('path'), errors);
    }
    if (projection.clusterTrustBundle) {
      const bundle = new Place(projection.clusterTrustBundle, at.child('clusterTrustBundle'), errors);
      validateTrustBundle(bundle);
      const file = bundle.child('path').text;
      if (paths.has(file)) errors.invalid(path, file, 'conflicting duplicate paths');
      paths.add(file);
    }
    if (projection.podCertificate) {
      const certificate = new Place(projection.podCertificate, at.child('podCertificate'), errors);
      validatePodCertificate(certificate, (file) => claimPath(file, file));
    }
    if (Object.keys(projection).length > 1) {
      errors.forbidden(at, 'may not specify more than 1 volume type per source');
    }
  }
}
