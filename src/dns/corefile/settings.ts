/** What a Corefile says, as data: one server block for a set of zones, with what each plugin is to do. */

/** Zones without their last dot, in lower case; the root is `''`. */
export type Zones = readonly string[];

/** Whether a plugin that finds no name lets the next one try. */
export type Fallthrough = Zones | undefined;

export interface KubernetesSettings {
  readonly zones: Zones;
  /** Default disabled, as CoreDNS; kubeadm's Corefile says insecure. */
  readonly pods: 'disabled' | 'insecure' | 'verified';
  /** Seconds. Default 5. */
  readonly ttl: number;
  readonly fallthrough: Fallthrough;
  /** Only these namespaces. Absent: all. */
  readonly namespaces?: readonly string[];
  readonly noEndpoints: boolean;
  readonly endpointPodNames: boolean;
  readonly ignoreEmptyService: boolean;
}

export interface HostsSettings {
  readonly zones: Zones;
  readonly entries: readonly { readonly ip: string; readonly names: readonly string[] }[];
  /** Seconds. Default 3600. */
  readonly ttl: number;
  readonly noReverse: boolean;
  readonly fallthrough: Fallthrough;
}

export interface RewriteSettings {
  readonly then: 'stop' | 'continue';
  readonly field: 'name' | 'type' | 'ttl';
  readonly match: 'exact' | 'prefix' | 'suffix' | 'substring' | 'regex';
  /** A name with its last dot, a part of one, or a type. */
  readonly from: string;
  readonly pattern?: RegExp;
  readonly to: string;
  /** Of `ttl`: seconds. */
  readonly ttl?: { readonly least: number; readonly most: number };
  /** Names in the answer are written back. */
  readonly autoAnswer: boolean;
  readonly answers: readonly { readonly what: 'name' | 'value'; readonly pattern: RegExp; readonly to: string }[];
}

/** Text, or what is put in its place: a field of the question, or a group of the rule's expression by number or name. */
export type TemplatePart = string | { readonly field: 'Name' | 'Zone' | 'Class' | 'Type' } | { readonly group: string };

export interface TemplateSettings {
  /** 255: any. */
  readonly type: number;
  readonly zones: Zones;
  /** Over the name with its last dot; the first that matches counts. */
  readonly matches: readonly RegExp[];
  /** Records as zone files write them. */
  readonly answer: readonly (readonly TemplatePart[])[];
  readonly additional: readonly (readonly TemplatePart[])[];
  readonly authority: readonly (readonly TemplatePart[])[];
  /** Default 0, NOERROR. */
  readonly code: number;
  readonly fallthrough: Fallthrough;
}

export interface ForwardSettings {
  /** Names at or below it. */
  readonly zone: string;
  readonly except: Zones;
  readonly upstreams: readonly { readonly address: string; readonly port: number }[];
  /** Default random. */
  readonly policy: 'random' | 'round_robin' | 'sequential';
  readonly forceTcp: boolean;
  readonly preferUdp: boolean;
  /** Failures in a row after which a server is left alone for a while. Default 2; 0: never. */
  readonly maxFails: number;
  /** Questions under way at the same time; more are refused. 0: no limit. */
  readonly maxConcurrent: number;
}

export interface CachePart {
  /** Answers kept. Default 9984. */
  readonly capacity: number;
  /** Seconds at most. Default 3600, of denials 1800. */
  readonly most: number;
  /** Seconds at least. Default 5. */
  readonly least: number;
  readonly disabledFor: Zones;
}

export interface CacheSettings {
  readonly zones: Zones;
  readonly success: CachePart;
  readonly denial: CachePart;
  /** Seconds that a failure is kept. Default 5. */
  readonly servfail: number;
  /** Seconds that an answer may be given after its time while a new one is fetched. Default 0: never. */
  readonly serveStale: number;
  readonly staleMode: 'immediate' | 'verify';
  readonly keepTtl: boolean;
}

export interface LogSettings {
  readonly zones: Zones;
  readonly classes: ReadonlySet<'all' | 'success' | 'denial' | 'error'>;
  readonly format: 'common' | 'combined' | string;
}

export interface ServerBlock {
  readonly zones: Zones;
  readonly kubernetes?: KubernetesSettings;
  readonly hosts?: HostsSettings;
  readonly rewrites: readonly RewriteSettings[];
  readonly templates: readonly TemplateSettings[];
  readonly forwards: readonly ForwardSettings[];
  readonly cache?: CacheSettings;
  readonly log: readonly LogSettings[];
  readonly errors: boolean;
  /** ANY is answered as RFC 8482 says. */
  readonly any: Zones | undefined;
  readonly loadBalance: boolean;
  /** Most bytes of a UDP answer. Default 1232, as the plugin's. */
  readonly bufferSize?: number;
  readonly loop: boolean;
}

export interface Corefile {
  readonly blocks: readonly ServerBlock[];
  /** Whether changes are followed. */
  readonly reload: boolean;
  /** Port of `/health` and of `/ready`; absent without those plugins. */
  readonly health?: number;
  readonly ready?: number;
  /** What is there and not done, each with its place. */
  readonly warnings: readonly string[];
}

/** The longest zone that a name is at or below. */
export function zoneOf(name: string, zones: Zones): string | undefined {
  let best: string | undefined;
  for (const zone of zones) {
    if ((best === undefined || zone.length > best.length) && isBelow(name, zone)) best = zone;
  }
  return best;
}

/** Both in lower case and without their last dot. */
export function isBelow(name: string, zone: string): boolean {
  return zone === '' || name === zone || (name.endsWith(zone) && name[name.length - zone.length - 1] === '.');
}

/** Whether a name that a plugin does not know goes on to the next. */
export function fallsThrough(name: string, zones: Fallthrough): boolean {
  return zones !== undefined && zoneOf(name, zones) !== undefined;
}
