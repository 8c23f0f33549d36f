/**
 * Reads KubeProxyConfiguration and refuses what upstream refuses. Upstream: cmd/kube-proxy/app/options.go,
 * pkg/proxy/apis/config/v1alpha1/conversion.go (1.36).
 */
import { decodeYaml, parseDuration } from '../../apimachinery/index.ts';
import { type IpFamily, parseCidr } from '../../net/index.ts';
import type { ProxyConfig } from '../config.ts';
import type { LocalDetection } from '../local-traffic.ts';
import type { ProxyMode } from '../modes.ts';
import {
  type FieldKind,
  type FieldKinds,
  type KubeProxyConfiguration,
  periodsOf,
  proxyConfigApiVersion,
  proxyConfigDefaults,
  proxyConfigFields,
  proxyConfigKind,
} from './defaults.ts';
import { validateProxyConfiguration } from './validate.ts';

/** A configuration that cannot be used; the message has all that is wrong, in upstream's words. */
export class ProxyConfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ProxyConfigError';
  }
}

type Raw = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is Raw => typeof value === 'object' && value !== null && !Array.isArray(value);

const described: Readonly<Record<FieldKind, string>> = {
  string: 'a string',
  strings: 'a list of strings',
  integer: 'an integer',
  number: 'a number',
  boolean: 'true or false',
  duration: 'a duration such as "30s"',
  any: 'anything',
};

function fits(value: unknown, kind: FieldKind): boolean {
  switch (kind) {
    case 'strings':
      return Array.isArray(value) && value.every((item) => typeof item === 'string');
    case 'integer':
      return Number.isInteger(value);
    case 'duration':
      return typeof value === 'string';
    case 'any':
      return true;
    default:
      return typeof value === kind;
  }
}

/** Unknown fields go to `unknown`, by their path; null is absence. @throws ProxyConfigError for a value of another kind. */
function checked(raw: Raw, kinds: FieldKinds, path: string, unknown: string[]): Raw {
  const out: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(raw)) {
    const at = path === '' ? name : `${path}.${name}`;
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (kind === undefined) unknown.push(`unknown field "${at}"`);
    else if (value === null || value === undefined) continue;
    else if (typeof kind === 'object') {
      if (!isRecord(value)) throw new ProxyConfigError(`${at} must be an object`);
      out[name] = checked(value, kind, at, unknown);
    } else if (!fits(value, kind)) throw new ProxyConfigError(`${at} must be ${described[kind]}`);
    else {
      if (kind === 'duration') durationMs(value as string, at);
      out[name] = value;
    }
  }
  return out;
}

function durationMs(text: string, at: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    throw new ProxyConfigError(`${at}: ${(error as Error).message}`);
  }
}

/**
 * The configuration of a file, and what upstream warns of: a field it does not know is no error, for its version is alpha.
 * @throws ProxyConfigError
 */
export function readProxyConfiguration(text: string): { configuration: KubeProxyConfiguration; warnings: string[] } {
  let raw: unknown;
  try {
    raw = decodeYaml(text)[0]?.value;
  } catch (error) {
    throw new ProxyConfigError(`couldn't decode as ${proxyConfigKind}: ${(error as Error).message}`);
  }
  if (!isRecord(raw)) throw new ProxyConfigError(`couldn't decode as ${proxyConfigKind}: it is no object`);
  if (!raw['kind']) throw new ProxyConfigError(`Object 'Kind' is missing in '${JSON.stringify(raw)}'`);
  if (raw['kind'] !== proxyConfigKind || raw['apiVersion'] !== proxyConfigApiVersion) {
    const version = (raw['apiVersion'] as string | undefined) ?? '';
    throw new ProxyConfigError(
      `no kind "${raw['kind']}" is registered for version "${version}": it takes ${proxyConfigKind} of ${proxyConfigApiVersion}`,
    );
  }
  const unknown: string[] = [];
  const configuration = checked(raw, proxyConfigFields, '', unknown) as KubeProxyConfiguration;
  const warnings =
    unknown.length === 0
      ? []
      : [`Using lenient decoding as strict decoding failed: strict decoding error: ${unknown.join(', ')}`];
  return { configuration, warnings };
}

