import { formatLabelSelector, type KubeObject } from '../../../apimachinery/index.ts';
import type { TablePrinter } from '../../definition.ts';
import { ageOf, count, nameOfRow, printer } from '../../printing.ts';

export const webhookConfigurationPrinter = printer('Name:name, Webhooks:integer, Age', (object, context) => [
  nameOfRow(object),
  count(object['webhooks']),
  ageOf(object, context),
]);

function policyPrinter(column: string, field: string): TablePrinter {
  return printer(`Name:name, ${column}:integer, ParamKind, Age`, (object, context) => {
    const kind = object['spec']?.paramKind;
    return [
      nameOfRow(object),
      count(object['spec']?.[field]),
      kind === undefined ? '<unset>' : `${kind.apiVersion ?? ''}/${kind.kind ?? ''}`,
      ageOf(object, context),
    ];
  });
}

export const validatingAdmissionPolicyPrinter = policyPrinter('Validations', 'validations');
export const mutatingAdmissionPolicyPrinter = policyPrinter('Mutations', 'mutations');

function paramRefText(object: Readonly<KubeObject>): string {
  const reference = object['spec']?.paramRef;
  if (reference?.name) return `${reference.namespace || '*'}/${reference.name}`;
  return reference?.selector === undefined ? '<unset>' : formatLabelSelector(reference.selector);
}

export const admissionPolicyBindingPrinter = printer('Name:name, PolicyName, ParamRef, Age', (object, context) => [
  nameOfRow(object),
  object['spec']?.policyName ?? '',
  paramRefText(object),
  ageOf(object, context),
]);
