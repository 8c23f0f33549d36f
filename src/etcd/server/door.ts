import type { Logger } from '../../base/index.ts';
import { GrpcServer, type Handlers, type ServiceDescriptor, type TlsOptions } from '../../wire/index.ts';
import type { EtcdServerApi } from '../server-api.ts';
import { electionService, lockService } from '../v3/concurrency.ts';
import { toGrpcError } from '../v3/errors.ts';
import {
  authService,
  clusterService,
  kvService,
  leaseService,
  maintenanceService,
  watchService,
} from '../v3/services.ts';
import { authHandlers } from './auth-handlers.ts';
import { CallCounts } from './call-counts.ts';
import { electionHandlers, lockHandlers } from './concurrency.ts';
import { Gateway } from './gateway.ts';
import { clusterHandlers, kvHandlers, leaseHandlers, maintenanceHandlers, watchHandlers } from './handlers.ts';
import { serveHttp } from './http.ts';
import { unlessLearner } from './learner.ts';

export interface EtcdDoorOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** 0 (default) = any free port. */
  readonly port?: number;
  /** Server certificate and key, and the CA of the clients; PEM or paths. Without it the door speaks plain HTTP/2. */
  readonly tls?: TlsOptions;
  readonly log?: Logger;
}

export interface EtcdDoor {
  /** `https://127.0.0.1:2379` */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Stops listening and closes every connection. */
  close(): Promise<void>;
}

/** etcd's max request size plus its gRPC overhead allowance. */
const maxReceiveBytes = 1.5 * 1024 * 1024 + 512 * 1024;

/** Serves one member's API as etcd v3 over gRPC, with its JSON gateway, health, version and metrics beside it, and tells the cluster where. Rejects when the port is taken. */
export async function serveEtcd(api: EtcdServerApi, options: EtcdDoorOptions = {}): Promise<EtcdDoor> {
  const { host = '127.0.0.1', tls } = options;
  const gateway = new Gateway();
  const counts = new CallCounts();
  const http = serveHttp(api, gateway, counts);
  const server = new GrpcServer({ log: options.log, maxReceiveBytes, toGrpcError, http });
  const add = <S extends ServiceDescriptor>(service: S, all: Handlers<S>) => {
    const handlers = counts.counted(service, unlessLearner(api, service, all));
    server.addService(service, handlers);
    gateway.add(service, handlers);
  };
  add(kvService, kvHandlers(api));
  add(watchService, watchHandlers(api));
  add(leaseService, leaseHandlers(api));
  add(clusterService, clusterHandlers(api));
  add(maintenanceService, maintenanceHandlers(api));
  add(authService, authHandlers(api));
  add(lockService, lockHandlers(api));
  add(electionService, electionHandlers(api));
  const port = await server.listen({ host, port: options.port ?? 0, tls });
  const url = `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
  api.setClientUrls([url]);
  return { url, host, port, close: () => server.close() };
}
