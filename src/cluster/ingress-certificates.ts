/** Certificates that Ingresses name, read anew when their Secret changes, and why one cannot be shown. */
import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { KubeObject } from '../apimachinery/index.ts';
import type { IngressCertificate } from '../net/index.ts';

interface Kept {
  readonly version: string | undefined;
  readonly context?: SecureContext;
  readonly leaf?: X509Certificate;
  readonly problem?: string;
}

export interface FoundCertificate {
  /** Absent: the default one is to be shown. */
  readonly context?: SecureContext;
  /** What is wrong, for the Ingress's user. */
  readonly problem?: string;
}

export class IngressCertificates {
  readonly #secret: (namespace: string, name: string) => Readonly<KubeObject> | undefined;
  /** By `namespace/name` of the Secret. */
  readonly #kept = new Map<string, Kept>();

  constructor(secret: (namespace: string, name: string) => Readonly<KubeObject> | undefined) {
    this.#secret = secret;
  }

  /** Upstream: ingress-nginx createServers: one for another name is not shown either. */
  find(host: string, { namespace, secret: name }: IngressCertificate): FoundCertificate {
    const { context, leaf, problem } = this.#read(namespace, name);
    const tell = (what: string): FoundCertificate => ({
      problem: `host "${host}" is shown the default certificate: Secret ${namespace}/${name} ${what}`,
    });
    if (problem !== undefined) return tell(problem);
    // A wildcard stands for any one name.
    if (leaf!.checkHost(host.replace(/^\*\./, 'any.'), { subject: 'default' }) === undefined) {
      return tell('has a certificate for other names');
    }
    return { context: context! };
  }

  #read(namespace: string, name: string): Kept {
    const secret = this.#secret(namespace, name);
    const key = `${namespace}/${name}`;
    const known = this.#kept.get(key);
    const version = secret?.metadata.resourceVersion;
    if (known && known.version === version) return known;
    const kept = { version, ...read(secret) };
    this.#kept.set(key, kept);
    return kept;
  }
}

function read(secret: Readonly<KubeObject> | undefined): Omit<Kept, 'version'> {
  if (!secret) return { problem: 'does not exist' };
  const data = (secret['data'] ?? {}) as Readonly<Record<string, string>>;
  for (const field of ['tls.crt', 'tls.key']) if (!data[field]) return { problem: `has no ${field}` };
  const [cert, key] = [Buffer.from(data['tls.crt']!, 'base64'), Buffer.from(data['tls.key']!, 'base64')];
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(cert);
  } catch {
    return { problem: 'has no certificate in PEM in tls.crt' };
  }
  try {
    return { leaf, context: createSecureContext({ cert, key }) };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const mismatch = code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH';
    return { problem: mismatch ? 'has a key that is not that of its certificate' : `cannot be used (${message})` };
  }
}
