/** What a member without a vote answers. Upstream: server/etcdserver/api/v3rpc/interceptor.go and util.go. */
import type { Handlers, ServiceDescriptor } from '../../wire/index.ts';
import { etcdError } from '../errors.ts';
import type { EtcdServerApi } from '../server-api.ts';

/** `etcdserverpb.KV/Range` only when serializable, Status, and of the streams Snapshot. */
const served: Readonly<Record<string, (request: { serializable?: boolean }) => boolean>> = {
  Range: (request) => request.serializable === true,
  Status: () => true,
  Snapshot: () => true,
};

type AnyHandler = (request: any, call?: any) => any;

/** The handlers of a service, refusing what a learner does not serve as long as the member is one. */
export function unlessLearner<S extends ServiceDescriptor>(
  api: Pick<EtcdServerApi, 'isLearner'>,
  service: S,
  handlers: Handlers<S>,
): Handlers<S> {
  const guarded = Object.entries(handlers as Record<string, AnyHandler>).map(([key, handler]) => {
    const may = served[service[key]!.name];
    const guard: AnyHandler = (request, call) => {
      if (api.isLearner && !may?.(request)) throw etcdError('NotSupportedForLearner');
      return handler(request, call);
    };
    return [key, guard];
  });
  return Object.fromEntries(guarded) as Handlers<S>;
}