/** A configuration with its defaults, as far as rules and the kernel go. */
export interface ProxySettings {
  readonly mode: ProxyMode;
  readonly hostnameOverride: string;
  readonly syncPeriodMs: number;
  readonly minSyncPeriodMs: number;
  /** Of the pods, one a family; empty when they are not told. */
  readonly clusterCIDRs: readonly string[];
  /** For `ProxyConfig`; without the node, the family and the ranges of the cluster. */
  readonly config: Pick<
    ProxyConfig,
    | 'masqueradeAll'
    | 'masqueradeBit'
    | 'localhostNodePorts'
    | 'nodePortAddresses'
    | 'dropInvalid'
    | 'ipvsScheduler'
    | 'ipvsStrictARP'
    | 'ipvsExcludeCIDRs'
    | 'ipvsTimeouts'
    | 'conntrackSysctls'
    | 'localDetection'
  >;
}

const seconds = (duration: string) => Math.floor(parseDuration(duration) / 1000);

/** Of what is given only: nobody's connections are to be forgotten sooner because rules were tried. */
function conntrackSysctls(
  conntrack: NonNullable<KubeProxyConfiguration['conntrack']>,
): Readonly<Record<string, string>> {
  const root = 'net/netfilter/nf_conntrack';
  const named = [
    [`${root}_tcp_timeout_established`, conntrack.tcpEstablishedTimeout],
    [`${root}_tcp_timeout_close_wait`, conntrack.tcpCloseWaitTimeout],
    [`${root}_udp_timeout`, conntrack.udpTimeout],
    [`${root}_udp_timeout_stream`, conntrack.udpStreamTimeout],
  ] as const;
  const timeouts = named.flatMap(([key, value]) => {
    const amount = value === undefined ? 0 : seconds(value);
    return amount > 0 ? [[key, String(amount)] as const] : [];
  });
  return Object.fromEntries([
    ...timeouts,
    ...(conntrack.tcpBeLiberal ? [[`${root}_tcp_be_liberal`, '1'] as const] : []),
  ]);
}

function localDetection(configuration: KubeProxyConfiguration): LocalDetection {
  const { detectLocalMode, detectLocal } = configuration;
  switch (detectLocalMode) {
    case 'NodeCIDR':
      return { by: 'node-cidr' };
    case 'BridgeInterface':
      return { by: 'interface', name: detectLocal!.bridgeInterface! };
    case 'InterfaceNamePrefix':
      return { by: 'interface-prefix', prefix: detectLocal!.interfaceNamePrefix! };
    default:
      return { by: 'cluster-cidr' };
  }
}

/** @throws ProxyConfigError with everything that is wrong, in upstream's words. */
export function proxySettings(configuration: KubeProxyConfiguration): ProxySettings {
  const problems = validateProxyConfiguration(configuration);
  if (problems.length > 0) {
    throw new ProxyConfigError(problems.length === 1 ? problems[0]! : `[${problems.join(', ')}]`);
  }
  const { iptables = {}, ipvs = {}, nftables = {}, conntrack = {} } = configuration;
  const mode = (configuration.mode || 'iptables') as ProxyMode;
  const section = mode === 'nftables' ? nftables : iptables;
  const { sync, minSync } = periodsOf(configuration);
  const timeouts = [ipvs.tcpTimeout, ipvs.tcpFinTimeout, ipvs.udpTimeout].map((text) => (text ? seconds(text) : 0));
  const [tcp = 0, tcpFin = 0, udp = 0] = timeouts;
  return {
    mode,
    hostnameOverride: configuration.hostnameOverride ?? '',
    syncPeriodMs: parseDuration(sync),
    minSyncPeriodMs: parseDuration(minSync),
    clusterCIDRs: configuration.clusterCIDR ? configuration.clusterCIDR.split(',') : [],
    config: {
      localDetection: localDetection(configuration),
      masqueradeAll: section.masqueradeAll ?? false,
      masqueradeBit: section.masqueradeBit ?? proxyConfigDefaults.masqueradeBit,
      localhostNodePorts: iptables.localhostNodePorts ?? true,
      ...(configuration.nodePortAddresses?.length && { nodePortAddresses: configuration.nodePortAddresses }),
      dropInvalid: !conntrack.tcpBeLiberal,
      ipvsScheduler: ipvs.scheduler || 'rr',
      ipvsStrictARP: ipvs.strictARP ?? false,
      ipvsExcludeCIDRs: ipvs.excludeCIDRs ?? [],
      ...(timeouts.some((each) => each > 0) && { ipvsTimeouts: { tcp, tcpFin, udp } }),
      conntrackSysctls: conntrackSysctls(conntrack),
    },
  };
}

/** The first range of a family among several. */
export const rangeOfFamily = (ranges: readonly string[], family: IpFamily): string | undefined =>
  ranges.find((range) => parseCidr(range)?.family === family);
