/** The API server with its doors, HTTPS and in process: started, stopped, and started again over the same store. */
import { join } from 'node:path';
import { loadBuiltinSchema, metricsResources, OpenApiDocumentBuilder } from '../api/index.ts';
import {
  ApiServer,
  type BuiltParts,
  type Dispatch,
  HttpsDoor,
  type KlabRoute,
  type NodeDialer,
  newServerParts,
} from '../apiserver/index.ts';
import { type Logger, type Prng, packageRoot, packageVersion, type VirtualClock, wallClock } from '../base/index.ts';
import type { KV } from '../etcd/index.ts';
import { familyOfCidr, numberToIp, parseCidr } from '../net/index.ts';
import { type ClusterPki, ensureClusterPki, TokenSigner, TokenVerifier } from '../pki/index.ts';
import { addons } from './addons.ts';
import { ApiGate } from './api-gate.ts';
import { apiServerOptions, apiServerPartsOptions, type ComponentSettings } from './component-settings.ts';
import { clusterKubeconfig } from './kubeconfig.ts';
import { metricsReads } from './metrics.ts';
import { controlPlaneAddress } from './node-record.ts';
import type { NodeFleet } from './nodes.ts';
import type { ClusterOptions } from './options.ts';
import { listenWhereFree } from './ports.ts';
import { endpointHost, servingHosts, servingPair } from './serving.ts';
import type { ServerInfo } from './state.ts';

export interface ApiComponentDeps {
  readonly name: string;
  readonly dir: string;
  readonly options: ClusterOptions;
  readonly settings: ComponentSettings['apiServer'];
  readonly store: KV;
  /** The store's newest revision. */
  readonly revision: () => Promise<number> | number;
  readonly clock: VirtualClock;
  readonly prng: Prng;
  readonly log: Logger;
  readonly nodes: () => NodeFleet;
  /** Checks of componentstatuses by name. */
  readonly checks: ReadonlyMap<string, () => void>;
  readonly routes: (parts: () => BuiltParts | undefined) => readonly KlabRoute[];
  readonly phase: (text: string) => void;
}

type AnyDispatch = ConstructorParameters<typeof HttpsDoor>[0]['dispatch'];

export class ApiComponent {
  readonly pki: ClusterPki;
  readonly gate: ApiGate;
  readonly #deps: ApiComponentDeps;
  readonly #schemas = loadBuiltinSchema(packageRoot());
  #server: ApiServer | undefined;
  #parts: BuiltParts | undefined;
  #door: HttpsDoor | undefined;
  #port: number | undefined;
  #kubeconfig: string | undefined;
  #certificates: ServerInfo['certificates'] | undefined;
  #starts = 0;

  constructor(deps: ApiComponentDeps) {
    this.#deps = deps;
    const { settings, phase } = deps;
    this.gate = new ApiGate(() => `${endpointHost(settings)}:${this.#port ?? 6443}`);
    this.pki = ensureClusterPki(join(deps.dir, 'pki'), {
      hosts: servingHosts(settings),
      serviceIp: addressIn(this.serviceCidrs[0]!, 1n),
      now: wallClock.now(),
    });
    const made = this.pki.created.length;
    phase(made > 0 ? `pki: made ${made} keys and certificates in ${this.pki.dir}` : `pki: reused ${this.pki.dir}`);
  }

  /** The server that runs, or that ran last. */
  get server(): ApiServer {
    return this.#server!;
  }

  get running(): boolean {
    return this.gate.isOpen;
  }

  get port(): number | undefined {
    return this.#port;
  }

  get endpoint(): string | undefined {
    return this.#port === undefined ? undefined : `https://${endpointHost(this.#deps.settings)}:${this.#port}`;
  }

  get kubeconfig(): string | undefined {
    return this.#kubeconfig;
  }

  get certificates(): ServerInfo['certificates'] | undefined {
    return this.#certificates;
  }

  /** One range, or two of different families. */
  get serviceCidrs(): readonly string[] {
    const { settings, options } = this.#deps;
    return settings.serviceCidrs ?? [options.serviceCidr ?? '10.96.0.0/16'];
  }

  /** Of the family that the `kubernetes` service has. Upstream takes the address of the host's default route. */
  get advertised(): string {
    const family = familyOfCidr(this.serviceCidrs[0]!) ?? 'IPv4';
    return this.#deps.settings.advertiseAddress ?? controlPlaneAddress(family);
  }

