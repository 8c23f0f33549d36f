import type { MessageType } from './descriptor.ts';

/** One method of a service is its name and the two messages. `stream`: at least one direction streams. */
export type MethodKind = 'unary' | 'stream';

export interface MethodDescriptor<Req, Res, Kind extends MethodKind = MethodKind> {
  readonly name: string;
  readonly kind: Kind;
  readonly request: MessageType<Req>;
  readonly response: MessageType<Res>;
  readonly clientStreaming: boolean;
  readonly serverStreaming: boolean;
}

export interface Method<Req, Res, Kind extends MethodKind = MethodKind> extends MethodDescriptor<Req, Res, Kind> {
  /** `/package.Service/Method` */
  readonly path: string;
}

export type ServiceDescriptor = Readonly<Record<string, Method<any, any, any>>>;

type MethodMap = Readonly<Record<string, MethodDescriptor<any, any, any>>>;

/** Makes a service of its table; keys are the names the code uses, `name` is the one on the wire. */
export function service<M extends MethodMap>(
  name: string,
  methods: M,
): {
  readonly [K in keyof M]: M[K] extends MethodDescriptor<infer Req, infer Res, infer Kind>
    ? Method<Req, Res, Kind>
    : never;
} {
  const entries = Object.entries(methods).map(([key, method]) => [key, { ...method, path: `/${name}/${method.name}` }]);
  return Object.fromEntries(entries);
}

export const unary = <Req, Res>(
  name: string,
  request: MessageType<Req>,
  response: MessageType<Res>,
): MethodDescriptor<Req, Res, 'unary'> => ({
  name,
  kind: 'unary',
  request,
  response,
  clientStreaming: false,
  serverStreaming: false,
});

export const serverStream = <Req, Res>(
  name: string,
  request: MessageType<Req>,
  response: MessageType<Res>,
): MethodDescriptor<Req, Res, 'stream'> => ({
  name,
  kind: 'stream',
  request,
  response,
  clientStreaming: false,
  serverStreaming: true,
});

export const bidiStream = <Req, Res>(
  name: string,
  request: MessageType<Req>,
  response: MessageType<Res>,
): MethodDescriptor<Req, Res, 'stream'> => ({
  name,
  kind: 'stream',
  request,
  response,
  clientStreaming: true,
  serverStreaming: true,
});
