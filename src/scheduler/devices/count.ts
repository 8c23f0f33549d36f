/**
 * How many devices of a class there are for a node.
 * Upstream: plugins/noderesources/resource_allocation.go (calculateDRAResourceTotals) (1.36).
 */
import { selectsDevice } from '../../apimachinery/cel/index.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import { type Device, type DeviceCatalog, nodeChosen } from './catalog.ts';
import type { ClaimTracker } from './claims.ts';
import { classSelectors, type DeviceClassFields } from './requests.ts';

export interface DeviceCount {
  readonly all: number;
  readonly taken: number;
}

/** Classes and devices do not change: another state of one is another object. */
const selected = new WeakMap<DeviceClassFields, WeakMap<Device, boolean>>();

/** A selector that fails selects nothing. */
function isOf(deviceClass: DeviceClassFields, device: Device): boolean {
  let known = selected.get(deviceClass);
  if (!known) {
    known = new WeakMap();
    selected.set(deviceClass, known);
  }
  let result = known.get(device);
  if (result === undefined) {
    result = classSelectors(deviceClass).every(
      ({ compiled: { program } }) => program !== undefined && selectsDevice(program, device.value) === true,
    );
    known.set(device, result);
  }
  return result;
}

export function countDevices(
  { catalog, claims }: { readonly catalog: DeviceCatalog; readonly claims: ClaimTracker },
  deviceClass: DeviceClassFields,
  node: NodeInfo,
): DeviceCount {
  let all = 0;
  let taken = 0;
  for (const { devices } of catalog.poolsFor(node)) {
    for (const device of devices) {
      if (device.slice.perDeviceNodeSelection && !nodeChosen(device.spec, node)) continue;
      if (!isOf(deviceClass, device)) continue;
      all++;
      if (claims.isTaken(device.id) || claims.sharedOf(device.id)) taken++;
    }
  }
  return { all, taken };
}
