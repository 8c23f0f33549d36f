/** EtcdError ↔ gRPC status: the code's name and number, the message as it is. */
import { type GrpcCode, GrpcError, grpcCode } from '../../wire/index.ts';
import { EtcdError, type EtcdErrorCode } from '../kv.ts';

const numbers: Readonly<Record<EtcdErrorCode, GrpcCode>> = {
  Canceled: grpcCode.cancelled,
  Unknown: grpcCode.unknown,
  InvalidArgument: grpcCode.invalidArgument,
  DeadlineExceeded: grpcCode.deadlineExceeded,
  NotFound: grpcCode.notFound,
  PermissionDenied: grpcCode.permissionDenied,
  ResourceExhausted: grpcCode.resourceExhausted,
  FailedPrecondition: grpcCode.failedPrecondition,
  OutOfRange: grpcCode.outOfRange,
  Unimplemented: grpcCode.unimplemented,
  Internal: grpcCode.internal,
  Unavailable: grpcCode.unavailable,
  DataLoss: grpcCode.dataLoss,
  Unauthenticated: grpcCode.unauthenticated,
};

const names = new Map(Object.entries(numbers).map(([name, code]) => [code, name as EtcdErrorCode]));

export function toGrpcError(error: unknown): GrpcError {
  if (error instanceof GrpcError) return error;
  if (error instanceof EtcdError) return new GrpcError(numbers[error.code], error.message);
  // As etcd's togRPCError: what has no code is Unknown.
  return new GrpcError(grpcCode.unknown, error instanceof Error ? error.message : String(error), { cause: error });
}

export function toEtcdError(error: unknown): unknown {
  if (!(error instanceof GrpcError)) return error;
  const etcdError = new EtcdError(names.get(error.code) ?? 'Unknown', error.message);
  etcdError.cause = error;
  return etcdError;
}
