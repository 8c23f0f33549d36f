/** Names and ways in: CoreDNS, the DNS port, Ingress and load balancers on the host, each with its events. */
import type { ApiServer } from '../apiserver/index.ts';
import type { Logger, Prng, VirtualClock } from '../base/index.ts';
import {
  EventBroadcaster,
  type EventRecorder,
  type KubeClient,
  type SharedInformerFactory,
  silentRecorder,
} from '../client/index.ts';
import { loadBalancerRange } from '../controllers/index.ts';
import type { ApiComponent } from './api-component.ts';
import { CoreDns } from './core-dns.ts';
import { DnsDoor } from './dns-door.ts';
import { IngressDoor } from './ingress-door.ts';
import { LoadBalancerDoor, loadBalancerCidr } from './load-balancer-door.ts';
import type { ServiceNetwork } from './network-hooks.ts';
import type { NodeFleet } from './nodes.ts';
import type { ClusterOptions } from './options.ts';
import { readPorts, rememberPorts } from './remembered-ports.ts';

export interface EntryDeps {
  readonly options: ClusterOptions;
  readonly dir: string;
  readonly clock: VirtualClock;
  readonly prng: Prng;
  readonly log: Logger;
  readonly api: ApiComponent;
  readonly client: KubeClient;
  readonly server: () => ApiServer;
  readonly nodes: () => NodeFleet;
  readonly network: ServiceNetwork;
  readonly informers: SharedInformerFactory;
  /** An address of cluster DNS. */
  readonly clusterDns: string;
  /** Starts a task of the cluster. */
  readonly run: (name: string, run: (signal: AbortSignal) => Promise<void>) => void;
}

export class Entry {
  readonly coreDns: CoreDns;
  readonly #deps: EntryDeps;
  #ingress: IngressDoor | undefined;
  #dns: DnsDoor | undefined;
  #loadBalancers: LoadBalancerDoor | undefined;

  constructor(deps: EntryDeps) {
    this.#deps = deps;
    this.coreDns = this.#resolveNames();
  }

  /** What stands in front of nodes, when there are nodes. */
  open(): void {
    if (this.#deps.options.ingress) this.#serveIngresses();
    if (this.#deps.options.loadBalancers) this.#serveLoadBalancers();
  }

  #recorder(what: string, prng: Prng, log: Logger, component: string): EventRecorder {
    const { client, clock } = this.#deps;
    const broadcaster = new EventBroadcaster({ client, clock, prng, log });
    this.#deps.run(`${what} events`, (signal) => broadcaster.run(signal));
    return broadcaster.recorder({ component });
  }

  /** Where CoreDNS can be seen, or asked, its ConfigMap is followed. */
  #resolveNames(): CoreDns {
    const { options, network } = this.#deps;
    const log = this.#deps.log.child('dns');
    const prng = this.#deps.prng.fork('dns');
    const follows = options.dns === true || options.systemPods === true;
    const events = follows ? this.#recorder('dns', prng.fork('events'), log, 'coredns') : silentRecorder;
    const coreDns = new CoreDns({ source: network.names, prng, log, events });
    network.resolver = coreDns;
    network.clusterDns = this.#deps.clusterDns;
    if (follows) coreDns.follow(this.#deps.informers);
    return coreDns;
  }

  #serveIngresses(): void {
    const { options, dir, clock, informers, network, nodes, server } = this.#deps;
    const remembered = readPorts(dir, 'ingress');
    const log = this.#deps.log.child('ingress');
    const range = options.loadBalancers ? loadBalancerCidr(dir) : undefined;
    this.#ingress = new IngressDoor({
      informers,
      clock,
      fabric: () => nodes().fabric,
      peer: nodes().host,
      reader: { get: (resource, namespace, name) => server().reader.get(resource, namespace, name) },
      endpoints: (namespace, service, port) => network.endpoints(namespace, service, port),
      prng: this.#deps.prng.fork('ingress'),
      log,
      events: this.#recorder('ingress', this.#deps.prng.fork('ingress-events'), log, 'klab-ingress-controller'),
      ...(range !== undefined && { address: loadBalancerRange({ loadBalancerCidr: range }).ingress }),
      fallback: this.#deps.api.pki.apiserver,
      ...(remembered && { remembered }),
      onListening: (ports) => {
        rememberPorts(dir, 'ingress', ports);
        this.#deps.log.info('ingress: listening', { ...ports });
      },
    });
  }

  #serveLoadBalancers(): void {
    const { dir, nodes, prng } = this.#deps;
    const log = this.#deps.log.child('load-balancers');
    this.#loadBalancers = new LoadBalancerDoor({
      services: this.#deps.informers.informer('services'),
      fabric: () => nodes().fabric,
      peer: nodes().host,
      events: this.#recorder('load balancer', prng.fork('load-balancers'), log, 'klab-load-balancer'),
      log,
      dir,
    });
  }

  /** After the boot, which does not wait for it. */
  serveDns(): void {
    const { dir, log } = this.#deps;
    const remembered = readPorts(dir, 'dns')?.port;
    const door = new DnsDoor({
      dns: this.coreDns,
      log: log.child('dns'),
      ...(remembered !== undefined && { remembered }),
      onListening: (port) => {
        rememberPorts(dir, 'dns', { port });
        log.info('dns: listening', { port });
      },
    });
    this.#dns = door;
    this.#deps.run('dns', (signal) => door.run(signal));
  }

  async close(): Promise<void> {
    await this.#ingress?.close();
    await this.#dns?.close();
    await this.#loadBalancers?.close();
    this.coreDns.close();
  }
}
