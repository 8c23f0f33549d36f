/** The plugins' own words, checked as each plugin checks them. Upstream: plugin/<name>/setup.go, coredns 1.13. */
import { canonicalIp, isIp } from '../../net/index.ts';
import type { Directive, Line } from './blocks.ts';
import type {
  CachePart,
  CacheSettings,
  Fallthrough,
  ForwardSettings,
  HostsSettings,
  KubernetesSettings,
  LogSettings,
  Zones,
} from './settings.ts';
import { CorefileError, type Place, type Token } from './tokens.ts';
import { type CorefileFiles, normalZones } from './zones.ts';

export interface Setup {
  /** Of the server block. */
  readonly zones: Zones;
  readonly files: CorefileFiles;
  warn(place: Place, what: string): void;
}

export function argumentError({ name }: { readonly name: Token }): CorefileError {
  return new CorefileError(name, `Wrong argument count or unexpected line ending after '${name.text}'`);
}

function unknownProperty({ name }: Line): CorefileError {
  return new CorefileError(name, `unknown property '${name.text}'`);
}

function zonesOr(words: readonly Token[], fallback: Zones): Zones {
  return words.length === 0 ? fallback : words.flatMap((word) => normalZones(word.text, word));
}

function one(line: Line): Token {
  const [word, ...more] = line.args;
  if (!word || more.length > 0) throw argumentError(line);
  return word;
}

function whole(word: Token, { least = 0, most = Number.MAX_SAFE_INTEGER }: { least?: number; most?: number } = {}) {
  const value = Number(word.text);
  if (!/^-?\d+$/.test(word.text)) throw new CorefileError(word, `strconv.Atoi: parsing "${word.text}": invalid syntax`);
  if (value < least || value > most) throw new CorefileError(word, `${word.text} is not from ${least} to ${most}`);
  return value;
}

function ttlOf(line: Line, most: number): number {
  const word = one(line);
  const value = whole(word, { least: Number.MIN_SAFE_INTEGER });
  if (value < 0 || value > most) throw new CorefileError(word, `ttl must be in range [0, ${most}]: ${value}`);
  return value;
}

const units: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600 };

/** A Go duration, or seconds. */
function seconds(word: Token): number {
  if (/^\d+$/.test(word.text)) return Number(word.text);
  const parts = [...word.text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== word.text) {
    throw new CorefileError(word, `time: invalid duration "${word.text}"`);
  }
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * units[unit!]!, 0);
}

const podModes = ['disabled', 'verified', 'insecure'] as const;

export function readKubernetes({ args, block = [] }: Directive, setup: Setup): KubernetesSettings {
  const read: { -readonly [K in keyof KubernetesSettings]: KubernetesSettings[K] } = {
    zones: zonesOr(args, setup.zones),
    pods: 'disabled',
    ttl: 5,
    fallthrough: undefined,
    noEndpoints: false,
    endpointPodNames: false,
    ignoreEmptyService: false,
  };
  if (!read.zones.some((zone) => !zone.endsWith('.arpa') && zone !== 'arpa')) {
    throw new CorefileError(args[0] ?? { line: 1, column: 1 }, 'non-reverse zone name must be used');
  }
  for (const line of block) {
    switch (line.name.text) {
      case 'pods': {
        const word = one(line);
        const mode = podModes.find((each) => each === word.text);
        if (!mode) {
          throw new CorefileError(word, `wrong value for pods: ${word.text},  must be one of: ${podModes.join(', ')}`);
        }
        read.pods = mode;
        break;
      }
      case 'ttl':
        read.ttl = ttlOf(line, 3600);
        break;
      case 'fallthrough':
        read.fallthrough = zonesOr(line.args, ['']);
        break;
      case 'namespaces':
        if (line.args.length === 0) throw argumentError(line);
        read.namespaces = [...(read.namespaces ?? []), ...line.args.map(({ text }) => text)];
        break;
      case 'noendpoints':
        if (line.args.length > 0) throw argumentError(line);
        read.noEndpoints = true;
        break;
      case 'endpoint_pod_names':
        if (line.args.length > 0) throw argumentError(line);
        read.endpointPodNames = true;
        break;
      case 'ignore': {
        const word = one(line);
        if (word.text !== 'empty_service') {
          throw new CorefileError(word, `unable to parse ignore value: '${word.text}'`);
        }
        read.ignoreEmptyService = true;
        break;
      }
      // How to reach the API server: klab's DNS lives in the same process.
      case 'endpoint':
      case 'tls':
      case 'kubeconfig':
      case 'apiserver_qps':
      case 'apiserver_burst':
      case 'apiserver_max_inflight':
      case 'startup_timeout':
        break;
      case 'labels':
      case 'namespace_labels':
      case 'multicluster':
        setup.warn(line.name, `${line.name.text} of plugin kubernetes is not served by klab: it does nothing here`);
        break;
      default:
        throw unknownProperty(line);
    }
  }
  return read;
}

