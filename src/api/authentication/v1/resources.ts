import type { ResourceDefinition } from '../../definition.ts';
import { type GroupVersionRows, row } from '../../row.ts';

const place: GroupVersionRows = {
  group: 'authentication.k8s.io',
  version: 'v1',
  schemaPrefix: 'io.k8s.api.authentication.v1',
};

export const authenticationV1Resources: readonly ResourceDefinition[] = [
  row(place, { kind: 'SelfSubjectReview', plural: 'selfsubjectreviews', cluster: true, virtual: true }),
  row(place, { kind: 'TokenReview', plural: 'tokenreviews', cluster: true, virtual: true }),
];
