import type { Handlers, ServiceDescriptor } from '../../wire/index.ts';
import { GrpcError } from '../../wire/index.ts';
import { toGrpcError } from '../v3/errors.ts';

type AnyHandler = (request: unknown, call?: unknown) => unknown;

interface Counts {
  readonly labels: string;
  started: number;
  /** By the name of the code. */
  readonly handled: Map<string, number>;
}

/** Index = number of the code, spelled as grpc-go spells it. */
const codeNames = [
  ...['OK', 'Canceled', 'Unknown', 'InvalidArgument', 'DeadlineExceeded', 'NotFound', 'AlreadyExists'],
  ...['PermissionDenied', 'ResourceExhausted', 'FailedPrecondition', 'Aborted', 'OutOfRange', 'Unimplemented'],
  ...['Internal', 'Unavailable', 'DataLoss', 'Unauthenticated'],
];

/** Calls begun and ended, per method: `grpc_server_started_total` and `grpc_server_handled_total`. Upstream: go-grpc-prometheus. */
export class CallCounts {
  readonly #methods: Counts[] = [];

  /** The handlers of a service, counted. */
  counted<S extends ServiceDescriptor>(service: S, handlers: Handlers<S>): Handlers<S> {
    const all = Object.entries(handlers as Record<string, AnyHandler>).map(([key, handler]) => {
      const { path, kind, name } = service[key]!;
      const type = kind === 'unary' ? 'unary' : oneRequest.has(name) ? 'server_stream' : 'bidi_stream';
      const labels = `grpc_method="${name}",grpc_service="${path.slice(1, path.lastIndexOf('/'))}",grpc_type="${type}"`;
      const counts: Counts = { labels, started: 0, handled: new Map() };
      this.#methods.push(counts);
      return [key, counting(handler, counts)];
    });
    return Object.fromEntries(all) as Handlers<S>;
  }

  /** Text as Prometheus reads it. */
  text(): string {
    const started = this.#methods.map(({ labels, started }) => `grpc_server_started_total{${labels}} ${started}\n`);
    const handled = this.#methods.flatMap(({ labels, handled }) =>
      [...handled].map(([code, count]) => `grpc_server_handled_total{grpc_code="${code}",${labels}} ${count}\n`),
    );
    return [
      '# HELP grpc_server_handled_total Total number of RPCs completed on the server, regardless of success or failure.\n',
      '# TYPE grpc_server_handled_total counter\n',
      ...handled,
      '# HELP grpc_server_started_total Total number of RPCs started on the server.\n',
      '# TYPE grpc_server_started_total counter\n',
      ...started,
    ].join('');
  }
}

/** Streams whose client sends one message. */
const oneRequest: ReadonlySet<string> = new Set(['Snapshot', 'Observe']);

function counting(handler: AnyHandler, counts: Counts): AnyHandler {
  const end = (code: string) => void counts.handled.set(code, (counts.handled.get(code) ?? 0) + 1);
  const fail = (error: unknown) => {
    const { code } = error instanceof GrpcError ? error : toGrpcError(error);
    end(codeNames[code] ?? 'Unknown');
    throw error;
  };
  const succeed = <T>(answer: T): T => {
    end('OK');
    return answer;
  };
  return (request, call) => {
    counts.started++;
    try {
      const answer = handler(request, call);
      return answer instanceof Promise ? answer.then(succeed, fail) : succeed(answer);
    } catch (error) {
      return fail(error);
    }
  };
}