export function readHosts({ args, block = [] }: Directive, setup: Setup): HostsSettings {
  const [file, ...zones] = args;
  const entries: HostsSettings['entries'][number][] = [];
  let ttl = 3600;
  let noReverse = false;
  let fallthrough: Fallthrough;
  if (file) {
    const path = file.text;
    const text = setup.files.read?.(path);
    if (text !== undefined) entries.push(...hostsFile(text));
    else setup.warn(file, `File does not exist: ${path}`);
  }
  for (const line of block) {
    switch (line.name.text) {
      case 'fallthrough':
        fallthrough = zonesOr(line.args, ['']);
        break;
      case 'no_reverse':
        noReverse = true;
        break;
      case 'ttl': {
        const word = one(line);
        ttl = whole(word, { least: Number.MIN_SAFE_INTEGER });
        if (ttl <= 0 || ttl > 65535) throw new CorefileError(word, 'ttl provided is invalid');
        break;
      }
      case 'reload': {
        seconds(one(line));
        break;
      }
      default: {
        const ip = canonicalOf(line.name.text);
        if (ip === undefined) throw unknownProperty(line);
        if (line.args.length === 0) throw argumentError(line);
        entries.push({ ip, names: line.args.map(({ text }) => nameOf(text)) });
      }
    }
  }
  return { zones: zonesOr(zones, setup.zones), entries, ttl, noReverse, fallthrough };
}

/** hosts(5). Lines that say nothing are skipped, as CoreDNS skips them. */
function hostsFile(text: string): HostsSettings['entries'][number][] {
  return text.split('\n').flatMap((line) => {
    const [address, ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    const ip = canonicalOf(address ?? '');
    return ip === undefined || names.length === 0 ? [] : [{ ip, names: names.map(nameOf) }];
  });
}

const nameOf = (text: string) => text.toLowerCase().replace(/\.$/, '');
const canonicalOf = (text: string) => (isIp(text) ? canonicalIp(text) : undefined);

const mostUpstreams = 15;
const policies = ['random', 'round_robin', 'sequential'] as const;

export function readForward(directive: Directive, setup: Setup): ForwardSettings {
  const [from, ...to] = directive.args;
  if (!from || to.length === 0) throw argumentError(directive);
  const read: { -readonly [K in keyof ForwardSettings]: ForwardSettings[K] } = {
    zone: normalZones(from.text, from)[0]!,
    except: [],
    upstreams: to.flatMap((word) => upstreamsOf(word, setup)),
    policy: 'random',
    forceTcp: false,
    preferUdp: false,
    maxFails: 2,
    maxConcurrent: 0,
  };
  if (read.upstreams.length > mostUpstreams) {
    throw new CorefileError(
      to[mostUpstreams] ?? to[0]!,
      `more than ${mostUpstreams} TOs configured: ${read.upstreams.length}`,
    );
  }
  for (const line of directive.block ?? []) {
    switch (line.name.text) {
      case 'except':
        if (line.args.length === 0) throw argumentError(line);
        read.except = [...read.except, ...zonesOr(line.args, [])];
        break;
      case 'policy': {
        const word = one(line);
        const policy = policies.find((each) => each === word.text);
        if (!policy) throw new CorefileError(word, `unknown policy '${word.text}'`);
        read.policy = policy;
        break;
      }
      case 'force_tcp':
        if (line.args.length > 0) throw argumentError(line);
        read.forceTcp = true;
        break;
      case 'prefer_udp':
        if (line.args.length > 0) throw argumentError(line);
        read.preferUdp = true;
        break;
      case 'max_fails':
        read.maxFails = whole(one(line));
        break;
      case 'max_concurrent':
        read.maxConcurrent = whole(one(line));
        break;
      case 'expire':
      case 'max_idle_conns':
      case 'max_connect_attempts':
        break;
      case 'health_check':
        if (!line.args[0]) throw argumentError(line);
        seconds(line.args[0]);
        break;
      case 'tls':
      case 'tls_servername':
      case 'next':
      case 'failover':
      case 'failfast_all_unhealthy_upstreams':
        setup.warn(line.name, `${line.name.text} of plugin forward is not served by klab: it does nothing here`);
        break;
      default:
        throw unknownProperty(line);
    }
  }
  return read;
}

function upstreamsOf(word: Token, { files, warn }: Setup): ForwardSettings['upstreams'] {
  const { text } = word;
  if (text.startsWith('/')) {
    if (text === '/etc/resolv.conf')
      return (files.resolvers ?? []).map(({ address, port = 53 }) => ({ address, port }));
    const found = files.read?.(text);
    if (found === undefined) throw new CorefileError(word, `not an IP address or file: "${text}"`);
    return [...found.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, address]) => ({ address: address!, port: 53 }));
  }
  const scheme = /^([a-z]+):\/\/(.*)$/.exec(text);
  if (scheme && scheme[1] !== 'dns') {
    if (!['tls', 'https', 'grpc', 'quic'].includes(scheme[1]!)) {
      throw new CorefileError(word, `not an IP address or file: "${text}"`);
    }
    warn(word, `${text}: klab asks name servers over plain DNS only; this one is left out`);
    return [];
  }
  const place = scheme?.[2] ?? text;
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(place) ?? [];
  const address = isIp(place) ? place : (bracketed ?? plain);
  if (address === undefined || !isIp(address)) throw new CorefileError(word, `not an IP address or file: "${text}"`);
  return [{ address, port: isIp(place) ? 53 : Number(port ?? 53) }];
}

