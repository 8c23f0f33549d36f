/** etcd's accounts as one member offers them. Upstream: server/etcdserver/v3_server.go, server/auth/store.go. */
import { randomInt } from 'node:crypto';
import { etcdError } from '../errors.ts';
import { type CallOptions, EtcdError, type ResponseHeader, type TxnRequest } from '../kv.ts';
import type { Member } from '../member.ts';
import { checkPassword, hashPassword } from './bcrypt.ts';
import { checkAccess, checkAdmin, checkRequest } from './permissions.ts';
import { type AuthChange, type AuthInfo, type AuthRole, type AuthState, type AuthUser, findNamed } from './state.ts';

/** Letters of a token, as etcd's `defaultSimpleTokenLength`. */
const tokenLetters = 16;
const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** What it needs of the member's API. */
export interface AuthHost {
  readonly member: Member;
  /** Resolves when the member has applied all that was acknowledged. */
  current(options: CallOptions | undefined): Promise<void>;
  monotonic(): number;
}

export class MemberAuth {
  readonly #host: AuthHost;

  constructor(host: AuthHost) {
    this.#host = host;
  }

  get #state(): AuthState {
    return this.#host.member.machine.auth;
  }

  get enabled(): boolean {
    return this.#state.enabled;
  }

  get revision(): number {
    return this.#state.revision;
  }

  /**
   * Who a client is: of its token, else of its certificate's common name; nobody without both. Undefined while accounts
   * are disabled. Throws InvalidAuthToken.
   */
  identify(token: string | undefined, commonName: string | undefined): AuthInfo | undefined {
    const { enabled, revision } = this.#state;
    if (!enabled) return undefined;
    if (token === undefined) return { user: commonName ?? '', revision };
    const user = this.#host.member.machine.tokens.userOf(token, this.#host.monotonic());
    if (user === undefined) throw etcdError('InvalidAuthToken');
    return { user, revision };
  }

  checkRead(info: AuthInfo | undefined, key: Uint8Array, rangeEnd: Uint8Array | undefined): void {
    checkAccess(this.#state, info, 'read', key, rangeEnd);
  }

  /** Of a transaction that only reads; others are checked where they are applied. */
  checkTxn(info: AuthInfo | undefined, txn: TxnRequest): void {
    checkRequest(this.#state, info, { kind: 'txn', txn }, () => []);
  }

  checkAdmin(info: AuthInfo | undefined): void {
    checkAdmin(this.#state, info);
  }

  change(change: AuthChange, options?: CallOptions): Promise<{ header: ResponseHeader; token: string }> {
    return this.#host.member.propose({ kind: 'auth', change }, options) as Promise<{
      header: ResponseHeader;
      token: string;
    }>;
  }

  /** A token. Throws AuthNotEnabled, AuthFailed. */
  async authenticate(name: string, password: string, options?: CallOptions) {
    for (;;) {
      await this.#host.current(options);
      const { enabled, users, revision } = this.#state;
      if (!enabled) throw etcdError('AuthNotEnabled');
      const user = findNamed(users, name);
      if (!user) throw etcdError('AuthFailed');
      if (user.noPassword) {
        throw new EtcdError('Unknown', 'auth: authentication failed, password was given for no password user');
      }
      if (!(await checkPassword(password, user.password))) throw etcdError('AuthFailed');
      // The password may have changed while it was checked.
      if (this.revision !== revision) continue;
      const token = Array.from({ length: tokenLetters }, () => letters[randomInt(letters.length)]).join('');
      return this.change({ op: 'authenticate', name, token }, options);
    }
  }

  async userAdd(
    name: string,
    secret: { password: string; noPassword: boolean; hashed?: string },
    options?: CallOptions,
  ) {
    const { noPassword } = secret;
    const password = secret.hashed || (noPassword ? '' : await hashPassword(secret.password));
    return this.change({ op: 'userAdd', name, password, noPassword }, options);
  }

  async userChangePassword(name: string, password: string, options?: CallOptions) {
    return this.change({ op: 'userChangePassword', name, password: await hashPassword(password) }, options);
  }

  /** Everybody may look at themselves. */
  async user(name: string, options?: CallOptions): Promise<AuthUser> {
    await this.#host.current(options);
    if (options?.auth?.user !== name || name === '') this.checkAdmin(options?.auth);
    const found = findNamed(this.#state.users, name);
    if (!found) throw etcdError('UserNotFound');
    return found;
  }

  /** Everybody may look at roles they have. */
  async role(name: string, options?: CallOptions): Promise<AuthRole> {
    await this.#host.current(options);
    const { users, roles } = this.#state;
    const own = findNamed(users, options?.auth?.user ?? '')?.roles.includes(name);
    if (!own) this.checkAdmin(options?.auth);
    const found = findNamed(roles, name);
    if (!found) throw etcdError('RoleNotFound');
    return found;
  }

  async users(options?: CallOptions): Promise<readonly AuthUser[]> {
    await this.#host.current(options);
    this.checkAdmin(options?.auth);
    return this.#state.users;
  }

  async roles(options?: CallOptions): Promise<readonly AuthRole[]> {
    await this.#host.current(options);
    this.checkAdmin(options?.auth);
    return this.#state.roles;
  }
}
