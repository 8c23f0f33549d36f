/**
 * Where Ingresses send a request, and why. The API's rules are upstream's (networking/v1 types.go: hosts, path types,
 * default backends); what it leaves to implementations is done as ingress-nginx does it: the older Ingress wins a path, a
 * host with TLS redirects plain requests, canaries by annotation.
 */
import type { Ingress, IngressBackend } from '../api/index.ts';
import { annotationOf, type IngressOptions, ingressOptions } from './ingress-options.ts';

/** A Service's port, by number or by name. */
export interface IngressTarget {
  readonly namespace: string;
  readonly service: string;
  readonly port: number | string;
}

export interface IngressRequest {
  /** As in the Host header, without port; any case. */
  readonly host: string;
  /** Without query. */
  readonly path: string;
  readonly tls: boolean;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** From 0 up to 1: the throw of the dice for canaries by weight. */
  readonly random: number;
}

export interface IngressRoute {
  /** `namespace/name` of the Ingress. */
  readonly ingress: string;
  readonly host: string;
  /** Absent: the Ingress's default backend. */
  readonly path?: { readonly path: string; readonly type: string };
  readonly target: IngressTarget;
  /** What the backend is asked for, without query: rewritten if the Ingress says so. */
  readonly sends: string;
  readonly options: IngressOptions;
  /** Absent: the main backend was chosen, or there is no canary. */
  readonly canary?: { readonly ingress: string; readonly by: 'header' | 'cookie' | 'weight' };
}

export type IngressAnswer =
  | { readonly kind: 'backend'; readonly route: IngressRoute }
  /** Elsewhere; without a location: to the same place over https. */
  | { readonly kind: 'redirect'; readonly ingress: string; readonly code: number; readonly location?: string }
  /** No rule and no default backend: 404. */
  | { readonly kind: 'none'; readonly why: string };

/** The name whose certificate a host gets: a Secret, and the Ingress that says so. */
export interface IngressCertificate {
  readonly namespace: string;
  readonly secret: string;
  readonly ingress: string;
}

interface PathRule {
  readonly ingress: Readonly<Ingress>;
  readonly host: string;
  readonly path: string;
  readonly type: 'Exact' | 'Prefix';
  readonly shownType: string;
  readonly target: IngressTarget | undefined;
  readonly options: IngressOptions;
  /** The path as a regular expression, for hosts where one Ingress uses them. */
  readonly pattern: RegExp | undefined;
}

/** What is wrong with an Ingress, though it is served as far as it can be. */
export interface IngressProblem {
  /** `namespace/name`. */
  readonly ingress: string;
  readonly message: string;
}

interface Host {
  readonly rules: PathRule[];
  /** Upstream: one Ingress with use-regex or rewrite-target makes all paths of its host regular expressions. */
  regex: boolean;
  /** Of Ingresses that name this host and have a default backend. */
  fallback?: { readonly ingress: Readonly<Ingress>; readonly target: IngressTarget; readonly options: IngressOptions };
}

/** The table of all Ingresses of one controller. Made anew when one of them changes. */
export class IngressTable {
  /** By host in lower case; `''` for rules without one. */
  readonly #hosts = new Map<string, Host>();
  readonly #canaries: PathRule[] = [];
  readonly #certificates = new Map<string, IngressCertificate>();
  readonly problems: IngressProblem[] = [];