const usualCapacity = 9984;

export function readCache({ args, block = [] }: Directive, setup: Setup): CacheSettings {
  let words = args;
  let most = { success: 3600, denial: 1800 };
  if (words[0] && /^\d+$/.test(words[0].text)) {
    const ttl = Number(words[0].text);
    if (ttl <= 0) throw new CorefileError(words[0], 'cache TTL can not be zero or negative: 0');
    most = { success: ttl, denial: ttl };
    words = words.slice(1);
  }
  type Part = { -readonly [K in keyof CachePart]: CachePart[K] };
  const part = (ttl: number): Part => ({ capacity: usualCapacity, most: ttl, least: 5, disabledFor: [] });
  const zones = zonesOr(words, setup.zones);
  const read = {
    zones,
    success: part(most.success),
    denial: part(most.denial),
    servfail: 5,
    serveStale: 0,
    staleMode: 'immediate' as 'immediate' | 'verify',
    keepTtl: false,
  };
  for (const line of block) {
    const { name, args: values } = line;
    switch (name.text) {
      case 'success':
      case 'denial': {
        const [capacity, ttl, least] = values;
        if (!capacity) throw argumentError(line);
        const into = read[name.text];
        into.capacity = whole(capacity);
        if (ttl) {
          into.most = whole(ttl);
          if (into.most <= 0) throw new CorefileError(ttl, `cache TTL can not be zero or negative: ${into.most}`);
        }
        if (least) into.least = whole(least);
        break;
      }
      case 'servfail': {
        const word = one(line);
        read.servfail = seconds(word);
        // RFC 2308 7.1.
        if (read.servfail > 300)
          throw new CorefileError(word, 'caching SERVFAIL responses over 5 minutes is not permitted');
        break;
      }
      case 'serve_stale': {
        const [time, mode] = values;
        read.serveStale = time ? seconds(time) : 3600;
        if (mode) {
          const text = mode.text.toLowerCase();
          if (text !== 'immediate' && text !== 'verify') {
            throw new CorefileError(mode, `invalid value for serve_stale refresh mode: ${mode.text}`);
          }
          read.staleMode = text;
        }
        break;
      }
      case 'disable': {
        const [which, ...of] = values;
        if (which?.text !== 'success' && which?.text !== 'denial') {
          throw which
            ? new CorefileError(which, `cache type for disable must be "success" or "denial"`)
            : argumentError(line);
        }
        read[which.text].disabledFor = zonesOr(of, zones);
        break;
      }
      case 'keepttl':
        read.keepTtl = true;
        break;
      case 'prefetch':
        if (!values[0]) throw argumentError(line);
        setup.warn(name, 'prefetch of plugin cache is not served by klab: it does nothing here');
        break;
      default:
        throw unknownProperty(line);
    }
  }
  return read;
}

const logClasses = ['all', 'success', 'denial', 'error'] as const;

export function readLog({ args, block = [] }: Directive, _setup: Setup): LogSettings {
  const formatAt = args.findIndex(({ text }) => text.includes('{'));
  const format = formatAt < 0 ? 'common' : args[formatAt]!.text;
  const zones = args.filter((_, i) => i !== formatAt);
  const classes = new Set<(typeof logClasses)[number]>();
  for (const line of block) {
    if (line.name.text !== 'class') throw unknownProperty(line);
    if (line.args.length === 0) throw argumentError(line);
    for (const word of line.args) {
      const found = logClasses.find((each) => each === word.text);
      if (!found) throw new CorefileError(word, `wrong value for class: ${word.text}`);
      classes.add(found);
    }
  }
  if (classes.size === 0) classes.add('all');
  return {
    zones: zonesOr(zones, ['']),
    classes,
    format: format === '{common}' ? 'common' : format === '{combined}' ? 'combined' : format,
  };
}

export function readAny({ args }: Directive, setup: Setup): Zones {
  return zonesOr(args, setup.zones);
}

export function readBufferSize(directive: Directive): number {
  const [size, ...more] = directive.args;
  if (more.length > 0) throw argumentError(directive);
  return size ? whole(size, { least: 512, most: 4096 }) : 1232;
}
