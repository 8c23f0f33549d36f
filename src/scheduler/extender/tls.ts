/** An extender's `tlsConfig`. Upstream: pkg/scheduler/extender.go makeTransport, client-go/transport.TLSConfigFor (1.36). */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { SchedulerConfigError } from '../config/types.ts';
import type { ExtenderIdentity, ExtenderTls } from './extender.ts';

/** As written: texts of `…Data` are base64 and go before the file of the same. */
export interface ExtenderTlsConfig {
  readonly insecure?: boolean;
  readonly serverName?: string;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly caData?: string;
  readonly certData?: string;
  readonly keyData?: string;
}

const block = /-----BEGIN [^-]+-----[\s\S]*?-----END [^-]+-----/;

const refuse = (why: string): never => {
  throw new SchedulerConfigError([`couldn't build extenders: ${why}`]);
};

function dataOrFile(data: string | undefined, file: string | undefined): string | undefined {
  if (data) return Buffer.from(data, 'base64').toString('utf8');
  if (!file) return undefined;
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'no such file or directory' : code === 'EACCES' ? 'permission denied' : message;
    return refuse(`open ${file}: ${why}`);
  }
}

function parsed<T>(parse: () => T, because: string): T {
  try {
    return parse();
  } catch (error) {
    return refuse(`${because}: ${(error as Error).message}`);
  }
}

function checkAuthority(ca: string): void {
  const roots = 'unable to load root certificates';
  const first = block.exec(ca)?.[0] ?? refuse(`${roots}: unable to parse bytes as PEM block`);
  parsed(() => new X509Certificate(first), `${roots}: failed to parse certificate`);
}

function checkPair(cert: string, key: string): void {
  const missing = (what: string) => refuse(`tls: failed to find any PEM data in ${what} input`);
  const first = block.exec(cert)?.[0] ?? missing('certificate');
  if (!block.test(key)) missing('key');
  const certificate = parsed(() => new X509Certificate(first), 'tls: failed to parse certificate');
  const secret: KeyObject = parsed(() => createPrivateKey(key), 'tls: failed to parse private key');
  if (!certificate.checkPrivateKey(secret)) refuse('tls: private key does not match public key');
}

/** Files are looked at for every call, so that a renewed certificate is taken up without a restart; a pair that is no pair fails the call. */
function identityFromFiles(certFile: string, keyFile: string, known: ExtenderIdentity): () => ExtenderIdentity {
  let last = known;
  return () => {
    const cert = dataOrFile(undefined, certFile)!;
    const key = dataOrFile(undefined, keyFile)!;
    if (cert !== last.cert || key !== last.key) {
      checkPair(cert, key);
      last = { cert, key };
    }
    return last;
  };
}

/**
 * What connections to the extender are made with, files read. Undefined: Node's defaults do.
 * @throws SchedulerConfigError about files that cannot be read and keys that are none.
 */
export function readExtenderTls(config: ExtenderTlsConfig | undefined, enableHttps: boolean): ExtenderTls | undefined {
  if (!config && !enableHttps) return undefined;
  const { serverName, caFile, certFile, keyFile, caData, certData, keyData } = config ?? {};
  const hasAuthority = Boolean(caFile || caData);
  // Without a CA, upstream does not verify when it is only told to use HTTPS.
  const insecure = config?.insecure === true || (enableHttps && !hasAuthority);
  if (hasAuthority && insecure) {
    refuse('specifying a root certificates file with the insecure flag is not allowed');
  }
  const ca = dataOrFile(caData, caFile);
  const cert = dataOrFile(certData, certFile);
  const key = dataOrFile(keyData, keyFile);
  if (ca !== undefined) checkAuthority(ca);
  // One of the two without the other is no identity, and is left alone.
  const pair = cert !== undefined && key !== undefined;
  if (pair) checkPair(cert, key);
  const renewed = pair && certFile && keyFile && !certData && !keyData;
  return {
    insecure,
    ...(renewed && { identity: identityFromFiles(certFile, keyFile, { cert, key }) }),
    ...(serverName && { serverName }),
    ...(ca !== undefined && { ca }),
    ...(pair && { cert, key }),
  };
}
