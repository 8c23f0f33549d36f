import type { ResourceDefinition } from '../../definition.ts';
import { type GroupVersionRows, row } from '../../row.ts';

const place: GroupVersionRows = {
  group: 'authorization.k8s.io',
  version: 'v1',
  schemaPrefix: 'io.k8s.api.authorization.v1',
};

export const authorizationV1Resources: readonly ResourceDefinition[] = [
  row(place, { kind: 'LocalSubjectAccessReview', plural: 'localsubjectaccessreviews', virtual: true }),
  row(place, { kind: 'SelfSubjectAccessReview', plural: 'selfsubjectaccessreviews', cluster: true, virtual: true }),
  row(place, { kind: 'SelfSubjectRulesReview', plural: 'selfsubjectrulesreviews', cluster: true, virtual: true }),
  row(place, { kind: 'SubjectAccessReview', plural: 'subjectaccessreviews', cluster: true, virtual: true }),
];
