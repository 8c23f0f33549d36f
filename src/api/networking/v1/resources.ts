import type { ResourceDefinition } from '../../definition.ts';
import { type GroupVersionRows, type RowInput, row } from '../../row.ts';
import { ipAddressStrategy, serviceCidrStrategy } from './addresses.ts';
import {
  ingressClassPrinter,
  ingressPrinter,
  ipAddressPrinter,
  networkPolicyPrinter,
  serviceCidrPrinter,
} from './printers.ts';
import { ingressClassStrategy, ingressStrategy, networkPolicyStrategy } from './strategies.ts';

const place: GroupVersionRows = {
  group: 'networking.k8s.io',
  version: 'v1',
  schemaPrefix: 'io.k8s.api.networking.v1',
};

const inputs: readonly RowInput[] = [
  {
    kind: 'IngressClass',
    plural: 'ingressclasses',
    strategy: ingressClassStrategy,
    cluster: true,
    printer: ingressClassPrinter,
  },
  {
    kind: 'Ingress',
    plural: 'ingresses',
    strategy: ingressStrategy,
    shortNames: 'ing',
    etcdPrefix: 'ingress',
    subresources: ['status'],
    newStatus: () => ({ loadBalancer: {} }),
    printer: ingressPrinter,
  },
  {
    kind: 'IPAddress',
    plural: 'ipaddresses',
    strategy: ipAddressStrategy,
    cluster: true,
    shortNames: 'ip',
    printer: ipAddressPrinter,
    selectableFields(object) {
      const parent = object['spec']?.parentRef;
      return {
        'spec.parentRef.group': parent?.group ?? '',
        'spec.parentRef.resource': parent?.resource ?? '',
        'spec.parentRef.namespace': parent?.namespace ?? '',
        'spec.parentRef.name': parent?.name ?? '',
      };
    },
  },
  {
    kind: 'NetworkPolicy',
    plural: 'networkpolicies',
    strategy: networkPolicyStrategy,
    shortNames: 'netpol',
    printer: networkPolicyPrinter,
  },
  {
    kind: 'ServiceCIDR',
    plural: 'servicecidrs',
    strategy: serviceCidrStrategy,
    resetFields: { '': [['status']], status: [['spec'], ['metadata']] },
    cluster: true,
    subresources: ['status'],
    printer: serviceCidrPrinter,
  },
];

export const networkingV1Resources: readonly ResourceDefinition[] = inputs.map((input) => row(place, input));
