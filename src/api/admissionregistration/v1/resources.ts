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
    plural: 'mutatingadmissionpolicies',
    strategy: mutatingPolicyStrategy,
    storedAs: beta,
    printer: mutatingAdmissionPolicyPrinter,
  },
  {
    ...clusterWide,
    kind: 'MutatingAdmissionPolicyBinding',
    plural: 'mutatingadmissionpolicybindings',
    strategy: mutatingBindingStrategy,
    storedAs: beta,
    printer: admissionPolicyBindingPrinter,
  },
  {
    ...clusterWide,
    kind: 'MutatingWebhookConfiguration',
    plural: 'mutatingwebhookconfigurations',
    strategy: mutatingWebhookStrategy,
    printer: webhookConfigurationPrinter,
  },
  {
    ...clusterWide,
    kind: 'ValidatingAdmissionPolicy',
    plural: 'validatingadmissionpolicies',
    strategy: validatingPolicyStrategy,
    resetFields: { status: [['spec'], ['metadata']] },
    subresources: ['status'],
    printer: validatingAdmissionPolicyPrinter,
  },
  {
    ...clusterWide,
    kind: 'ValidatingAdmissionPolicyBinding',
    plural: 'validatingadmissionpolicybindings',
    strategy: validatingBindingStrategy,
    printer: admissionPolicyBindingPrinter,
  },
  {
    ...clusterWide,
    kind: 'ValidatingWebhookConfiguration',
    plural: 'validatingwebhookconfigurations',
    strategy: validatingWebhookStrategy,
    printer: webhookConfigurationPrinter,
  },
];

export const admissionregistrationV1Resources: readonly ResourceDefinition[] = inputs.map((input) => row(place, input));
