/**
 * The protobuf messages of the served kinds and of all they reach, as data. Facts of Kubernetes 1.36, with what Go's types
 * add to the .proto files: JSON names, pointers, and which zeros JSON shows. One message a line, continued by indentation:
 *
 *   <message> <field>[=<number>][!][:<type>] …
 *
 * - field: its JSON name; `.` = the message's fields stand in this object (Go's inline structs).
 * - number: one more than the last field's, unless given.
 * - `!`: no `omitempty`: Go writes it to JSON even when zero.
 * - type: `string` unless given; `*T` a pointer, which may be absent; `[]T` a list; `{}T` a map with string keys; else
 *   always written. T is string, bool, int32, int64, double, bytes, a well-known type (below), or a message, with its
 *   group when it is of another one: `meta.LabelSelector`.
 *
 * `<Kind>List` is left out where it is `metadata:meta.ListMeta items:[]<Kind>`. A test compares all of it with the
 * published numbers where these are at hand. The text is parsed line by line, when a message is first used.
 */
import { accessMessages } from './tables/access.ts';
import { coreMessages } from './tables/core.ts';
import { extensionMessages } from './tables/extension.ts';
import { metaMessages } from './tables/meta.ts';
import { networkingMessages } from './tables/networking.ts';
import { nodesMessages } from './tables/nodes.ts';
import { optionalMessages } from './tables/optional.ts';
import { workloadsMessages } from './tables/workloads.ts';

export type ProtobufScalar = 'string' | 'bool' | 'int32' | 'int64' | 'double' | 'bytes';

/**
 * Messages whose JSON is no object of their fields: `Raw` is any JSON kept as bytes (RawExtension, FieldsV1, the JSON of
 * a CRD's schema), `Strings` a list (ExtraValue).
 */
export type ProtobufWellKnown =
  | 'Time'
  | 'MicroTime'
  | 'Quantity'
  | 'IntOrString'
  | 'Raw'
  | 'Strings'
  | 'JSONSchemaPropsOrArray'
  | 'JSONSchemaPropsOrBool'
  | 'JSONSchemaPropsOrStringArray';

export interface ProtobufField {
  readonly number: number;
  /** In JSON; empty when `inline`. */
  readonly name: string;
  readonly inline: boolean;
  readonly kind: 'value' | 'pointer' | 'list' | 'map';
  /** A value that JSON shows when it is zero. */
  readonly showsZero: boolean;
  /** A scalar, a well-known type, or the full name of a message (`core.v1.PodSpec`). */
  readonly type: string;
}

const scalars: ReadonlySet<string> = new Set(['string', 'bool', 'int32', 'int64', 'double', 'bytes']);
const wellKnown: ReadonlySet<string> = new Set([
  'Time',
  'MicroTime',
  'Quantity',
  'IntOrString',
  'Raw',
  'Strings',
  'JSONSchemaPropsOrArray',
  'JSONSchemaPropsOrBool',
  'JSONSchemaPropsOrStringArray',
]);

/** Message name → its fields as text. */
let index: Map<string, string> | undefined;

function lines(): Map<string, string> {
  if (index) return index;
  index = new Map();
  const texts = [
    coreMessages,
    metaMessages,
    workloadsMessages,
    networkingMessages,
    accessMessages,
    nodesMessages,
    extensionMessages,
    optionalMessages,
  ];
  for (const text of texts) {
    let group = '';
    for (const line of text.trim().replaceAll('\n   ', ' ').split('\n')) {
      if (line.startsWith('# ')) group = line.slice(2);
      else {
        const space = line.indexOf(' ');
        const name = space < 0 ? line : line.slice(0, space);
        index.set(`${group}.${name}`, space < 0 ? '' : line.slice(space + 1));
      }
    }
  }
  return index;
}

/** Names of all messages in the table. */
export function protobufMessages(): Iterable<string> {
  return lines().keys();
}

/** Fields by number, or undefined for what has no message. */
export function protobufFields(message: string): readonly ProtobufField[] | undefined {
  const text = lines().get(message) ?? listOf(message);
  if (text === undefined) return undefined;
  const fields: ProtobufField[] = [];
  if (text === '') return fields;
  let number = 0;
  for (const token of text.split(' ')) {
    const [, name = '', given, shows, type = 'string'] = /^([^=!:]+)(?:=(\d+))?(!)?(?::(.+))?$/.exec(token)!;
    number = given === undefined ? number + 1 : Number(given);
    const [, mark, element = ''] = /^(\*|\[\]|\{\})?(.+)$/.exec(type)!;
    fields.push({
      number,
      name: name === '.' ? '' : name,
      inline: name === '.',
      kind: mark === '*' ? 'pointer' : mark === '[]' ? 'list' : mark === '{}' ? 'map' : 'value',
      showsZero: shows !== undefined,
      type: fullName(element, message),
    });
  }
  return fields;
}

function listOf(message: string): string | undefined {
  if (!message.endsWith('List') || !lines().has(message.slice(0, -4))) return undefined;
  return `metadata:meta.ListMeta items:[]${message.slice(message.lastIndexOf('.') + 1, -4)}`;
}

function fullName(type: string, from: string): string {
  if (scalars.has(type) || wellKnown.has(type)) return type;
  const dot = type.indexOf('.');
  if (dot >= 0) return `${type.slice(0, dot)}.v1.${type.slice(dot + 1)}`;
  return `${from.slice(0, from.lastIndexOf('.') + 1)}${type}`;
}

/** Name in the table of each API group. */
const tableGroups: ReadonlyMap<string, string> = new Map([
  ['', 'core'],
  ...['apps', 'autoscaling', 'batch', 'policy'].map((group) => [group, group] as const),
  ...[
    'admissionregistration',
    'apiextensions',
    'apiregistration',
    'authentication',
    'authorization',
    'certificates',
    'coordination',
    'discovery',
    'events',
    'meta',
    'networking',
    'node',
    'resource',
    'scheduling',
    'storage',
    'storagemigration',
  ].map((group) => [`${group}.k8s.io`, group] as const),
  ['internal.apiserver.k8s.io', 'apiserverinternal'],
  ['rbac.authorization.k8s.io', 'rbac'],
  ['flowcontrol.apiserver.k8s.io', 'flowcontrol'],
]);
/** Upstream registers these in every group version (metav1.AddToGroupVersion). */
const everywhere: ReadonlySet<string> = new Set([
  'WatchEvent',
  'ListOptions',
  'GetOptions',
  'DeleteOptions',
  'CreateOptions',
  'UpdateOptions',
  'PatchOptions',
]);

/** The message of a kind: `apps/v1`, `Deployment` → `apps.v1.Deployment`. Undefined: it has none (custom resources, Table). */
export function protobufMessageOf(apiVersion: string, kind: string): string | undefined {
  if (everywhere.has(kind) || (kind === 'Status' && apiVersion === 'v1')) return `meta.v1.${kind}`;
  const slash = apiVersion.indexOf('/');
  const name = tableGroups.get(slash < 0 ? '' : apiVersion.slice(0, slash));
  if (name === undefined) return undefined;
  const message = `${name}.${apiVersion.slice(slash + 1)}.${kind}`;
  return lines().has(message) || listOf(message) !== undefined ? message : undefined;
}
