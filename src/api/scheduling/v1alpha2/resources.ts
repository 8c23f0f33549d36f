/** Workloads and pod groups: alpha. Upstream: pkg/apis/scheduling (1.36), rules declared on the types. */
import { isDns1123Label, nameIsDnsSubdomain, validateConditions } from '../../../apimachinery/index.ts';
import type { ResourceDefinition } from '../../definition.ts';
import { nameRule, type Place, rules } from '../../place.ts';
import { ageOf, nameAgePrinter, nameOfRow, printer } from '../../printing.ts';
import { type GroupVersionRows, type RowInput, row } from '../../row.ts';

const place: GroupVersionRows = {
  group: 'scheduling.k8s.io',
  version: 'v1alpha2',
  schemaPrefix: 'io.k8s.api.scheduling.v1alpha2',
};

const subdomain = nameRule(nameIsDnsSubdomain);
const maxTemplates = 8;
const maxClaims = 4;

/** Exactly one of the two policies; a gang has at least one pod. */
function validatePolicy(policy: Place): void {
  const [basic, gang] = [policy.child('basic'), policy.child('gang')];
  const set = [basic, gang].filter((place) => place.isSet);
  if (set.length !== 1) {
    const fields =
      set.length === 0 ? '' : `{${set.map((place) => place.path.toString().split('.').at(-1)).join(', ')}}`;
    policy.invalid('must specify exactly one of: `basic`, `gang`', fields);
  }
  const count = gang.child('minCount');
  if (gang.isSet && count.number < 1) count.invalid('must be greater than or equal to 1', count.number);
}

function validateClaims(claims: Place): void {
  claims.atMost(maxClaims);
  claims.unique('name');
  for (const claim of claims.items()) claim.child('name').named(isDns1123Label);
}

function validateWorkload(object: Place): void {
  const templates = object.child('spec', 'podGroupTemplates');
  if (templates.list.length === 0) templates.required();
  templates.atMost(maxTemplates);
  templates.unique('name');
  for (const template of templates.items()) {
    template.child('name').named(isDns1123Label);
    validatePolicy(template.child('schedulingPolicy'));
    validateClaims(template.child('resourceClaims'));
  }
}

function validatePodGroup(object: Place): void {
  const reference = object.child('spec', 'podGroupTemplateRef', 'workload');
  if (reference.isSet) {
    reference.child('workloadName').named(subdomain);
    reference.child('podGroupTemplateName').named(isDns1123Label);
  }
  validatePolicy(object.child('spec', 'schedulingPolicy'));
  validateClaims(object.child('spec', 'resourceClaims'));
}

function validatePodGroupStatus(object: Place): void {
  const conditions = object.child('status', 'conditions');
  validateConditions(conditions.value ?? [], conditions.path, conditions.errors);
  const names = new Set(object.child('spec', 'resourceClaims').list.map((claim) => claim.name));
  for (const status of object.items('status', 'resourceClaimStatuses')) {
    const name = status.child('name');
    if (!names.has(name.text)) name.invalid('must match the name of an entry in `spec.resourceClaims`', name.text);
  }
}

function groupStatus(conditions: readonly { type: string; status: string; reason?: string }[]): string {
  const disrupted = conditions.find((condition) => condition.type === 'DisruptionTarget');
  if (disrupted !== undefined) return disrupted.reason ?? '';
  const scheduled = conditions.find((condition) => condition.type === 'PodGroupScheduled');
  if (scheduled === undefined) return 'Pending';
  return scheduled.status === 'True' ? 'Scheduled' : 'Unschedulable';
}

const optional = { default: false, featureGate: 'GenericWorkload' } as const;

const inputs: readonly RowInput[] = [
  {
    ...optional,
    kind: 'PodGroup',
    idle: 'the scheduler places pods one by one',
    plural: 'podgroups',
    subresources: ['status'],
    resetFields: { '': [['status']], status: [['spec'], ['metadata']] },
    strategy: {
      generation: 'spec',
      ...rules(
        validatePodGroup,
        (object, old) => {
          validatePodGroup(object);
          object.child('spec').immutable(old['spec']);
        },
        validatePodGroupStatus,
      ),
    },
    printer: printer('Name:name, Policy, Workload, Status, Age', (object, context) => [
      nameOfRow(object),
      object['spec']?.schedulingPolicy?.gang ? 'Gang' : 'Basic',
      object['spec']?.podGroupTemplateRef?.workload?.workloadName ?? '<none>',
      groupStatus(object['status']?.conditions ?? []),
      ageOf(object, context),
    ]),
  },
  {
    ...optional,
    kind: 'Workload',
    idle: 'the scheduler places pods one by one',
    plural: 'workloads',
    strategy: {
      generation: 'spec',
      ...rules(validateWorkload, (object, old) => {
        validateWorkload(object);
        object.child('spec', 'podGroupTemplates').immutable(old['spec']?.podGroupTemplates);
      }),
    },
    printer: nameAgePrinter,
  },
];

export const schedulingV1alpha2Resources: readonly ResourceDefinition[] = inputs.map((input) => row(place, input));
