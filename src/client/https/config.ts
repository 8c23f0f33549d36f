/** Where a server is and how to prove who we are: what a kubeconfig context comes down to. */
export interface ClientConfig {
  /** `https://127.0.0.1:6443`, possibly with a path prefix; `http://` without TLS. */
  readonly server: string;
  /** PEM. Default: the system's roots. */
  readonly ca?: string;
  /** Name checked against the certificate instead of the host. */
  readonly tlsServerName?: string;
  readonly insecureSkipTlsVerify?: boolean;
  /** Client certificate and key, PEM. */
  readonly cert?: string;
  readonly key?: string;
  readonly token?: string;
  /** Read again every minute. Wins over `token`. */
  readonly tokenFile?: string;
  readonly username?: string;
  readonly password?: string;
  readonly impersonate?: Impersonation;
  /** Credentials that come from a program. */
  readonly exec?: ExecConfig;
}

export interface Impersonation {
  readonly user: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** Upstream: client-go/tools/clientcmd/api/v1 ExecConfig. */
export interface ExecConfig {
  readonly apiVersion: string;
  readonly command: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value: string }[];
  readonly installHint?: string;
  readonly provideClusterInfo?: boolean;
  readonly interactiveMode?: 'Never' | 'IfAvailable' | 'Always';
}

/** What authenticates a request at this moment. */
export interface Credentials {
  readonly token?: string;
  readonly cert?: string;
  readonly key?: string;
}
