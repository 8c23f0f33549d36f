/**
 * v1beta1 has a request's fields in the request itself, and a device's below `basic`.
 * Upstream: pkg/apis/resource/v1beta1/conversion.go (1.36).
 */
import type { KubeObject } from '../../../apimachinery/index.ts';
import type { StorageConversion } from '../../definition.ts';

type Fields = Record<string, any>;

const exactFields = [
  'deviceClassName',
  'selectors',
  'allocationMode',
  'count',
  'adminAccess',
  'tolerations',
  'capacity',
] as const;

function move(from: Fields, to: Fields, fields: readonly string[]): void {
  for (const field of fields) {
    if (from[field] === undefined) continue;
    to[field] = from[field];
    delete from[field];
  }
}

function requestsOf(object: KubeObject): Fields[] {
  const spec = object.kind === 'ResourceClaimTemplate' ? object['spec']?.spec : object['spec'];
  return spec?.devices?.requests ?? [];
}

const devicesOf = (object: KubeObject): Fields[] =>
  object.kind === 'ResourceSlice' ? (object['spec']?.devices ?? []) : [];

export const resourceV1beta1Conversion: StorageConversion = {
  toStorage(object) {
    for (const request of requestsOf(object)) {
      const exactly: Fields = {};
      move(request, exactly, exactFields);
      if (Object.keys(exactly).length > 0) request['exactly'] = exactly;
    }
    for (const device of devicesOf(object)) {
      const { basic } = device;
      delete device['basic'];
      Object.assign(device, basic);
    }
    object.apiVersion = 'resource.k8s.io/v1';
  },
  fromStorage(object) {
    for (const request of requestsOf(object)) {
      const { exactly } = request;
      delete request['exactly'];
      Object.assign(request, exactly);
    }
    for (const device of devicesOf(object)) {
      const basic: Fields = {};
      move(
        device,
        basic,
        Object.keys(device).filter((field) => field !== 'name'),
      );
      device['basic'] = basic;
    }
    object.apiVersion = 'resource.k8s.io/v1beta1';
  },
};
