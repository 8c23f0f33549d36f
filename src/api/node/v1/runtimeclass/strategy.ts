/** Upstream: pkg/registry/node/runtimeclass/strategy.go, pkg/apis/node/validation/validation.go (1.36). */
import { nameIsDnsLabel, validateLabels } from '../../../../apimachinery/index.ts';
import { validateResourceRequirements } from '../../../core/v1/pod/validation-resources.ts';
import { validateTolerations } from '../../../core/v1/pod/validation-scheduling.ts';
import { canonicalResources } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import { deprecatedNodeLabel } from '../../../node-labels.ts';
import { nameRule, type Place, rules } from '../../../place.ts';
import type { RuntimeClass, Toleration } from '../../../types.ts';

const noClaims: ReadonlySet<string> = new Set();

function validateScheduling(scheduling: Place): void {
  const selector = scheduling.child('nodeSelector');
  validateLabels(selector.value, selector.path, selector.errors);
  const tolerations = scheduling.child('tolerations');
  validateTolerations(tolerations.value, tolerations.path, tolerations.errors);
  const seen = new Set<string>();
  for (const place of tolerations.items()) {
    const { key = '', operator = '', value = '', effect = '' } = place.value as Toleration;
    const identity = JSON.stringify([key, operator, value, effect]);
    if (seen.has(identity)) place.duplicate();
    seen.add(identity);
  }
}

function validateRuntimeClass(object: Place): void {
  object.child('handler').named(nameRule(nameIsDnsLabel));
  const overhead = object.child('overhead');
  if (overhead.isSet) {
    validateResourceRequirements(
      { limits: overhead.value.podFixed ?? {} },
      { claimNames: noClaims },
      overhead.path,
      overhead.errors,
    );
  }
  if (object.child('scheduling').isSet) validateScheduling(object.child('scheduling'));
}

export const runtimeClassStrategy: Strategy = {
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: false,
  applyDefaults: (object) => canonicalResources(object['overhead']?.podFixed),
  ...rules(validateRuntimeClass, (object, old) => {
    validateRuntimeClass(object);
    object.child('handler').immutable(old['handler']);
  }),
  warnings: (object) =>
    Object.keys((object as Readonly<RuntimeClass>).scheduling?.nodeSelector ?? {}).flatMap((label) => {
      const message = deprecatedNodeLabel(label);
      return message === undefined ? [] : [`scheduling.nodeSelector: ${message}`];
    }),
};
