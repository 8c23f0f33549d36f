/** Upstream: pkg/registry/apps/statefulset/strategy.go, pkg/apis/apps/{v1/defaults,validation/validation}.go (1.36). */
import { deepEqual, type FieldErrorList, FieldPath, isDns1123Label } from '../../../../apimachinery/index.ts';
import { validateClaimSpec } from '../../../core/v1/persistentvolumeclaim/validation.ts';
import { defaultClaimSpec, defaultPodTemplate } from '../../../core/v1/pod/defaults.ts';
import { validatePodTemplate } from '../../../core/v1/pod/validation.ts';
import { claimSpecWarnings, templateWarnings } from '../../../core/v1/pod/warnings.ts';
import { validateLongRunning, validateSelectorMatches } from '../../../core/v1/podtemplate/validation.ts';
import { setIfAbsent, setIfZero } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import { Place } from '../../../place.ts';
import type { PodTemplateSpec, StatefulSet, StatefulSetSpec } from '../../../types.ts';
import {
  invalidEach,
  validateIntOrPercent,
  validateNonNegative,
  validateOptionalEnum,
  validateWorkloadSelector,
} from '../../../validation.ts';

const specPath = FieldPath.root('spec');
const emptySpec = {} as StatefulSetSpec;
const retentionPolicies = ['Retain', 'Delete'];

function applyDefaults(set: StatefulSet): void {
  set.spec ??= {} as StatefulSetSpec;
  const spec = set.spec;
  setIfZero(spec, 'podManagementPolicy', 'OrderedReady');
  spec.updateStrategy ??= {};
  const strategy = spec.updateStrategy;
  if (!strategy.type) {
    strategy.type = 'RollingUpdate';
    strategy.rollingUpdate ??= {};
  }
  if (strategy.type === 'RollingUpdate' && strategy.rollingUpdate) setIfAbsent(strategy.rollingUpdate, 'partition', 0);
  spec.persistentVolumeClaimRetentionPolicy ??= {};
  const retention = spec.persistentVolumeClaimRetentionPolicy;
  setIfZero(retention, 'whenDeleted', 'Retain');
  setIfZero(retention, 'whenScaled', 'Retain');
  setIfAbsent(spec, 'replicas', 1);
  setIfAbsent(spec, 'revisionHistoryLimit', 10);
  setIfAbsent(spec, 'serviceName', '');
  for (const claim of spec.volumeClaimTemplates ?? []) {
    // Go writes the whole claim, with its kind and an empty status.
    setIfZero(claim, 'apiVersion', 'v1');
    setIfZero(claim, 'kind', 'PersistentVolumeClaim');
    setIfAbsent(claim, 'metadata', {});
    setIfAbsent(claim, 'spec', {});
    defaultClaimSpec(claim.spec as Record<string, unknown>);
    setIfAbsent(claim, 'status', {});
    setIfZero(claim.status as Record<string, unknown>, 'phase', 'Pending');
  }
  spec.template ??= {};
  defaultPodTemplate(spec.template);
}

function validateUpdateStrategy(spec: Readonly<StatefulSetSpec>, errors: FieldErrorList): void {
  const path = specPath.child('updateStrategy');
  const { type, rollingUpdate } = spec.updateStrategy ?? {};
  if (!type) errors.required(path);
  else if (type === 'OnDelete') {
    if (rollingUpdate) {
      errors.invalid(path.child('rollingUpdate'), rollingUpdate, "only allowed for updateStrategy 'RollingUpdate'");
    }
  } else if (type !== 'RollingUpdate') {
    errors.invalid(path, spec.updateStrategy, "must be 'RollingUpdate' or 'OnDelete'");
  } else if (rollingUpdate) {
    validateNonNegative(rollingUpdate.partition, path.child('rollingUpdate', 'partition'), errors);
    if (rollingUpdate.maxUnavailable !== undefined) {
      validateIntOrPercent(rollingUpdate.maxUnavailable, path.child('rollingUpdate', 'maxUnavailable'), errors);
    }
  }
}

