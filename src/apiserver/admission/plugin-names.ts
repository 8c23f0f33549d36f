/** What the admission flags may name. Upstream: pkg/kubeapiserver/options/plugins.go (1.36). */

/** On unless disabled. Those that klab has not (yet) have nothing to refuse: see the parity table. */
const onByDefault = [
  'CertificateApproval',
  'CertificateSigning',
  'CertificateSubjectRestriction',
  'ClusterTrustBundleAttest',
  'DefaultIngressClass',
  'DefaultStorageClass',
  'DefaultTolerationSeconds',
  'JobValidation',
  'LimitRanger',
  'MutatingAdmissionPolicy',
  'MutatingAdmissionWebhook',
  'NamespaceLifecycle',
  'NodeDeclaredFeatureValidator',
  'PersistentVolumeClaimResize',
  'PodGroupProtection',
  'PodGroupWorkloadExists',
  'PodResizeValidator',
  'PodSecurity',
  'PodTopologyLabels',
  'Priority',
  'ResourceQuota',
  'RuntimeClass',
  'ServiceAccount',
  'StorageObjectInUseProtection',
  'TaintNodesByCondition',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionWebhook',
];

/** Off by default upstream, on in klab as kubeadm has it, or off. */
const offByDefault = [
  'AlwaysAdmit',
  'AlwaysDeny',
  'AlwaysPullImages',
  'DenyServiceExternalIPs',
  'EventRateLimit',
  'ExtendedResourceToleration',
  'ImagePolicyWebhook',
  'LimitPodHardAntiAffinityTopology',
  'NamespaceAutoProvision',
  'NamespaceExists',
  'NodeRestriction',
  'OwnerReferencesPermissionEnforcement',
  'PodNodeSelector',
  'PodTolerationRestriction',
];

/** Of those off by default, what klab has. */
const builtOptional: ReadonlySet<string> = new Set(['NodeRestriction']);
const known: ReadonlySet<string> = new Set([...onByDefault, ...offByDefault]);

/** The admission flags name what is not there. */
export class AdmissionOptionsError extends Error {
  override readonly name = 'AdmissionOptionsError';
}

/** @throws AdmissionOptionsError in upstream's words. Upstream: apiserver/pkg/server/options/admission.go. */
export function checkAdmissionPluginNames(flags: {
  readonly enable?: readonly string[] | undefined;
  readonly disable?: readonly string[] | undefined;
}): void {
  const { enable = [], disable = [] } = flags;
  for (const [flag, names] of [
    ['enable-admission-plugins', enable],
    ['disable-admission-plugins', disable],
  ] as const) {
    const unknown = names.find((name) => !known.has(name));
    if (unknown !== undefined) throw new AdmissionOptionsError(`${flag} plugin ${JSON.stringify(unknown)} is unknown`);
  }
  const both = enable.filter((name) => disable.includes(name)).sort();
  if (both.length > 0) {
    throw new AdmissionOptionsError(
      `[${both.join(' ')}] in enable-admission-plugins and disable-admission-plugins overlapped`,
    );
  }
  const missing = enable.find((name) => offByDefault.includes(name) && !builtOptional.has(name));
  if (missing !== undefined) {
    throw new AdmissionOptionsError(`klab has no admission plugin ${JSON.stringify(missing)} yet`);
  }
}
