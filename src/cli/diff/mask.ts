/** Values of Secrets in `klab diff`: hidden, but that they differ is seen. Upstream: kubectl/pkg/cmd/diff, Masker. */
import { isObject, type KubeObject } from '../../apimachinery/index.ts';

const [same, before, after] = ['***', '*** (before)', '*** (after)'];

type Maybe = Readonly<KubeObject> | undefined;

/** Both objects with their `data` hidden. */
export function maskSecrets(from: Maybe, to: Maybe): [Maybe, Maybe] {
  const [old, fresh] = [dataOf(from), dataOf(to)];
  const masked = (
    data: Record<string, unknown> | undefined,
    other: Record<string, unknown> | undefined,
    mark: string,
  ) =>
    data &&
    Object.fromEntries(
      Object.entries(data).map(([key, value]) => [
        key,
        other && Object.hasOwn(other, key) && other[key] !== value ? mark : same,
      ]),
    );
  return [withData(from, masked(old, fresh, before!)), withData(to, masked(fresh, old, after!))];
}

function dataOf(object: Maybe): Record<string, unknown> | undefined {
  const data = (object as { data?: unknown } | undefined)?.data;
  return isObject(data) ? data : undefined;
}

function withData(object: Maybe, data: Record<string, unknown> | undefined): Maybe {
  return object && data ? ({ ...object, data } as Readonly<KubeObject>) : object;
}
