import { ListenError } from '../apiserver/index.ts';
import { ClusterError } from './errors.ts';

export interface PortWish {
  /** Which door, for the error. */
  readonly door: string;
  readonly flag: string;
  readonly port?: number | undefined;
  readonly explicit?: boolean;
  readonly preferred?: number | undefined;
}

/**
 * The port a door has elsewhere too. `KLAB_PORTS=free` makes every cluster take free ones instead, for tests that run side
 * by side: a cluster that restarts would find its port taken by the next.
 */
export function usualPort(port: number): number | undefined {
  return process.env['KLAB_PORTS'] === 'free' ? undefined : port;
}

function inUse(error: unknown): boolean {
  if (error instanceof ListenError) return error.code === 'AddressInUse';
  const text = error instanceof Error ? `${(error as NodeJS.ErrnoException).code} ${error.message}` : String(error);
  return /EADDRINUSE|address already in use|in use/i.test(text);
}

/**
 * Listens on the wished port, the preferred one, or any free one, in this order; only an explicit wish must come true.
 * @throws ClusterError `PortInUse`.
 */
export async function listenWhereFree<T>(wish: PortWish, listen: (port: number) => Promise<T>): Promise<T> {
  if (wish.explicit && wish.port) {
    try {
      return await listen(wish.port);
    } catch (cause) {
      if (!inUse(cause)) throw cause;
      throw new ClusterError(
        'PortInUse',
        `port ${wish.port}, asked for with ${wish.flag}, is taken by another program; free it, or leave ${wish.flag} out to let klab choose`,
        { cause },
      );
    }
  }
  const candidates = [...new Set([wish.port, wish.preferred, 0].filter((port) => port !== undefined))];
  for (const port of candidates) {
    try {
      return await listen(port);
    } catch (cause) {
      if (port === 0 || !inUse(cause)) throw cause;
    }
  }
  throw new ClusterError('PortInUse', `no free port for the ${wish.door}`);
}
