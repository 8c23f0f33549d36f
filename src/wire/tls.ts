import { readFileSync } from 'node:fs';

/** PEM text, or the path of a file with it. */
export type Pem = string;

/** For a server: its certificate and key, and the CA that signs its clients. For a client the same, seen from there. */
export interface TlsOptions {
  readonly cert?: Pem;
  readonly key?: Pem;
  /** Server: clients must show a certificate of this CA. Client: the server's CA; absent = the system's. */
  readonly ca?: Pem;
  /** Client only: the name expected in the server's certificate instead of the host. */
  readonly serverName?: string;
  /** Client only: accept any server certificate. */
  readonly insecureSkipVerify?: boolean;
}

export const loadPem = (pem: Pem | undefined): string | undefined =>
  pem === undefined || pem.includes('-----BEGIN') ? pem : readFileSync(pem, 'utf8');

export const loadTls = (tls: TlsOptions) => ({ cert: loadPem(tls.cert), key: loadPem(tls.key), ca: loadPem(tls.ca) });
