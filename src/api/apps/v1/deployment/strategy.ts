/** Upstream: pkg/registry/apps/deployment/strategy.go, pkg/apis/apps/{v1/defaults,validation/validation}.go (1.36). */
import { deepEqual, type FieldErrorList, FieldPath } from '../../../../apimachinery/index.ts';
import { defaultPodTemplate } from '../../../core/v1/pod/defaults.ts';
import { templateWarnings } from '../../../core/v1/pod/warnings.ts';
import { validateReplicatedTemplate } from '../../../core/v1/podtemplate/validation.ts';
import { setIfAbsent, setIfZero } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import type { Deployment, DeploymentSpec, DeploymentStatus, DeploymentStrategy } from '../../../types.ts';
import {
  intOrPercentNumber,
  validateAtMost100Percent,
  validateImmutable,
  validateIntOrPercent,
  validateNonNegative,
  validateWorkloadSelector,
} from '../../../validation.ts';

const specPath = FieldPath.root('spec');

function applyDefaults(deployment: Deployment): void {
  deployment.spec ??= {} as DeploymentSpec;
  const spec = deployment.spec;
  setIfAbsent(spec, 'replicas', 1);
  spec.strategy ??= {};
  const strategy = spec.strategy;
  setIfZero(strategy, 'type', 'RollingUpdate');
  if (strategy.type === 'RollingUpdate') {
    strategy.rollingUpdate ??= {};
    setIfAbsent(strategy.rollingUpdate, 'maxUnavailable', '25%');
    setIfAbsent(strategy.rollingUpdate, 'maxSurge', '25%');
  }
  setIfAbsent(spec, 'revisionHistoryLimit', 10);
  setIfAbsent(spec, 'progressDeadlineSeconds', 600);
  spec.template ??= {};
  defaultPodTemplate(spec.template);
}

function validateStrategy(strategy: DeploymentStrategy, path: FieldPath, errors: FieldErrorList): void {
  const rolling = strategy.rollingUpdate;
  const rollingPath = path.child('rollingUpdate');
  switch (strategy.type) {
    case 'Recreate':
      if (rolling) errors.forbidden(rollingPath, "may not be specified when strategy `type` is 'Recreate'");
      break;
    case 'RollingUpdate': {
      if (!rolling) {
        errors.required(rollingPath, 'this should be defaulted and never be nil');
        return;
      }
      const { maxUnavailable, maxSurge } = rolling;
      validateIntOrPercent(maxUnavailable, rollingPath.child('maxUnavailable'), errors);
      validateIntOrPercent(maxSurge, rollingPath.child('maxSurge'), errors);
      if (intOrPercentNumber(maxUnavailable) === 0 && intOrPercentNumber(maxSurge) === 0) {
        errors.invalid(rollingPath.child('maxUnavailable'), maxUnavailable, 'may not be 0 when `maxSurge` is 0');
      }
      validateAtMost100Percent(maxUnavailable, rollingPath.child('maxUnavailable'), errors);
      break;
    }
    default:
      errors.notSupported(path, strategy, ['Recreate', 'RollingUpdate']);
  }
}

function validateSpec(spec: Readonly<DeploymentSpec>, errors: FieldErrorList): void {
  validateNonNegative(spec.replicas, specPath.child('replicas'), errors);
  const options = { kind: 'deployment', path: specPath.child('selector') };
  const selector = validateWorkloadSelector(spec.selector, options, errors);
  validateReplicatedTemplate(spec.template, { kind: 'ReplicaSet', selector }, specPath.child('template'), errors);
  validateStrategy(spec.strategy ?? {}, specPath.child('strategy'), errors);
  validateNonNegative(spec.minReadySeconds, specPath.child('minReadySeconds'), errors);
  validateNonNegative(spec.revisionHistoryLimit, specPath.child('revisionHistoryLimit'), errors);
  const deadline = spec.progressDeadlineSeconds;
  if (deadline === undefined) return;
  validateNonNegative(deadline, specPath.child('progressDeadlineSeconds'), errors);
  if (deadline <= (spec.minReadySeconds ?? 0)) {
    errors.invalid(specPath.child('progressDeadlineSeconds'), deadline, 'must be greater than minReadySeconds');
  }
}

const counts = [
  'observedGeneration',
  'replicas',
  'updatedReplicas',
  'readyReplicas',
  'availableReplicas',
  'unavailableReplicas',
  'terminatingReplicas',
  'collisionCount',
] as const;

function validateStatus(status: Readonly<DeploymentStatus>, errors: FieldErrorList): void {
  const path = FieldPath.root('status');
  for (const field of counts) validateNonNegative(status[field], path.child(field), errors);
  const replicas = status.replicas ?? 0;
  for (const field of ['updatedReplicas', 'readyReplicas', 'availableReplicas'] as const) {
    const count = status[field] ?? 0;
    if (count > replicas) errors.invalid(path.child(field), count, 'cannot be greater than status.replicas');
  }
  const available = status.availableReplicas ?? 0;
  if (available > (status.readyReplicas ?? 0)) {
    errors.invalid(path.child('availableReplicas'), available, 'cannot be greater than readyReplicas');
  }
}

const emptySpec = {} as DeploymentSpec;

export const deploymentStrategy: Strategy = {
  generation: 'spec',
  applyDefaults: (object) => applyDefaults(object as Deployment),
  prepareForUpdate(object, old, context) {
    // New annotations count as a new generation too: they are copied to the ReplicaSets.
    const before = old.metadata;
    if (context.subresource !== '' || deepEqual(object.metadata.annotations ?? {}, before.annotations ?? {})) return;
    object.metadata.generation = (before.generation ?? 0) + 1;
  },
  validate: (object, errors) => validateSpec((object as Readonly<Deployment>).spec ?? emptySpec, errors),
  validateUpdate(object, old, errors) {
    const spec = (object as Readonly<Deployment>).spec ?? emptySpec;
    validateSpec(spec, errors);
    const before = (old as Readonly<Deployment>).spec?.selector;
    validateImmutable(spec.selector, before, specPath.child('selector'), errors);
  },
  validateStatusUpdate: (object, _old, errors) => validateStatus((object as Readonly<Deployment>).status ?? {}, errors),
  warnings: templateWarnings({ namesPods: true }),
};
