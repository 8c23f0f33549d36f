/**
 * clientConnection and leaderElection: they change nothing here, but what upstream refuses is refused.
 * Upstream: component-base/config/validation/validation.go (1.36), with its defaults.
 */
import {
  FieldErrorList,
  FieldPath,
  fieldErrorMessage,
  formatDuration,
  parseDuration,
} from '../../apimachinery/index.ts';

type Raw = Readonly<Record<string, any>>;

/** Durations of zero take the default. */
function durationOf(leader: Raw, field: string, byDefault: number): number {
  return (leader[field] ? parseDuration(leader[field]) : 0) || byDefault;
}

export function validateComponent({ clientConnection = {}, leaderElection = {} }: Raw): string[] {
  const errors = new FieldErrorList();
  const { burst = 0 } = clientConnection as Raw;
  if (burst < 0) errors.invalid(FieldPath.root('clientConnection', 'burst'), burst, 'must be non-negative');
  const leader = leaderElection as Raw;
  if (leader['leaderElect'] !== false) {
    const path = FieldPath.root('leaderElection');
    const lease = durationOf(leader, 'leaseDuration', 15_000);
    const renew = durationOf(leader, 'renewDeadline', 10_000);
    const retry = durationOf(leader, 'retryPeriod', 2_000);
    for (const [field, ms] of Object.entries({ leaseDuration: lease, renewDeadline: renew, retryPeriod: retry })) {
      if (ms <= 0) errors.invalid(path.child(field), formatDuration(ms), 'must be greater than zero');
    }
    if (lease <= renew) {
      errors.invalid(path.child('leaseDuration'), formatDuration(renew), 'must be greater than `RenewDeadline`');
    }
    const lock = leader['resourceLock'] || 'leases';
    if (lock !== 'leases') errors.invalid(path.child('resourceLock'), lock, 'resourceLock value must be "leases"');
  }
  return errors.errors.map((error) => `${error.field}: ${fieldErrorMessage(error)}`);
}
