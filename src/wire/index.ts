/**
 * wire: protobuf messages as tables, gRPC (server and client; TCP, TLS, unix sockets) on node:http2, SPDY/3.1 and
 * WebSocket framing.
 *
 * Promises: messages are data, their types are inferred; decoded bytes are copies; 64-bit integers are exact under a
 * stated policy; a failed call says whether it certainly never reached a server.
 */
export { ByteQueue, type ByteStream, socketByteStream } from './byte-stream.ts';
export { type CallContext, type ChannelOptions, GrpcChannel } from './channel.ts';
export type { ClientStream } from './client-stream.ts';
export {
  always,
  bigInt64,
  bigUint64,
  bool,
  bytes,
  double,
  enumeration,
  exactInt64,
  type Field,
  type FieldDescriptor,
  type FieldsValue,
  float,
  type Infer,
  int32,
  int64,
  type LongPolicy,
  type MessageInput,
  type MessageType,
  map,
  message,
  nested,
  oneof,
  optional,
  type Presence,
  repeated,
  repeatedUnpacked,
  type ScalarType,
  string,
  uint32,
  uint64,
} from './descriptor.ts';
export {
  GrpcServer,
  type GrpcServerOptions,
  type Handlers,
  type ListenOptions,
  type StreamHandler,
  type UnaryHandler,
} from './server.ts';
export { type CallTransport, type Peer, ServerCall, ServerStream } from './server-call.ts';
export { bidiStream, type Method, type ServiceDescriptor, serverStream, service, unary } from './service.ts';
export { SpdyConnection, type SpdyConnectionOptions, type SpdyStream } from './spdy/connection.ts';
export { SpdyError } from './spdy/errors.ts';
export { rstStatus, SpdyDecoder, SpdyEncoder, type SpdyFrame } from './spdy/frames.ts';
export type { SpdyHeaders } from './spdy/headers.ts';
export { type GrpcCode, GrpcError, grpcCode } from './status.ts';
export type { Pem, TlsOptions } from './tls.ts';
export {
  WebSocketConnection,
  type WebSocketMessage,
  type WebSocketOptions,
  webSocketTunnel,
} from './websocket/connection.ts';
export { encodeWebSocketFrame, WebSocketDecoder, WebSocketError, type WebSocketFrame } from './websocket/frames.ts';
export { hasToken, isWebSocketRequest, offeredSubprotocols, webSocketAnswer } from './websocket/handshake.ts';
