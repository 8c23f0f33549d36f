/**
 * What the flags of the components mean. Upstream: pkg/controlplane/apiserver/options, cmd/kube-apiserver/app/options,
 * apiserver/pkg/server/options, cmd/kube-controller-manager/app/options.
 */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import {
  FeatureGateError,
  featureEnabled,
  parseFeatureGates,
  parseGoBool,
  type ResourceDefinition,
  RuntimeConfigError,
  resourcesFor,
} from '../api/index.ts';
import { FormatError, parseDuration, wholeValueOf } from '../apimachinery/index.ts';
import {
  AdmissionOptionsError,
  type ApiServerOptions,
  type AuthorizationMode,
  checkAdmissionPluginNames,
  isAuthorizationMode,
  parseTokenFile,
  type ServerPartsOptions,
  TokenFileError,
  type UserInfo,
} from '../apiserver/index.ts';
import type { ControllerSettings } from '../controllers/index.ts';
import type { HistoryBounds } from '../etcd/index.ts';
import { type EvictionConfig, EvictionFlagError, parseEvictionFlags } from '../kubelet/index.ts';
import {
  checkSchedulerConfig,
  loadSchedulerConfig,
  type SchedulerConfig,
  SchedulerConfigError,
} from '../scheduler/index.ts';
import { componentFlags, type FlagValues } from './component-flags.ts';
import type { DecisionRetention } from './decision-sink.ts';
import { ClusterError } from './errors.ts';
import type { EtcdTlsSettings } from './etcd-tls.ts';
import type { EtcdServersSettings } from './external-etcd.ts';

export interface ApiServerSettings {
  /** The resources to serve. */
  readonly definitions: readonly ResourceDefinition[];
  readonly featureGates: Readonly<Record<string, boolean>>;
  readonly advertiseAddress?: string;
  readonly anonymous?: boolean;
  readonly audiences?: readonly string[];
  readonly authorizationModes?: readonly AuthorizationMode[];
  readonly bindAddress?: string;
  /** PEM. */
  readonly clientCa?: string;
  readonly disableAdmissionPlugins?: readonly string[];
  readonly enableAdmissionPlugins?: readonly string[];
  /** A real etcd in place of klab's own. */
  readonly etcdServers?: EtcdServersSettings;
  readonly etcdCompactionIntervalMs?: number;
  readonly eventTtlSeconds?: number;
  readonly maxMutatingRequestsInFlight?: number;
  readonly maxRequestsInFlight?: number;
  readonly minRequestTimeoutSeconds?: number;
  readonly requestTimeoutMs?: number;
  readonly issuer?: string;
  /** One CIDR, or two of different families. */
  readonly serviceCidrs?: readonly string[];
  readonly nodePortRange?: string;
  readonly storageMediaType?: 'application/json' | 'application/vnd.kubernetes.protobuf';
  /** PEM texts. */
  readonly serving?: { readonly cert: string; readonly key: string };
  readonly staticTokens?: ReadonlyMap<string, UserInfo>;
}

export interface ComponentSettings {
  readonly apiServer: ApiServerSettings;
  readonly controllers: Partial<ControllerSettings>;
  readonly decisions: DecisionRetention;
  readonly etcd: EtcdTlsSettings;
  /** Of every kubelet. */
  readonly eviction: EvictionConfig;
  readonly history: HistoryBounds;
  /** Absent: upstream's defaults. */
  readonly scheduler?: SchedulerConfig;
}

/** @throws ClusterError `InvalidOption` with everything that is wrong, in upstream's words. */
export function componentSettings(flags: FlagValues = {}): ComponentSettings {
  const read = new FlagReader(flags);
  const apiServer = apiServerSettings(read);
  const controllers = controllerSettings(read);
  const eviction = evictionSettings(read);
  const decisions: DecisionRetention = defined({
    maxAgeMs: read.duration('decision-history-age'),
    maxBytes: read.text('decision-history-size', parseSize),
  });
  const history: HistoryBounds = defined({
    historyAge: unbounded(read.duration('history-age')),
    historySize: unbounded(read.text('history-size', parseSize)),
  });
  const scheduler = read.check(() => schedulerSettings(read.file('config') ?? read.file('scheduler-config')));
  const etcd = etcdSettings(read);
  read.finish();
  return { apiServer, controllers, decisions, etcd, eviction, history, ...(scheduler && { scheduler }) };
}

