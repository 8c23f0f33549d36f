/**
 * The files of `/etc/kubernetes/pki` as kubeadm lays them out, in one folder of the cluster's state.
 * Upstream: cmd/kubeadm/app/phases/certs/certlist.go.
 */
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { CertificateAuthority, type CertificateOptions, type KeyPair, type Subject } from './certificate.ts';
import { PkiError } from './errors.ts';
import { readTextIfExists, writePrivateFile } from './pem.ts';
import { createServiceAccountKey } from './token.ts';

/** PEM texts and where they lie. */
export interface StoredPair extends KeyPair {
  readonly certPath: string;
  readonly keyPath: string;
}

export interface ClusterPki {
  readonly dir: string;
  /** Signs every certificate of the Kubernetes API: servers, users, kubelets. */
  readonly ca: StoredPair;
  readonly frontProxyCa: StoredPair;
  readonly etcdCa: StoredPair;
  readonly apiserver: StoredPair;
  readonly apiserverKubeletClient: StoredPair;
  readonly apiserverEtcdClient: StoredPair;
  readonly frontProxyClient: StoredPair;
  readonly etcdServer: StoredPair;
  readonly etcdPeer: StoredPair;
  readonly etcdHealthcheckClient: StoredPair;
  /** `kubernetes-admin` in `system:masters`. */
  readonly admin: StoredPair;
  readonly serviceAccount: {
    readonly key: string;
    readonly pub: string;
    readonly keyPath: string;
    readonly pubPath: string;
  };
  /** Names of what did not exist (or could not be used any more) and was made now. */
  readonly created: readonly string[];
  /** The parsed cluster CA, for issuing and CSR signing. */
  authority(): CertificateAuthority;
  /** A client certificate of the cluster CA that is not stored, e.g. `system:node:node-1` in `system:nodes`. */
  issueClient(subject: Subject, now: number): KeyPair;
}

export interface ClusterPkiOptions {
  /** Host names and IP addresses the servers are reached at, besides kubeadm's own defaults and localhost. */
  readonly hosts: readonly string[];
  /** Wall-clock ms. */
  readonly now: number;
  /** First address of the service range. Default 10.96.0.1. */
  readonly serviceIp?: string;
  /** Default cluster.local. */
  readonly clusterDomain?: string;
}

/** A leaf is made anew when less than this is left of it: a lab that sleeps for months must still start. */
const renewBeforeMs = 30 * 24 * 3600 * 1000;

/** Creates what is missing and reuses what exists. Synchronous: a dozen P-256 keys take some milliseconds. */
export function ensureClusterPki(dir: string, options: ClusterPkiOptions): ClusterPki {
  const store = new PkiFolder(dir, options.now);
  const ca = store.authority('ca', 'kubernetes');
  const frontProxyCa = store.authority('front-proxy-ca', 'front-proxy-ca');
  const etcdCa = store.authority('etcd/ca', 'etcd-ca');

  const domain = options.clusterDomain ?? 'cluster.local';
  const local = ['localhost', '127.0.0.1', '::1', ...options.hosts];
  const service = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', `kubernetes.default.svc.${domain}`];
  const apiHosts = [...service, options.serviceIp ?? '10.96.0.1', ...local];

  const server = (commonName: string, hosts: readonly string[], client = false) => ({
    subject: { commonName },
    usages: client ? (['serverAuth', 'clientAuth'] as const) : (['serverAuth'] as const),
    ...splitHosts(hosts),
  });
  const client = (commonName: string, ...organizations: string[]) => ({
    subject: { commonName, organizations },
    usages: ['clientAuth'] as const,
  });

  return {
    dir,
    ca: store.pairOf('ca', ca),
    frontProxyCa: store.pairOf('front-proxy-ca', frontProxyCa),
    etcdCa: store.pairOf('etcd/ca', etcdCa),
    apiserver: store.leaf('apiserver', ca, server('kube-apiserver', apiHosts)),
    apiserverKubeletClient: store.leaf(
      'apiserver-kubelet-client',
      ca,
      client('kube-apiserver-kubelet-client', 'system:masters'),
    ),
    apiserverEtcdClient: store.leaf('apiserver-etcd-client', etcdCa, client('kube-apiserver-etcd-client')),
    frontProxyClient: store.leaf('front-proxy-client', frontProxyCa, client('front-proxy-client')),
    etcdServer: store.leaf('etcd/server', etcdCa, server('etcd-server', local, true)),
    etcdPeer: store.leaf('etcd/peer', etcdCa, server('etcd-peer', local, true)),
    etcdHealthcheckClient: store.leaf('etcd/healthcheck-client', etcdCa, client('kube-etcd-healthcheck-client')),
    admin: store.leaf('admin', ca, client('kubernetes-admin', 'system:masters')),
    serviceAccount: store.serviceAccount(),
    created: store.created,
    authority: () => ca,
    issueClient: (subject, now) => ca.issue({ subject, usages: ['clientAuth'], now }),
  };
}

