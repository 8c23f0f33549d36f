/** `klab proxy apply` and `cleanup`: a node's rules in a real kernel, kept as the cluster's Services are. */
import type { KubeObject } from '../../apimachinery/index.ts';
import { Prng, silentLogger, TaskGroup, wallClock } from '../../base/index.ts';
import { SharedInformerFactory } from '../../client/index.ts';
import { isIp } from '../../net/index.ts';
import type {
  KernelHost,
  KubeProxyConfiguration,
  NodeProxy,
  ProxyHealth,
  ProxyMode,
  SyncReport,
} from '../../proxy/index.ts';
import { exitCodes, UserError } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import { familiesOf } from './rules.ts';
import { proxySettingsOf } from './settings.ts';
import { rangesOf, readProxyWorld } from './world.ts';

export interface ProxyApplyRequest {
  readonly mode: ProxyMode;
  /** Default: the first node by name. */
  readonly node?: string;
  /** A name as `ip netns add` makes them, or a path. Default: this machine's own network. */
  readonly netns?: string;
  readonly iptablesBackend?: 'nft' | 'legacy';
  readonly family?: 'ipv4' | 'ipv6';
  /** kube-proxy's flags or file; its mode does not count. Default: kube-proxy's defaults. */
  readonly configuration?: KubeProxyConfiguration;
  /** Print what would be loaded, load nothing. */
  readonly dryRun: boolean;
  /** Load once and end, rather than follow the cluster. */
  readonly once: boolean;
  /** Default: the configuration's. */
  readonly syncPeriodMs?: number;
  readonly minSyncPeriodMs?: number;
  /** `IP:PORT` of kube-proxy's own /healthz and /livez. Default: nowhere. */
  readonly healthzBindAddress?: string;
}

export interface ProxyApplyOutput {
  readonly print: (text: string) => void;
  readonly say: (text: string) => void;
  /** Ends the following of the cluster; the rules stay. */
  readonly signal: AbortSignal;
}

const nowhere: KernelHost = {
  prefix: [],
  run: () => Promise.reject(new Error('a dry run loads nothing')),
};

export async function proxyApply(
  session: Session,
  request: ProxyApplyRequest,
  output: ProxyApplyOutput,
): Promise<void> {
  const { HealthDoors, healthAddresses, kernelHost, NodeProxy, nodeView, openDoor, ProxyHealth, serviceHealthAnswer } =
    await import('../../proxy/index.ts');
  const host = request.dryRun ? nowhere : kernelHost({ netns: request.netns });
  const world = await readProxyWorld(session);
  const node =
    request.node === undefined ? world.nodes[0] : world.nodes.find(({ metadata }) => metadata.name === request.node);
  if (!node) {
    throw new UserError(request.node === undefined ? 'the cluster has no nodes' : `nodes "${request.node}" not found`);
  }
  const settings = await proxySettingsOf(request.configuration, request.mode);
  const warn = (text: string) => output.say(`Warning: ${text}`);
  const syncPeriodMs = request.syncPeriodMs ?? settings.syncPeriodMs;
  // Upstream: cmd/kube-proxy/app/server.go, twice the sync period.
  const health = new ProxyHealth(wallClock, 2 * syncPeriodMs, node);
  const follows = !request.dryRun && !request.once;
  const doors: { close(): void }[] = [];
  const proxies = familiesOf(world.services, request.family).map((family) => {
    const config = {
      node: nodeView(node),
      family,
      ...rangesOf(session, family, world.serviceCIDRs, settings.clusterCIDRs),
      ...settings.config,
    };
    const checks = new HealthDoors({
      host,
      addresses: healthAddresses(request.mode, config),
      answer: (check) => serviceHealthAnswer(check, health.healthy),
      onWarning: warn,
    });
    doors.push(checks);
    const proxy = new NodeProxy({
      mode: request.mode,
      config,
      host,
      clock: wallClock,
      iptablesBackend: request.iptablesBackend,
      syncPeriodMs,
      minSyncPeriodMs: request.minSyncPeriodMs ?? settings.minSyncPeriodMs,
      onSync: (report) => output.say(reportLine(report)),
      onError: (error, ms) => output.say(`error: ${error.message}\ntrying again in ${(ms / 1000).toFixed(0)} s`),
      onWarning: warn,
      health,
      ...(follows ? { onHealthChecks: (wanted) => checks.sync(wanted) } : {}),
    });
    for (const service of world.services) proxy.tracker.setService(service);
    for (const slice of world.endpointSlices) proxy.tracker.setSlice(slice);
    return proxy;
  });
  if (request.dryRun) for (const proxy of proxies) output.print(await previewText(proxy, request));
  else if (request.once) for (const proxy of proxies) output.say(reportLine(await proxy.sync()));
  else {
    try {
      if (request.healthzBindAddress !== undefined) {
        const [address, port] = bindAddress(request.healthzBindAddress);
        doors.push(await openDoor(host, address, port, (path) => health.answer(path)));
      }
      await follow(session, node.metadata.name!, proxies, health, output);
    } finally {
      for (const door of doors) door.close();
    }
  }
}

