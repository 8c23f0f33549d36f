/**
 * What a command that needs the Kubernetes API speaks through: a client of the klab cluster (booted if need be), or of
 * any other cluster named with `--context` or `--kubeconfig`. The current context of the user's kubeconfig never
 * decides alone. Words for resources are resolved by discovery, kept on disk as kubectl keeps it.
 */
import { readFileSync } from 'node:fs';
import { boolean, string } from '@oclif/core/flags';
import { parseDuration } from '../apimachinery/index.ts';
import {
  type ApiRequest,
  type ClientConfig,
  type ForwardRequest,
  HttpsTransport,
  KubeClient,
  NoMatchError,
  RESTMapper,
  type ResourceDescription,
  resourceName,
  type Transport,
  type UpgradeRequest,
} from '../client/index.ts';
import { ensureServer, type ServerInfo } from './cluster.ts';
import { DiscoveryCache, discoveryFile } from './discovery-cache.ts';

/** Flags of every command that speaks to the API; part of ApiCommand.baseFlags. */
export const sessionFlags = {
  namespace: string({
    char: 'n',
    summary: 'the namespace of the request',
    helpGroup: 'GLOBAL',
    helpValue: 'NAMESPACE',
  }),
  context: string({
    summary: 'a kubeconfig context: speak to its cluster, not to the klab cluster',
    helpGroup: 'GLOBAL',
    helpValue: 'CONTEXT',
  }),
  kubeconfig: string({
    summary: 'a kubeconfig file: speak to its current context, or --context in it',
    helpGroup: 'GLOBAL',
    helpValue: 'FILE',
  }),
  boot: boolean({
    summary: 'start the klab cluster when it is not running',
    default: true,
    allowNo: true,
    helpGroup: 'GLOBAL',
  }),
  as: string({ summary: 'the user to impersonate', helpGroup: 'GLOBAL', helpValue: 'USER' }),
  'as-group': string({
    summary: 'a group to impersonate (may be repeated)',
    multiple: true,
    helpGroup: 'GLOBAL',
    helpValue: 'GROUP',
  }),
  'request-timeout': string({
    summary: 'how long to wait for one answer, e.g. 5s; 0 waits for ever',
    default: '0',
    helpGroup: 'GLOBAL',
    helpValue: 'DURATION',
  }),
};

export interface SessionRequest {
  readonly name: string;
  readonly namespace?: string;
  readonly context?: string;
  readonly kubeconfig?: string;
  /** Default true. */
  readonly boot?: boolean;
  readonly as?: string;
  readonly 'as-group'?: readonly string[];
  readonly 'request-timeout'?: string;
}

export interface SessionDeps {
  /** A line for the user on stderr; also gets `Warning: …` for each new Warning header of any answer. */
  readonly say: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** One command's connection to one API server. */
export class Session {
  readonly client: KubeClient;
  /** The server's URL; empty for a client that has none. */
  readonly address: string;
  /** `-n`, else the context's namespace, else `default`. */
  readonly namespace: string;
  /** True when `-n` was given: a manifest of another namespace is then an error. */
  readonly namespaceGiven: boolean;
  /** The klab cluster spoken to; undefined for a foreign one. */
  readonly server: ServerInfo | undefined;
  readonly signal: AbortSignal | undefined;
  readonly #discovery: DiscoveryCache;
  readonly #say: (text: string) => void;
  readonly #ambiguous = new Set<string>();

  constructor(
    client: KubeClient,
    options: {
      readonly address?: string;
      readonly namespace?: string;
      readonly namespaceGiven?: boolean;
      readonly server?: ServerInfo;
      readonly signal?: AbortSignal;
      readonly discovery?: DiscoveryCache;
      readonly say?: (text: string) => void;
    } = {},
  ) {
    this.client = client;
    this.address = options.address ?? '';
    this.namespace = options.namespace ?? 'default';
    this.namespaceGiven = options.namespaceGiven ?? false;
    this.server = options.server;
    this.signal = options.signal;
    this.#discovery = options.discovery ?? new DiscoveryCache(client);
    this.#say = options.say ?? (() => {});
  }

  /** A line for the user on stderr. */
  say(text: string): void {
    this.#say(text);
  }

  /**
   * A resource by kubectl's words: `po`, `deploy.apps`, `deployments.v1.apps`, a kind.
   * @throws NoMatchError `the server doesn't have a resource type "foo"`, after asking the server afresh.
   */
  async resolve(word: string): Promise<ResourceDescription> {
    const found = await this.find(word);
    if (!found) throw new NoMatchError(`the server doesn't have a resource type "${word}"`);
    return found;
  }

  /** Like `resolve`, undefined when there is none. */
  async find(word: string): Promise<ResourceDescription | undefined> {
    const found = await this.#discovery.lookUp((mapper) => mapper.find(word));
    if (found?.shortNames?.includes(word)) this.#warnOfOthers(word, found);
    return found;
  }

