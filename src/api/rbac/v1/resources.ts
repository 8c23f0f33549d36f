import type { ResourceDefinition } from '../../definition.ts';
import { type GroupVersionRows, type RowInput, row } from '../../row.ts';
import { bindingPrinter } from './printers.ts';

const place: GroupVersionRows = {
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  schemaPrefix: 'io.k8s.api.rbac.v1',
};

const inputs: readonly RowInput[] = [
  {
    kind: 'ClusterRoleBinding',
    plural: 'clusterrolebindings',
    cluster: true,
    printer: bindingPrinter,
    acted: true,
  },
  { kind: 'ClusterRole', plural: 'clusterroles', cluster: true, acted: true },
  { kind: 'RoleBinding', plural: 'rolebindings', printer: bindingPrinter, acted: true },
  { kind: 'Role', plural: 'roles', acted: true },
];

export const rbacV1Resources: readonly ResourceDefinition[] = inputs.map((input) => row(place, input));
