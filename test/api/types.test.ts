import { expect, test } from 'vitest';
import type { Deployment, Pod } from '../../src/api/index.ts';
import type { KubeObject } from '../../src/apimachinery/index.ts';

test('typed objects are KubeObjects', () => {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web-0' },
    spec: { containers: [{ name: 'web' }] },
  };
  const object: KubeObject = pod;
  const back = object as Pod;
  const phase: string | undefined = back.status?.phase;
  const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: {} } satisfies Deployment as KubeObject;
  expect([object.metadata.name, phase, deployment.kind]).toEqual(['web-0', undefined, 'Deployment']);
});
