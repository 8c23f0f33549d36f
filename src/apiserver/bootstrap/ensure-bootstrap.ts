import { apiVersionOf, groupResourceName } from '../../api/index.ts';
import { deepEqual, isAlreadyExists, type KubeObject } from '../../apimachinery/index.ts';
import type { Logger } from '../../base/index.ts';
import { mastersGroup } from '../authn/user.ts';
import { bootstrapConfigurations, configProducer } from '../flowcontrol/objects.ts';
import { revise } from '../flowcontrol/revise.ts';
import {
  aggregateRules,
  autoupdateAnnotation,
  bootstrapClusterRoleBindings,
  bootstrapClusterRoles,
  bootstrapRoleBindings,
  bootstrapRoles,
} from '../rbac/bootstrap-policy.ts';
import { missingRules } from '../rbac/rules.ts';
import type { ObjectReader, ServedResources, ServerRequest, ServerResponse } from '../types.ts';
import {
  type AdvertisedAddress,
  defaultServiceCidr,
  extensionAuthentication,
  kubernetesEndpointSlice,
  kubernetesEndpoints,
  kubernetesService,
  namespaceObject,
  systemNamespaces,
  systemPriorityClasses,
} from './objects.ts';

export interface BootstrapDeps {
  readonly reader: ObjectReader;
  readonly served: ServedResources;
  readonly log: Logger;
  handle(request: ServerRequest): Promise<ServerResponse>;
  waitForCache(): Promise<void>;
}

export interface BootstrapOptions {
  /** Of the default ServiceCIDR: one, or two of different families. */
  readonly serviceCidrs: readonly string[];
  readonly kubernetesServiceIp: string;
  readonly advertise?: AdvertisedAddress;
  /** PEM; published for extension API servers. */
  readonly clientCa?: string;
  /** What the composition wants in every cluster: made when missing, never changed. */
  readonly addons?: readonly KubeObject[];
}

/** Who the API server is to itself. */
export const apiserverUser = { name: 'system:apiserver', groups: [mastersGroup] };
const provenance = { actor: 'apiserver', cause: { timer: 'bootstrap' } };

/**
 * Writes what every cluster has and this one has not: all missing objects are sent at once, so that the store commits
 * them together. Namespaces come first, nothing else can be created without them.
 */
export async function ensureBootstrap(
  deps: BootstrapDeps,
  options: BootstrapOptions,
  signal: AbortSignal,
): Promise<void> {
  const writer = new Writer(deps, signal);
  await Promise.all(systemNamespaces.map((name) => writer.create('namespaces', namespaceObject(name))));
  if (writer.written > 0) await deps.waitForCache();
  await Promise.all([
    ...ensureRbac(deps.reader, writer),
    ...systemPriorityClasses().map((each) => writer.create('priorityclasses.scheduling.k8s.io', each)),
    ...ensureFlowControl(deps.reader, writer),
    ...ensureKubernetesService(writer, options),
    ...(options.addons ?? []).map((object) => writer.createObject(object)),
    writer.create('servicecidrs.networking.k8s.io', defaultServiceCidr(options.serviceCidrs)),
    ...(options.clientCa === undefined
      ? []
      : [writer.apply('configmaps', extensionAuthentication(options.clientCa), ['data'])]),
  ]);
  deps.log.info('bootstrap objects are in place', { written: writer.written });
}

/** Upstream: pkg/registry/rbac/rest/storage_rbac.go. Roles gain what they lack and keep what users added. */
function ensureRbac(reader: ObjectReader, writer: Writer): Promise<void>[] {
  const work: Promise<void>[] = [];
  const clusterRoles = bootstrapClusterRoles();
  for (const role of clusterRoles) {
    // The aggregation controller would compute the same union a moment later.
    const rules = role.aggregationRule ? aggregateRules(role, clusterRoles) : role.rules;
    work.push(ensureRole(reader, writer, 'clusterroles.rbac.authorization.k8s.io', { ...role, rules }));
  }
  for (const role of bootstrapRoles()) {
    work.push(ensureRole(reader, writer, 'roles.rbac.authorization.k8s.io', role));
  }
  for (const binding of bootstrapClusterRoleBindings()) {
    work.push(ensureBinding(reader, writer, 'clusterrolebindings.rbac.authorization.k8s.io', binding));
  }
  for (const binding of bootstrapRoleBindings()) {
    work.push(ensureBinding(reader, writer, 'rolebindings.rbac.authorization.k8s.io', binding));
  }
  return work;
}

function ensureRole(reader: ObjectReader, writer: Writer, resource: string, wanted: KubeObject): Promise<void> {
  const current = reader.get(resource, wanted.metadata.namespace ?? '', wanted.metadata.name!);
  if (!current) return writer.create(resource, wanted);
  if (current.metadata.annotations?.[autoupdateAnnotation] !== 'true' || wanted.aggregationRule) {
    return Promise.resolve();
  }
  if (deepEqual(current.rules ?? [], wanted.rules ?? [])) return Promise.resolve();
  const missing = missingRules(current.rules ?? [], wanted.rules ?? []);
  if (missing.length === 0) return Promise.resolve();
  return writer.update(resource, { ...current, rules: [...(current.rules ?? []), ...missing] });
}

