/** TLS of the etcd members' client doors. Upstream: etcd client/pkg/transport/listener.go (TLSInfo). */
import { join } from 'node:path';
import type { StoredPair } from '../pki/index.ts';
import type { EtcdTls } from './etcd-doors.ts';
import { writeFileAtomically } from './state.ts';

/** etcd's flags `--cert-file`, `--key-file`, `--trusted-ca-file` (PEM texts), `--client-cert-auth`, `--auto-tls`. */
export interface EtcdTlsSettings {
  readonly cert?: string;
  readonly key?: string;
  readonly trustedCa?: string;
  readonly clientCertAuth?: boolean;
  readonly autoTls?: boolean;
}

/**
 * With none of the flags as kubeadm sets etcd up: the cluster's own CA signs the members' certificates, and clients must
 * show one of it. With any of them as etcd does: clients need a certificate when there is a CA for them, or when
 * `--client-cert-auth` says so. klab's own CA is always one: `klab etcd` shows a certificate of it.
 */
export function etcdDoorTls(
  settings: EtcdTlsSettings,
  own: { readonly server: StoredPair; readonly ca: StoredPair; readonly dir: string },
): { readonly tls: EtcdTls; readonly cacert: string } {
  const { cert, key, trustedCa, clientCertAuth, autoTls = false } = settings;
  const given = cert !== undefined || autoTls || clientCertAuth === false;
  const required = trustedCa !== undefined || clientCertAuth === true || !given;
  const clientCas = [trustedCa, own.ca.cert].filter((pem) => pem !== undefined);
  const ca = required ? bundle(clientCas) : undefined;
  if (cert === undefined || key === undefined) {
    return { tls: { cert: own.server.cert, key: own.server.key, ...(ca && { ca }) }, cacert: own.ca.certPath };
  }
  const cacert = join(own.dir, 'etcd-serving-ca.crt');
  // A certificate that signed itself is its own CA.
  writeFileAtomically(cacert, bundle([...(trustedCa ? [trustedCa] : []), cert]));
  return { tls: { cert, key, ...(ca && { ca }) }, cacert };
}

const bundle = (pems: readonly string[]): string => `${pems.map((pem) => pem.trimEnd()).join('\n')}\n`;
