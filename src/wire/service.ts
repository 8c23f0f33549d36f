import type { MessageType } from './descriptor.ts';

/** One method of a service: its path and the two messages. */
export interface MethodDescriptor<Req, Res> {
  readonly name: string;
  readonly request: MessageType<Req>;
  readonly response: MessageType<Res>;
  readonly clientStreaming: boolean;
  readonly serverStreaming: boolean;
}

export interface Method<Req, Res> extends MethodDescriptor<Req, Res> {
  /** `/package.Service/Method` */
  readonly path: string;
}

export type ServiceDescriptor = Readonly<Record<string, Method<any, any>>>;

type MethodMap = Readonly<Record<string, MethodDescriptor<any, any>>>;

/** Makes a service of its table; keys are the names the code uses, `name` is the one on the wire. */
export function service<M extends MethodMap>(
  name: string,
  methods: M,
): { readonly [K in keyof M]: M[K] extends MethodDescriptor<infer Req, infer Res> ? Method<Req, Res> : never } {
  const entries = Object.entries(methods).map(([key, method]) => [key, { ...method, path: `/${name}/${method.name}` }]);
  return Object.fromEntries(entries);
}

export const unary = <Req, Res>(
  name: string,
  request: MessageType<Req>,
  response: MessageType<Res>,
): MethodDescriptor<Req, Res> => ({ name, request, response, clientStreaming: false, serverStreaming: false });

export const serverStream = <Req, Res>(
  name: string,
  request: MessageType<Req>,
  response: MessageType<Res>,
): MethodDescriptor<Req, Res> => ({ name, request, response, clientStreaming: false, serverStreaming: true });

export const bidiStream = <Req, Res>(
  name: string,
  request: MessageType<Req>,
  response: MessageType<Res>,
): MethodDescriptor<Req, Res> => ({ name, request, response, clientStreaming: true, serverStreaming: true });
