/**
 * Results of ADD in every version of the specification. Fields that a version does not know are left out of it.
 * Upstream: pkg/types/{020,040,100} of containernetworking/cni.
 */
import { familyOf, parseCidr } from '../addresses.ts';
import { badRequest, cniCodes } from './cni-error.ts';
import { isObject, type JsonObject } from './config.ts';
import { atLeast, cniVersions, compareVersions, isVersion, oldestVersion } from './versions.ts';

export interface CniInterface extends JsonObject {
  readonly name: string;
  readonly mac?: string;
  readonly sandbox?: string;
}

export interface CniAddress extends JsonObject {
  /** `10.88.0.2/24`. */
  readonly address: string;
  readonly gateway?: string;
  /** Which of the interfaces has it. */
  readonly interface?: number;
}

export interface CniRoute extends JsonObject {
  readonly dst: string;
  readonly gw?: string;
}

/** The newest form; fields that are not the specification's stay. */
export interface CniResult extends JsonObject {
  readonly cniVersion: string;
  readonly interfaces?: readonly CniInterface[];
  readonly ips?: readonly CniAddress[];
  readonly routes?: readonly CniRoute[];
  readonly dns?: JsonObject;
}

const undecodable = (what: string) => badRequest(what, cniCodes.decodingFailure);

/**
 * Checks a result and gives it in the form of 1.x. A result without `cniVersion` is of `assumed`.
 * @throws CniError (code 6, or 1 for an unknown version).
 */
export function readResult(value: unknown, assumed: string = oldestVersion): CniResult {
  if (!isObject(value)) throw undecodable(`a result is a JSON object, not ${JSON.stringify(value)}`);
  const cniVersion = value['cniVersion'] === undefined || value['cniVersion'] === '' ? assumed : value['cniVersion'];
  if (typeof cniVersion !== 'string' || !isVersion(cniVersion) || !cniVersions.includes(cniVersion as '1.0.0')) {
    throw badRequest(`result of an unknown CNI version ${JSON.stringify(cniVersion)}`, cniCodes.incompatibleVersion);
  }
  const result = atLeast(cniVersion, '0.3.0') ? { ...value, cniVersion } : fromTwoAddresses(value, cniVersion);
  const interfaces = listOf<CniInterface>(result, 'interfaces');
  interfaces.forEach(({ name }, i) => {
    if (typeof name !== 'string') throw undecodable(`interfaces[${i}] has no name`);
  });
  const ips = listOf<CniAddress>(result, 'ips').map((ip, i) => {
    const { address, interface: index } = ip;
    if (typeof address !== 'string' || !address.includes('/') || !parseCidr(address)) {
      throw undecodable(`invalid CIDR address: ${String(address)} (ips[${i}].address)`);
    }
    if (index !== undefined && (!Number.isInteger(index) || index < 0 || index >= interfaces.length)) {
      throw undecodable(`ips[${i}].interface is ${index}, but there are ${interfaces.length} interfaces`);
    }
    const { version: _, ...rest } = ip;
    return rest as CniAddress;
  });
  listOf<CniRoute>(result, 'routes').forEach(({ dst }, i) => {
    if (typeof dst !== 'string' || !parseCidr(dst)) {
      throw undecodable(`invalid CIDR address: ${String(dst)} (routes[${i}].dst)`);
    }
  });
  return 'ips' in result ? { ...result, ips } : result;
}

/** A result in the form of a version. @throws CniError when it cannot be said in it. */
export function resultAs(result: CniResult, version: string): JsonObject {
  if (!atLeast(version, '0.3.0')) return asTwoAddresses(result, version);
  const out: Record<string, unknown> = { ...result, cniVersion: version };
  if (atLeast(version, '1.0.0')) {
    if (compareVersions(version, '1.1.0') < 0) strip(out, newIn11);
    return out;
  }
  strip(out, newIn11);
  if (result.ips) {
    out['ips'] = result.ips.map(({ address, ...rest }) => ({ version: numberOf(address), ...rest, address }));
  }
  return out;
}

/** The addresses of a result without their lengths of prefix. */
export const addressesOf = ({ ips = [] }: CniResult): string[] => ips.map(({ address }) => address.split('/')[0]!);

const newIn11 = { interfaces: ['mtu', 'socketPath', 'pciID'], routes: ['mtu', 'advmss', 'priority', 'table', 'scope'] };

function strip(out: Record<string, unknown>, fields: Readonly<Record<string, readonly string[]>>): void {
  for (const [list, names] of Object.entries(fields)) {
    const items = out[list] as readonly JsonObject[] | undefined;
    if (!items) continue;
    out[list] = items.map((item) => Object.fromEntries(Object.entries(item).filter(([name]) => !names.includes(name))));
  }
}

const numberOf = (address: string) => (familyOf(address.split('/')[0]!) === 'IPv6' ? '6' : '4');

function listOf<T extends JsonObject>(result: JsonObject, field: string): readonly T[] {
  const list = result[field] ?? [];
  if (!Array.isArray(list) || !list.every(isObject)) throw undecodable(`${field} must be a list of objects`);
  return list as readonly T[];
}

/** 0.1 and 0.2: at most one address of each family, each with its routes. */
function fromTwoAddresses({ ip4, ip6, ...rest }: JsonObject, cniVersion: string): CniResult {
  const ips: CniAddress[] = [];
  const routes: CniRoute[] = [];
  for (const [field, part] of Object.entries({ ip4, ip6 })) {
    if (part === undefined || part === null) continue;
    if (!isObject(part)) throw undecodable(`${field} must be an object`);
    const { ip, gateway, routes: own = [] } = part;
    ips.push({ address: ip as string, ...(gateway === undefined ? {} : { gateway: gateway as string }) });
    if (!Array.isArray(own)) throw undecodable(`${field}.routes must be a list`);
    routes.push(...(own as CniRoute[]));
  }
  return { ...rest, cniVersion, ips, ...(routes.length === 0 ? {} : { routes }) };
}

function asTwoAddresses({ ips = [], routes = [], dns }: CniResult, cniVersion: string): JsonObject {
  const out: Record<string, unknown> = { cniVersion };
  for (const [field, number] of [
    ['ip4', '4'],
    ['ip6', '6'],
  ] as const) {
    const ip = ips.find(({ address }) => numberOf(address) === number);
    if (!ip) continue;
    const own = routes.filter(({ dst }) => numberOf(dst) === number).map(({ dst, gw }) => (gw ? { dst, gw } : { dst }));
    out[field] = {
      ip: ip.address,
      ...(ip.gateway === undefined ? {} : { gateway: ip.gateway }),
      ...(own.length === 0 ? {} : { routes: own }),
    };
  }
  if (!out['ip4'] && !out['ip6']) {
    throw badRequest('cannot convert: no valid IP addresses', cniCodes.incompatibleVersion);
  }
  return dns === undefined ? out : { ...out, dns };
}
