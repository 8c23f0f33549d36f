import type { ResourceDefinition } from '../../definition.ts';
import { type GroupVersionRows, type RowInput, row } from '../../row.ts';
import { bindingPrinter } from './printers.ts';
import { bindingStrategies, roleStrategies } from './strategies.ts';

const place: GroupVersionRows = {
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  schemaPrefix: 'io.k8s.api.rbac.v1',
};

const inputs: readonly RowInput[] = [
  {
    kind: 'ClusterRoleBinding',
    plural: 'clusterrolebindings',
    strategy: bindingStrategies.cluster,
    cluster: true,
    printer: bindingPrinter,
  },
  { kind: 'ClusterRole', plural: 'clusterroles', strategy: roleStrategies.cluster, cluster: true },
  {
    kind: 'RoleBinding',
    plural: 'rolebindings',
    strategy: bindingStrategies.namespaced,
    printer: bindingPrinter,
  },
  { kind: 'Role', plural: 'roles', strategy: roleStrategies.namespaced },
];

export const rbacV1Resources: readonly ResourceDefinition[] = inputs.map((input) => row(place, input));
