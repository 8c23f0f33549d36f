/** Upstream: pkg/registry/coordination/lease/strategy.go, pkg/apis/coordination/validation/validation.go (1.36). */
import { isQualifiedName } from '../../../../apimachinery/index.ts';
import { setIfAbsent } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import { type Place, rules } from '../../../place.ts';

/** Of coordinated leader election, which is off by default: new leases lose these fields, older ones keep them. */
const coordinatedFields = ['strategy', 'preferredHolder'] as const;

/** Upstream names the field twice in the path. */
export function validateLeaseStrategy(strategy: Place): void {
  const place = strategy.child('strategy').as(strategy.text);
  if (strategy.text.includes('/')) place.messages(isQualifiedName(strategy.text));
  else if (strategy.text !== 'OldestEmulationVersion') place.notSupported(['OldestEmulationVersion']);
}

function validateLease(object: Place): void {
  const spec = object.child('spec');
  const [seconds, transitions] = [spec.child('leaseDurationSeconds'), spec.child('leaseTransitions')];
  if (seconds.isSet && seconds.number <= 0) seconds.invalid('must be greater than 0');
  transitions.nonNegative();
  const strategy = spec.child('strategy');
  if (strategy.isSet) validateLeaseStrategy(strategy);
  const holder = spec.child('preferredHolder');
  if (holder.text !== '' && strategy.text === '') holder.forbidden('may only be specified if `strategy` is defined');
}

export const leaseStrategy: Strategy = {
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: false,
  applyDefaults: (object) => setIfAbsent(object, 'spec', {}),
  prepareForCreate(object) {
    for (const field of coordinatedFields) delete object['spec'][field];
  },
  prepareForUpdate(object, old) {
    for (const field of coordinatedFields) if (old['spec']?.[field] === undefined) delete object['spec'][field];
  },
  ...rules(validateLease),
};
