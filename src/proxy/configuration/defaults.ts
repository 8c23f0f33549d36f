/** KubeProxyConfiguration v1alpha1 and its defaults. Upstream: kube-proxy/config/v1alpha1, apis/config/v1alpha1/defaults.go (1.36). */
import { parseDuration } from '../../apimachinery/index.ts';

export const proxyConfigApiVersion = 'kubeproxy.config.k8s.io/v1alpha1';
export const proxyConfigKind = 'KubeProxyConfiguration';

/** What a field takes. Durations are Go's: `30s`. */
export type FieldKind = 'string' | 'strings' | 'integer' | 'number' | 'boolean' | 'duration' | 'any';

export type FieldKinds = { readonly [field: string]: FieldKind | FieldKinds };

/** Every field that the version has; what is not here is unknown. */
export const proxyConfigFields = {
  apiVersion: 'string',
  kind: 'string',
  featureGates: 'any',
  clientConnection: {
    kubeconfig: 'string',
    acceptContentTypes: 'string',
    contentType: 'string',
    qps: 'number',
    burst: 'integer',
  },
  logging: 'any',
  hostnameOverride: 'string',
  bindAddress: 'string',
  healthzBindAddress: 'string',
  metricsBindAddress: 'string',
  bindAddressHardFail: 'boolean',
  enableProfiling: 'boolean',
  showHiddenMetricsForVersion: 'string',
  mode: 'string',
  iptables: {
    masqueradeBit: 'integer',
    masqueradeAll: 'boolean',
    localhostNodePorts: 'boolean',
    syncPeriod: 'duration',
    minSyncPeriod: 'duration',
  },
  ipvs: {
    syncPeriod: 'duration',
    minSyncPeriod: 'duration',
    scheduler: 'string',
    excludeCIDRs: 'strings',
    strictARP: 'boolean',
    tcpTimeout: 'duration',
    tcpFinTimeout: 'duration',
    udpTimeout: 'duration',
  },
  nftables: {
    masqueradeBit: 'integer',
    masqueradeAll: 'boolean',
    syncPeriod: 'duration',
    minSyncPeriod: 'duration',
  },
  winkernel: {
    networkName: 'string',
    sourceVip: 'string',
    enableDSR: 'boolean',
    rootHnsEndpointName: 'string',
    forwardHealthCheckVip: 'boolean',
  },
  detectLocalMode: 'string',
  detectLocal: { bridgeInterface: 'string', interfaceNamePrefix: 'string' },
  clusterCIDR: 'string',
  nodePortAddresses: 'strings',
  oomScoreAdj: 'integer',
  conntrack: {
    maxPerCore: 'integer',
    min: 'integer',
    tcpEstablishedTimeout: 'duration',
    tcpCloseWaitTimeout: 'duration',
    tcpBeLiberal: 'boolean',
    udpTimeout: 'duration',
    udpStreamTimeout: 'duration',
  },
  configSyncPeriod: 'duration',
  portRange: 'string',
  windowsRunAsService: 'boolean',
} as const satisfies FieldKinds;

type Value<K> = K extends 'string' | 'duration'
  ? string
  : K extends 'strings'
    ? readonly string[]
    : K extends 'integer' | 'number'
      ? number
      : K extends 'boolean'
        ? boolean
        : K extends 'any'
          ? unknown
          : { readonly [F in keyof K]?: Value<K[F]> };

/** A configuration as a file has it: every field may be missing. */
export type KubeProxyConfiguration = Value<typeof proxyConfigFields>;

/** Of those fields whose absence does not mean empty, zero or false. */
export const proxyConfigDefaults = {
  bindAddress: '0.0.0.0',
  oomScoreAdj: -999,
  masqueradeBit: 14,
  syncPeriod: '30s',
  /** Of iptables and nftables; ipvs has none. */
  minSyncPeriod: '1s',
  configSyncPeriod: '15m',
  conntrack: { maxPerCore: 32_768, min: 131_072, tcpEstablishedTimeout: '24h', tcpCloseWaitTimeout: '1h' },
} as const;

/** Zero is as good as nothing, as in a Go field. */
export const durationOr = (text: string | undefined, fallback: string): string =>
  text === undefined || parseDuration(text) === 0 ? fallback : text;

export interface Periods {
  readonly sync: string;
  readonly minSync: string;
}

/** Of the mode's own section. */
export function periodsOf(config: KubeProxyConfiguration): Periods {
  const { mode } = config;
  const section = (mode === 'ipvs' ? config.ipvs : mode === 'nftables' ? config.nftables : config.iptables) ?? {};
  return {
    sync: durationOr(section.syncPeriod, proxyConfigDefaults.syncPeriod),
    minSync: durationOr(section.minSyncPeriod, mode === 'ipvs' ? '0s' : proxyConfigDefaults.minSyncPeriod),
  };
}
