/** Upstream: pkg/registry/storagemigration, pkg/apis/storagemigration/validation/validation.go (1.36). */
import { isDns1035Label, isDns1123Subdomain, validateConditions } from '../../../apimachinery/index.ts';
import type { ResourceDefinition } from '../../definition.ts';
import { type Place, rules } from '../../place.ts';
import { nameOfRow, printer } from '../../printing.ts';
import { row } from '../../row.ts';

type Conditions = readonly { type: string; status: string }[];

const joined = (place: Place, messages: readonly string[]): void => {
  if (messages.length > 0) place.invalid(messages.join(','));
};

function validateMigration(object: Place): void {
  const [resource, group] = [object.child('spec', 'resource', 'resource'), object.child('spec', 'resource', 'group')];
  if (resource.text === '') resource.required('resource is required to be set');
  else joined(resource, isDns1035Label(resource.text));
  if (group.text !== '') joined(group, isDns1123Subdomain(group.text));
}

const isTrue = (conditions: Conditions | undefined, type: string): boolean =>
  conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false;

function validateMigrationStatus(object: Place, old: Readonly<Record<string, any>>): void {
  const status = object.child('status');
  const [version, conditions] = [status.child('resourceVersion'), status.child('conditions')];
  validateConditions(conditions.value ?? [], conditions.path, conditions.errors);
  const before: string = old['status']?.resourceVersion ?? '';
  if (before !== '' && before !== version.text) version.invalid('field is immutable', version.text);
  const is = (type: string) => isTrue(conditions.value, type);
  const was = (type: string) => isTrue(old['status']?.conditions, type);
  if (is('Succeeded') && is('Failed')) {
    conditions.invalid('Both success and failed conditions cannot be true at the same time');
  }
  if (was('Succeeded') && !is('Succeeded')) {
    conditions.invalid('Success condition cannot be set to false once it is true');
  }
  if (was('Failed') && !is('Failed')) conditions.invalid('Failed condition cannot be set to false once it is true');
}

export const storageVersionMigrationResource: ResourceDefinition = row(
  { group: 'storagemigration.k8s.io', version: 'v1beta1', schemaPrefix: 'io.k8s.api.storagemigration.v1beta1' },
  {
    kind: 'StorageVersionMigration',
    idle: 'no controller migrates',
    plural: 'storageversionmigrations',
    cluster: true,
    default: false,
    featureGate: 'StorageVersionMigrator',
    subresources: ['status'],
    resetFields: { '': [['status']], status: [['spec'], ['metadata']] },
    strategy: {
      generation: 'spec',
      ...rules(
        validateMigration,
        (object, old) => {
          validateMigration(object);
          object.child('spec').immutable(old['spec']);
        },
        validateMigrationStatus,
      ),
    },
    printer: printer('Name, Resource, Status', (object) => {
      const { group, resource } = object['spec']?.resource ?? {};
      const known = ['Running', 'Failed', 'Succeeded'];
      const conditions: Conditions = object['status']?.conditions ?? [];
      const state = conditions.findLast(({ type, status }) => status === 'True' && known.includes(type));
      return [nameOfRow(object), group ? `${resource}.${group}` : (resource ?? ''), state?.type ?? 'Unknown'];
    }),
  },
);
