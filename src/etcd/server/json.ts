/**
 * Messages as JSON, as protobuf defines it and etcd's gateway writes it: names of the .proto, 64-bit numbers as strings.
 * What comes in is read by `json-read.ts`.
 */
import type { MessageType } from '../../wire/index.ts';

type Json = unknown;
type Fields = MessageType<unknown>['fields'];

/** Where a name is not the key in snake case. */
const namesOfAll: Readonly<Record<string, string>> = {
  id: 'ID',
  ttl: 'TTL',
  grantedTtl: 'grantedTTL',
  targetId: 'targetID',
  peerUrls: 'peerURLs',
  clientUrls: 'clientURLs',
  isLearner: 'isLearner',
  permType: 'permType',
  keyPermission: 'keyPermission',
  hashedPassword: 'hashedPassword',
  authRevision: 'authRevision',
};
const keep = (...keys: string[]) => Object.fromEntries(keys.map((key) => [key, key]));
const ops = (prefix: string) => ({
  range: `${prefix}_range`,
  put: `${prefix}_put`,
  deleteRange: `${prefix}_delete_range`,
  txn: `${prefix}_txn`,
});
const namesOf: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'etcdserverpb.RequestOp': ops('request'),
  'etcdserverpb.ResponseOp': ops('response'),
  'etcdserverpb.WatchRequest': { create: 'create_request', cancel: 'cancel_request', progress: 'progress_request' },
  'etcdserverpb.AlarmRequest': { memberId: 'memberID' },
  'etcdserverpb.AlarmMember': { memberId: 'memberID' },
  'etcdserverpb.StatusResponse': keep('dbSize', 'raftIndex', 'raftTerm', 'raftAppliedIndex', 'dbSizeInUse'),
};

/** Go's name, and the names of the values; index = number. */
interface Enumeration {
  readonly type: string;
  readonly values: readonly string[];
}
const enumeration = (type: string, ...values: string[]): Enumeration => ({ type, values });
const alarms = enumeration('etcdserverpb.AlarmType', 'NONE', 'NOSPACE', 'CORRUPT');
const enumerations: Readonly<Record<string, Enumeration>> = {
  'etcdserverpb.RangeRequest.sortOrder': enumeration(
    'etcdserverpb.RangeRequest_SortOrder',
    'NONE',
    'ASCEND',
    'DESCEND',
  ),
  'etcdserverpb.RangeRequest.sortTarget': enumeration(
    'etcdserverpb.RangeRequest_SortTarget',
    ...['KEY', 'VERSION', 'CREATE', 'MOD', 'VALUE'],
  ),
  'etcdserverpb.Compare.result': enumeration(
    'etcdserverpb.Compare_CompareResult',
    ...['EQUAL', 'GREATER', 'LESS', 'NOT_EQUAL'],
  ),
  'etcdserverpb.Compare.target': enumeration(
    'etcdserverpb.Compare_CompareTarget',
    ...['VERSION', 'CREATE', 'MOD', 'VALUE', 'LEASE'],
  ),
  'etcdserverpb.WatchCreateRequest.filters': enumeration(
    'etcdserverpb.WatchCreateRequest_FilterType',
    ...['NOPUT', 'NODELETE'],
  ),
  'mvccpb.Event.type': enumeration('mvccpb.Event_EventType', 'PUT', 'DELETE'),
  'etcdserverpb.AlarmRequest.action': enumeration(
    'etcdserverpb.AlarmRequest_AlarmAction',
    ...['GET', 'ACTIVATE', 'DEACTIVATE'],
  ),
  'etcdserverpb.AlarmRequest.alarm': alarms,
  'etcdserverpb.AlarmMember.alarm': alarms,
  'authpb.Permission.permType': enumeration('authpb.Permission_Type', 'READ', 'WRITE', 'READWRITE'),
};

/** Of a field by its key in klab; undefined for numbers that are only numbers. */
export const enumerationOf = (message: string, key: string): Enumeration | undefined =>
  enumerations[`${message}.${key}`];

/** What the gateway calls a field. */
export const nameOf = (message: string, key: string): string =>
  namesOf[message]?.[key] ?? namesOfAll[key] ?? key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const isLong = (type: string) => /64$/.test(type);

/** Fields that are zero are left out. */
export function toJson(type: MessageType<any>, value: Readonly<Record<string, any>>): Json {
  const out: Record<string, Json> = {};
  for (const [key, field] of Object.entries(type.fields)) {
    const one = value[key];
    if (one === undefined || one === null) continue;
    const write = (item: any) => writeValue(type.name, key, field, item);
    if (field.presence === 'repeated') {
      if (one.length > 0) out[nameOf(type.name, key)] = [...one].map(write);
    } else if (field.presence === 'optional' || !isZero(one)) out[nameOf(type.name, key)] = write(one);
  }
  return out;
}

const isZero = (value: any) => !value || value.length === 0;

function writeValue(message: string, key: string, field: Fields[string], value: any): Json {
  if (field.type === 'message') return toJson(field.message!(), value);
  if (field.type === 'bytes') return Buffer.from(value).toString('base64');
  const names = enumerationOf(message, key)?.values;
  if (names) return names[value] ?? value;
  return isLong(field.type) ? String(value) : value;
}