  /** `ingresses`: those whose class is the controller's. */
  constructor(ingresses: readonly Readonly<Ingress>[]) {
    const age = (ingress: Readonly<Ingress>) => `${ingress.metadata.creationTimestamp ?? ''} ${nameOf(ingress)}`;
    const byAge = [...ingresses].sort((a, b) => (age(a) < age(b) ? -1 : 1));
    for (const ingress of byAge) this.#add(ingress);
    for (const { rules } of this.#hosts.values()) rules.sort(bySpecificity);
  }

  /** Where a request goes. */
  route(request: IngressRequest): IngressAnswer {
    const name = request.host.toLowerCase().replace(/\.$/, '');
    const tiers = [name, wildcardOf(name), ''].filter((host) => host !== undefined);
    for (const host of tiers) {
      const rule = this.#hosts
        .get(host)
        ?.rules.find((candidate) => pathMatches(candidate, request.path, this.#hosts.get(host)!.regex));
      if (rule) return this.#answer(rule, request, name);
    }
    for (const host of tiers) {
      const fallback = this.#hosts.get(host)?.fallback;
      if (fallback) {
        const { ingress, target, options } = fallback;
        return (
          this.#redirect(ingress, options, request, name) ?? {
            kind: 'backend',
            route: { ingress: nameOf(ingress), host, target, sends: request.path, options },
          }
        );
      }
    }
    const known = tiers.slice(0, 2).some((host) => this.#hosts.has(host));
    return {
      kind: 'none',
      why: known ? `no path of host ${name} matches ${request.path}` : `no Ingress has a rule for host ${name}`,
    };
  }

  /** The certificate for a host, by its own name or by a wildcard. */
  certificate(host: string): IngressCertificate | undefined {
    const name = host.toLowerCase();
    const wildcard = wildcardOf(name);
    return this.#certificates.get(name) ?? (wildcard === undefined ? undefined : this.#certificates.get(wildcard));
  }

  /** Every host that has a certificate of its own, wildcards as they are written. */
  certificates(): Iterable<readonly [host: string, certificate: IngressCertificate]> {
    return this.#certificates;
  }

  #answer(rule: PathRule, request: IngressRequest, host: string): IngressAnswer {
    const ingress = nameOf(rule.ingress);
    const elsewhere = this.#redirect(rule.ingress, rule.options, request, host);
    if (elsewhere) return elsewhere;
    const canary = this.#canary(rule, request);
    const target = canary?.rule.target ?? rule.target;
    const path = { path: rule.path, type: rule.shownType };
    if (!target)
      return { kind: 'none', why: `the backend of ${ingress} is a resource, which this controller does not serve` };
    return {
      kind: 'backend',
      route: {
        ingress,
        host: rule.host,
        path,
        target,
        sends: rewritten(rule, request.path),
        options: rule.options,
        ...(canary ? { canary: { ingress: nameOf(canary.rule.ingress), by: canary.by } } : {}),
      },
    };
  }

  /** Upstream's order: https first, then where the Ingress sends everybody, then from the root to the application. */
  #redirect(
    ingress: Readonly<Ingress>,
    { sslRedirect, redirect, appRoot }: IngressOptions,
    request: IngressRequest,
    host: string,
  ): IngressAnswer | undefined {
    const to = { kind: 'redirect', ingress: nameOf(ingress) } as const;
    if (!request.tls && (sslRedirect === 'always' || (sslRedirect === 'tls' && this.certificate(host)))) {
      return { ...to, code: 308 };
    }
    if (redirect) return { ...to, ...redirect };
    return appRoot !== undefined && request.path === '/' ? { ...to, code: 302, location: appRoot } : undefined;
  }

  /** A canary of the same host and path takes the request: by header first, then by cookie, then by weight. */
  #canary(rule: PathRule, request: IngressRequest) {
    const found = this.#canaries.find(
      (canary) =>
        canary.host === rule.host &&
        canary.path === rule.path &&
        canary.ingress.metadata.namespace === rule.ingress.metadata.namespace,
    );
    if (!found?.target) return undefined;
    const by = canaryTakes(found.ingress, request);
    return by ? { rule: found, by } : undefined;
  }

  #add(ingress: Readonly<Ingress>): void {
    const { rules = [], defaultBackend, tls = [] } = ingress.spec ?? {};
    const namespace = ingress.metadata.namespace ?? '';
    const isCanary = annotationOf(ingress, 'canary') === 'true';
    const problem = (message: string) => this.problems.push({ ingress: nameOf(ingress), message });
    const said: string[] = [];
    const options = ingressOptions(ingress, said);
    for (const message of said) problem(message);
    const usesRegex = options.useRegex || options.rewriteTarget !== undefined;
    const names = new Set<string>();
    for (const { host = '', http } of rules) {
      const name = host.toLowerCase();
      names.add(name);
      for (const { path = '/', pathType, backend } of http?.paths ?? []) {
        const rule: PathRule = {
          ingress,
          host: name,
          path: path === '' ? '/' : path,
          type: pathType === 'Exact' ? 'Exact' : 'Prefix',
          shownType: pathType,
          target: targetOf(namespace, backend),
          options,
          pattern: patternOf(path === '' ? '/' : path, problem),
        };
        if (isCanary) {
          this.#canaries.push(rule);
          continue;
        }
        const known = this.#host(name);
        known.regex ||= usesRegex;
        const before = known.rules.find((each) => each.path === rule.path && each.type === rule.type);
        // As ingress-nginx's admission webhook says it.
        if (before)
          problem(
            `host "${name || '_'}" and path "${rule.path}" is already defined in ingress ${nameOf(before.ingress)}`,
          );
        known.rules.push(rule);
      }
    }
    if (isCanary) return;
    const target = defaultBackend && targetOf(namespace, defaultBackend);
    if (target)
      for (const name of names.size > 0 ? names : ['']) this.#host(name).fallback ??= { ingress, target, options };
    for (const { hosts = [], secretName } of tls) {
      if (secretName === undefined) continue;
      for (const host of hosts) {
        const name = host.toLowerCase();
        if (!this.#certificates.has(name)) {
          this.#certificates.set(name, { namespace, secret: secretName, ingress: nameOf(ingress) });
        }
      }
    }
  }

  #host(name: string): Host {
    let host = this.#hosts.get(name);
    if (!host) {
      host = { rules: [], regex: false };
      this.#hosts.set(name, host);
    }
    return host;
  }
}