function ensureBinding(reader: ObjectReader, writer: Writer, resource: string, wanted: KubeObject): Promise<void> {
  const current = reader.get(resource, wanted.metadata.namespace ?? '', wanted.metadata.name!);
  if (!current) return writer.create(resource, wanted);
  if (current.metadata.annotations?.[autoupdateAnnotation] !== 'true') return Promise.resolve();
  const subjects: object[] = current.subjects ?? [];
  const missing = ((wanted.subjects ?? []) as object[]).filter(
    (subject) => !subjects.some((each) => deepEqual(each, subject)),
  );
  if (missing.length === 0) return Promise.resolve();
  return writer.update(resource, { ...current, subjects: [...subjects, ...missing] });
}

/** Upstream: pkg/registry/flowcontrol/rest/storage_flowcontrol.go. */
function ensureFlowControl(reader: ObjectReader, writer: Writer): Promise<void>[] {
  return bootstrapConfigurations.map((configuration) => {
    const { resource, object } = configuration;
    const current = reader.get(resource, '', object.metadata.name!);
    if (!current) return writer.create(resource, object, configProducer);
    const revised = revise(current, configuration);
    return revised ? writer.update(resource, revised, configProducer) : Promise.resolve();
  });
}

function ensureKubernetesService(writer: Writer, options: BootstrapOptions): Promise<void>[] {
  const { advertise, kubernetesServiceIp } = options;
  if (!advertise) return [];
  return [
    writer.create('services', kubernetesService(kubernetesServiceIp, advertise.port)),
    writer.apply('endpoints', kubernetesEndpoints(advertise), ['subsets']),
    writer.apply('endpointslices.discovery.k8s.io', kubernetesEndpointSlice(advertise), ['endpoints', 'ports']),
  ];
}

/** Writes through the whole server, so that defaults, validation, admission and provenance are those of any write. */
class Writer {
  readonly #deps: BootstrapDeps;
  readonly #signal: AbortSignal;
  readonly #paths = new Map<string, { prefix: string; plural: string; namespaced: boolean }>();
  written = 0;

  constructor(deps: BootstrapDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
    for (const { group, version, plural, namespaced } of deps.served.definitions()) {
      const key = group === '' ? plural : `${plural}.${group}`;
      if (this.#paths.has(key)) continue;
      const prefix = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
      this.#paths.set(key, { prefix, plural, namespaced });
    }
  }

  /** By its kind. */
  createObject(object: KubeObject): Promise<void> {
    const { apiVersion, kind } = object;
    const found = this.#deps.served
      .definitions()
      .find((definition) => definition.kind === kind && apiVersionOf(definition) === apiVersion);
    return found ? this.create(groupResourceName(found), object) : Promise.resolve();
  }

  /** Creates what is missing; resources that are not served are passed over. */
  async create(resource: string, object: KubeObject, fieldManager?: string): Promise<void> {
    const { name = '', namespace = '' } = object.metadata;
    const path = this.#pathOf(resource, namespace);
    if (path === undefined || this.#deps.reader.get(resource, namespace, name)) return;
    try {
      await this.#send('POST', path, object, fieldManager);
    } catch (error) {
      // Another server of the same store was faster.
      if (!isAlreadyExists(error)) throw error;
    }
  }

  async update(resource: string, object: KubeObject, fieldManager?: string): Promise<void> {
    const path = this.#pathOf(resource, object.metadata.namespace ?? '');
    if (path !== undefined) await this.#send('PUT', `${path}/${object.metadata.name}`, object, fieldManager);
  }

  /** Creates it, or brings the named fields up to date. */
  async apply(resource: string, object: KubeObject, fields: readonly string[]): Promise<void> {
    const current = this.#deps.reader.get(resource, object.metadata.namespace ?? '', object.metadata.name ?? '');
    if (!current) return this.create(resource, object);
    if (fields.every((field) => deepEqual(current[field], object[field]))) return;
    const changed: KubeObject = { ...current };
    for (const field of fields) changed[field] = object[field];
    return this.update(resource, changed);
  }

  #pathOf(resource: string, namespace: string): string | undefined {
    const found = this.#paths.get(resource);
    if (!found) return undefined;
    return `${found.prefix}${found.namespaced ? `/namespaces/${namespace}` : ''}/${found.plural}`;
  }

  async #send(method: 'POST' | 'PUT', path: string, object: KubeObject, fieldManager?: string): Promise<void> {
    await this.#deps.handle({
      method,
      path,
      query: new URLSearchParams(fieldManager === undefined ? {} : { fieldManager }),
      headers: { 'user-agent': 'klab-apiserver' },
      body: { object: structuredClone(object) },
      signal: this.#signal,
      user: apiserverUser,
      provenance,
    });
    this.written++;
  }
}
