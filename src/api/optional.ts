/**
 * Resources a cluster serves only when asked (`--runtime-config`), alpha and beta, in discovery order of their groups.
 * Upstream: pkg/controlplane/instance.go (betaAPIGroupVersionsDisabledByDefault, alphaAPIGroupVersionsDisabledByDefault).
 */
import { admissionregistrationV1Resources } from './admissionregistration/v1/resources.ts';
import { storageVersionResource } from './apiserverinternal/v1alpha1/storageversion.ts';
import { certificatesV1beta1Resources } from './certificates/v1beta1/resources.ts';
import { leaseCandidateResource } from './coordination/v1beta1/leasecandidate.ts';
import type { ResourceDefinition } from './definition.ts';
import { networkingV1Resources } from './networking/v1/resources.ts';
import { resourceV1Resources } from './resource/v1/resources.ts';
import { resourceV1alpha3Resources } from './resource/v1alpha3/resources.ts';
import { resourceV1beta1Conversion } from './resource/v1beta1/conversion.ts';
import type { GroupVersionRows } from './row.ts';
import { schedulingV1alpha2Resources } from './scheduling/v1alpha2/resources.ts';
import { servedAs } from './served-version.ts';
import { storageV1Resources } from './storage/v1/resources.ts';
import { storageVersionMigrationResource } from './storagemigration/v1beta1/storageversionmigration.ts';

const place = (group: string, version: string): GroupVersionRows => ({
  group,
  version,
  schemaPrefix: `io.k8s.api.${group.split('.')[0]}.${version}`,
});

function of(rows: readonly ResourceDefinition[], ...plurals: string[]): ResourceDefinition[] {
  return rows.filter((row) => plurals.includes(row.plural));
}

const mutatingPolicies = of(
  admissionregistrationV1Resources,
  'mutatingadmissionpolicies',
  'mutatingadmissionpolicybindings',
);
const [clusterTrustBundles] = of(certificatesV1beta1Resources, 'clustertrustbundles');
const [deviceTaintRules] = of(resourceV1alpha3Resources, 'devicetaintrules');

/** DeviceClass, ResourceClaim, ResourceClaimTemplate, ResourceSlice, with the taint rules where discovery shows them. */
function resourceBeta2(): ResourceDefinition[] {
  const rows = resourceV1Resources.map((row) => servedAs(row, place('resource.k8s.io', 'v1beta2')));
  rows.splice(1, 0, servedAs(deviceTaintRules!, place('resource.k8s.io', 'v1beta2')));
  return rows;
}

export const optionalResources: readonly ResourceDefinition[] = [
  ...certificatesV1beta1Resources,
  servedAs(clusterTrustBundles!, place('certificates.k8s.io', 'v1alpha1')),
  ...of(networkingV1Resources, 'ipaddresses', 'servicecidrs').map((row) =>
    servedAs(row, place('networking.k8s.io', 'v1beta1')),
  ),
  ...of(storageV1Resources, 'volumeattributesclasses').map((row) => servedAs(row, place('storage.k8s.io', 'v1beta1'))),
  ...mutatingPolicies.map((row) => servedAs(row, place('admissionregistration.k8s.io', 'v1beta1'))),
  ...mutatingPolicies.map((row) => servedAs(row, place('admissionregistration.k8s.io', 'v1alpha1'))),
  ...schedulingV1alpha2Resources,
  leaseCandidateResource,
  servedAs(leaseCandidateResource, place('coordination.k8s.io', 'v1alpha2')),
  ...resourceBeta2(),
  ...resourceV1Resources.map((row) =>
    servedAs(row, place('resource.k8s.io', 'v1beta1'), { conversion: resourceV1beta1Conversion }),
  ),
  ...resourceV1alpha3Resources,
  storageVersionResource,
  storageVersionMigrationResource,
];