function nameOf({ metadata }: Readonly<Ingress>): string {
  return `${metadata.namespace}/${metadata.name}`;
}

function targetOf(namespace: string, { service }: IngressBackend): IngressTarget | undefined {
  if (!service) return undefined;
  return { namespace, service: service.name, port: service.port?.name ?? service.port?.number ?? 0 };
}

/** `*.example.com` for `web.example.com`: a wildcard stands for one label. */
function wildcardOf(host: string): string | undefined {
  const dot = host.indexOf('.');
  return dot > 0 ? `*${host.slice(dot)}` : undefined;
}

/** Longer paths first; of two that are equal the exact one, then the older Ingress's (sorting is stable). */
function bySpecificity(a: PathRule, b: PathRule): number {
  return bare(b.path).length - bare(a.path).length || Number(b.type === 'Exact') - Number(a.type === 'Exact');
}

function bare(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

/** Prefixes match element by element: `/foo` is a prefix of `/foo/bar`, not of `/foobar`. */
function pathMatches({ path, type, pattern }: PathRule, asked: string, regex: boolean): boolean {
  if (type === 'Exact') return asked === path;
  if (regex) return pattern?.test(asked) ?? false;
  const wanted = bare(path);
  return wanted === '/' || asked === wanted || asked.startsWith(`${wanted}/`);
}

/** nginx's `location ~* "^path"`. */
function patternOf(path: string, problem: (message: string) => unknown): RegExp | undefined {
  try {
    return new RegExp(`^${path}`, 'i');
  } catch {
    problem(`path "${path}" is no regular expression`);
    return undefined;
  }
}

/** The path as the backend is asked for it: `$1` in the target is the first group of the Ingress's path. */
function rewritten({ options, path, pattern }: PathRule, asked: string): string {
  const { rewriteTarget } = options;
  if (rewriteTarget === undefined) return asked;
  const groups = pattern?.exec(asked) ?? [path];
  const target = rewriteTarget.replace(/\$(\d)/g, (_, digit) => groups[Number(digit)] ?? '');
  return target.startsWith('/') ? target : `/${target}`;
}

/** Upstream: ingress-nginx docs/user-guide/nginx-configuration/annotations.md, "Canary". */
function canaryTakes(ingress: Readonly<Ingress>, request: IngressRequest): 'header' | 'cookie' | 'weight' | undefined {
  const header = annotationOf(ingress, 'canary-by-header')?.toLowerCase();
  if (header !== undefined) {
    const sent = request.headers[header];
    const value = annotationOf(ingress, 'canary-by-header-value');
    const pattern = annotationOf(ingress, 'canary-by-header-pattern');
    if (sent !== undefined) {
      if (value !== undefined) {
        if (sent === value) return 'header';
      } else if (pattern !== undefined) {
        if (matches(pattern, sent)) return 'header';
      } else if (sent === 'always') return 'header';
      else if (sent === 'never') return undefined;
    }
  }
  const cookie = annotationOf(ingress, 'canary-by-cookie');
  if (cookie !== undefined) {
    const sent = cookieOf(request.headers['cookie'], cookie);
    if (sent === 'always') return 'cookie';
    if (sent === 'never') return undefined;
  }
  const weight = Number(annotationOf(ingress, 'canary-weight') ?? 0);
  const total = Number(annotationOf(ingress, 'canary-weight-total') ?? 100);
  return weight > 0 && total > 0 && request.random < weight / total ? 'weight' : undefined;
}

function matches(pattern: string, text: string): boolean {
  try {
    return new RegExp(pattern).test(text);
  } catch {
    return false;
  }
}

export function cookieOf(header: string | undefined, name: string): string | undefined {
  for (const part of header?.split(';') ?? []) {
    const at = part.indexOf('=');
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim();
  }
  return undefined;
}
