/**
 * What annotations of an Ingress ask for. Upstream: ingress-nginx docs/user-guide/nginx-configuration/annotations.md; what is
 * not here is named by `problems`, never passed over in silence.
 */
import type { Ingress } from '../api/index.ts';
import { type Cidr, parseCidr } from './addresses.ts';

export const annotationPrefix = 'nginx.ingress.kubernetes.io/';

export interface IngressAffinity {
  readonly cookie: string;
  readonly path: string;
  /** Seconds; absent: as long as the browser runs. */
  readonly maxAge?: number;
  readonly sameSite?: string;
  readonly secure?: boolean;
}

export interface IngressOptions {
  /** Absent: the path goes on as it came. */
  readonly rewriteTarget?: string;
  readonly useRegex: boolean;
  /** `tls`: plain requests go to https when there is a certificate; `always`: also without; `never`. */
  readonly sslRedirect: 'tls' | 'always' | 'never';
  readonly redirect?: { readonly location: string; readonly code: number };
  readonly appRoot?: string;
  /** Bytes; 0: no limit. */
  readonly maxBodyBytes: number;
  readonly readTimeoutMs: number;
  readonly affinity?: IngressAffinity;
  /** Absent: everybody. */
  readonly allowed?: readonly Cidr[];
  readonly denied: readonly Cidr[];
  readonly upstreamHost?: string;
  readonly forwardedPrefix?: string;
  readonly basicAuth?: {
    readonly namespace: string;
    readonly secret: string;
    readonly realm: string;
    readonly map: boolean;
  };
}

/** As ingress-nginx's defaults: 1m, 60 s. */
const usualBodyBytes = 1 << 20;
const usualTimeoutMs = 60_000;

const known: ReadonlySet<string> = new Set([
  ...['rewrite-target', 'use-regex', 'ssl-redirect', 'force-ssl-redirect', 'app-root', 'proxy-body-size'],
  ...['permanent-redirect', 'permanent-redirect-code', 'temporal-redirect', 'temporal-redirect-code'],
  ...['proxy-read-timeout', 'proxy-connect-timeout', 'proxy-send-timeout', 'upstream-vhost', 'x-forwarded-prefix'],
  ...['affinity', 'affinity-mode', 'affinity-canary-behavior', 'session-cookie-name', 'session-cookie-path'],
  ...['session-cookie-max-age', 'session-cookie-expires', 'session-cookie-samesite', 'session-cookie-secure'],
  ...['session-cookie-change-on-failure', 'whitelist-source-range', 'allowlist-source-range', 'denylist-source-range'],
  ...['auth-type', 'auth-secret', 'auth-secret-type', 'auth-realm', 'canary', 'canary-weight', 'canary-weight-total'],
  ...['canary-by-header', 'canary-by-header-value', 'canary-by-header-pattern', 'canary-by-cookie'],
  // What they tune does not exist between klab's door and simulated pods.
  ...['proxy-buffering', 'proxy-buffer-size', 'proxy-buffers-number', 'proxy-request-buffering', 'proxy-http-version'],
  ...['client-body-buffer-size', 'enable-access-log', 'enable-rewrite-log', 'service-upstream', 'backend-protocol'],
  ...['preserve-trailing-slash', 'load-balance'],
]);

export function annotationOf({ metadata }: Readonly<Ingress>, name: string): string | undefined {
  return metadata.annotations?.[`${annotationPrefix}${name}`];
}

