/** Messages as JSON, as protobuf defines it and etcd's gateway writes it: names of the .proto, 64-bit numbers as strings. */
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

const alarms = ['NONE', 'NOSPACE', 'CORRUPT'];
/** Names of enumerations by message and key; index = number. */
const enums: Readonly<Record<string, readonly string[]>> = {
  'etcdserverpb.RangeRequest.sortOrder': ['NONE', 'ASCEND', 'DESCEND'],
  'etcdserverpb.RangeRequest.sortTarget': ['KEY', 'VERSION', 'CREATE', 'MOD', 'VALUE'],
  'etcdserverpb.Compare.result': ['EQUAL', 'GREATER', 'LESS', 'NOT_EQUAL'],
  'etcdserverpb.Compare.target': ['VERSION', 'CREATE', 'MOD', 'VALUE', 'LEASE'],
  'etcdserverpb.WatchCreateRequest.filters': ['NOPUT', 'NODELETE'],
  'mvccpb.Event.type': ['PUT', 'DELETE'],
  'etcdserverpb.AlarmRequest.action': ['GET', 'ACTIVATE', 'DEACTIVATE'],
  'etcdserverpb.AlarmRequest.alarm': alarms,
  'etcdserverpb.AlarmMember.alarm': alarms,
  'authpb.Permission.permType': ['READ', 'WRITE', 'READWRITE'],
};

const nameOf = (message: string, key: string): string =>
  namesOf[message]?.[key] ?? namesOfAll[key] ?? key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const camel = (name: string) => name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

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
  const names = enums[`${message}.${key}`];
  if (names) return names[value] ?? value;
  return isLong(field.type) ? String(value) : value;
}

/** Names as the .proto has them or in camel case; what is unknown is ignored. Throws TypeError. */
export function fromJson(type: MessageType<any>, json: Json): Record<string, unknown> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new TypeError(`json: cannot unmarshal ${describe(json)} into Go value of type ${type.name}`);
  }
  const given = json as Record<string, Json>;
  const out: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(type.fields)) {
    const name = nameOf(type.name, key);
    const value = given[name] ?? given[camel(name)];
    if (value === undefined || value === null) continue;
    const read = (item: Json) => readValue(type.name, key, field, item);
    if (field.presence !== 'repeated') out[key] = read(value);
    else if (Array.isArray(value)) out[key] = value.map(read);
    else throw new TypeError(`json: cannot unmarshal ${describe(value)} into field ${name}, an array`);
  }
  return out;
}

const describe = (json: Json) => (Array.isArray(json) ? 'array' : json === null ? 'null' : typeof json);

function readValue(message: string, key: string, field: Fields[string], value: Json): unknown {
  const wrong = () => new TypeError(`json: cannot unmarshal ${describe(value)} into field ${nameOf(message, key)}`);
  if (field.type === 'message') return fromJson(field.message!(), value);
  if (field.type === 'bytes') {
    if (typeof value !== 'string' || !/^[\w+/-]*={0,2}$/.test(value)) throw wrong();
    return new Uint8Array(Buffer.from(value, 'base64'));
  }
  if (field.type === 'string' || field.type === 'bool') {
    if (typeof value !== (field.type === 'bool' ? 'boolean' : 'string')) throw wrong();
    return value;
  }
  const names = enums[`${message}.${key}`];
  if (names && typeof value === 'string') {
    const number = names.indexOf(value);
    if (number < 0) throw new TypeError(`unknown value ${JSON.stringify(value)} for enum ${nameOf(message, key)}`);
    return number;
  }
  if (!/^-?\d+$/.test(String(value))) throw wrong();
  const number = BigInt(value as string | number);
  const safe = number >= BigInt(Number.MIN_SAFE_INTEGER) && number <= BigInt(Number.MAX_SAFE_INTEGER);
  if (field.long === 'bigint') return number;
  return field.long === 'exact' && !safe ? number : Number(number);
}
