import type { ResourceDefinition } from '../../definition.ts';
import { type GroupVersionRows, type RowInput, row } from '../../row.ts';
import {
  admissionPolicyBindingPrinter,
  mutatingAdmissionPolicyPrinter,
  validatingAdmissionPolicyPrinter,
  webhookConfigurationPrinter,
} from './printers.ts';
import {
  mutatingBindingStrategy,
  mutatingPolicyStrategy,
  mutatingWebhookStrategy,
  validatingBindingStrategy,
  validatingPolicyStrategy,
  validatingWebhookStrategy,
} from './strategies.ts';

const place: GroupVersionRows = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  schemaPrefix: 'io.k8s.api.admissionregistration.v1',
};

const clusterWide = { cluster: true, categories: 'api-extensions' } as const;

/** Of the mutating policies 1.36 still stores the beta version, whose shape is the same. */
const beta = 'admissionregistration.k8s.io/v1beta1';

const inputs: readonly RowInput[] = [
  {
    ...clusterWide,
    kind: 'MutatingAdmissionPolicy',
    idle: 'admission does not evaluate policies yet',
    plural: 'mutatingadmissionpolicies',
    strategy: mutatingPolicyStrategy,
    storedAs: beta,
    printer: mutatingAdmissionPolicyPrinter,
  },
  {
    ...clusterWide,
    kind: 'MutatingAdmissionPolicyBinding',
    idle: 'admission does not evaluate policies yet',
    plural: 'mutatingadmissionpolicybindings',
    strategy: mutatingBindingStrategy,
    storedAs: beta,
    printer: admissionPolicyBindingPrinter,
  },
  {
    ...clusterWide,
    kind: 'MutatingWebhookConfiguration',
    idle: 'admission calls no webhooks yet',
    plural: 'mutatingwebhookconfigurations',
    strategy: mutatingWebhookStrategy,
    printer: webhookConfigurationPrinter,
  },
  {
    ...clusterWide,
    kind: 'ValidatingAdmissionPolicy',
    idle: 'admission does not evaluate policies yet',
    plural: 'validatingadmissionpolicies',
    strategy: validatingPolicyStrategy,
    resetFields: { status: [['spec'], ['metadata']] },
    subresources: ['status'],
    printer: validatingAdmissionPolicyPrinter,
  },
  {
    ...clusterWide,
    kind: 'ValidatingAdmissionPolicyBinding',
    idle: 'admission does not evaluate policies yet',
    plural: 'validatingadmissionpolicybindings',
    strategy: validatingBindingStrategy,
    printer: admissionPolicyBindingPrinter,
  },
  {
    ...clusterWide,
    kind: 'ValidatingWebhookConfiguration',
    idle: 'admission calls no webhooks yet',
    plural: 'validatingwebhookconfigurations',
    strategy: validatingWebhookStrategy,
    printer: webhookConfigurationPrinter,
  },
];

export const admissionregistrationV1Resources: readonly ResourceDefinition[] = inputs.map((input) => row(place, input));