/** The template as its pods will have it: the claims are volumes, host name and subdomain are the controller's. */
function effectiveTemplate(spec: Readonly<StatefulSetSpec>): PodTemplateSpec {
  const template = spec.template ?? {};
  if (!template.spec) return template;
  const { hostname: _hostname, subdomain: _subdomain, ...podSpec } = template.spec;
  const claims = (spec.volumeClaimTemplates ?? []).map((claim) => claim.metadata?.name ?? '');
  const volumes = [
    ...claims.map((name) => ({ name, persistentVolumeClaim: { claimName: name } })),
    ...(podSpec.volumes ?? []).filter((volume) => !claims.includes(volume.name)),
  ];
  return { ...template, spec: { ...podSpec, volumes } };
}

function validateSpec(spec: Readonly<StatefulSetSpec>, isUpdate: boolean, errors: FieldErrorList): void {
  const policy = spec.podManagementPolicy as string | undefined;
  const policyPath = specPath.child('podManagementPolicy');
  if (!policy) errors.required(policyPath);
  else if (policy !== 'OrderedReady' && policy !== 'Parallel') {
    errors.invalid(policyPath, policy, "must be 'OrderedReady' or 'Parallel'");
  }
  validateUpdateStrategy(spec, errors);
  const retention = spec.persistentVolumeClaimRetentionPolicy;
  const retentionPath = specPath.child('persistentVolumeClaimRetentionPolicy');
  validateOptionalEnum(retention?.whenDeleted, retentionPolicies, retentionPath.child('whenDeleted'), errors);
  validateOptionalEnum(retention?.whenScaled, retentionPolicies, retentionPath.child('whenScaled'), errors);
  if (!isUpdate) {
    for (const [index, claim] of (spec.volumeClaimTemplates ?? []).entries()) {
      const at = specPath.child('volumeClaimTemplates').index(index).child('spec');
      validateClaimSpec(new Place(claim.spec ?? {}, at, errors));
    }
  }
  validateNonNegative(spec.replicas, specPath.child('replicas'), errors);
  validateNonNegative(spec.minReadySeconds, specPath.child('minReadySeconds'), errors);
  validateNonNegative(spec.ordinals?.start, specPath.child('ordinals.start'), errors);
  if (!isUpdate && spec.serviceName) {
    invalidEach(isDns1123Label(spec.serviceName), spec.serviceName, specPath.child('serviceName'), errors);
  }
  const options = { kind: 'statefulset', path: specPath.child('selector') };
  const selector = validateWorkloadSelector(spec.selector, options, errors);
  const template = effectiveTemplate(spec);
  const templatePath = specPath.child('template');
  validateSelectorMatches(template, selector, templatePath, errors);
  validatePodTemplate(template, templatePath, errors);
  validateLongRunning(template, 'StatefulSet', templatePath, errors);
}

const changeable = [
  'replicas',
  'template',
  'updateStrategy',
  'minReadySeconds',
  'ordinals',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
] as const;

const onlyChangeable =
  "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

function fixedPart(spec: Readonly<StatefulSetSpec>): Record<string, unknown> {
  const rest: Record<string, unknown> = { ...spec };
  for (const field of changeable) delete rest[field];
  return rest;
}

const ofTemplate = templateWarnings();
const negativeHistory =
  'spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended';

export const statefulSetStrategy: Strategy = {
  generation: 'spec',
  applyDefaults: (object) => applyDefaults(object as StatefulSet),
  validate: (object, errors) => validateSpec((object as Readonly<StatefulSet>).spec ?? emptySpec, false, errors),
  validateUpdate(object, old, errors) {
    const spec = (object as Readonly<StatefulSet>).spec ?? emptySpec;
    validateSpec(spec, true, errors);
    const before = (old as Readonly<StatefulSet>).spec ?? emptySpec;
    if (!deepEqual(fixedPart(spec), fixedPart(before))) errors.forbidden(specPath, onlyChangeable);
  },
  warnings(object, old) {
    const { volumeClaimTemplates = [], revisionHistoryLimit = 0 } = (object as Readonly<StatefulSet>).spec ?? emptySpec;
    const warnings = ofTemplate(object, old);
    for (const [index, claim] of volumeClaimTemplates.entries()) {
      // Upstream says `Spec` at updates and leaves it out at creation.
      const at = `spec.volumeClaimTemplates[${index}]${old === undefined ? '' : '.Spec'}`;
      warnings.push(...claimSpecWarnings(claim.spec, at));
    }
    if (revisionHistoryLimit < 0) warnings.push(negativeHistory);
    return warnings;
  },
};
