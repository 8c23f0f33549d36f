import { deepCopy, type KubeObject } from '../apimachinery/index.ts';
import { type Clock, TaskGroup } from '../base/index.ts';
import { admissionChain } from './admission/chain.ts';
import { customResourceTermination } from './admission/custom-resource-termination.ts';
import { allPlugins, selectPlugins } from './admission/plugins.ts';
import { DefaultServiceCidr } from './allocators/default-service-cidr.ts';
import { ipAddressWriter } from './allocators/ip-address-objects.ts';
import { repairServices } from './allocators/repair.ts';
import { ServiceAllocator, type ServiceAllocatorOptions } from './allocators/service-allocator.ts';
import { CustomResourceController } from './apiextensions/controller.ts';
import { RequestAuthenticator } from './authn/authenticator.ts';
import { ServiceAccountTokenAuthenticator, type TokenKeys } from './authn/service-account-tokens.ts';
import { type AuthorizationMode, authorizerOf } from './authz/modes.ts';
import { apiserverUser, ensureBootstrap } from './bootstrap/ensure-bootstrap.ts';
import type { AdvertisedAddress } from './bootstrap/objects.ts';
import { Discovery } from './discovery/discovery.ts';
import { json, NonResourceRouter } from './discovery/router.ts';
import { installVersion } from './discovery/version.ts';
import { buildChain } from './filters/chain.ts';
import type { ImpersonationOptions } from './filters/impersonation.ts';
import type { MaxInFlightOptions } from './filters/max-in-flight.ts';
import { FlowClassifier } from './flowcontrol/classifier.ts';
import { FlowControl } from './flowcontrol/flow-control.ts';
import { FlowConfigMaintainer } from './flowcontrol/maintain.ts';
import { type ComponentCheck, componentStatuses } from './health/component-status.ts';
import { HealthChecks } from './health/health.ts';
import { RequestMetrics } from './health/metrics.ts';
import { IdentityLease } from './identity/identity-lease.ts';
import { LegacyTokenTracking } from './identity/legacy-token-tracking.ts';
import { OpenApi, type OpenApiDocuments } from './openapi/openapi.ts';
import { escalationCheck } from './rbac/escalation.ts';
import { RbacAuthorizer } from './rbac/rbac-authorizer.ts';
import { reviewHandlers } from './tokens/reviews.ts';
import { tokenRequest } from './tokens/token-request.ts';
import type { Authorizer, KlabRoute, ServerCore, ServerParts, UserInfo, VirtualCreate, VirtualRead } from './types.ts';

/** Keys of service account tokens; `pki`'s TokenSigner and TokenVerifier. */
export interface ServiceAccountKeys extends TokenKeys {
  /** The document of `/openid/v1/jwks`. */
  jwks?(): object;
}

export interface ServerPartsOptions extends ServiceAllocatorOptions {
  /** klab's version, for `/version`. */
  readonly version: string;
  /** For sockets, tokens and request timeouts. */
  readonly wallClock: Clock;
  readonly serviceAccountKeys?: ServiceAccountKeys;
  /** `--service-account-issuer`. Default https://kubernetes.default.svc.cluster.local. */
  readonly issuer?: string;
  /** `--api-audiences`. Default: the issuer. */
  readonly audiences?: readonly string[];
  /** Users of `--token-auth-file`; see parseTokenFile. */
  readonly staticTokens?: ReadonlyMap<string, UserInfo>;
  /** `--anonymous-auth`. Default true. */
  readonly anonymous?: boolean;
  /** `--authorization-mode`. Default Node, RBAC. */
  readonly authorizationModes?: readonly AuthorizationMode[];
  readonly enableAdmissionPlugins?: readonly string[];
  readonly disableAdmissionPlugins?: readonly string[];
  /** Of the machine it runs on; the server's identity Lease is named for it. Absent: it holds none. */
  readonly hostname?: string;
  /** host:port that clients reach; asked for when `/api` is read, since the port may be known late. */
  serverAddress?(): string;
  /** `--advertise-address`: the endpoint of the `kubernetes` service. Absent: no such service is made. */
  advertise?(): AdvertisedAddress | undefined;
  /** Objects that every cluster of this composition has: made when missing, never changed. */
  readonly addons?: readonly KubeObject[];
  /** Components besides etcd that `componentstatuses` tells of. */
  readonly components?: ReadonlyMap<string, ComponentCheck>;
  /** Answers reads of virtual resources, by resource. */
  readonly reads?: ReadonlyMap<string, VirtualRead>;
  /** PEM of `--client-ca-file`, published for extension API servers. */
  readonly clientCa?: string;
  /** `--request-timeout` in ms. */
  readonly requestTimeoutMs?: number;
  readonly impersonation?: ImpersonationOptions;
  /** Makes the OpenAPI documents; absent: `/openapi` is not served. */
  openApi?(core: ServerCore): OpenApiDocuments;
  readonly routes?: readonly KlabRoute[];
  /** Default: nothing is limited. */
  readonly maxInFlight?: MaxInFlightOptions;
  /** A text every client is warned with now, e.g. that the clock is paused. */
  notice?(): string | undefined;
}

