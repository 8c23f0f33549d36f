/** What kube-proxy refuses to start with. Upstream: pkg/proxy/apis/config/validation/validation.go (1.36). */
import { FieldErrorList, FieldPath, fieldErrorMessage, parseDuration } from '../../apimachinery/index.ts';
import { isIp, parseCidr } from '../../net/index.ts';
import { durationOr, type KubeProxyConfiguration, type Periods, periodsOf, proxyConfigDefaults } from './defaults.ts';

const modes = ['iptables', 'ipvs', 'nftables'];
const localModes = ['ClusterCIDR', 'NodeCIDR', 'BridgeInterface', 'InterfaceNamePrefix', ''];

/** @returns messages as upstream writes them: `KubeProxyConfiguration.Mode.ProxyMode: Invalid value: …`. */
export function validateProxyConfiguration(config: KubeProxyConfiguration): string[] {
  const errors = new FieldErrorList();
  const root = FieldPath.root('KubeProxyConfiguration');
  const mode = config.mode ?? '';

  bit(errors, root.child('KubeProxyIPTablesConfiguration', 'MasqueradeBit'), config.iptables?.masqueradeBit);
  if (mode === 'ipvs') ipvsSection(errors, root.child('KubeProxyIPVSConfiguration'), config.ipvs ?? {});
  if (mode === 'nftables') {
    bit(errors, root.child('KubeProxyNFTablesConfiguration', 'MasqueradeBit'), config.nftables?.masqueradeBit);
  }
  linuxSection(errors, root.child('KubeProxyLinuxConfiguration'), config);
  if (mode !== '' && !modes.includes(mode)) {
    errors.invalid(
      root.child('Mode', 'ProxyMode'),
      mode,
      `must be ${modes.join(', ')} or blank (blank means the best-available proxy [currently iptables])`,
    );
  }
  const { burst } = config.clientConnection ?? {};
  if (burst !== undefined && burst < 0) {
    errors.invalid(root.child('ClientConnection', 'Burst'), burst, 'must be greater than or equal to 0');
  }
  periods(errors, root, periodsOf(config), config.configSyncPeriod);
  const bindAddress = config.bindAddress || proxyConfigDefaults.bindAddress;
  if (!isIp(bindAddress)) {
    errors.invalid(root.child('BindAddress'), bindAddress, 'not a valid textual representation of an IP address');
  }
  hostPort(errors, root.child('HealthzBindAddress'), config.healthzBindAddress);
  hostPort(errors, root.child('MetricsBindAddress'), config.metricsBindAddress);
  nodePortAddresses(errors, root.child('NodePortAddresses'), config.nodePortAddresses ?? []);
  const detectLocalMode = config.detectLocalMode ?? '';
  if (!localModes.includes(detectLocalMode)) {
    errors.notSupported(root.child('DetectLocalMode'), detectLocalMode, localModes, { inOrder: true });
  }
  detectLocal(errors, root.child('DetectLocalConfiguration'), config);
  return [...new Set(errors.errors.map((error) => `${error.field}: ${fieldErrorMessage(error)}`))];
}

function bit(errors: FieldErrorList, path: FieldPath, value: number | undefined): void {
  if (value !== undefined && (value < 0 || value > 31)) errors.invalid(path, value, 'must be within the range [0, 31]');
}

/** Shown as upstream's Duration marshals. */
function notNegative(errors: FieldErrorList, path: FieldPath, value: number | undefined, shown: unknown = value): void {
  if (value !== undefined && value < 0) errors.invalid(path, shown, 'must be greater than or equal to 0');
}

function timeout(errors: FieldErrorList, path: FieldPath, value: string | undefined): void {
  if (value !== undefined) notNegative(errors, path, parseDuration(value), value);
}

function ipvsSection(errors: FieldErrorList, path: FieldPath, ipvs: NonNullable<KubeProxyConfiguration['ipvs']>): void {
  timeout(errors, path.child('TCPTimeout'), ipvs.tcpTimeout);
  timeout(errors, path.child('TCPFinTimeout'), ipvs.tcpFinTimeout);
  timeout(errors, path.child('UDPTimeout'), ipvs.udpTimeout);
  for (const [i, range] of (ipvs.excludeCIDRs ?? []).entries()) {
    if (!parseCidr(range)) errors.invalid(path.child('ExcludeCidrs').index(i), range, 'must be a valid CIDR');
  }
}

