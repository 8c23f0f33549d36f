/** Trust bundles and pods' certificate requests: beta, off by default. Upstream: pkg/apis/certificates (1.36). */
import { formatLabelSelector, nameIsDnsSubdomain, validateConditions } from '../../../apimachinery/index.ts';
import type { ResourceDefinition, Strategy } from '../../definition.ts';
import { nameRule, type Place, rules } from '../../place.ts';
import { nameOfRow, printer } from '../../printing.ts';
import { type GroupVersionRows, type RowInput, row } from '../../row.ts';
import { pemBlocks, readCertificate } from '../pkcs10.ts';
import { isKubernetesSigner, trustBundleNameProblems, validateSignerName } from '../signer.ts';

const place: GroupVersionRows = {
  group: 'certificates.k8s.io',
  version: 'v1beta1',
  schemaPrefix: 'io.k8s.api.certificates.v1beta1',
};

const maxBundle = 1024 * 1024;
const maxUid = 128;
const minSeconds = 3600;
const maxSeconds = 91 * 86_400;
const maxKubernetesSeconds = 86_400;
const omitted = '<value omitted>';
const subdomain = nameRule(nameIsDnsSubdomain);

function validateTrustBundle(bundle: Place): void {
  const { text } = bundle;
  if (text.length > maxBundle) {
    bundle.tooLong(maxBundle);
    return;
  }
  const known = new Map<string, number[]>();
  const before = bundle.errors.length;
  for (const [index, block] of pemBlocks(text).entries()) {
    const certificate = block.type === 'CERTIFICATE' ? readCertificate(block.bytes) : undefined;
    if (block.type !== 'CERTIFICATE') bundle.invalid(`entry ${index} has bad block type: ${block.type}`, omitted);
    else if (block.hasHeaders) bundle.invalid(`entry ${index} has PEM block headers`, omitted);
    else if (certificate === undefined) bundle.invalid(`entry ${index} does not parse as X.509`, omitted);
    else if (!certificate.ca) bundle.invalid(`entry ${index} does not have the CA bit set`, omitted);
    else {
      const bytes = block.bytes.toString('base64');
      known.set(bytes, [...(known.get(bytes) ?? []), index]);
    }
  }
  if (bundle.errors.length > before) return;
  if (known.size === 0) bundle.invalid('at least one trust anchor must be provided', omitted);
  for (const indices of known.values()) {
    if (indices.length > 1) bundle.invalid(`duplicate trust anchor (indices [${indices.join(' ')}])`, omitted);
  }
}

function validateBundle(object: Place, parse: boolean): void {
  const [name, signer] = [object.child('metadata', 'name'), object.child('spec', 'signerName')];
  name.matches((text) => trustBundleNameProblems(signer.text, text, false));
  if (signer.text !== '') validateSignerName(signer);
  if (parse) validateTrustBundle(object.child('spec', 'trustBundle'));
}

const clusterTrustBundleStrategy: Strategy = {
  // The name hangs on the signer: validated with the object.
  validateName: () => [],
  ...rules(
    (object) => validateBundle(object, true),
    (object, old) => {
      validateBundle(object, object.value.spec?.trustBundle !== old['spec']?.trustBundle);
      object.child('spec', 'signerName').immutable(old['spec']?.signerName);
    },
  ),
};

function validateCertificateRequest(object: Place): void {
  const spec = object.child('spec');
  validateSignerName(spec.child('signerName'));
  for (const [name, uid] of [
    ['podName', 'podUID'],
    ['serviceAccountName', 'serviceAccountUID'],
    ['nodeName', 'nodeUID'],
  ] as const) {
    spec.child(name).matches(subdomain);
    const id = spec.child(uid);
    if (id.text === '') id.invalid('must not be empty', '');
    if (id.text.length > maxUid) id.tooLong(maxUid);
  }
  const seconds = spec.child('maxExpirationSeconds');
  if (!seconds.isSet) {
    seconds.required('must be set');
    return;
  }
  const most = isKubernetesSigner(spec.child('signerName').text) ? maxKubernetesSeconds : maxSeconds;
  if (seconds.number < minSeconds || seconds.number > most) {
    seconds.invalid(`must be in the range [${minSeconds}, ${most}]`);
  }
  const [stub, key, proof] = ['stubPKCS10Request', 'pkixPublicKey', 'proofOfPossession'].map(
    (field) => !spec.child(field).isEmpty,
  );
  if (stub !== (!key && !proof) || key !== proof) {
    spec.wrong('exactly one of (stubPKCS10Request) or (pkixPublicKey, proofOfPossession) must be set');
  }
}

const outcomes = ['Denied', 'Failed', 'Issued'];

function validateOutcome(object: Place): void {
  const conditions = object.child('status', 'conditions');
  let known = 0;
  for (const condition of conditions.items()) {
    const [type, status] = [condition.child('type'), condition.child('status')];
    if (!outcomes.includes(type.text)) {
      type.notSupported(outcomes);
      continue;
    }
    if (++known > 1) type.invalid('There may be at most one condition with type "Issued", "Denied", or "Failed"');
    if (status.text !== 'True') status.notSupported(['True']);
  }
  validateConditions(conditions.value ?? [], conditions.path, conditions.errors);
}

const podCertificateRequestStrategy: Strategy = {
  applyDefaults(object) {
    if (object['spec'] && object['spec'].maxExpirationSeconds === undefined) {
      object['spec'].maxExpirationSeconds = maxKubernetesSeconds;
    }
  },
  ...rules(validateCertificateRequest, (object, old) => object.child('spec').immutable(old['spec']), validateOutcome),
};

const inputs: readonly RowInput[] = [
  {
    kind: 'ClusterTrustBundle',
    idle: 'no volume projects bundles',
    plural: 'clustertrustbundles',
    cluster: true,
    default: false,
    featureGate: 'ClusterTrustBundle',
    strategy: clusterTrustBundleStrategy,
    printer: printer('Name:name, SignerName', (object) => [nameOfRow(object), object['spec']?.signerName || '<none>']),
    selectableFields: (object) => ({ 'spec.signerName': object['spec']?.signerName ?? '' }),
  },
  {
    kind: 'PodCertificateRequest',
    idle: 'no kubelet makes them and no signer answers them',
    plural: 'podcertificaterequests',
    default: false,
    featureGate: 'PodCertificateRequest',
    strategy: podCertificateRequestStrategy,
    subresources: ['status'],
    printer: printer(
      'Name:name, PodName, ServiceAccountName, NodeName, SignerName, State, UnverifiedUserAnnotations',
      (object) => {
        const { spec = {}, status } = object;
        const types: string[] = (status?.conditions ?? []).map((condition: { type: string }) => condition.type);
        return [
          nameOfRow(object),
          spec.podName ?? '',
          spec.serviceAccountName ?? '',
          spec.nodeName ?? '',
          spec.signerName ?? '',
          types.findLast((type) => outcomes.includes(type)) ?? 'Pending',
          formatLabelSelector({ matchLabels: spec.unverifiedUserAnnotations ?? {} }),
        ];
      },
    ),
    selectableFields: (object) => ({
      'spec.signerName': object['spec']?.signerName ?? '',
      'spec.podName': object['spec']?.podName ?? '',
      'spec.nodeName': object['spec']?.nodeName ?? '',
    }),
  },
];

export const certificatesV1beta1Resources: readonly ResourceDefinition[] = inputs.map((input) => row(place, input));
