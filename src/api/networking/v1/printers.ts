import { ageOf, nameOfRow, printer, selectorText } from '../../printing.ts';
import type { Ingress, IngressClass, IPAddress, NetworkPolicy, ServiceCIDR } from '../../types.ts';

function hostsText(ingress: Readonly<Ingress>): string {
  const rules = ingress.spec?.rules ?? [];
  // Upstream stops looking once three hosts are found and then counts rules, not hosts.
  const hosts: string[] = [];
  let more = false;
  for (const rule of rules) {
    if (hosts.length === 3) more = true;
    if (!more && rule.host) hosts.push(rule.host);
  }
  if (hosts.length === 0) return '*';
  return more ? `${hosts.join(',')} + ${rules.length - 3} more...` : hosts.join(',');
}

export const ingressPrinter = printer('Name:name, Class, Hosts, Address, Ports, Age', (object, context) => {
  const ingress = object as Readonly<Ingress>;
  const addresses = (ingress.status?.loadBalancer?.ingress ?? []).map((entry) => entry.ip || entry.hostname || '');
  return [
    nameOfRow(object),
    ingress.spec?.ingressClassName ?? '<none>',
    hostsText(ingress),
    [...new Set(addresses.filter((address) => address !== ''))].sort().join(','),
    (ingress.spec?.tls ?? []).length > 0 ? '80, 443' : '80',
    ageOf(object, context),
  ];
});

export const ingressClassPrinter = printer('Name:name, Controller, Parameters, Age', (object, context) => {
  const { metadata, spec } = object as Readonly<IngressClass>;
  const isDefault = metadata.annotations?.['ingressclass.kubernetes.io/is-default-class'] === 'true';
  const parameters = spec?.parameters;
  const kind = parameters?.apiGroup === undefined ? parameters?.kind : `${parameters.kind}.${parameters.apiGroup}`;
  return [
    isDefault ? `${nameOfRow(object)} (default)` : nameOfRow(object),
    spec?.controller ?? '',
    parameters === undefined ? '<none>' : `${kind}/${parameters.name}`,
    ageOf(object, context),
  ];
});

export const networkPolicyPrinter = printer('Name:name, Pod-Selector, Age', (object, context) => [
  nameOfRow(object),
  selectorText((object as Readonly<NetworkPolicy>).spec?.podSelector),
  ageOf(object, context),
]);

export const serviceCidrPrinter = printer('Name:name, CIDRs, Age', (object, context) => [
  nameOfRow(object),
  ((object as Readonly<ServiceCIDR>).spec?.cidrs ?? []).join(','),
  ageOf(object, context),
]);

export const ipAddressPrinter = printer('Name:name, ParentRef', (object) => {
  const parent = (object as Readonly<IPAddress>).spec?.parentRef;
  if (parent === undefined) return [nameOfRow(object), '<none>'];
  const resource = parent.group ? `${parent.resource}.${parent.group}` : parent.resource;
  const path = [resource.toLowerCase(), parent.namespace, parent.name].filter((part) => part).join('/');
  return [nameOfRow(object), path];
});