function linuxSection(errors: FieldErrorList, path: FieldPath, config: KubeProxyConfiguration): void {
  const { conntrack = {}, oomScoreAdj } = config;
  const at = path.child('KubeProxyConntrackConfiguration');
  notNegative(errors, at.child('MaxPerCore'), conntrack.maxPerCore);
  notNegative(errors, at.child('Min'), conntrack.min);
  timeout(errors, at.child('TCPEstablishedTimeout'), conntrack.tcpEstablishedTimeout);
  timeout(errors, at.child('TCPCloseWaitTimeout'), conntrack.tcpCloseWaitTimeout);
  timeout(errors, at.child('UDPTimeout'), conntrack.udpTimeout);
  timeout(errors, at.child('UDPStreamTimeout'), conntrack.udpStreamTimeout);
  if (oomScoreAdj !== undefined && (oomScoreAdj < -1000 || oomScoreAdj > 1000)) {
    errors.invalid(path.child('OOMScoreAdj'), oomScoreAdj, 'must be within the range [-1000, 1000]');
  }
}

function periods(
  errors: FieldErrorList,
  root: FieldPath,
  { sync, minSync: min }: Periods,
  configSyncPeriod: string | undefined,
): void {
  const configSync = durationOr(configSyncPeriod, proxyConfigDefaults.configSyncPeriod);
  if (parseDuration(configSync) <= 0)
    errors.invalid(root.child('ConfigSyncPeriod'), configSync, 'must be greater than 0');
  if (parseDuration(sync) <= 0) errors.invalid(root.child('SyncPeriod'), sync, 'must be greater than 0');
  if (parseDuration(min) < 0) errors.invalid(root.child('MinSyncPeriod'), min, 'must be greater than or equal to 0');
  if (parseDuration(min) > parseDuration(sync)) {
    const least = root.child('MinSyncPeriod').toString();
    errors.invalid(root.child('SyncPeriod'), min, `must be greater than or equal to ${least}`);
  }
}

/** An address without a port gets the default one, as upstream's defaults do. */
function hostPort(errors: FieldErrorList, path: FieldPath, text: string | undefined): void {
  if (!text || isIp(text)) return;
  const found = /^(?:\[([^\]]*)\]|([^:]*)):([^:]*)$/.exec(text);
  if (!found) {
    errors.invalid(path, text, 'must be IP:port');
    return;
  }
  const [, six, four, port = ''] = found;
  if (!isIp(six ?? four ?? '')) errors.invalid(path, six ?? four, 'must be a valid IP');
  if (!/^\d+$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
    errors.invalid(path, port, 'must be a valid port');
  }
}

function nodePortAddresses(errors: FieldErrorList, path: FieldPath, ranges: readonly string[]): void {
  for (const [i, range] of ranges.entries()) {
    if (range === 'primary') {
      if (ranges.length !== 1) errors.invalid(path.index(i), range, "can't use both 'primary' and CIDRs");
      return;
    }
    if (!parseCidr(range)) errors.invalid(path.index(i), range, 'must be a valid CIDR');
  }
}

function detectLocal(errors: FieldErrorList, path: FieldPath, config: KubeProxyConfiguration): void {
  const { bridgeInterface = '', interfaceNamePrefix = '' } = config.detectLocal ?? {};
  const named = (name: string, value: string) => {
    if (value === '') errors.invalid(path.child(name), value, 'must not be empty');
  };
  switch (config.detectLocalMode || 'ClusterCIDR') {
    case 'BridgeInterface':
      named('InterfaceName', bridgeInterface);
      break;
    case 'InterfaceNamePrefix':
      named('InterfacePrefix', interfaceNamePrefix);
      break;
    case 'ClusterCIDR':
      if (config.clusterCIDR) clusterCIDRs(errors, path.child('ClusterCIDRs'), config.clusterCIDR.split(','));
  }
}

function clusterCIDRs(errors: FieldErrorList, path: FieldPath, ranges: readonly string[]): void {
  const pair = 'must be a either a single CIDR or dual-stack pair of CIDRs (e.g. [10.100.0.0/16, fde4:8dba:82e1::/48]';
  if (ranges.length > 2) {
    errors.invalid(path, ranges, pair);
    return;
  }
  const families = ranges.map((range) => parseCidr(range)?.family);
  for (const [i, family] of families.entries()) {
    if (family) continue;
    const wanted = 'must be a valid CIDR block (e.g. 10.100.0.0/16 or fde4:8dba:82e1::/48)';
    errors.invalid(path.index(i), ranges[i], wanted);
  }
  if (ranges.length === 2 && families[0] && families[0] === families[1]) errors.invalid(path, ranges, pair);
}
