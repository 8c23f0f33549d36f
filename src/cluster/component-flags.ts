/**
 * Flags of kube-apiserver, kube-controller-manager, kube-scheduler and kubelet that a cluster takes, under upstream's names.
 * Loaded by the CLI: only their names and kinds; what their values mean is in component-settings.ts.
 */
import { resolve } from 'node:path';
import { ClusterError } from './errors.ts';

export type Component =
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-scheduler'
  | 'etcd'
  | 'kubelet'
  | 'all components'
  | 'klab';

export interface ComponentFlag {
  readonly name: string;
  readonly component: Component;
  /** `file`: a path, made absolute by whoever reads the command line. `bool`: may stand without a value. */
  readonly kind: 'text' | 'bool' | 'file';
  readonly summary: string;
}

type Row = readonly [name: string, summary: string, kind?: 'bool' | 'file'];

const table: Readonly<Record<Component, readonly Row[]>> = {
  'kube-apiserver': [
    ['advertise-address', 'address in the endpoints of the service "kubernetes"'],
    ['anonymous-auth', 'let requests without credentials be system:anonymous (default true)', 'bool'],
    ['api-audiences', 'audiences of service account tokens (default: the issuer)'],
    ['authorization-mode', 'Node, RBAC, AlwaysAllow, AlwaysDeny, in order (default Node,RBAC)'],
    ['bind-address', 'address to listen on (default 127.0.0.1)'],
    ['client-ca-file', 'more CAs whose client certificates are taken (PEM)', 'file'],
    ['disable-admission-plugins', 'admission plugins not to run'],
    ['enable-admission-plugins', 'admission plugins to run besides those on by default'],
    ['etcd-cafile', "CA of the etcd servers' certificates (PEM)", 'file'],
    ['etcd-certfile', 'client certificate for the etcd servers (PEM)', 'file'],
    ['etcd-compaction-interval', 'how often the store is compacted (default 5m0s; 0: never)'],
    ['etcd-keyfile', 'key of the client certificate (PEM)', 'file'],
    ['etcd-prefix', 'where objects lie in the etcd of --etcd-servers (default /registry)'],
    ['etcd-servers', "URLs of a real etcd to run on, in place of klab's own"],
    ['event-ttl', 'how long events are kept (default 1h0m0s)'],
    ['max-mutating-requests-inflight', 'mutating requests served at once (default: no limit)'],
    ['max-requests-inflight', 'reading requests served at once (default: no limit)'],
    ['min-request-timeout', 'seconds a watch lasts at least (default 1800)'],
    ['request-timeout', 'how long a request may take (default 1m0s)'],
    ['runtime-config', 'APIs to serve or not: api/beta=true, batch/v1/cronjobs=false, …'],
    ['service-account-issuer', 'issuer of service account tokens'],
    ['service-cluster-ip-range', 'CIDR of cluster IPs, two for dual stack (default 10.96.0.0/16)'],
    ['service-node-port-range', 'ports of NodePort services (default 30000-32767)'],
    ['storage-media-type', 'how objects are stored: application/json (default), …/vnd.kubernetes.protobuf'],
    ['tls-cert-file', 'serving certificate (PEM)', 'file'],
    ['tls-private-key-file', 'key of the serving certificate (PEM)', 'file'],
    ['token-auth-file', 'users by static token (CSV)', 'file'],
  ],
  'kube-controller-manager': [
    [
      'cluster-cidr',
      'CIDR of pod addresses, two for dual stack (default 10.244.0.0/16, with more than 240 nodes 10.128.0.0/9)',
    ],
    ['cluster-signing-duration', 'longest life of a signed certificate (default 8760h0m0s)'],
    ['large-cluster-size-threshold', 'nodes from which on evictions are not stopped (default 50)'],
    ['legacy-service-account-token-clean-up-period', 'idle time after which old token Secrets go (default 8760h0m0s)'],
    ['max-endpoints-per-slice', 'endpoints of one EndpointSlice (default 100)'],
    ['node-cidr-mask-size-ipv4', 'size of the part of the pod CIDR that a node gets (default 24)'],
    ['node-cidr-mask-size-ipv6', 'the same for IPv6 (default 64)'],
    ['node-eviction-rate', 'nodes a second whose pods are evicted when they fail (default 0.1)'],
    ['node-monitor-grace-period', 'silence after which a node is not Ready (default 50s)'],
    ['node-monitor-period', 'how often nodes are looked at (default 5s)'],
    ['node-startup-grace-period', 'the same for starting nodes (default 1m0s)'],
    ['secondary-node-eviction-rate', 'node eviction rate of failing zones (default 0.01)'],
    ['terminated-pod-gc-threshold', 'terminated pods that may stay (default 12500)'],
    ['unhealthy-zone-threshold', 'share of failing nodes that makes a zone unhealthy (default 0.55)'],
  ],
  'kube-scheduler': [
    ['config', 'file with a KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1), or a Policy of old', 'file'],
    ['scheduler-config', 'the same', 'file'],
  ],
  etcd: [
    ['auto-tls', "the clients' TLS uses certificates of klab's own; clients need none", 'bool'],
    ['cert-file', "the members' serving certificate (PEM)", 'file'],
    [
      'client-cert-auth',
      'clients must show a certificate (default true; false with --cert-file or --auto-tls)',
      'bool',
    ],
    ['key-file', "key of the members' serving certificate (PEM)", 'file'],
    ['trusted-ca-file', "CA of clients' certificates, besides klab's own (PEM)", 'file'],
  ],
  kubelet: [
    ['eviction-hard', 'when pods are evicted at once (default memory.available<100Mi,nodefs.available<10%,…)'],
    ['eviction-soft', 'when pods are evicted after a grace period (default none): memory.available<1Gi'],
    ['eviction-soft-grace-period', 'how long: memory.available=1m30s'],
    ['eviction-max-pod-grace-period', 'seconds a pod has to stop at a soft threshold (default 0)'],
    ['eviction-minimum-reclaim', 'how much more than the threshold to win back: memory.available=500Mi'],
    ['eviction-pressure-transition-period', 'how long a pressure condition stays (default 5m0s)'],
  ],
  klab: [
    ['decision-history-age', 'how long scheduling decisions are kept (default 0s: no bound)'],
    ['history-age', "how long etcd's past revisions are kept, e.g. 72h (default 0s: no bound)"],
    ['history-size', "size of the database from which on etcd's oldest history goes (default 1Gi; 0: no bound)"],
    ['decision-history-size', 'bytes of scheduling decisions kept, oldest out first (default 256Mi; 0: no bound)'],
  ],
  'all components': [['feature-gates', 'features to turn on or off: AllAlpha=true, StorageVersionMigrator=true, …']],
};

