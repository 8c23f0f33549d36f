import { expect, it } from 'vitest';
import { inKustomizeOrder } from '../../src/cli/kustomize/order.ts';

it('puts what others need first, webhooks last, and the rest by group, kind, namespace and name', () => {
  const object = (apiVersion: string, kind: string, name: string, namespace?: string) => ({
    object: { apiVersion, kind, metadata: { name, namespace } },
  });
  const sorted = inKustomizeOrder([
    object('admissionregistration.k8s.io/v1', 'ValidatingWebhookConfiguration', 'w'),
    object('v1', 'Pod', 'b'),
    object('v1', 'Pod', 'a'),
    object('v1', 'Pod', 'z', 'ns'),
    object('batch/v1', 'Job', 'j'),
    object('apps/v1', 'Deployment', 'd'),
    object('v1', 'Service', 's'),
    object('v1', 'Namespace', 'n'),
  ]);
  expect(sorted.map(({ object: { kind, metadata } }) => `${kind}/${metadata.name}`)).toEqual([
    'Namespace/n',
    'Service/s',
    'Deployment/d',
    'Job/j',
    'Pod/z',
    'Pod/a',
    'Pod/b',
    'ValidatingWebhookConfiguration/w',
  ]);
});
