import { expect, it } from 'vitest';
import type { Service } from '../../../src/api/index.ts';
import { builtinResources } from '../../../src/api/index.ts';
import { FieldErrorList } from '../../../src/apimachinery/index.ts';

const { strategy } = builtinResources.find(({ group, plural }) => group === '' && plural === 'services')!;

function problems(ingress: readonly object[], type = 'LoadBalancer', before: readonly object[] = []): string[] {
  const service = (items: readonly object[]) =>
    ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { type },
      status: { loadBalancer: { ingress: items } },
    }) as unknown as Service;
  const errors = new FieldErrorList();
  strategy.validateStatusUpdate!(service(ingress), service(before), errors);
  return errors.errors.map(({ type: reason, field, detail }) => `${reason} ${field} ${detail}`);
}

const at = 'status.loadBalancer.ingress[0]';

it('an address of either family with its mode, or a name, is a fine load balancer status', () => {
  expect(
    problems([{ ip: '192.0.2.1', ipMode: 'VIP' }, { ip: 'fd00::1', ipMode: 'Proxy' }, { hostname: 'a.b' }]),
  ).toEqual([]);
});

it.each([
  [{ ip: '192.0.2.1' }, 'FieldValueRequired', `${at}.ipMode must be specified when \`ip\` is set`],
  [{ ipMode: 'VIP' }, 'FieldValueForbidden', `${at}.ipMode may not be specified when \`ip\` is not set`],
  [{ ip: '192.0.2.1', ipMode: 'x' }, 'FieldValueNotSupported', `${at}.ipMode supported values: "Proxy", "VIP"`],
  [{ ip: '192.0.2.01', ipMode: 'VIP' }, 'FieldValueInvalid', `${at}.ip must not have leading 0s`],
  [{ hostname: '192.0.2.1' }, 'FieldValueInvalid', `${at}.hostname must be a DNS name, not an IP address`],
])('refuses %j', (entry, reason, message) => {
  expect(problems([entry])).toEqual([`${reason} ${message}`]);
});

it('is for load balancers only, and does not trip over what is stored', () => {
  expect(problems([{ ip: '192.0.2.1', ipMode: 'VIP' }], 'ClusterIP')).toEqual([
    "FieldValueForbidden status.loadBalancer.ingress may only be used when `spec.type` is 'LoadBalancer'",
  ]);
  const old = [{ ip: '192.0.2.01', ipMode: 'VIP' }];
  expect(problems(old, 'LoadBalancer', old)).toEqual([]);
});
