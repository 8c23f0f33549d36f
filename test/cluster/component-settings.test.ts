import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { builtinResources } from '../../src/api/index.ts';
import { componentSettings } from '../../src/cluster/component-settings.ts';
import { parseComponentFlags } from '../../src/cluster/index.ts';

const apiServer = (flags: Record<string, string>) => componentSettings(flags).apiServer;
const served = (flags: Record<string, string>) =>
  apiServer(flags).definitions.map(({ group, version, plural }) => `${group}/${version}/${plural}`);

describe('flags on the command line', () => {
  it('are read with = or a space, bools alone, lists joined, paths made absolute', () => {
    const words = [
      '--runtime-config',
      'api/beta=true',
      '--anonymous-auth',
      '--event-ttl=5m',
      '--runtime-config=v1=true',
    ];
    expect(parseComponentFlags([...words, '--token-auth-file', 'tokens.csv'], '/home/jane')).toEqual({
      'anonymous-auth': 'true',
      'event-ttl': '5m',
      'runtime-config': 'api/beta=true,v1=true',
      'token-auth-file': join('/home/jane', 'tokens.csv'),
    });
  });

  it.each([
    [['--no-such-flag=1'], 'unknown flag: --no-such-flag'],
    [['--event-ttl'], 'flag needs an argument: --event-ttl'],
    [['apply'], 'unknown command line argument "apply"'],
  ])('%j is refused as upstream does', (words, message) => {
    expect(() => parseComponentFlags(words, '/')).toThrow(message);
  });
});

