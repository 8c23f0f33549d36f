/**
 * Credentials from a program. Upstream: client-go/plugin/pkg/client/auth/exec: the answer is kept until it expires or
 * the server says 401; many waiting requests cause one run.
 */
import { parseTime, wallClock } from '../../base/index.ts';
import type { ClientConfig, Credentials, ExecConfig } from './config.ts';

/** An exec plugin failed; the message says which, and how to install it when it is missing. */
export class ExecCredentialError extends Error {
  override readonly name = 'ExecCredentialError';
}

const apiVersions = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'];

export class ExecCredentials {
  readonly #exec: ExecConfig;
  readonly #config: ClientConfig;
  #current: { readonly credentials: Credentials; readonly expiresAt: number } | undefined;
  #running: Promise<Credentials> | undefined;

  constructor(exec: ExecConfig, config: ClientConfig) {
    this.#exec = exec;
    this.#config = config;
  }

  async get(): Promise<Credentials> {
    if (this.#current && this.#current.expiresAt > wallClock.now()) return this.#current.credentials;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** The server refused `credentials`: the next `get` runs the program again. */
  refuse(credentials: Credentials): void {
    if (this.#current?.credentials === credentials) this.#current = undefined;
  }

  async #run(): Promise<Credentials> {
    const { apiVersion, command, args = [], env = [], installHint, provideClusterInfo, interactiveMode } = this.#exec;
    if (!apiVersions.includes(apiVersion)) {
      throw new ExecCredentialError(`exec plugin: invalid apiVersion "${apiVersion}"`);
    }
    const terminal = process.stdin.isTTY === true;
    if (interactiveMode === 'Always' && !terminal) {
      throw new ExecCredentialError('exec plugin cannot support interactive mode: standard input is not a terminal');
    }
    const interactive = interactiveMode !== 'Never' && terminal;
    const { server, ca, tlsServerName, insecureSkipTlsVerify } = this.#config;
    const cluster = {
      server,
      ...(tlsServerName ? { 'tls-server-name': tlsServerName } : {}),
      ...(insecureSkipTlsVerify ? { 'insecure-skip-tls-verify': true } : {}),
      ...(ca ? { 'certificate-authority-data': Buffer.from(ca).toString('base64') } : {}),
    };
    const spec = { interactive, ...(provideClusterInfo ? { cluster } : {}) };
    const { execa } = await import('execa');
    const result = await execa(command, [...args], {
      env: {
        ...Object.fromEntries(env.map(({ name, value }) => [name, value])),
        KUBERNETES_EXEC_INFO: JSON.stringify({ apiVersion, kind: 'ExecCredential', spec }),
      },
      stdin: interactive ? 'inherit' : 'ignore',
      stderr: 'inherit',
      reject: false,
    });
    if (result.failed) {
      const missing = result.code === 'ENOENT';
      const hint = missing && installHint ? `\n\n${installHint}` : '';
      const what = missing
        ? `executable ${command} not found`
        : `executable ${command} failed with exit code ${result.exitCode ?? '?'}`;
      throw new ExecCredentialError(`getting credentials: exec: ${what}${hint}`);
    }
    return this.#read(String(result.stdout), apiVersion);
  }

  #read(output: string, apiVersion: string): Credentials {
    let answer: any;
    try {
      answer = JSON.parse(output);
    } catch (cause) {
      throw new ExecCredentialError('getting credentials: decoding stdout: not JSON', { cause });
    }
    if (answer.apiVersion !== apiVersion) {
      throw new ExecCredentialError(
        `getting credentials: exec plugin is configured to use API version ${apiVersion}, plugin returned version ${answer.apiVersion}`,
      );
    }
    const { token, clientCertificateData: cert, clientKeyData: key, expirationTimestamp } = answer.status ?? {};
    if (!answer.status) throw new ExecCredentialError("getting credentials: exec plugin didn't return a status field");
    if (!token && !cert && !key) {
      throw new ExecCredentialError("getting credentials: exec plugin didn't return a token or cert/key pair");
    }
    if (Boolean(cert) !== Boolean(key)) {
      throw new ExecCredentialError('getting credentials: exec plugin returned only certificate or key, not both');
    }
    const credentials: Credentials = { token, cert, key };
    const expiresAt = expirationTimestamp ? parseTime(expirationTimestamp) : Number.POSITIVE_INFINITY;
    this.#current = { credentials, expiresAt };
    return credentials;
  }
}