/** `0.0.0.0:10256`, `[::]:10256`, or an address alone. @throws UserError */
function bindAddress(text: string): [address: string, port: number] {
  const [, six, four, port = String(defaultHealthzPort)] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(text) ?? [];
  const address = six ?? four ?? text;
  if (!isIp(address) || Number(port) > 65_535) {
    throw new UserError(`--healthz-bind-address: "${text}" is no IP:PORT`, exitCodes.usage);
  }
  return [address, Number(port)];
}

const defaultHealthzPort = 10_256;

async function previewText(proxy: NodeProxy, request: ProxyApplyRequest): Promise<string> {
  const { loaderOf, programsOf } = await import('../../proxy/index.ts');
  const programs = programsOf(proxy.tracker.family, request.iptablesBackend);
  return proxy
    .preview()
    .steps.map(({ program, input }) => {
      const [name, args] = loaderOf(program, programs);
      return `# ${[name, ...args].join(' ')}\n${input.trimEnd()}`;
    })
    .join('\n');
}

function reportLine(report: SyncReport): string {
  const { kind, family, services, changed, bytes, milliseconds, staleFlows } = report;
  const flows = staleFlows === 0 ? '' : `, ${staleFlows} stale UDP flows removed`;
  const what = kind === 'full' ? `${services} Services` : `${changed} of ${services} Services`;
  return `${family}: ${kind} sync of ${what}, ${bytes} bytes in ${milliseconds.toFixed(0)} ms${flows}`;
}

/** Watches Services, EndpointSlices and the node until interrupted. */
async function follow(
  session: Session,
  nodeName: string,
  proxies: readonly NodeProxy[],
  health: ProxyHealth,
  output: ProxyApplyOutput,
): Promise<void> {
  const { nodeView } = await import('../../proxy/index.ts');
  const informers = new SharedInformerFactory({
    client: session.client,
    clock: wallClock,
    prng: new Prng('proxy-apply'),
    log: silentLogger,
  });
  const each = (act: (proxy: NodeProxy) => void) => {
    for (const proxy of proxies) {
      act(proxy);
      proxy.changed();
    }
  };
  const [services, slices, nodes] = await Promise.all(
    ['services', 'endpointslices.discovery.k8s.io', 'nodes'].map((word) => session.resolve(word)),
  );
  informers.informer(services!).addHandler({
    onAdd: (object) => each(({ tracker }) => tracker.setService(object)),
    onUpdate: (_, object) => each(({ tracker }) => tracker.setService(object)),
    onDelete: (object) => each(({ tracker }) => tracker.deleteService(object)),
  });
  informers.informer(slices!).addHandler({
    onAdd: (object) => each(({ tracker }) => tracker.setSlice(object)),
    onUpdate: (_, object) => each(({ tracker }) => tracker.setSlice(object)),
    onDelete: (object) => each(({ tracker }) => tracker.deleteSlice(object)),
  });
  const seen = (object: Readonly<KubeObject>) => {
    if (object.metadata.name !== nodeName) return;
    health.setNode(object);
    for (const proxy of proxies) proxy.setNode(nodeView(object));
  };
  informers.informer(nodes!, { fieldSelector: `metadata.name=${nodeName}` }).addHandler({
    onAdd: seen,
    onUpdate: (_, object) => seen(object),
    onDelete: () => health.setNode(undefined),
  });
  const group = new TaskGroup(output.signal);
  group.add(informers);
  await informers.waitForSync(output.signal);
  for (const [i, proxy] of proxies.entries()) group.spawn(`proxy-${i}`, (signal) => proxy.run(signal));
  await group.wait();
}

export async function proxyCleanUp(request: {
  readonly netns?: string;
  readonly iptablesBackend?: 'nft' | 'legacy';
}): Promise<string> {
  const { cleanUp, kernelHost } = await import('../../proxy/index.ts');
  const removed = await cleanUp(kernelHost({ netns: request.netns }), [request.iptablesBackend]);
  return removed.length === 0
    ? 'nothing of kube-proxy was there\n'
    : `${removed.map((line) => `removed ${line}`).join('\n')}\n`;
}