function etcdSettings(read: FlagReader): EtcdTlsSettings {
  const cert = read.file('cert-file');
  const key = read.file('key-file');
  if ((cert === undefined) !== (key === undefined)) {
    const path = (name: string) => read.text(name) ?? '';
    read.problem(
      `KeyFile and CertFile must both be present[key: ${path('key-file')}, cert: ${path('cert-file')}]; --cert-file goes with --key-file`,
    );
  }
  return defined({
    cert,
    key,
    trustedCa: read.file('trusted-ca-file'),
    clientCertAuth: read.bool('client-cert-auth'),
    autoTls: read.bool('auto-tls'),
  });
}

function evictionSettings(read: FlagReader): EvictionConfig {
  const flags = defined({
    evictionHard: read.text('eviction-hard'),
    evictionSoft: read.text('eviction-soft'),
    evictionSoftGracePeriod: read.text('eviction-soft-grace-period'),
    evictionMinimumReclaim: read.text('eviction-minimum-reclaim'),
    evictionMaxPodGracePeriod: read.integer('eviction-max-pod-grace-period'),
    evictionPressureTransitionPeriodMs: read.duration('eviction-pressure-transition-period'),
  });
  return read.check(() => parseEvictionFlags(flags)) ?? parseEvictionFlags({});
}

/** 0 means no bound. */
const unbounded = (value: number | undefined) => (value === 0 ? Number.POSITIVE_INFINITY : value);

/** A quantity of bytes: 64Mi, 1G. */
function parseSize(text: string): number {
  const bytes = wholeValueOf(text);
  if (bytes < 0) throw new ValueError('must not be negative');
  return bytes;
}

function schedulerSettings(text: string | undefined): SchedulerConfig | undefined {
  if (text === undefined) return undefined;
  const config = loadSchedulerConfig(text);
  checkSchedulerConfig(config);
  return config;
}

function apiServerSettings(read: FlagReader): ApiServerSettings {
  const featureGates = read.text('feature-gates', parseFeatureGates) ?? {};
  const runtimeConfig = read.text('runtime-config') ?? '';
  const definitions = read.check(() => definitionsOf(runtimeConfig, featureGates)) ?? [];
  const requestTimeoutMs = read.duration('request-timeout');
  const settings = {
    definitions,
    featureGates,
    advertiseAddress: read.text('advertise-address', parseIp),
    anonymous: read.bool('anonymous-auth'),
    audiences: read.list('api-audiences'),
    authorizationModes: read.check(() => authorizationModes(read.list('authorization-mode'))),
    bindAddress: read.text('bind-address', parseIp),
    clientCa: read.file('client-ca-file'),
    disableAdmissionPlugins: read.list('disable-admission-plugins'),
    enableAdmissionPlugins: read.list('enable-admission-plugins'),
    etcdServers: etcdServers(read),
    etcdCompactionIntervalMs: read.duration('etcd-compaction-interval'),
    eventTtlSeconds: seconds(read.duration('event-ttl')),
    maxMutatingRequestsInFlight: read.integer('max-mutating-requests-inflight'),
    maxRequestsInFlight: read.integer('max-requests-inflight'),
    minRequestTimeoutSeconds: read.integer('min-request-timeout'),
    requestTimeoutMs,
    issuer: read.text('service-account-issuer'),
    serviceCidrs: read.check(() => serviceCidrs(read.list('service-cluster-ip-range'))),
    nodePortRange: read.text('service-node-port-range', parsePortRange),
    storageMediaType: read.check(() => storageMediaType(read.text('storage-media-type'))),
    serving: read.check(() => serving(read.file('tls-cert-file'), read.file('tls-private-key-file'))),
    staticTokens: read.check(() => {
      const text = read.file('token-auth-file');
      return text === undefined ? undefined : parseTokenFile(text, read.text('token-auth-file'));
    }),
  };
  for (const [name, value] of [
    ['max-requests-inflight', settings.maxRequestsInFlight],
    ['max-mutating-requests-inflight', settings.maxMutatingRequestsInFlight],
    ['request-timeout', requestTimeoutMs],
    ['min-request-timeout', settings.minRequestTimeoutSeconds],
  ] as const) {
    if (value !== undefined && value < 0) read.problem(`--${name} can not be negative value`);
  }
  read.check(() =>
    checkAdmissionPluginNames({ enable: settings.enableAdmissionPlugins, disable: settings.disableAdmissionPlugins }),
  );
  return defined(settings) as ApiServerSettings;
}

