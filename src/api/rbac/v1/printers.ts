import { ageOf, nameOfRow, printer } from '../../printing.ts';
import type { RoleBinding } from '../../types.ts';

/** RoleBinding and ClusterRoleBinding. */
export const bindingPrinter = printer('Name:name, Role, Age, Users*, Groups*, ServiceAccounts*', (object, context) => {
  const { roleRef, subjects = [] } = object as Readonly<RoleBinding>;
  const of = (kind: string) => subjects.filter((subject) => subject.kind === kind);
  return [
    nameOfRow(object),
    `${roleRef.kind}/${roleRef.name}`,
    ageOf(object, context),
    of('User')
      .map((subject) => subject.name)
      .join(', '),
    of('Group')
      .map((subject) => subject.name)
      .join(', '),
    of('ServiceAccount')
      .map((subject) => `${subject.namespace ?? ''}/${subject.name}`)
      .join(', '),
  ];
});
