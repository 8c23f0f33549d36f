/** What the API server shows to those who connect, and what they trust. */
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { ClusterPki } from '../pki/index.ts';
import type { ApiServerSettings } from './component-settings.ts';
import { writeFileAtomically } from './state.ts';

const everywhere: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** Where clients on this machine find the server. */
export function endpointHost(settings: Pick<ApiServerSettings, 'bindAddress'>): string {
  const { bindAddress = '127.0.0.1' } = settings;
  if (everywhere.has(bindAddress)) return '127.0.0.1';
  return bindAddress.includes(':') ? `[${bindAddress}]` : bindAddress;
}

/** Addresses that the serving certificate must name besides those it always does. */
export function servingHosts(settings: Pick<ApiServerSettings, 'bindAddress' | 'advertiseAddress'>): string[] {
  const { bindAddress, advertiseAddress } = settings;
  const hosts = new Set<string>();
  if (advertiseAddress !== undefined) hosts.add(advertiseAddress);
  if (bindAddress !== undefined && everywhere.has(bindAddress)) {
    for (const addresses of Object.values(networkInterfaces())) {
      for (const { address, internal } of addresses ?? []) if (!internal) hosts.add(address.replace(/%.*/, ''));
    }
  } else if (bindAddress !== undefined) hosts.add(bindAddress);
  return [...hosts];
}

export interface Serving {
  /** PEM texts. */
  readonly cert: string;
  readonly key: string;
  /** What clients verify it with, as PEM and as a file. */
  readonly ca: string;
  readonly caPath: string;
}

/** The certificate of the cluster's own CA, or that of `--tls-cert-file`, which clients are then told to trust as well. */
export function servingPair(pki: ClusterPki, own: ApiServerSettings['serving']): Serving {
  if (!own) return { cert: pki.apiserver.cert, key: pki.apiserver.key, ca: pki.ca.cert, caPath: pki.ca.certPath };
  const ca = `${pki.ca.cert.trimEnd()}\n${own.cert}`;
  const caPath = join(pki.dir, 'serving-ca.crt');
  writeFileAtomically(caPath, ca);
  return { ...own, ca, caPath };
}