/** The parts, with what the composition root may still want of them. */
export interface BuiltParts extends ServerParts {
  readonly authorizer: Authorizer;
  readonly health: HealthChecks;
  readonly metrics: RequestMetrics;
  /** More routes below /klab/v1/ may be added at any time. */
  readonly router: NonResourceRouter;
}

/** Everything around the registry, wired: what `ApiServer` asks its factory for. */
export function newServerParts(core: ServerCore, options: ServerPartsOptions): BuiltParts {
  const { reader, clock, log } = core;
  const prng = core.prng.fork('apiserver-parts');
  const issuer = options.issuer ?? 'https://kubernetes.default.svc.cluster.local';
  const audiences = options.audiences ?? [issuer];
  const wallNow = () => options.wallClock.now();

  const rbac = new RbacAuthorizer(reader);
  const authorizer = authorizerOf(options.authorizationModes ?? ['Node', 'RBAC'], { reader, rbac });
  const keys = options.serviceAccountKeys;
  const tokenTracking = new LegacyTokenTracking(core);
  const authenticator = new RequestAuthenticator(
    {
      ...(options.staticTokens ? { staticTokens: options.staticTokens } : {}),
      ...(keys
        ? {
            serviceAccounts: new ServiceAccountTokenAuthenticator(
              {
                keys,
                reader,
                wallNow,
                clusterNow: () => clock.now(),
                secretUsed: (secret) => tokenTracking.used(secret),
              },
              { issuer, audiences },
            ),
          }
        : {}),
    },
    { anonymous: options.anonymous ?? true },
  );

  const virtual = new Map<string, VirtualCreate>(reviewHandlers({ authenticator, authorizer, rbac, audiences }));
  if (keys) virtual.set('serviceaccounts/token', tokenRequest({ keys, reader, prng, wallNow }, { issuer, audiences }));

  const plugins = allPlugins({
    reader,
    clock,
    prng,
    waitForCache: () => core.waitForCache(),
    updateQuotaStatus: (quota) => writeStatus(core, 'resourcequotas', quota),
  });
  const selected = selectPlugins(plugins, {
    enable: options.enableAdmissionPlugins ?? [],
    disable: options.disableAdmissionPlugins ?? [],
  });
  const customResources = new CustomResourceController(core);
  const services = new ServiceAllocator({ reader, writer: ipAddressWriter(core), prng, log }, options);

  const health = new HealthChecks();
  const metrics = new RequestMetrics({
    version: options.version,
    stats: () => core.stats?.() ?? [],
    definitions: () => core.served.definitions(),
  });
  metrics.add(() => core.storeMetrics?.() ?? '');
  const router = new NonResourceRouter();
  new Discovery(core.served, () => options.serverAddress?.() ?? '127.0.0.1:6443').install(router);
  if (options.openApi) new OpenApi(options.openApi(core), core.served).install(router);
  installVersion(router, options.version);
  if (keys) installIssuerDiscovery(router, issuer, keys);
  health.install(router);
  metrics.install(router);
  for (const route of options.routes ?? []) router.route(route);

  const flowControl = new FlowControl(new FlowClassifier(reader), options.maxInFlight);
  const flowConfig = new FlowConfigMaintainer(core);
  let bootstrapped = false;
  health.add('log', () => {});
  const etcd = async () => void (await core.kv.status());
  const components = new Map([...(options.components ?? []), ['etcd-0', etcd]]);
  health.add('etcd', etcd);
  health.add('informer-sync', () => requireTrue(bootstrapped), ['readyz']);
  for (const hook of [
    'rbac/bootstrap-roles',
    'scheduling/bootstrap-system-priority-classes',
    'priority-and-fairness-config-producer',
    'priority-and-fairness-config-consumer',
    'priority-and-fairness-filter',
    'start-kubernetes-service-cidr-controller',
    'start-kube-apiserver-identity-lease-controller',
    'start-kube-apiserver-identity-lease-garbage-collector',
    'start-legacy-token-tracking-controller',
    'start-apiextensions-informers',
    'start-apiextensions-controllers',
    'crd-informer-synced',
  ]) {
    health.add(`poststarthook/${hook}`, () => requireTrue(bootstrapped));
  }

  return {
    admission: admissionChain([escalationCheck({ rbac, authorizer }), customResourceTermination, ...selected]),
    hooks: new Map([['services', services]]),
    virtual,
    reads: new Map([['componentstatuses', componentStatuses(components)], ...(options.reads ?? [])]),
    authorizer,
    health,
    metrics,
    router,
    chain: (resources) =>
      buildChain(
        {
          authenticator,
          authorizer,
          resources,
          nonResource: router.handle,
          clock,
          wallClock: options.wallClock,
          log,
          audit: metrics,
          flowControl,
          ...(options.notice ? { notice: options.notice } : {}),
        },
        {
          ...(options.requestTimeoutMs === undefined ? {} : { requestTimeoutMs: options.requestTimeoutMs }),
          ...(options.impersonation ? { impersonation: options.impersonation } : {}),
        },
      ),
    async poststart(signal) {
      services.rebuild();
      const advertise = options.advertise?.();
      await ensureBootstrap(
        core,
        {
          serviceCidrs: services.serviceCidrs,
          kubernetesServiceIp: services.firstIp,
          ...(advertise ? { advertise } : {}),
          ...(options.clientCa === undefined ? {} : { clientCa: options.clientCa }),
          ...(options.addons ? { addons: options.addons } : {}),
        },
        signal,
      );
      services.booted();
      await customResources.restore();
      bootstrapped = true;
    },
    async run(signal) {
      const group = new TaskGroup(signal);
      const cidr = new DefaultServiceCidr(core, services.serviceCidrs);
      group.spawn('default ServiceCIDR', (inner) => cidr.run(inner));
      group.spawn('flow control configuration', (inner) => flowConfig.run(inner));
      group.spawn('service repair', (inner) => repairServices(core, services, inner));
      group.spawn('custom resource definitions', (inner) => customResources.run(inner));
      if (keys) group.spawn('legacy token tracking', (inner) => tokenTracking.run(inner));
      if (options.hostname !== undefined) {
        const identity = new IdentityLease(core, options.hostname);
        group.spawn('identity lease', (inner) => identity.run(inner));
        group.spawn('identity lease garbage collection', (inner) => identity.collect(inner));
      }
      await group.wait();
    },
  };
}

