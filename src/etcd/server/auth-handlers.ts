/** etcd's Auth service. Upstream: server/etcdserver/api/v3rpc/auth.go. */
import { keyBytes, keyString } from '../../mvcc/index.ts';
import type { Handlers, ServerCall } from '../../wire/index.ts';
import type { AuthChange, PermissionType } from '../auth/state.ts';
import { etcdError } from '../errors.ts';
import { EtcdError } from '../kv.ts';
import type { EtcdServerApi } from '../server-api.ts';
import type { authService } from '../v3/services.ts';
import { DoorCallOptions } from './caller.ts';

/** Index = number on the wire. */
const permissionTypes: readonly PermissionType[] = ['read', 'write', 'readwrite'];

export function authHandlers(api: EtcdServerApi): Handlers<typeof authService> {
  const { auth } = api;
  if (!auth) return withoutAccounts(api);
  const options = (call: ServerCall) => new DoorCallOptions(call, auth);
  const change = async (what: AuthChange, call: ServerCall) => {
    const { header } = await auth.change(what, options(call));
    return { header };
  };
  const answer = <T extends object>(rest: T) => ({ header: api.header(), ...rest });
  return {
    authStatus: (_request, call) => {
      auth.checkAdmin(options(call).auth);
      return answer({ enabled: auth.enabled, authRevision: auth.revision });
    },
    authEnable: (_request, call) => change({ op: 'enable' }, call),
    authDisable: (_request, call) => change({ op: 'disable' }, call),
    authenticate: ({ name, password }) => auth.authenticate(name, password),
    userAdd: async ({ name, password, options: wish, hashedPassword }, call) => {
      if (name === '') throw etcdError('UserEmpty');
      const secret = {
        password,
        noPassword: wish?.noPassword ?? false,
        hashed: Buffer.from(hashedPassword, 'base64').toString(),
      };
      const { header } = await auth.userAdd(name, secret, options(call));
      return { header };
    },
    userGet: async ({ name }, call) => answer({ roles: (await auth.user(name, options(call))).roles }),
    userList: async (_request, call) => answer({ users: (await auth.users(options(call))).map((user) => user.name) }),
    userDelete: ({ name }, call) => change({ op: 'userDelete', name }, call),
    userChangePassword: async ({ name, password }, call) => {
      const { header } = await auth.userChangePassword(name, password, options(call));
      return { header };
    },
    userGrantRole: ({ user, role }, call) => change({ op: 'userGrantRole', name: user, role }, call),
    userRevokeRole: ({ name, role }, call) => change({ op: 'userRevokeRole', name, role }, call),
    roleAdd: ({ name }, call) => change({ op: 'roleAdd', name }, call),
    roleGet: async ({ role }, call) => {
      const { permissions } = await auth.role(role, options(call));
      return answer({
        perm: permissions.map(({ type, key, rangeEnd }) => ({
          permType: permissionTypes.indexOf(type),
          key: keyBytes(key),
          rangeEnd: keyBytes(rangeEnd),
        })),
      });
    },
    roleList: async (_request, call) => answer({ roles: (await auth.roles(options(call))).map((role) => role.name) }),
    roleDelete: ({ role }, call) => change({ op: 'roleDelete', name: role }, call),
    roleGrantPermission: ({ name, perm }, call) => {
      const type = perm && permissionTypes[perm.permType];
      if (!type) throw etcdError('PermissionNotGiven');
      const permission = { type, key: keyString(perm.key), rangeEnd: keyString(perm.rangeEnd) };
      return change({ op: 'roleGrantPermission', name, permission }, call);
    },
    roleRevokePermission: ({ role, key, rangeEnd }, call) =>
      change({ op: 'roleRevokePermission', name: role, key: keyString(key), rangeEnd: keyString(rangeEnd) }, call),
  };
}

/** A store without accounts (another etcd behind this door): the answers of an etcd where nobody made any. */
function withoutAccounts(api: EtcdServerApi): Handlers<typeof authService> {
  const refuse = (message: string) => () => {
    throw new EtcdError('FailedPrecondition', message);
  };
  return {
    authStatus: () => ({ header: api.header(), enabled: false, authRevision: 1 }),
    authEnable: refuse('etcdserver: root user does not exist'),
    authDisable: () => ({ header: api.header() }),
    authenticate: refuse('etcdserver: authentication is not enabled'),
    userList: () => ({ header: api.header(), users: [] }),
    userGet: refuse('etcdserver: user name not found'),
    roleList: () => ({ header: api.header(), roles: [] }),
    roleGet: refuse('etcdserver: role name not found'),
  };
}