/** What cannot be done as asked is said in `problems`, and the default holds. */
export function ingressOptions(ingress: Readonly<Ingress>, problems: string[] = []): IngressOptions {
  const value = (name: string) => annotationOf(ingress, name)?.trim();
  const wrong = (name: string) =>
    problems.push(`annotation ${annotationPrefix}${name} has an invalid value "${value(name)}"`);
  const truth = (name: string) => {
    const text = value(name);
    if (text !== undefined && text !== 'true' && text !== 'false') wrong(name);
    return text === 'true';
  };
  const number = (name: string): number | undefined => {
    const text = value(name);
    if (text === undefined) return undefined;
    if (/^\d+$/.test(text)) return Number(text);
    wrong(name);
    return undefined;
  };
  const ranges = (...names: string[]): Cidr[] =>
    names.flatMap((name) =>
      (value(name)?.split(',') ?? []).flatMap((each) => {
        const text = each.trim();
        const cidr = parseCidr(text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`);
        if (!cidr) wrong(name);
        return cidr ? [cidr] : [];
      }),
    );
  for (const each of Object.keys(ingress.metadata.annotations ?? {})) {
    if (!each.startsWith(annotationPrefix) || known.has(each.slice(annotationPrefix.length))) continue;
    problems.push(`annotation ${each} is not served by klab: it does nothing here`);
  }
  const protocol = value('backend-protocol')?.toUpperCase();
  if (protocol !== undefined && protocol !== 'HTTP' && protocol !== 'AUTO_HTTP') {
    problems.push(
      `annotation ${annotationPrefix}backend-protocol: simulated pods speak plain HTTP only, not ${protocol}`,
    );
  }
  const allowed = ranges('whitelist-source-range', 'allowlist-source-range');
  const affinity = affinityOf(value, number);
  if (value('affinity') !== undefined && value('affinity') !== 'cookie') wrong('affinity');
  const redirect = redirectOf(value, number, wrong);
  const target = value('rewrite-target');
  const appRoot = value('app-root');
  if (appRoot !== undefined && !appRoot.startsWith('/')) wrong('app-root');
  const host = value('upstream-vhost');
  const prefix = value('x-forwarded-prefix');
  const auth = authOf(ingress, value, problems);
  return {
    ...(target && { rewriteTarget: target }),
    useRegex: truth('use-regex'),
    sslRedirect: truth('force-ssl-redirect') ? 'always' : value('ssl-redirect') === 'false' ? 'never' : 'tls',
    ...(redirect && { redirect }),
    ...(appRoot?.startsWith('/') && { appRoot }),
    maxBodyBytes: bytesOf(value('proxy-body-size'), () => wrong('proxy-body-size')),
    readTimeoutMs: (number('proxy-read-timeout') ?? usualTimeoutMs / 1000) * 1000,
    ...(affinity && { affinity }),
    ...(allowed.length > 0 && { allowed }),
    denied: ranges('denylist-source-range'),
    ...(host && { upstreamHost: host }),
    ...(prefix && { forwardedPrefix: prefix }),
    ...(auth && { basicAuth: auth }),
  };
}

type Value = (name: string) => string | undefined;

function affinityOf(value: Value, number: (name: string) => number | undefined): IngressAffinity | undefined {
  if (value('affinity') !== 'cookie') return undefined;
  const maxAge = number('session-cookie-max-age') ?? number('session-cookie-expires');
  const sameSite = value('session-cookie-samesite');
  return {
    cookie: value('session-cookie-name') || 'INGRESSCOOKIE',
    path: value('session-cookie-path') || '/',
    ...(maxAge !== undefined && { maxAge }),
    ...(sameSite && { sameSite }),
    ...(value('session-cookie-secure') !== undefined && { secure: value('session-cookie-secure') === 'true' }),
  };
}

/** Upstream: the permanent one wins when both are there; a code that is no redirect is the usual one. */
function redirectOf(
  value: Value,
  number: (name: string) => number | undefined,
  wrong: (name: string) => void,
): IngressOptions['redirect'] {
  for (const [kind, usual, least, most] of [
    ['temporal', 302, 300, 307],
    ['permanent', 301, 300, 308],
  ] as const) {
    const location = value(`${kind}-redirect`);
    if (!location) continue;
    if (!/^https?:\/\/|^\//.test(location)) {
      wrong(`${kind}-redirect`);
      continue;
    }
    const code = number(`${kind}-redirect-code`) ?? usual;
    return { location, code: code >= least && code <= most ? code : usual };
  }
  return undefined;
}

const sizes: Readonly<Record<string, number>> = { '': 1, k: 1 << 10, m: 1 << 20, g: 1 << 30 };

function bytesOf(text: string | undefined, wrong: () => void): number {
  if (text === undefined) return usualBodyBytes;
  const [, count, unit] = /^(\d+)([kmg]?)$/i.exec(text) ?? [];
  if (count === undefined) {
    wrong();
    return usualBodyBytes;
  }
  return Number(count) * sizes[unit!.toLowerCase()]!;
}

function authOf(ingress: Readonly<Ingress>, value: Value, problems: string[]): IngressOptions['basicAuth'] {
  const type = value('auth-type');
  if (type === undefined) return undefined;
  const secret = value('auth-secret');
  if (type !== 'basic' || !secret) {
    problems.push(`annotation ${annotationPrefix}auth-type: klab knows basic, with a Secret in auth-secret`);
    return undefined;
  }
  const [first, second] = secret.split('/') as [string, string | undefined];
  return {
    namespace: second === undefined ? (ingress.metadata.namespace ?? '') : first,
    secret: second ?? first,
    realm: value('auth-realm') ?? '',
    map: value('auth-secret-type') === 'auth-map',
  };
}