/** A write of the server's own, with everything a write goes through. */
async function writeStatus(core: ServerCore, plural: string, object: KubeObject): Promise<Readonly<KubeObject>> {
  const { namespace, name } = object.metadata;
  const response = await core.handle({
    method: 'PUT',
    path: `/api/v1/namespaces/${namespace}/${plural}/${name}/status`,
    query: new URLSearchParams(),
    headers: { 'user-agent': 'klab-apiserver' },
    body: { object: deepCopy(object) },
    signal: new AbortController().signal,
    user: apiserverUser,
    provenance: { actor: 'apiserver', cause: { timer: 'admission' } },
  });
  return (response.body as { readonly object: Readonly<KubeObject> }).object;
}

function requireTrue(value: boolean): void {
  if (!value) throw new Error('not finished');
}

/** Upstream: pkg/serviceaccount/openidmetadata.go. */
function installIssuerDiscovery(router: NonResourceRouter, issuer: string, keys: ServiceAccountKeys): void {
  router.exact('/.well-known/openid-configuration', () => {
    return json({
      issuer,
      jwks_uri: `${issuer.replace(/\/+$/, '')}/openid/v1/jwks`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256'],
    });
  });
  if (keys.jwks) router.exact('/openid/v1/jwks', () => json(keys.jwks!()));
}
