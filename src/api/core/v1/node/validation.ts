/** Upstream: pkg/apis/core/validation/validation.go (1.36). */
import {
  deepEqual,
  type FieldErrorList,
  FieldPath,
  isConfigMapKey,
  isLabelValue,
  isQualifiedName,
  type KubeObject,
  nameIsDnsLabel,
  nameIsDnsSubdomain,
} from '../../../../apimachinery/index.ts';
import { isLegacyCidr, parseCidr } from '../../../addresses.ts';
import { nameRule, Place } from '../../../place.ts';
import type { Node, Taint } from '../../../types.ts';
import { invalidEach, mustBePositive } from '../../../validation.ts';
import { validateResourceQuantity } from '../pod/validation-resources.ts';
import { validateTaintEffect } from '../pod/validation-scheduling.ts';

const taintsAnnotation = 'scheduler.alpha.kubernetes.io/taints';
const avoidPodsAnnotation = 'scheduler.alpha.kubernetes.io/preferAvoidPods';

function validateTaints(taints: readonly Taint[], path: FieldPath, errors: FieldErrorList): void {
  const seen = new Set<string>();
  for (const [index, taint] of taints.entries()) {
    const at = path.index(index);
    invalidEach(isQualifiedName(taint.key ?? ''), taint.key ?? '', at.child('key'), errors);
    const messages = isLabelValue(taint.value ?? '');
    if (messages.length > 0) errors.invalid(at.child('value'), taint.value, messages.join(';'));
    if (!taint.effect) errors.required(at.child('effect'));
    else validateTaintEffect(taint.effect, at.child('effect'), errors);
    const key = `${taint.effect}/${taint.key}`;
    if (seen.has(key)) {
      const detail = 'taints must be unique by key and effect pair';
      errors.add({ type: 'FieldValueDuplicate', field: at.toString(), badValue: taint, detail });
    }
    seen.add(key);
  }
}

/** JSON in an annotation; undefined, and an error, when it is none. */
function parsed(text: string, key: string, path: FieldPath, errors: FieldErrorList): any {
  try {
    return JSON.parse(text);
  } catch (error) {
    errors.invalid(path, key, (error as Error).message);
    return undefined;
  }
}

/** Upstream: ValidateNodeSpecificAnnotations. */
function validateAnnotations({ metadata }: Readonly<Node>, errors: FieldErrorList): void {
  const path = FieldPath.root('metadata', 'annotations');
  const { [taintsAnnotation]: taints, [avoidPodsAnnotation]: avoid } = metadata.annotations ?? {};
  const list = taints ? parsed(taints, taintsAnnotation, path, errors) : undefined;
  if (Array.isArray(list)) validateTaints(list, path.child(taintsAnnotation), errors);
  const pods = avoid ? parsed(avoid, avoidPodsAnnotation, path, errors)?.preferAvoidPods : undefined;
  for (const [index, entry] of (Array.isArray(pods) ? pods : []).entries()) {
    const at = path.child(avoidPodsAnnotation).index(index).child('podSignature');
    const controller = entry?.podSignature?.podController;
    if (!controller) errors.required(at);
    else if (controller.controller !== true) {
      errors.invalid(
        at.child('PodController', 'Controller'),
        controller.controller ?? false,
        'must point to a controller',
      );
    }
  }
}

const featureName = /^[A-Z][a-zA-Z0-9]*(\/[a-zA-Z][a-zA-Z0-9]*)*$/;

function featureProblem(name: string): string | undefined {
  const start = `invalid feature name ${JSON.stringify(name)}:`;
  if (name.length > 253) return `${start} must be no more than 253 characters`;
  if (featureName.test(name)) return undefined;
  return `${start} must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes`;
}

function validateStatus({ status }: Readonly<Node>, errors: FieldErrorList): void {
  for (const field of ['capacity', 'allocatable'] as const) {
    for (const [name, amount] of Object.entries(status?.[field] ?? {})) {
      validateResourceQuantity(name, amount, FieldPath.root('status', field, name), errors);
    }
  }
  const features: readonly string[] = (status as { declaredFeatures?: string[] } | undefined)?.declaredFeatures ?? [];
  const path = FieldPath.root('status', 'declaredFeatures');
  for (const [index, name] of features.entries()) {
    const problem = featureProblem(name);
    if (problem !== undefined) errors.invalid(path.index(index), name, problem);
    const next = features[index + 1];
    if (next === undefined) continue;
    if (next === name) errors.duplicate(path.index(index + 1), next);
    else if (name > next) errors.invalid(path.index(index + 1), next, 'list must be sorted alphabetically');
  }
}

