/** Where Ingresses are served, remembered beside the cluster's state: the ports stay the same over restarts. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from './state.ts';

export interface IngressPorts {
  readonly http: number;
  readonly https: number;
}

const fileIn = (dir: string) => join(dir, 'ingress.json');

export function rememberIngressPorts(dir: string, ports: IngressPorts): void {
  writeFileAtomically(fileIn(dir), `${JSON.stringify({ ...ports, pid: process.pid })}\n`);
}

/** @param pid only what this server wrote: ports it listens on now. */
export function readIngressPorts(dir: string, pid?: number): IngressPorts | undefined {
  if (!existsSync(fileIn(dir))) return undefined;
  try {
    const { http, https, pid: writer } = JSON.parse(readFileSync(fileIn(dir), 'utf8'));
    const whole = Number.isSafeInteger(http) && Number.isSafeInteger(https);
    return whole && (pid === undefined || pid === writer) ? { http, https } : undefined;
  } catch {
    // Ports are found anew as well as remembered.
    return undefined;
  }
}