  /** A short name may stand for resources of several groups. Upstream: client-go/restmapper/shortcut.go. */
  #warnOfOthers(word: string, found: ResourceDescription): void {
    for (const other of this.client.mapper.resources) {
      if (!other.shortNames?.includes(word)) continue;
      if (other.group === found.group && other.plural === found.plural) continue;
      const text = `short name ${JSON.stringify(word)} could also match lower priority resource ${resourceName(other)}`;
      if (this.#ambiguous.has(text)) continue;
      this.#ambiguous.add(text);
      this.#say(`Warning: ${text}`);
    }
  }

  /** @throws NoMatchError `no matches for kind "Foo" in version "example.com/v1"`, after asking the server afresh. */
  async resolveKind(apiVersion: string, kind: string): Promise<ResourceDescription> {
    const found = await this.#discovery.lookUp((mapper) => mapper.findKind(apiVersion, kind));
    if (!found) throw new NoMatchError(`no matches for kind "${kind}" in version "${apiVersion}"`);
    return found;
  }

  /** Resources of a category (`all`), empty when there is no such category among what is known. */
  async category(name: string): Promise<readonly ResourceDescription[]> {
    return (await this.#discovery.mapper()).category(name);
  }

  /** Everything the server serves, in its order of preference. `fresh` asks it now. */
  async resources(options: { readonly fresh?: boolean } = {}): Promise<readonly ResourceDescription[]> {
    return (await this.#discovery.mapper(options.fresh)).resources;
  }

  /** The mapper behind `client.mapper`, filled. */
  mapper(): Promise<RESTMapper> {
    return this.#discovery.mapper();
  }

  close(): Promise<void> {
    return this.client.transport.close();
  }
}

/**
 * Opens the session that the flags ask for.
 * @throws UserError when the klab cluster does not run and may not be booted; KubeconfigError for a foreign one.
 */
export async function openSession(request: SessionRequest, deps: SessionDeps): Promise<Session> {
  const foreign = request.context !== undefined || request.kubeconfig !== undefined;
  let config: ClientConfig;
  let contextNamespace = 'default';
  let server: ServerInfo | undefined;
  if (foreign) {
    // Reading YAML is loaded only for foreign clusters: the klab cluster's files are known.
    const { loadKubeconfig } = await import('../client/index.ts');
    const kubeconfig = loadKubeconfig({ path: request.kubeconfig });
    config = kubeconfig.clientConfig({ context: request.context });
    contextNamespace = kubeconfig.namespaceOf(request.context);
  } else {
    server = await ensureServer(request.name, { boot: request.boot ?? true, say: deps.say, signal: deps.signal });
    config = configOf(server);
  }
  if (request.as !== undefined) config = { ...config, impersonate: { user: request.as, groups: request['as-group'] } };
  const timeoutMs = parseTimeout(request['request-timeout']);
  const transport = withWarnings(new HttpsTransport(config, { timeoutMs }), deps.say);
  const mapper = new RESTMapper([]);
  const client = new KubeClient(transport, { definitions: mapper });
  return new Session(client, {
    address: config.server,
    namespace: request.namespace ?? contextNamespace,
    namespaceGiven: request.namespace !== undefined,
    server,
    signal: deps.signal,
    say: deps.say,
    discovery: new DiscoveryCache(client, discoveryFile(server, config.server)),
  });
}

/** How to reach a klab server as its administrator. */
export function configOf(server: ServerInfo): ClientConfig {
  const { ca, clientCert, clientKey } = server.certificates;
  const read = (file: string) => readFileSync(file, 'utf8');
  return { server: server.api.endpoint, ca: read(ca), cert: read(clientCert), key: read(clientKey) };
}

/** kubectl's `--request-timeout`: a duration, or whole seconds. */
function parseTimeout(text = '0'): number {
  return /^\d+$/.test(text) ? Number(text) * 1000 : parseDuration(text);
}

/** Says each Warning header once. Upstream: rest.NewWarningWriter with Deduplicate. */
function withWarnings(transport: Transport, say: (text: string) => void): Transport {
  const said = new Set<string>();
  return {
    request: async (request: ApiRequest) => {
      const response = await transport.request(request);
      for (const warning of response.warnings) {
        if (said.has(warning)) continue;
        said.add(warning);
        say(`Warning: ${warning}`);
      }
      return response;
    },
    watch: (request) => transport.watch(request),
    stream: (request) => transport.stream(request),
    ...(transport.upgrade && { upgrade: (request: UpgradeRequest) => transport.upgrade!(request) }),
    ...(transport.forward && { forward: (request: ForwardRequest) => transport.forward!(request) }),
    close: () => transport.close(),
  };
}