class PkiFolder {
  readonly #dir: string;
  readonly #now: number;
  readonly created: string[] = [];

  constructor(dir: string, now: number) {
    this.#dir = dir;
    this.#now = now;
  }

  authority(name: string, commonName: string): CertificateAuthority {
    const stored = this.#read(name);
    if (stored.cert !== undefined && stored.key !== undefined) {
      const authority = new CertificateAuthority({ cert: stored.cert, key: stored.key });
      if (authority.certificate.validToDate.getTime() > this.#now) return authority;
      throw new PkiError(
        'Expired',
        `the CA certificate ${stored.certPath} has expired; remove it and its key to start anew`,
      );
    }
    if (stored.cert !== undefined) {
      throw new PkiError(
        'Incomplete',
        `${stored.keyPath} is missing beside its certificate; restore it or remove both to start anew`,
      );
    }
    const authority = CertificateAuthority.create({ commonName, now: this.#now });
    this.#write(name, authority.pair);
    return authority;
  }

  leaf(name: string, authority: CertificateAuthority, options: Omit<CertificateOptions, 'now'>): StoredPair {
    const stored = this.#read(name);
    const { certPath, keyPath, cert, key } = stored;
    if (cert !== undefined && key !== undefined && this.#usable({ cert, key }, authority, options)) {
      return { cert, key, certPath, keyPath };
    }
    const pair = authority.issue({ ...options, now: this.#now });
    this.#write(name, pair);
    return { ...pair, certPath, keyPath };
  }

  serviceAccount(): ClusterPki['serviceAccount'] {
    const keyPath = join(this.#dir, 'sa.key');
    const pubPath = join(this.#dir, 'sa.pub');
    const key = readTextIfExists(keyPath);
    const pub = readTextIfExists(pubPath);
    if (key !== undefined && pub !== undefined) return { key, pub, keyPath, pubPath };
    const pair =
      key === undefined
        ? createServiceAccountKey()
        : { key, pub: createPublicKey(key).export({ type: 'spki', format: 'pem' }) as string };
    writePrivateFile(keyPath, pair.key);
    writePrivateFile(pubPath, pair.pub);
    this.created.push('sa');
    return { ...pair, keyPath, pubPath };
  }

  pairOf(name: string, authority: CertificateAuthority): StoredPair {
    return { ...authority.pair, ...this.#paths(name) };
  }

  #usable(pair: KeyPair, authority: CertificateAuthority, wanted: Omit<CertificateOptions, 'now'>): boolean {
    const certificate = new X509Certificate(pair.cert);
    if (!certificate.checkPrivateKey(createPrivateKey(pair.key))) return false;
    if (certificate.validToDate.getTime() - renewBeforeMs < this.#now) return false;
    if (!certificate.checkIssued(authority.certificate) || !certificate.verify(authority.certificate.publicKey))
      return false;
    return (
      (wanted.dnsNames ?? []).every((name) => certificate.checkHost(name) !== undefined) &&
      (wanted.ipAddresses ?? []).every((address) => certificate.checkIP(address) !== undefined)
    );
  }

  #paths(name: string): { certPath: string; keyPath: string } {
    return { certPath: join(this.#dir, `${name}.crt`), keyPath: join(this.#dir, `${name}.key`) };
  }

  #read(name: string) {
    const paths = this.#paths(name);
    return { ...paths, cert: readTextIfExists(paths.certPath), key: readTextIfExists(paths.keyPath) };
  }

  /** The key first: a crash in between leaves a key without certificate, and the pair is made again. */
  #write(name: string, pair: KeyPair): void {
    const { certPath, keyPath } = this.#paths(name);
    writePrivateFile(keyPath, pair.key);
    writePrivateFile(certPath, pair.cert);
    this.created.push(name);
  }
}

function splitHosts(hosts: readonly string[]): { dnsNames: string[]; ipAddresses: string[] } {
  const unique = [...new Set(hosts)];
  return { dnsNames: unique.filter((host) => !isIP(host)), ipAddresses: unique.filter((host) => isIP(host) !== 0) };
}
