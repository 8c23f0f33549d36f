/** Ports that the cluster found for itself, remembered beside its state: they stay the same over restarts. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from './state.ts';

/** By what is served there; the file is `<what>.json`. */
export interface RememberedPorts {
  readonly ingress: { readonly http: number; readonly https: number };
  /** One number for UDP and TCP. */
  readonly dns: { readonly port: number };
}

type What = keyof RememberedPorts;

const fields: { readonly [W in What]: readonly (keyof RememberedPorts[W])[] } = {
  ingress: ['http', 'https'],
  dns: ['port'],
};

const fileIn = (dir: string, what: What) => join(dir, `${what}.json`);

export function rememberPorts<W extends What>(dir: string, what: W, ports: RememberedPorts[W]): void {
  writeFileAtomically(fileIn(dir, what), `${JSON.stringify({ ...ports, pid: process.pid })}\n`);
}

/** @param pid only what this server wrote: ports it listens on now. */
export function readPorts<W extends What>(dir: string, what: W, pid?: number): RememberedPorts[W] | undefined {
  const file = fileIn(dir, what);
  if (!existsSync(file)) return undefined;
  try {
    const { pid: writer, ...ports } = JSON.parse(readFileSync(file, 'utf8'));
    const whole = fields[what].every((field) => Number.isSafeInteger(ports[field]));
    return whole && (pid === undefined || pid === writer) ? ports : undefined;
  } catch {
    // Ports are found anew as well as remembered.
    return undefined;
  }
}
