/** A Corefile's text as settings. Upstream: each plugin's setup.go in coredns/coredns (1.13). */
import { type Block, type Directive, serverBlocks } from './blocks.ts';
import {
  argumentError,
  readAny,
  readBufferSize,
  readCache,
  readForward,
  readHosts,
  readKubernetes,
  readLog,
  type Setup,
} from './plugins.ts';
import { readRewrite } from './rewrite-rule.ts';
import type {
  Corefile,
  ForwardSettings,
  LogSettings,
  RewriteSettings,
  ServerBlock,
  TemplateSettings,
} from './settings.ts';
import { readTemplate } from './template-rule.ts';
import { CorefileError, type Token } from './tokens.ts';
import { type CorefileFiles, normalZones } from './zones.ts';

/** Plugins of CoreDNS that change nothing of what klab's server says. */
const silent: ReadonlySet<string> = new Set([
  'bind',
  'cancel',
  'debug',
  'dnstap',
  'metadata',
  'minimal',
  'multisocket',
  'nsid',
  'pprof',
  'prometheus',
  'quic',
  'root',
  'timeouts',
  'trace',
]);
/** Plugins of CoreDNS that would answer or change answers, and that klab does not have. */
const absent: ReadonlySet<string> = new Set([
  ...['acl', 'auto', 'autopath', 'azure', 'chaos', 'clouddns', 'dns64', 'dnssec', 'erratic', 'etcd', 'file'],
  ...['geoip', 'grpc', 'grpc_server', 'header', 'https', 'https3', 'k8s_external', 'local', 'nomad', 'route53'],
  ...['secondary', 'sign', 'tls', 'transfer', 'tsig', 'view', 'whoami', 'proxyproto'],
]);

const usualPort = 53;

/** @throws CorefileError with line and column of what is wrong. */
export function readCorefile(text: string, files: CorefileFiles = {}): Corefile {
  const warnings: string[] = [];
  const blocks: ServerBlock[] = [];
  const taken = new Map<string, Token>();
  const whole = { reload: false, health: undefined as number | undefined, ready: undefined as number | undefined };
  const parsed = serverBlocks(text, (message) => warnings.push(message), files.imports);
  for (const block of parsed) {
    const zones = zonesOf(block, warnings, taken);
    const setup: Setup = {
      zones,
      files,
      warn: (place, what) => warnings.push(`Corefile:${place.line}:${place.column} - ${what}`),
    };
    const read = readBlock(block, setup, whole);
    if (zones.length > 0) blocks.push(read);
  }
  if (parsed.length === 0) throw new CorefileError({ line: 1, column: 1 }, 'the Corefile has no server block');
  const { reload, health, ready } = whole;
  return {
    blocks,
    reload,
    ...(health !== undefined && { health }),
    ...(ready !== undefined && { ready }),
    warnings,
  };
}

/** Zones of the port that klab answers on. */
function zonesOf({ keys }: Block, warnings: string[], taken: Map<string, Token>): string[] {
  const zones: string[] = [];
  for (const key of keys) {
    const [, scheme, rest] = /^(?:([a-z0-9]+):\/\/)?(.*)$/i.exec(key.text)!;
    const [, name, port] = /^(.*?)(?::(\d+))?$/.exec(rest!)!;
    const place = `Corefile:${key.line}:${key.column}`;
    if (scheme !== undefined && scheme !== 'dns') {
      if (!['tls', 'https', 'https3', 'grpc', 'quic', 'doh', 'doq'].includes(scheme)) {
        throw new CorefileError(key, `unknown transport "${scheme}" of zone ${key.text}`);
      }
      warnings.push(`${place} - zone ${key.text}: klab answers plain DNS only`);
      continue;
    }
    for (const zone of normalZones(name!, key)) {
      const whole = `dns://${zone}.:${port ?? usualPort}`;
      if (taken.has(whole)) {
        throw new CorefileError(key, `cannot serve ${whole} - it is already defined`);
      }
      taken.set(whole, key);
      if (port !== undefined && Number(port) !== usualPort) {
        warnings.push(`${place} - zone ${key.text}: klab answers for port ${usualPort} only`);
      } else zones.push(zone);
    }
  }
  return zones;
}

function readBlock(
  { directives }: Block,
  setup: Setup,
  whole: { reload: boolean; health: number | undefined; ready: number | undefined },
): ServerBlock {
  const block: { -readonly [K in keyof ServerBlock]: ServerBlock[K] } & {
    rewrites: RewriteSettings[];
    templates: TemplateSettings[];
    forwards: ForwardSettings[];
    log: LogSettings[];
  } = {
    zones: setup.zones,
    rewrites: [],
    templates: [],
    forwards: [],
    log: [],
    errors: false,
    any: undefined,
    loadBalance: false,
    loop: false,
  };
  const once = new Set<string>();
  const only = ({ name }: Directive) => {
    if (once.has(name.text)) throw new CorefileError(name, 'this plugin can only be used once per Server Block');
    once.add(name.text);
  };
  for (const directive of directives) {
    const { name, args } = directive;
    switch (name.text) {
      case 'kubernetes':
        only(directive);
        block.kubernetes = readKubernetes(directive, setup);
        break;
      case 'hosts':
        only(directive);
        block.hosts = readHosts(directive, setup);
        break;
      case 'rewrite':
        block.rewrites.push(...readRewrite(directive, setup));
        break;
      case 'template': {
        const template = readTemplate(directive, setup);
        if (template) block.templates.push(template);
        break;
      }
      case 'forward':
        block.forwards.push(readForward(directive, setup));
        break;
      case 'cache':
        only(directive);
        block.cache = readCache(directive, setup);
        break;
      case 'log':
        block.log.push(readLog(directive, setup));
        break;
      case 'errors':
        block.errors = true;
        break;
      case 'any':
        block.any = readAny(directive, setup);
        break;
      case 'loadbalance':
        if (args[0] && !['round_robin', 'weighted'].includes(args[0].text)) {
          throw new CorefileError(args[0], `unknown policy: ${args[0].text}`);
        }
        block.loadBalance = true;
        break;
      case 'bufsize':
        block.bufferSize = readBufferSize(directive);
        break;
      case 'loop':
        if (args.length > 0) throw argumentError(directive);
        block.loop = true;
        break;
      case 'reload':
        whole.reload = true;
        break;
      case 'health':
        whole.health = portOf(directive, 8080);
        break;
      case 'ready':
        whole.ready = portOf(directive, 8181);
        break;
      default:
        if (absent.has(name.text)) setup.warn(name, `plugin ${name.text} is not served by klab: it does nothing here`);
        else if (!silent.has(name.text)) throw new CorefileError(name, `Unknown directive '${name.text}'`);
    }
  }
  return block;
}

/** `:8080`, `0.0.0.0:8080`. */
function portOf(directive: Directive, usual: number): number {
  const [address, ...more] = directive.args;
  if (more.length > 0) throw argumentError(directive);
  if (!address) return usual;
  const port = /:(\d+)$/.exec(address.text)?.[1];
  if (port === undefined) throw new CorefileError(address, `address ${address.text}: missing port in address`);
  return Number(port);
}