function etcdServers(read: FlagReader): EtcdServersSettings | undefined {
  const endpoints = read.list('etcd-servers');
  for (const name of ['etcd-cafile', 'etcd-certfile', 'etcd-keyfile']) read.file(name);
  const [caFile, certFile, keyFile, prefix] = ['etcd-cafile', 'etcd-certfile', 'etcd-keyfile', 'etcd-prefix'].map(
    (name) => read.text(name),
  );
  if ((certFile === undefined) !== (keyFile === undefined)) {
    read.problem('--etcd-certfile and --etcd-keyfile must be given together');
  }
  if (!endpoints) {
    if (caFile ?? certFile ?? keyFile ?? prefix) {
      read.problem('--etcd-cafile, --etcd-certfile, --etcd-keyfile and --etcd-prefix belong to --etcd-servers');
    }
    return undefined;
  }
  for (const endpoint of endpoints) {
    const url = URL.parse(endpoint);
    if (url?.protocol !== 'https:' && url?.protocol !== 'http:') {
      read.problem(`--etcd-servers: ${JSON.stringify(endpoint)} must be a URL, like https://10.0.0.1:2379`);
    }
  }
  return { endpoints, ...defined({ caFile, certFile, keyFile, prefix }) };
}

function controllerSettings(read: FlagReader): Partial<ControllerSettings> {
  return defined({
    clusterCidrs: read.check(() => clusterCidrs(read.list('cluster-cidr'))),
    clusterSigningDurationMs: read.duration('cluster-signing-duration'),
    legacyTokenCleanUpMs: read.duration('legacy-service-account-token-clean-up-period'),
    largeClusterSizeThreshold: read.integer('large-cluster-size-threshold'),
    maxEndpointsPerSlice: read.integer('max-endpoints-per-slice'),
    nodeCidrMaskSizeIPv4: read.integer('node-cidr-mask-size-ipv4'),
    nodeCidrMaskSizeIPv6: read.integer('node-cidr-mask-size-ipv6'),
    nodeEvictionRate: read.number('node-eviction-rate'),
    nodeMonitorGracePeriodMs: read.duration('node-monitor-grace-period'),
    nodeMonitorPeriodMs: read.duration('node-monitor-period'),
    nodeStartupGracePeriodMs: read.duration('node-startup-grace-period'),
    secondaryNodeEvictionRate: read.number('secondary-node-eviction-rate'),
    terminatedPodGCThreshold: read.integer('terminated-pod-gc-threshold'),
    unhealthyZoneThreshold: read.number('unhealthy-zone-threshold'),
  });
}

/** A value that a flag cannot have. */
class ValueError extends Error {}

/** Reads values and gathers what is wrong with them, so that a user sees all of it at once. */
class FlagReader {
  readonly #flags: FlagValues;
  readonly #problems = new Set<string>();

  constructor(flags: FlagValues) {
    this.#flags = flags;
    const known = new Set(componentFlags.map(({ name }) => name));
    for (const name of Object.keys(flags)) if (!known.has(name)) this.problem(`unknown flag: --${name}`);
  }

  problem(text: string): void {
    this.#problems.add(text);
  }

