import { isNotFound, type KubeObject } from '../../apimachinery/index.ts';
import { apiserverUser } from '../bootstrap/ensure-bootstrap.ts';
import type { ServerCore, ServerRequest } from '../types.ts';

const collection = '/apis/networking.k8s.io/v1/ipaddresses';

/** Where allocators keep what they gave out. */
export interface IpAddressWriter {
  /** @throws StatusError AlreadyExists when somebody has the address. */
  create(object: KubeObject): Promise<void>;
  /** An address that nobody has is no error. */
  delete(name: string): Promise<void>;
}

/** IPAddress objects written through the whole server, as upstream's loopback client does. */
export function ipAddressWriter(core: Pick<ServerCore, 'handle'>): IpAddressWriter {
  const signal = new AbortController().signal;
  const send = (request: Pick<ServerRequest, 'method' | 'path' | 'body'>) =>
    core.handle({
      ...request,
      query: new URLSearchParams(),
      headers: { 'user-agent': 'klab-apiserver' },
      signal,
      user: apiserverUser,
      provenance: { actor: 'apiserver', cause: { timer: 'ipallocator.k8s.io' } },
    });
  return {
    async create(object) {
      await send({ method: 'POST', path: collection, body: { object } });
    },
    async delete(name) {
      try {
        await send({ method: 'DELETE', path: `${collection}/${name}` });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    },
  };
}
