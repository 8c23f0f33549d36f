/**
 * Protobuf messages as data. A message is a table of fields; `message()` gives it its codec, and its TypeScript type
 * is inferred from the table. Numbers and wire types are the protocol's facts, names are camelCase.
 *
 * 64-bit integers: `number` saturates at ±(2^53−1) (revisions, counts, limits); `exact` is a number while it is safe
 * and a bigint beyond (IDs that others draw at random); `bigint` always is one (cluster and member IDs).
 */
import { compile } from './codec.ts';

export type ScalarType =
  | 'int32'
  | 'int64'
  | 'uint32'
  | 'uint64'
  | 'sint32'
  | 'sint64'
  | 'fixed32'
  | 'fixed64'
  | 'sfixed32'
  | 'sfixed64'
  | 'bool'
  | 'string'
  | 'bytes'
  | 'float'
  | 'double';

export type LongPolicy = 'number' | 'exact' | 'bigint';

/**
 * - `implicit`: proto3 scalar; zero is neither written nor distinguishable from absent.
 * - `optional`: proto2 optional, proto3 `optional`, pointers of gogo structs, members of a oneof, messages.
 * - `always`: gogo's non-nullable proto2 field, written even when zero, as Kubernetes' generated code does.
 */
export type Presence = 'implicit' | 'optional' | 'always' | 'repeated' | 'map';

export interface FieldDescriptor {
  readonly no: number;
  readonly type: ScalarType | 'message';
  readonly presence: Presence;
  readonly long?: LongPolicy;
  /** For `message`: a thunk, so that messages may contain themselves. */
  readonly message?: () => MessageType<any>;
  /** For `map`: type of the key; `type` is the value's. */
  readonly mapKey?: ScalarType;
  /** Repeated numbers: one length-delimited run (proto3's default). Reading accepts both. */
  readonly packed?: boolean;
  /** Name of the oneof it belongs to: reading one member forgets the others. */
  readonly oneof?: string;
}

/** A descriptor that remembers the TypeScript type of its value. */
export interface Field<T> extends FieldDescriptor {
  /** Never present at run time. */
  readonly _type?: T;
}

/** A message in a buffer that is another message's once `release` has been called. */
export interface Loan {
  readonly bytes: Uint8Array;
  /** Nobody reads `bytes` any more. Without it they are the reader's own. */
  readonly release?: () => void;
}

export interface MessageType<T> {
  readonly name: string;
  readonly fields: Readonly<Record<string, FieldDescriptor>>;
  /** Absent fields are zero; unknown properties are ignored. */
  encode(value: MessageInput<T>): Uint8Array<ArrayBuffer>;
  /** The message behind `prefix` zero bytes, in one buffer: for protocols that frame it. */
  encodeWithPrefix(value: MessageInput<T>, prefix: number): Uint8Array<ArrayBuffer>;
  /**
   * The same for who can say when the bytes have been read: a long message then costs no buffer of its own, of which the
   * collector would have to be told.
   */
  encodeOnLoan(value: MessageInput<T>, prefix: number): Loan;
  /** Unknown fields are skipped. `bytes` are copies. Throws RangeError or Error on malformed input. */
  decode(bytes: Uint8Array): T;
}

/** The TypeScript type of a message. */
export type Infer<M> = M extends MessageType<infer T> ? T : never;

/** What `encode` takes: every field may be left out, at any depth. */
export type MessageInput<T> = T extends Uint8Array | bigint | string | number | boolean | undefined
  ? T
  : T extends readonly (infer E)[]
    ? readonly MessageInput<E>[]
    : { readonly [K in keyof T]?: MessageInput<T[K]> };

type FieldMap = Readonly<Record<string, Field<any>>>;
type ValueOf<F> = F extends Field<infer T> ? T : never;
type OptionalKeys<F extends FieldMap> = { [K in keyof F]: undefined extends ValueOf<F[K]> ? K : never }[keyof F];
export type FieldsValue<F extends FieldMap> = {
  -readonly [K in Exclude<keyof F, OptionalKeys<F>>]: ValueOf<F[K]>;
} & { -readonly [K in OptionalKeys<F>]?: ValueOf<F[K]> };

/** Makes a message of its table. For a message that contains itself, give its interface: `message<Txn>(…)`. */
export function message<T = never, F extends FieldMap = FieldMap>(
  name: string,
  fields: F,
): MessageType<[T] extends [never] ? FieldsValue<F> : T> {
  return compile(name, fields) as MessageType<any>;
}

const implicit =
  <T>(type: ScalarType, long?: LongPolicy) =>
  (no: number): Field<T> => ({ no, type, presence: 'implicit', long });

/** Field constructors, proto3 presence. The argument is the field number. */
export const bool = implicit<boolean>('bool');
export const string = implicit<string>('string');
export const bytes = implicit<Uint8Array>('bytes');
export const int32 = implicit<number>('int32');
export const uint32 = implicit<number>('uint32');
export const float = implicit<number>('float');
export const double = implicit<number>('double');
/** An enum, as its number: enums of proto3 are open. */
export const enumeration = implicit<number>('int32');
export const int64 = implicit<number>('int64', 'number');
export const uint64 = implicit<number>('uint64', 'number');
export const exactInt64 = implicit<number | bigint>('int64', 'exact');
export const bigUint64 = implicit<bigint>('uint64', 'bigint');
export const bigInt64 = implicit<bigint>('int64', 'bigint');

/** A message field: undefined when absent. */
export const nested = <T>(no: number, of: MessageType<T> | (() => MessageType<T>)): Field<T | undefined> => ({
  no,
  type: 'message',
  presence: 'optional',
  message: typeof of === 'function' ? of : () => of,
});

/** Explicit presence: undefined when absent, written when set, zero or not. */
export const optional = <T>(field: Field<T>): Field<T | undefined> => ({ ...field, presence: 'optional' });

/** Always written. */
export const always = <T>(field: Field<T>): Field<Exclude<T, undefined>> =>
  ({ ...field, presence: 'always' }) as Field<Exclude<T, undefined>>;

/** Proto3's repeated: numbers packed. */
export const repeated = <T>(field: Field<T>): Field<Exclude<T, undefined>[]> =>
  ({ ...field, presence: 'repeated', packed: true }) as Field<Exclude<T, undefined>[]>;

/** Proto2's repeated: numbers not packed. */
export const repeatedUnpacked = <T>(field: Field<T>): Field<Exclude<T, undefined>[]> =>
  ({ ...repeated(field), packed: false }) as Field<Exclude<T, undefined>[]>;

/** A map with keys written as strings in a plain object. */
export const map = <T>(key: ScalarType, value: Field<T>): Field<Record<string, Exclude<T, undefined>>> =>
  ({ ...value, presence: 'map', mapKey: key }) as Field<Record<string, Exclude<T, undefined>>>;

/** Members of one oneof: at most one of them is set after reading. */
export const oneof = <F extends FieldMap>(
  name: string,
  fields: F,
): { [K in keyof F]: Field<ValueOf<F[K]> | undefined> } =>
  Object.fromEntries(
    Object.entries(fields).map(([key, field]) => [key, { ...field, presence: 'optional', oneof: name }]),
  ) as { [K in keyof F]: Field<ValueOf<F[K]> | undefined> };
