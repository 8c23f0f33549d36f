/**
 * `create configmap` and `create secret generic|docker-registry|tls`: keys from literals, files and env files.
 * Upstream: kubectl/pkg/cmd/create/create_{configmap,secret,secret_docker,secret_tls}.go, kubectl/pkg/util/hash.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isConfigMapKey, isEnvVarName, type KubeObject } from '../../apimachinery/index.ts';
import { UserError } from '../exit-codes.ts';

export interface KeyFlags {
  readonly 'from-file'?: readonly string[];
  readonly 'from-literal'?: readonly string[];
  readonly 'from-env-file'?: readonly string[];
  readonly 'append-hash'?: boolean;
}

/** Reads a file or names what stands in the way in Go's words. */
function readBytes(file: string, what = 'error reading'): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new UserError(`${what} ${file}: ${osText(error)}`);
  }
}

function osText(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'no such file or directory';
  if (code === 'EACCES') return 'permission denied';
  if (code === 'EISDIR') return 'is a directory';
  return message;
}

/** Every key with its bytes, in the order of flags: files, literals, env files. */
export function readKeys(name: string, flags: KeyFlags, kind: 'ConfigMap' | 'Secret'): Map<string, Buffer> {
  const files = flags['from-file'] ?? [];
  const literals = flags['from-literal'] ?? [];
  const envFiles = flags['from-env-file'] ?? [];
  if (envFiles.length > 0 && (files.length > 0 || literals.length > 0)) {
    throw new UserError('from-env-file cannot be combined with from-file or from-literal');
  }
  const keys = new Map<string, Buffer>();
  const put = (key: string, value: Buffer) => {
    const problems = isConfigMapKey(key);
    if (problems.length > 0) {
      const shown = JSON.stringify(key);
      throw new UserError(
        kind === 'ConfigMap'
          ? `${shown} is not a valid key name for a ConfigMap: ${problems.join(',')}`
          : `${shown} is not valid key name for a Secret ${problems.join(';')}`,
      );
    }
    if (keys.has(key)) {
      throw new UserError(
        kind === 'ConfigMap'
          ? `cannot add key ${JSON.stringify(key)}, another key by that name already exists in Data for ConfigMap ${JSON.stringify(name)}`
          : `cannot add key ${key}, another key by that name already exists`,
      );
    }
    keys.set(key, value);
  };
  for (const source of files) {
    const [key, file] = splitFileSource(source);
    let folder = false;
    try {
      folder = statSync(file).isDirectory();
    } catch (error) {
      throw new UserError(`error reading ${file}: ${osText(error)}`);
    }
    if (!folder) put(key, readBytes(file));
    else {
      if (source.includes('=')) throw new UserError('cannot give a key name for a directory path');
      for (const entry of readdirSync(file, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
        if (entry.isFile()) put(entry.name, readBytes(join(file, entry.name)));
      }
    }
  }
  for (const literal of literals) {
    const at = literal.indexOf('=');
    if (at <= 0) throw new UserError(`invalid literal source ${literal}, expected key=value`);
    put(literal.slice(0, at), Buffer.from(literal.slice(at + 1)));
  }
  for (const file of envFiles) for (const [key, value] of readEnvFile(file)) put(key, Buffer.from(value));
  return keys;
}

function splitFileSource(source: string): [string, string] {
  const parts = source.split('=');
  if (parts.length === 1) return [basename(source.replaceAll('\\', '/')), source];
  if (parts.length > 2) throw new UserError("key names or file paths cannot contain '='");
  const [key = '', file = ''] = parts;
  if (key === '') throw new UserError(`key name for file path ${file} missing`);
  if (file === '') throw new UserError(`file path for key name ${key} missing`);
  return [key, file];
}

/** Lines `KEY=value`; a name alone takes its value from the environment. Upstream: kubectl/pkg/cmd/util/env_file.go. */
export function readEnvFile(file: string): [string, string][] {
  const out: [string, string][] = [];
  const text = readBytes(file)
    .toString('utf8')
    .replace(/^\uFEFF/, '');
  for (const raw of text.split('\n')) {
    const line = raw.replace(/\r$/, '').trimStart();
    if (line === '' || line.startsWith('#')) continue;
    const at = line.indexOf('=');
    const key = at < 0 ? line : line.slice(0, at);
    const problems = isEnvVarName(key);
    if (problems.length > 0)
      throw new UserError(`${JSON.stringify(key)} is not a valid key name: ${problems.join(';')}`);
    out.push([key, at < 0 ? (process.env[key] ?? '') : line.slice(at + 1)]);
  }
  return out;
}

function isText(bytes: Buffer): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

export function configMap(name: string, flags: KeyFlags): KubeObject {
  const data: Record<string, string> = {};
  const binaryData: Record<string, string> = {};
  for (const [key, bytes] of readKeys(name, flags, 'ConfigMap')) {
    if (isText(bytes)) data[key] = bytes.toString('utf8');
    else binaryData[key] = bytes.toString('base64');
  }
  const object = {
    kind: 'ConfigMap',
    apiVersion: 'v1',
    metadata: { name },
    ...(Object.keys(data).length > 0 && { data }),
    ...(Object.keys(binaryData).length > 0 && { binaryData }),
  } as KubeObject;
  return flags['append-hash'] ? withHash(object) : object;
}

export function genericSecret(name: string, flags: KeyFlags & { readonly type?: string }): KubeObject {
  const keys = [...readKeys(name, flags, 'Secret')].map(([key, bytes]) => [key, bytes.toString('base64')]);
  return secret(name, flags.type ?? '', Object.fromEntries(keys), flags['append-hash']);
}

function secret(name: string, type: string, data: Readonly<Record<string, string>>, hash = false): KubeObject {
  const object = {
    kind: 'Secret',
    apiVersion: 'v1',
    metadata: { name },
    ...(Object.keys(data).length > 0 && { data }),
    ...(type !== '' && { type }),
  } as KubeObject;
  return hash ? withHash(object) : object;
}

export interface RegistryFlags extends KeyFlags {
  readonly 'docker-server'?: string;
  readonly 'docker-username'?: string;
  readonly 'docker-password'?: string;
  readonly 'docker-email'?: string;
}

export function dockerRegistrySecret(name: string, flags: RegistryFlags): KubeObject {
  const key = '.dockerconfigjson';
  const type = 'kubernetes.io/dockerconfigjson';
  const files = flags['from-file'] ?? [];
  if (files.length > 0) {
    // A single file without a key is the whole configuration.
    const keyed = files.map((source) => (source.includes('=') || files.length > 1 ? source : `${key}=${source}`));
    return genericSecret(name, { ...flags, 'from-file': keyed, type });
  }
  const server = flags['docker-server'] || 'https://index.docker.io/v1/';
  const { 'docker-username': username = '', 'docker-password': password = '', 'docker-email': email = '' } = flags;
  if (username === '' || password === '') {
    throw new UserError(
      'either --from-file or the combination of --docker-username, --docker-password and --docker-server is required',
    );
  }
  const auth = Buffer.from(`${username}:${password}`).toString('base64');
  const entry = { username, password, ...(email !== '' && { email }), auth };
  const text = JSON.stringify({ auths: { [server]: entry } });
  return secret(name, type, { [key]: Buffer.from(text).toString('base64') }, flags['append-hash']);
}

export interface TlsFlags {
  readonly cert?: string;
  readonly key?: string;
  readonly 'append-hash'?: boolean;
}

export async function tlsSecret(name: string, flags: TlsFlags): Promise<KubeObject> {
  const { cert: certFile = '', key: keyFile = '' } = flags;
  if (certFile === '' || keyFile === '') throw new UserError('key and cert must be specified');
  const cert = readBytes(certFile, `Cannot read file ${certFile}, open`);
  const key = readBytes(keyFile, `Cannot read file ${keyFile}, open`);
  const { createPrivateKey, X509Certificate } = await import('node:crypto');
  let certificate: InstanceType<typeof X509Certificate>;
  try {
    certificate = new X509Certificate(cert);
  } catch {
    throw new UserError('tls: failed to find any PEM data in certificate input');
  }
  let privateKey: ReturnType<typeof createPrivateKey>;
  try {
    privateKey = createPrivateKey(key);
  } catch {
    throw new UserError('tls: failed to find any PEM data in key input');
  }
  if (!certificate.checkPrivateKey(privateKey)) throw new UserError('tls: private key does not match public key');
  const data = { 'tls.crt': cert.toString('base64'), 'tls.key': key.toString('base64') };
  return secret(name, 'kubernetes.io/tls', data, flags['append-hash']);
}

/** kubectl's and kustomize's content hash, appended to the name. */
export function withHash(object: Readonly<KubeObject>): KubeObject {
  const { kind, metadata, data, binaryData, type } = object as KubeObject & {
    data?: Record<string, string>;
    binaryData?: Record<string, string>;
    type?: string;
  };
  const sorted = (map: Record<string, string> = {}) =>
    Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
  const content =
    kind === 'ConfigMap'
      ? {
          ...(binaryData && { binaryData: sorted(binaryData) }),
          data: sorted(data),
          kind,
          name: metadata.name,
        }
      : { data: sorted(data), kind, name: metadata.name, type: type ?? '' };
  const json = JSON.stringify(content).replace(
    /[<>&\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  const letters: Record<string, string> = { '0': 'g', '1': 'h', '3': 'k', a: 'm', e: 't' };
  const hash = createHash('sha256').update(json).digest('hex').slice(0, 10);
  const suffix = [...hash].map((c) => letters[c] ?? c).join('');
  return { ...object, metadata: { ...metadata, name: `${metadata.name}-${suffix}` } } as KubeObject;
}
