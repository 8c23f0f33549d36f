import { ageOf, listWithMore, nameOfRow, printer } from '../../printing.ts';
import type { EndpointSlice } from '../../types.ts';

export const endpointSlicePrinter = printer('Name:name, AddressType, Ports, Endpoints, Age', (object, context) => {
  const slice = object as Readonly<EndpointSlice>;
  const ports = (slice.ports ?? []).map((port) => String(port.port ?? port.name ?? '*'));
  const addresses = (slice.endpoints ?? []).flatMap((endpoint) => endpoint.addresses);
  return [
    nameOfRow(object),
    slice.addressType,
    listWithMore(ports, 3, '<unset>'),
    listWithMore(addresses, 3, '<unset>'),
    ageOf(object, context),
  ];
});
