/** Kubeconfig files as they are written. Upstream: client-go/tools/clientcmd/api/v1. Unknown fields are kept. */
export interface NamedCluster {
  name: string;
  cluster: {
    server?: string;
    'certificate-authority'?: string;
    'certificate-authority-data'?: string;
    'insecure-skip-tls-verify'?: boolean;
    'tls-server-name'?: string;
    [field: string]: unknown;
  };
}

export interface NamedUser {
  name: string;
  user: {
    'client-certificate'?: string;
    'client-certificate-data'?: string;
    'client-key'?: string;
    'client-key-data'?: string;
    token?: string;
    tokenFile?: string;
    username?: string;
    password?: string;
    as?: string;
    'as-uid'?: string;
    'as-groups'?: string[];
    'as-user-extra'?: Record<string, string[]>;
    exec?: Record<string, any>;
    [field: string]: unknown;
  };
}

export interface NamedContext {
  name: string;
  context: { cluster?: string; user?: string; namespace?: string; [field: string]: unknown };
}

export interface KubeconfigFile {
  apiVersion: 'v1';
  kind: 'Config';
  clusters?: NamedCluster[] | null;
  users?: NamedUser[] | null;
  contexts?: NamedContext[] | null;
  'current-context'?: string;
  preferences?: Record<string, unknown>;
  [field: string]: unknown;
}

/** A kubeconfig cannot be read, or names something that is not there. The message says which file or name. */
export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError';
}