  /** The result, or undefined when `work` finds what it is given wrong. */
  check<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!isOptionError(error)) throw error;
      this.problem((error as Error).message);
      return undefined;
    }
  }

  text(name: string): string | undefined;
  text<T>(name: string, parse: (text: string) => T): T | undefined;
  text<T>(name: string, parse?: (text: string) => T): T | string | undefined {
    const text = this.#flags[name];
    // An empty value is the default again.
    if (text === undefined || text === '') return undefined;
    if (!parse) return text;
    try {
      return parse(text);
    } catch (error) {
      if (!isOptionError(error)) throw error;
      this.problem(`invalid argument ${JSON.stringify(text)} for "--${name}" flag: ${(error as Error).message}`);
      return undefined;
    }
  }

  list(name: string): string[] | undefined {
    return this.text(name)
      ?.split(',')
      .map((item) => item.trim());
  }

  bool(name: string): boolean | undefined {
    return this.text(name, (text) => {
      const value = parseGoBool(text);
      if (value === undefined) throw notParsed('ParseBool', text);
      return value;
    });
  }

  integer(name: string): number | undefined {
    return this.text(name, (text) => {
      if (!/^[-+]?\d+$/.test(text)) throw notParsed('ParseInt', text);
      return Number(text);
    });
  }

  number(name: string): number | undefined {
    return this.text(name, (text) => {
      const value = Number(text);
      if (text.trim() === '' || Number.isNaN(value)) throw notParsed('ParseFloat', text);
      return value;
    });
  }

  /** In ms. */
  duration(name: string): number | undefined {
    return this.text(name, parseDuration);
  }

  /** The file's text. */
  file(name: string): string | undefined {
    const path = this.text(name);
    return path === undefined ? undefined : this.check(() => readText(path));
  }

  finish(): void {
    const all = [...this.#problems];
    if (all.length > 0) throw new ClusterError('InvalidOption', all.length === 1 ? all[0]! : `[${all.join(', ')}]`);
  }
}

function isOptionError(error: unknown): boolean {
  return (
    error instanceof ValueError ||
    error instanceof FormatError ||
    error instanceof FeatureGateError ||
    error instanceof RuntimeConfigError ||
    error instanceof AdmissionOptionsError ||
    error instanceof TokenFileError ||
    error instanceof SchedulerConfigError ||
    error instanceof EvictionFlagError ||
    error instanceof ClusterError
  );
}

const notParsed = (how: string, text: string) =>
  new ValueError(`strconv.${how}: parsing ${JSON.stringify(text)}: invalid syntax`);

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'no such file or directory' : code === 'EACCES' ? 'permission denied' : code;
    throw new ValueError(`open ${path}: ${why}`);
  }
}

function definitionsOf(runtimeConfig: string, featureGates: Readonly<Record<string, boolean>>) {
  if (/^api\/all=false$/.test(runtimeConfig.trim())) {
    throw new ValueError('invalid runtime-config with only api/all=false');
  }
  return resourcesFor({ runtimeConfig, featureGates });
}

function parseIp(text: string): string {
  if (isIP(text.trim()) === 0) throw new ValueError(`failed to parse IP: ${JSON.stringify(text)}`);
  return text.trim();
}

/** `a-b`, `a+n` or one port, as `a-b`. Upstream: apimachinery/pkg/util/net/port_range.go. */
function parsePortRange(text: string): string {
  const match = /^([^-+]*)(?:([-+])([^-+]*))?$/.exec(text.trim());
  if (!match) throw new ValueError(`unable to parse port range: ${text}`);
  const [, from = '', sign, rest = ''] = match;
  const numberOf = (word: string): number => {
    if (!/^\d+$/.test(word)) throw notParsed('Atoi', word);
    return Number(word);
  };
  const low = numberOf(from);
  const high = sign === undefined ? low : sign === '-' ? numberOf(rest) : low + numberOf(rest);
  if (low > 65_535 || high > 65_535) {
    throw new ValueError(`the port range cannot be greater than 65535: ${text}`);
  }
  if (high < low) throw new ValueError(`end port cannot be less than start port: ${text}`);
  return `${low}-${high}`;
}

function authorizationModes(modes: readonly string[] | undefined): readonly AuthorizationMode[] | undefined {
  if (modes === undefined) return undefined;
  for (const mode of modes) {
    if (mode === 'ABAC') throw new ValueError("authorization-mode ABAC's authorization policy file not passed");
    if (mode === 'Webhook') throw new ValueError("authorization-mode Webhook's authorization config file not passed");
    if (!isAuthorizationMode(mode)) {
      throw new ValueError(`authorization-mode ${JSON.stringify(mode)} is not a valid mode`);
    }
  }
  if (new Set(modes).size !== modes.length) {
    const quoted = modes.map((mode) => JSON.stringify(mode)).join(' ');
    throw new ValueError(`authorization-mode [${quoted}] has mode specified more than once`);
  }
  return modes as AuthorizationMode[];
}