describe('values', () => {
  it('without flags everything is as it always was', () => {
    const settings = componentSettings();
    expect(settings.apiServer.definitions).toBe(builtinResources);
    expect(settings.controllers).toEqual({});
  });

  it('become what the components take; an empty one is the default', () => {
    expect(
      apiServer({
        'anonymous-auth': 'false',
        'authorization-mode': 'Node,RBAC',
        'event-ttl': '90m',
        'max-requests-inflight': '400',
        'request-timeout': '30s',
        'service-cluster-ip-range': '10.0.0.0/16,fd00::/108',
        'service-node-port-range': '31000+99',
        'storage-media-type': 'application/vnd.kubernetes.protobuf',
        'bind-address': '',
      }),
    ).toMatchObject({
      anonymous: false,
      authorizationModes: ['Node', 'RBAC'],
      eventTtlSeconds: 5400,
      maxRequestsInFlight: 400,
      requestTimeoutMs: 30_000,
      serviceCidrs: ['10.0.0.0/16', 'fd00::/108'],
      nodePortRange: '31000-31099',
      storageMediaType: 'application/vnd.kubernetes.protobuf',
    });
    expect(apiServer({ 'bind-address': '' })).not.toHaveProperty('bindAddress');
    expect(componentSettings({ 'node-monitor-period': '2s', 'cluster-cidr': '10.1.0.0/16' }).controllers).toEqual({
      nodeMonitorPeriodMs: 2000,
      clusterCidrs: ['10.1.0.0/16'],
    });
  });

  it('those about nodes that fall silent reach their controllers under the names of kube-controller-manager', () => {
    const flags = {
      'node-eviction-rate': '0.5',
      'secondary-node-eviction-rate': '0.05',
      'unhealthy-zone-threshold': '0.7',
      'large-cluster-size-threshold': '10',
      'node-monitor-grace-period': '1m10s',
      'node-startup-grace-period': '90s',
      'terminated-pod-gc-threshold': '5',
    };
    expect(componentSettings(flags).controllers).toEqual({
      nodeEvictionRate: 0.5,
      secondaryNodeEvictionRate: 0.05,
      unhealthyZoneThreshold: 0.7,
      largeClusterSizeThreshold: 10,
      nodeMonitorGracePeriodMs: 70_000,
      nodeStartupGracePeriodMs: 90_000,
      terminatedPodGCThreshold: 5,
    });
  });

  it('runtime-config and feature-gates say which APIs are served', () => {
    expect(served({})).not.toContain('storagemigration.k8s.io/v1beta1/storageversionmigrations');
    const beta = served({ 'runtime-config': 'api/beta=true', 'feature-gates': 'StorageVersionMigrator=true' });
    expect(beta).toContain('storagemigration.k8s.io/v1beta1/storageversionmigrations');
    expect(served({ 'runtime-config': 'batch/v1/cronjobs=false' })).not.toContain('batch/v1/cronjobs');
  });

  it('files are read', () => {
    const dir = mkdtempSync(join(tmpdir(), 'klab-flags-'));
    try {
      const file = join(dir, 'tokens.csv');
      writeFileSync(file, 'abc,jane,uid-1,"dev,ops"\n');
      expect(apiServer({ 'token-auth-file': file }).staticTokens?.get('abc')).toEqual({
        name: 'jane',
        uid: 'uid-1',
        groups: ['dev', 'ops'],
      });
      writeFileSync(file, 'abc,jane\n');
      expect(() => apiServer({ 'token-auth-file': file })).toThrow(
        `token file '${file}' must have at least 3 columns (token, user name, user uid), found 2`,
      );
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it.each([
    [
      'anonymous-auth',
      'maybe',
      'invalid argument "maybe" for "--anonymous-auth" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
    ['authorization-mode', 'Node,Nope', 'authorization-mode "Nope" is not a valid mode'],
    ['authorization-mode', 'RBAC,RBAC', 'authorization-mode ["RBAC" "RBAC"] has mode specified more than once'],
    ['authorization-mode', 'Webhook', "authorization-mode Webhook's authorization config file not passed"],
    [
      'bind-address',
      'localhost',
      'invalid argument "localhost" for "--bind-address" flag: failed to parse IP: "localhost"',
    ],
    ['client-ca-file', '/no/such/file', 'open /no/such/file: no such file or directory'],
    ['disable-admission-plugins', 'Nope', 'disable-admission-plugins plugin "Nope" is unknown'],
    ['enable-admission-plugins', 'Nope', 'enable-admission-plugins plugin "Nope" is unknown'],
    ['event-ttl', '5', 'invalid argument "5" for "--event-ttl" flag: time: missing unit in duration "5"'],
    [
      'feature-gates',
      'Nope=true',
      'invalid argument "Nope=true" for "--feature-gates" flag: unrecognized feature gate: Nope',
    ],
    [
      'feature-gates',
      'AllAlpha',
      'invalid argument "AllAlpha" for "--feature-gates" flag: missing bool value for AllAlpha',
    ],
    [
      'feature-gates',
      'SidecarContainers=false',
      'cannot set feature gate SidecarContainers to false, feature is locked to true',
    ],
    ['max-requests-inflight', '-1', '--max-requests-inflight can not be negative value'],
    [
      'max-requests-inflight',
      'x',
      'invalid argument "x" for "--max-requests-inflight" flag: strconv.ParseInt: parsing "x": invalid syntax',
    ],
    ['runtime-config', 'api/all=false', 'invalid runtime-config with only api/all=false'],
    ['runtime-config', 'nope.example.com/v1=true', 'unknown api groups nope.example.com/v1'],
    ['service-cluster-ip-range', '10.96.0.0', 'service-cluster-ip-range[0] is not a valid cidr'],
    [
      'service-cluster-ip-range',
      '10.96.0.0/16,10.97.0.0/16',
      '--service-cluster-ip-range[0] and --service-cluster-ip-range[1] must be of different IP family',
    ],
    ['service-node-port-range', '30000-', 'strconv.Atoi: parsing "": invalid syntax'],
    ['service-node-port-range', '32000-31000', 'end port cannot be less than start port: 32000-31000'],
    [
      'storage-media-type',
      'text/plain',
      '--storage-media-type "text/plain" invalid, allowed values: application/json, application/vnd.kubernetes.protobuf',
    ],
    ['tls-cert-file', '/dev/null', '--tls-cert-file and --tls-private-key-file must be specified together'],
    ['no-such-flag', '1', 'unknown flag: --no-such-flag'],
  ])('--%s=%s is refused in upstream’s words', (name, value, message) => {
    expect(() => componentSettings({ [name]: value })).toThrow(message);
  });

  it('all that is wrong is said at once', () => {
    expect(() => componentSettings({ 'event-ttl': 'x', 'authorization-mode': 'Nope' })).toThrow(
      '[authorization-mode "Nope" is not a valid mode, invalid argument "x" for "--event-ttl" flag: time: invalid duration "x"]',
    );
  });
});

describe('eviction flags of the kubelet', () => {
  it('become the thresholds of every node', () => {
    const { eviction } = componentSettings({
      'eviction-hard': 'memory.available<200Mi',
      'eviction-pressure-transition-period': '30s',
      'eviction-max-pod-grace-period': '15',
    });
    expect(eviction.thresholds.map(({ signal, value }) => `${signal}<${value}`)).toEqual([
      'memory.available<200Mi',
      'allocatableMemory.available<200Mi',
    ]);
    expect(eviction).toMatchObject({ transitionPeriodMs: 30_000, maxPodGraceSeconds: 15 });
  });

  it('that are wrong are refused in the words of upstream', () => {
    expect(() => componentSettings({ 'eviction-hard': 'memory.free<1Gi' })).toThrow(
      'unsupported eviction signal memory.free',
    );
  });
});
