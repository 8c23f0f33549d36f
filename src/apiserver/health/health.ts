import { newPathNotFound } from '../../apimachinery/index.ts';
import { type NonResourceRouter, text } from '../discovery/router.ts';
import type { ServerResponse } from '../types.ts';

/** Throws (or rejects) when unhealthy; the message goes to the log only. */
export type HealthCheck = () => void | Promise<void>;

export type HealthEndpoint = 'healthz' | 'livez' | 'readyz';

interface Named {
  readonly name: string;
  readonly check: HealthCheck;
  readonly endpoints: readonly HealthEndpoint[];
}

const endpoints: readonly HealthEndpoint[] = ['healthz', 'livez', 'readyz'];

/** `/healthz`, `/livez`, `/readyz` and one path a check. Upstream: apiserver/pkg/server/healthz/healthz.go. */
export class HealthChecks {
  readonly #checks: Named[] = [];

  constructor() {
    this.add('ping', () => {});
  }

  /** Checks run and are shown in the order they were added. */
  add(name: string, check: HealthCheck, on: readonly HealthEndpoint[] = endpoints): void {
    this.#checks.push({ name, check, endpoints: on });
  }

  install(router: NonResourceRouter): void {
    for (const endpoint of endpoints) {
      router.exact(`/${endpoint}`, ({ request }) => this.#serveAll(endpoint, request.query));
      router.prefix(`/${endpoint}/`, ({ info }) => this.#serveOne(endpoint, info.path.slice(endpoint.length + 2)));
    }
  }

  async #serveAll(endpoint: HealthEndpoint, query: URLSearchParams): Promise<ServerResponse> {
    const excluded = new Set(query.getAll('exclude'));
    const unknown = new Set(excluded);
    const lines: string[] = [];
    let failed = false;
    for (const { name, check } of this.#of(endpoint)) {
      if (excluded.has(name)) {
        unknown.delete(name);
        lines.push(`[+]${name} excluded: ok\n`);
      } else if (await healthy(check)) lines.push(`[+]${name} ok\n`);
      else {
        failed = true;
        lines.push(`[-]${name} failed: reason withheld\n`);
      }
    }
    if (unknown.size > 0) {
      const names = [...unknown].sort().map((name) => JSON.stringify(name));
      lines.push(`warn: some health checks cannot be excluded: no matches for ${names.join(',')}\n`);
    }
    if (failed) return text(`${lines.join('')}${endpoint} check failed\n`, 500);
    return text(query.has('verbose') ? `${lines.join('')}${endpoint} check passed\n` : 'ok');
  }

  async #serveOne(endpoint: HealthEndpoint, name: string): Promise<ServerResponse> {
    const found = this.#of(endpoint).find((each) => each.name === name);
    if (!found) throw newPathNotFound();
    return (await healthy(found.check)) ? text('ok') : text('internal server error: reason withheld\n', 500);
  }

  #of(endpoint: HealthEndpoint): Named[] {
    return this.#checks.filter((each) => each.endpoints.includes(endpoint));
  }
}

async function healthy(check: HealthCheck): Promise<boolean> {
  try {
    await check();
    return true;
  } catch {
    return false;
  }
}
