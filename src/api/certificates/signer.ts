/** Names of signers and of their trust bundles. Upstream: pkg/apis/core/validation/names.go (1.36). */
import { isDns1123Label, isDns1123Subdomain, nameIsDnsSubdomain } from '../../apimachinery/index.ts';
import type { Place } from '../place.ts';

const maxDomain = 253;
const maxSignerName = maxDomain + 1 + 253 + 63 + 1;

export function isKubernetesSigner(name: string): boolean {
  const host = name.split('/')[0]!;
  return host === 'kubernetes.io' || host.endsWith('.kubernetes.io');
}

/** Names the first label that is wrong. */
function validateLabels(segment: string, rule: (label: string) => readonly string[], place: Place): void {
  const bad = segment.split('.').find((label) => rule(label).length > 0);
  if (bad === undefined) return;
  place.messages(
    rule(bad).map((message) => `validating label ${JSON.stringify(bad)}: ${message}`),
    segment,
  );
}

/** `example.com/signer-name`, required. */
export function validateSignerName(place: Place): void {
  if (place.text === '') {
    place.required();
    return;
  }
  const [domain = '', path = '', ...rest] = place.text.split('/');
  if (!place.text.includes('/') || rest.length > 0) {
    place.invalid("must be a fully qualified domain and path of the form 'example.com/signer-name'");
    return;
  }
  if (domain.length > maxDomain) place.tooLong(maxDomain);
  validateLabels(domain, isDns1123Label, place);
  if (!domain.includes('.')) place.invalid('should be a domain with at least two segments separated by dots', domain);
  validateLabels(path, isDns1123Subdomain, place);
  if (place.text.length > maxSignerName) place.tooLong(maxSignerName);
}

export function trustBundleNameProblems(signer: string, name: string, prefix: boolean): string[] {
  if (signer === '') {
    if (name.includes(':')) return ['ClusterTrustBundle without signer name must not have ":" in its name'];
    return nameIsDnsSubdomain(name, prefix);
  }
  const required = `${signer.replaceAll('/', ':')}:`;
  if (!name.startsWith(required)) {
    return [`ClusterTrustBundle for signerName ${signer} must be named with prefix ${required}`];
  }
  return nameIsDnsSubdomain(name.slice(required.length), prefix);
}