export const componentFlags: readonly ComponentFlag[] = (Object.keys(table) as Component[]).flatMap((component) =>
  table[component].map(([name, summary, kind = 'text']: readonly [string, string, ComponentFlag['kind']?]) => ({
    name,
    component,
    kind,
    summary,
  })),
);

/** Flags by name, each value as it stands on a command line. */
export type FlagValues = Readonly<Record<string, string>>;

const byName: ReadonlyMap<string, ComponentFlag> = new Map(componentFlags.map((flag) => [flag.name, flag]));

/**
 * Reads `--name=value`, `--name value` and, for bools, `--name`. Paths become absolute.
 * @throws ClusterError `InvalidOption` in the words of upstream's flag library.
 */
export function parseComponentFlags(words: readonly string[], cwd: string): Record<string, string> {
  const values: Record<string, string> = {};
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (!word.startsWith('--') || word === '--') {
      throw new ClusterError('InvalidOption', `unknown command line argument ${JSON.stringify(word)}`);
    }
    const equals = word.indexOf('=');
    const name = word.slice(2, equals < 0 ? undefined : equals);
    const flag = byName.get(name);
    if (!flag) throw new ClusterError('InvalidOption', `unknown flag: --${name}`);
    let value = equals < 0 ? undefined : word.slice(equals + 1);
    if (value === undefined && flag.kind === 'bool') value = 'true';
    if (value === undefined) {
      value = words[++i];
      if (value === undefined) throw new ClusterError('InvalidOption', `flag needs an argument: --${name}`);
    }
    add(values, flag, value, cwd);
  }
  return values;
}

/** A flag given more than once is one list, as upstream's lists and maps are. */
function add(values: Record<string, string>, flag: ComponentFlag, value: string, cwd: string): void {
  const text = flag.kind === 'file' && value !== '' ? resolve(cwd, value) : value;
  const before = values[flag.name];
  values[flag.name] = before === undefined || !repeatableFlags.has(flag.name) ? text : `${before},${text}`;
}

/** Lists and maps: given more than once, they are joined. */
export const repeatableFlags: ReadonlySet<string> = new Set([
  'api-audiences',
  'authorization-mode',
  'disable-admission-plugins',
  'eviction-hard',
  'eviction-minimum-reclaim',
  'eviction-soft',
  'eviction-soft-grace-period',
  'enable-admission-plugins',
  'etcd-servers',
  'feature-gates',
  'runtime-config',
]);
