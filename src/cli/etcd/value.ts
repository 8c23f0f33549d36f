/** What a stored value is, for showing: an object, text, or bytes. Secrets are masked unless asked for. */
import { decodeJson, encodeYaml, isObject } from '../../apimachinery/index.ts';

export type StoredValue =
  | { readonly form: 'object'; readonly object: Readonly<Record<string, any>> }
  | { readonly form: 'text'; readonly text: string }
  /** Kubernetes' protobuf envelope around a kind that is not known here, or around damaged bytes. */
  | { readonly form: 'protobuf'; readonly apiVersion: string; readonly kind: string; readonly bytes: number }
  | { readonly form: 'bytes'; readonly base64: string };

const masked = '(masked; add --show-secrets to see it)';
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

export interface DecodeOptions {
  readonly showSecrets: boolean;
  /** Reads Kubernetes' protobuf; see `protobufFor`. */
  readonly protobuf?: (value: Uint8Array) => object;
}

const magic = Buffer.from('k8s\0', 'latin1');
const bufferOf = (value: Uint8Array): Buffer => Buffer.from(value.buffer, value.byteOffset, value.byteLength);
const isEnvelope = (value: Uint8Array): boolean => bufferOf(value).subarray(0, magic.length).equals(magic);

/** What reads protobuf, loaded when one of the values is protobuf: it knows every message of Kubernetes. */
export async function protobufFor(values: Iterable<Uint8Array>): Promise<DecodeOptions['protobuf']> {
  for (const value of values) if (isEnvelope(value)) return (await import('../../api/index.ts')).decodeProtobuf;
  return undefined;
}

export function decodeStored(value: Uint8Array, options: DecodeOptions): StoredValue {
  const buffer = bufferOf(value);
  const shown = (object: Readonly<Record<string, any>>): StoredValue => ({
    form: 'object',
    object: options.showSecrets ? object : maskSecret(object),
  });
  if (isEnvelope(buffer)) {
    try {
      if (options.protobuf) return shown(options.protobuf(buffer));
    } catch {
      // Of a kind that Kubernetes 1.36 does not have, or damaged: what its envelope says.
    }
    return { form: 'protobuf', ...typeOfEnvelope(buffer.subarray(magic.length)), bytes: buffer.length };
  }
  if (buffer[0] === 0x7b) {
    try {
      const object = decodeJson(buffer).value;
      if (isObject(object)) return shown(object);
    } catch {
      // Text that only begins like JSON.
    }
  }
  const text = buffer.toString('utf8');
  if (!text.includes('\uFFFD') && !/[\0-\x08\x0e-\x1f]/.test(text)) return { form: 'text', text };
  return { form: 'bytes', base64: buffer.toString('base64') };
}

/** A Secret with its values hidden; anything else as it is. */
function maskSecret(object: Readonly<Record<string, any>>): Readonly<Record<string, any>> {
  if (object['kind'] !== 'Secret') return object;
  const hide = (map: object | undefined) => map && Object.fromEntries(Object.keys(map).map((key) => [key, masked]));
  const { annotations } = object['metadata'] ?? {};
  return {
    ...object,
    ...(object['data'] && { data: hide(object['data']) }),
    ...(object['stringData'] && { stringData: hide(object['stringData']) }),
    ...(annotations?.[lastApplied] !== undefined && {
      metadata: { ...object['metadata'], annotations: { ...annotations, [lastApplied]: masked } },
    }),
  };
}

/** TypeMeta of runtime.Unknown: field 1 is {1: apiVersion, 2: kind}. */
function typeOfEnvelope(bytes: Buffer): { apiVersion: string; kind: string } {
  const fields = (part: Buffer): Map<number, Buffer> => {
    const out = new Map<number, Buffer>();
    let at = 0;
    const varint = () => {
      let value = 0;
      for (let shift = 0; at < part.length; shift += 7) {
        const byte = part[at++]!;
        value += (byte & 0x7f) * 2 ** shift;
        if (byte < 0x80) break;
      }
      return value;
    };
    while (at < part.length) {
      const tag = varint();
      if ((tag & 7) !== 2) break;
      const length = varint();
      out.set(tag >> 3, part.subarray(at, at + length));
      at += length;
    }
    return out;
  };
  const type = fields(fields(bytes).get(1) ?? Buffer.alloc(0));
  return { apiVersion: type.get(1)?.toString('utf8') ?? '', kind: type.get(2)?.toString('utf8') ?? '' };
}

/** For people: objects as YAML. */
export function storedText(value: StoredValue): string {
  switch (value.form) {
    case 'object':
      return encodeYaml(value.object).trimEnd();
    case 'text':
      return value.text;
    case 'protobuf':
      return `(${value.kind} of ${value.apiVersion} in protobuf, ${value.bytes} bytes)`;
    case 'bytes':
      return `(base64) ${value.base64}`;
  }
}

/** For programs. */
export function storedData(value: StoredValue): unknown {
  switch (value.form) {
    case 'object':
      return value.object;
    case 'text':
      return value.text;
    case 'protobuf':
      return { apiVersion: value.apiVersion, kind: value.kind, encoding: 'protobuf', bytes: value.bytes };
    case 'bytes':
      return { encoding: 'base64', value: value.base64 };
  }
}

/** A few words: `Deployment web, 1204 bytes`. */
export function storedSummary(value: StoredValue, bytes: number): string {
  if (value.form === 'object' && typeof value.object['kind'] === 'string') {
    return `${value.object['kind']} ${value.object['metadata']?.name ?? ''}, ${bytes} bytes`;
  }
  if (value.form === 'protobuf') return `${value.kind} in protobuf, ${bytes} bytes`;
  if (value.form === 'text' && bytes <= 60 && !value.text.includes('\n')) return value.text;
  return `${bytes} bytes`;
}