// Upstream names taints and swap below metadata.
const taintsPath = FieldPath.root('metadata', 'taints');
const swapPath = FieldPath.root('metadata', 'nodeSwapStatus', 'capacity');

function validateCidrs(cidrs: readonly string[], errors: FieldErrorList): void {
  const path = FieldPath.root('spec', 'podCIDRs');
  for (const [index, cidr] of cidrs.entries()) invalidEach(isLegacyCidr(cidr), cidr, path.index(index), errors);
  if (cidrs.length < 2) return;
  const families = new Set(cidrs.map((cidr) => parseCidr(cidr)?.address.family));
  if (cidrs.length > 2 || families.size < 2) {
    errors.invalid(path, cidrs, 'may specify no more than one CIDR for each IP family');
  }
}

export function validateNode(object: Readonly<KubeObject>, errors: FieldErrorList): void {
  const node = object as Readonly<Node>;
  validateAnnotations(node, errors);
  validateTaints(node.spec?.taints ?? [], taintsPath, errors);
  validateStatus(node, errors);
  const swap = node.status?.nodeInfo?.swap?.capacity;
  if (swap !== undefined && Number(swap) <= 0) errors.invalid(swapPath, swap, mustBePositive);
  validateCidrs(node.spec?.podCIDRs ?? [], errors);
}

/** A node's own configuration, which nothing reads any more. `reported`: in status, with what was found. */
function validateConfigSource(source: Place, reported: boolean): void {
  const map = source.child('configMap');
  if (map.isSet) {
    for (const field of ['uid', 'resourceVersion']) {
      const place = map.child(field);
      if (reported && place.text === '') place.required();
      if (!reported && place.text !== '') place.forbidden(`${field} must not be set in spec`);
    }
    map.child('namespace').named(nameRule(nameIsDnsLabel));
    map.child('name').named(nameRule(nameIsDnsSubdomain));
    map.child('kubeletConfigKey').named(isConfigMapKey);
  } else {
    source.invalid('exactly one reference subfield must be non-nil');
  }
}

/** Of the node and of its status alike. Upstream: ValidateNodeUpdate. */
export function validateNodeUpdate(
  object: Readonly<KubeObject>,
  oldObject: Readonly<KubeObject>,
  errors: FieldErrorList,
): void {
  const [node, old] = [object as Readonly<Node>, oldObject as Readonly<Node>];
  validateAnnotations(node, errors);
  validateStatus(node, errors);
  const seen = new Set<string>();
  for (const [index, address] of (node.status?.addresses ?? []).entries()) {
    const key = `${address.type}/${address.address}`;
    if (seen.has(key)) errors.duplicate(FieldPath.root('status', 'addresses').index(index), address);
    seen.add(key);
  }
  const before = old.spec?.podCIDRs ?? [];
  if (before.length > 0 && !deepEqual(before, node.spec?.podCIDRs)) {
    const detail = 'node updates may not change podCIDR except from "" to valid';
    errors.forbidden(FieldPath.root('spec', 'podCIDRs'), detail);
  }
  if (old.spec?.providerID && old.spec.providerID !== node.spec?.providerID) {
    const detail = 'node updates may not change providerID except from "" to valid';
    errors.forbidden(FieldPath.root('spec', 'providerID'), detail);
  }
  const source = Place.of(object, errors).child('spec', 'configSource');
  if (source.isSet) validateConfigSource(source, false);
  const config = Place.of(object, errors).child('status', 'config');
  for (const field of ['assigned', 'active', 'lastKnownGood']) {
    if (config.child(field).isSet) validateConfigSource(config.child(field), true);
  }
  validateTaints(node.spec?.taints ?? [], taintsPath, errors);
  if ((node.spec?.externalID ?? '') !== (old.spec?.externalID ?? '')) {
    errors.forbidden(FieldPath.root('spec', 'externalID'), 'may not be updated');
  }
}
