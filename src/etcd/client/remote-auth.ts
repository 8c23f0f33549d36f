import type { MessageInput, Method } from '../../wire/index.ts';
import type { CallOptions } from '../kv.ts';
import { authService } from '../v3/services.ts';
import type { Endpoints } from './endpoints.ts';

export type PermissionType = 'read' | 'write' | 'readwrite';

/** `rangeEnd`: exclusive; empty: the one key; `[0]`: all keys from `key` on. */
export interface RolePermission {
  readonly type: PermissionType;
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

const permissionTypes: readonly PermissionType[] = ['read', 'write', 'readwrite'];

/** Accounts of any etcd. Changes are sent once: whether a lost one was made is the caller's to find out. */
export class RemoteAuth {
  readonly #endpoints: Endpoints;

  constructor(endpoints: Endpoints) {
    this.#endpoints = endpoints;
  }

  async status(options?: CallOptions): Promise<{ readonly enabled: boolean; readonly revision: number }> {
    const { enabled, authRevision } = await this.#call(authService.authStatus, {}, options, true);
    return { enabled, revision: authRevision };
  }

  async enable(options?: CallOptions): Promise<void> {
    await this.#call(authService.authEnable, {}, options);
  }

  async disable(options?: CallOptions): Promise<void> {
    await this.#call(authService.authDisable, {}, options);
  }

  /** Without a password the account is only for the holders of a certificate with its name. */
  async addUser(name: string, password: string | undefined, options?: CallOptions): Promise<void> {
    const request = { name, password: password ?? '', options: { noPassword: password === undefined } };
    await this.#call(authService.userAdd, request, options);
  }

  async deleteUser(name: string, options?: CallOptions): Promise<void> {
    await this.#call(authService.userDelete, { name }, options);
  }

  async changePassword(name: string, password: string, options?: CallOptions): Promise<void> {
    await this.#call(authService.userChangePassword, { name, password }, options);
  }

  async users(options?: CallOptions): Promise<readonly string[]> {
    return (await this.#call(authService.userList, {}, options, true)).users;
  }

  async rolesOf(name: string, options?: CallOptions): Promise<readonly string[]> {
    return (await this.#call(authService.userGet, { name }, options, true)).roles;
  }

  async grantRole(user: string, role: string, options?: CallOptions): Promise<void> {
    await this.#call(authService.userGrantRole, { user, role }, options);
  }

  async revokeRole(name: string, role: string, options?: CallOptions): Promise<void> {
    await this.#call(authService.userRevokeRole, { name, role }, options);
  }

  async addRole(name: string, options?: CallOptions): Promise<void> {
    await this.#call(authService.roleAdd, { name }, options);
  }

  async deleteRole(role: string, options?: CallOptions): Promise<void> {
    await this.#call(authService.roleDelete, { role }, options);
  }

  async roles(options?: CallOptions): Promise<readonly string[]> {
    return (await this.#call(authService.roleList, {}, options, true)).roles;
  }

  async permissionsOf(role: string, options?: CallOptions): Promise<readonly RolePermission[]> {
    const { perm } = await this.#call(authService.roleGet, { role }, options, true);
    return perm.map(({ permType, key, rangeEnd }) => ({ type: permissionTypes[permType] ?? 'read', key, rangeEnd }));
  }

  async grantPermission(role: string, { type, key, rangeEnd }: RolePermission, options?: CallOptions): Promise<void> {
    const perm = { permType: permissionTypes.indexOf(type), key, rangeEnd };
    await this.#call(authService.roleGrantPermission, { name: role, perm }, options);
  }

  async revokePermission(
    role: string,
    { key, rangeEnd }: Pick<RolePermission, 'key' | 'rangeEnd'>,
    options?: CallOptions,
  ): Promise<void> {
    await this.#call(authService.roleRevokePermission, { role, key, rangeEnd }, options);
  }

  #call<Req, Res>(
    method: Method<Req, Res>,
    request: MessageInput<Req>,
    options: CallOptions | undefined,
    repeatable = false,
  ): Promise<Res> {
    return this.#endpoints.call(method, request, { signal: options?.signal, repeatable });
  }
}