  /** Serves what the store holds, on the port it had before. @throws ClusterError PortInUse */
  async start(): Promise<void> {
    const { settings, options, store, clock, prng, log, nodes, phase } = this.#deps;
    const dialer: NodeDialer = {
      containerLogs: (node, pod, logs, signal) => nodes().containerLogs(node, pod, logs, signal),
      exec: (node, pod, command) => nodes().exec(node, pod, command),
      attach: (node, pod, container) => nodes().attach(node, pod, container),
      portForward: (node, pod) => nodes().portForward(node, pod),
      http: (target, request) => nodes().http(target, request),
    };
    const revision = await this.#deps.revision();
    this.#server = await ApiServer.start(
      {
        kv: store,
        clock,
        // Names and uids must not come twice: over a store that has a history, another stream of them.
        prng: prng.fork(revision <= 1 ? 'apiserver' : `apiserver/${revision}`),
        log: log.child('apiserver'),
        nodes: dialer,
        parts: (core) => {
          this.#parts = newServerParts(core, this.#partsOptions());
          return this.#parts;
        },
      },
      {
        definitions: [...settings.definitions, ...metricsResources],
        schemas: this.#schemas,
        ...apiServerOptions(settings),
      },
    );
    this.gate.open(options.interpose?.(this.#server.handle) ?? this.#server.handle);
    this.#starts++;
    phase(`apiserver: ${settings.definitions.length} resources served, bootstrap objects written`);
    if (options.api !== false) await this.#openDoor();
  }

  /**
   * No new request from anywhere; those under way are answered, watches end, and what is left after a while is broken
   * off. The store and everybody else live on.
   */
  async stop(): Promise<void> {
    const shut = this.gate.shut();
    await this.closeDoor();
    await shut;
    await this.close();
    this.gate.breakOff();
  }

  /** The first half of the cluster's own end: components still end their work through the gate. */
  async closeDoor(): Promise<void> {
    const door = this.#door;
    this.#door = undefined;
    await door?.close();
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }

  /** Another door with the same certificates, on loopback. */
  async openSideDoor(dispatch: AnyDispatch): Promise<{ door: HttpsDoor; port: number }> {
    const serving = servingPair(this.pki, this.#deps.settings.serving);
    const door = new HttpsDoor(
      { dispatch, wallClock, log: this.#deps.log.child('control') },
      { port: 0, cert: serving.cert, key: serving.key, clientCa: this.pki.ca.cert },
    );
    return { door, port: (await door.listen()).port };
  }

  #partsOptions(): Parameters<typeof newServerParts>[1] {
    const { settings, clock, name, nodes, checks, routes } = this.#deps;
    const { serviceAccount } = this.pki;
    const signer = new TokenSigner(serviceAccount.key);
    const verifier = new TokenVerifier([serviceAccount.pub]);
    const schemas = this.#schemas;
    const own = routes(() => this.#parts);
    return {
      version: packageVersion(),
      hostname: name,
      wallClock,
      serviceCidrs: this.serviceCidrs,
      ...apiServerPartsOptions(settings),
      serviceAccountKeys: {
        sign: (claims) => signer.sign(claims),
        verify: (token) => verifier.verify(token),
        jwks: () => verifier.jwks(),
      },
      serverAddress: () => `${endpointHost(settings)}:${this.#port ?? 6443}`,
      advertise: () => ({ address: this.advertised, port: this.#port ?? 6443 }),
      clientCa: this.#clientCa(),
      addons,
      components: checks,
      reads: metricsReads(() => this.server.reader, nodes),
      openApi: ({ served }) =>
        new OpenApiDocumentBuilder({ definitions: () => served.definitions(), schemas, routes: () => own }),
      routes: own,
      notice: () =>
        clock.speed === 0 ? `the cluster clock of "${name}" is paused; klab clock resume lets it run` : undefined,
    };
  }

  async #openDoor(): Promise<void> {
    const { options, settings, log, name, dir, phase } = this.#deps;
    const wish = this.#starts > 1 ? { port: this.#port!, explicit: true } : options.api || {};
    const { admin } = this.pki;
    const serving = servingPair(this.pki, settings.serving);
    const dispatch: Dispatch = this.server.handle;
    const listening = await listenWhereFree({ door: 'API server', flag: '--secure-port', ...wish }, async (port) => {
      const door = new HttpsDoor(
        { dispatch, wallClock, log: log.child('https') },
        {
          port,
          cert: serving.cert,
          key: serving.key,
          clientCa: this.#clientCa(),
          ...(settings.bindAddress === undefined ? {} : { host: settings.bindAddress }),
          ...(settings.requestTimeoutMs === undefined ? {} : { requestTimeoutMs: settings.requestTimeoutMs }),
        },
      );
      const { port: actual } = await door.listen();
      return { door, port: actual };
    });
    this.#door = listening.door;
    this.#port = listening.port;
    this.#kubeconfig = join(dir, 'kubeconfig');
    this.#certificates = { ca: serving.caPath, clientCert: admin.certPath, clientKey: admin.keyPath };
    clusterKubeconfig(this.#kubeconfig, {
      name,
      endpoint: this.endpoint!,
      ca: serving.ca,
      cert: admin.cert,
      key: admin.key,
    });
    phase(`apiserver: listening at ${this.endpoint}`);
  }

  /** PEM of all CAs whose client certificates count: klab's own users must always get in. */
  #clientCa(): string {
    const own = this.pki.ca.cert;
    const { clientCa } = this.#deps.settings;
    return clientCa === undefined ? own : `${own.trimEnd()}\n${clientCa}`;
  }
}

/** The address at this place in a CIDR. */
export function addressIn(cidr: string, at: bigint): string {
  const { base, family } = parseCidr(cidr)!;
  return numberToIp(base + at, family);
}