function serviceCidrs(cidrs: readonly string[] | undefined): readonly string[] | undefined {
  if (cidrs === undefined) return undefined;
  const families = cidrs.map((cidr, i) => {
    const [address = '', bits = ''] = cidr.split('/');
    const family = isIP(address);
    const width = family === 6 ? 128 : 32;
    if (family === 0 || !/^\d+$/.test(bits) || Number(bits) > width) {
      throw new ValueError(`service-cluster-ip-range[${i}] is not ${i === 0 ? 'a valid cidr' : 'an ip net'}`);
    }
    // The service "kubernetes" has the first address; a range must hold some more.
    if (width - Number(bits) < 3) {
      throw new ValueError(
        `error determining service IP ranges for primary service cidr: the service cluster IP range must be at least 8 IP addresses`,
      );
    }
    return family;
  });
  if (cidrs.length > 2) throw new ValueError('--service-cluster-ip-range must not contain more than two entries');
  if (cidrs.length === 2 && families[0] === families[1]) {
    throw new ValueError(
      '--service-cluster-ip-range[0] and --service-cluster-ip-range[1] must be of different IP family',
    );
  }
  return cidrs;
}

/** Upstream: cmd/kube-controller-manager/app/core.go (startNodeIpamController). */
function clusterCidrs(cidrs: readonly string[] | undefined): readonly string[] | undefined {
  if (cidrs === undefined) return undefined;
  const families = cidrs.map((cidr) => {
    const [address = '', bits = ''] = cidr.split('/');
    const family = isIP(address);
    if (family === 0 || !/^\d+$/.test(bits) || Number(bits) > (family === 6 ? 128 : 32)) {
      throw new ValueError(`invalid CIDR address: ${cidr}`);
    }
    return family;
  });
  if (cidrs.length > 2) throw new ValueError(`length of clusterCIDRs is:${cidrs.length} more than max allowed of 2`);
  if (cidrs.length === 2 && families[0] === families[1]) {
    throw new ValueError(
      `len of ClusterCIDRs==${cidrs.length} and they are not configured as dual stack (at least one from each IPFamily`,
    );
  }
  return cidrs;
}

function storageMediaType(type: string | undefined): ApiServerSettings['storageMediaType'] {
  const allowed = ['application/json', 'application/vnd.kubernetes.protobuf'] as const;
  if (type === undefined) return undefined;
  const found = allowed.find((each) => each === type);
  if (!found) {
    throw new ValueError(`--storage-media-type ${JSON.stringify(type)} invalid, allowed values: ${allowed.join(', ')}`);
  }
  return found;
}

function serving(cert: string | undefined, key: string | undefined): ApiServerSettings['serving'] {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    throw new ValueError('--tls-cert-file and --tls-private-key-file must be specified together');
  }
  return { cert, key };
}

const seconds = (ms: number | undefined) => (ms === undefined ? undefined : Math.ceil(ms / 1000));

/** Without what is undefined. */
function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}

/** Of what the filters and admission are made with. */
export function apiServerPartsOptions(settings: ApiServerSettings): Partial<ServerPartsOptions> {
  const { anonymous, audiences, authorizationModes, disableAdmissionPlugins, enableAdmissionPlugins } = settings;
  const { issuer, maxMutatingRequestsInFlight, maxRequestsInFlight, nodePortRange, requestTimeoutMs } = settings;
  const limited = maxRequestsInFlight !== undefined || maxMutatingRequestsInFlight !== undefined;
  return defined({
    anonymous,
    audiences,
    authorizationModes,
    disableAdmissionPlugins,
    enableAdmissionPlugins,
    impersonation: { constrained: featureEnabled('ConstrainedImpersonation', settings.featureGates) },
    issuer,
    maxInFlight: limited
      ? { reading: maxRequestsInFlight ?? 0, mutating: maxMutatingRequestsInFlight ?? 0 }
      : undefined,
    nodePortRange,
    requestTimeoutMs,
    staticTokens: settings.staticTokens,
  });
}

/** Of what storage and watches are made with. */
export function apiServerOptions(settings: ApiServerSettings): Partial<ApiServerOptions> {
  const { etcdCompactionIntervalMs, eventTtlSeconds, minRequestTimeoutSeconds, storageMediaType } = settings;
  const compaction = etcdCompactionIntervalMs === undefined ? undefined : { intervalMs: etcdCompactionIntervalMs };
  return defined({ eventTtlSeconds, minRequestTimeoutSeconds, storageMediaType, compaction });
}
