/** etcd keys of objects. Upstream: apiserver/pkg/registry/generic/registry/store.go (NamespaceKeyFunc). */
export const registryRoot = '/registry/';

/** `/registry/pods/` : all objects of a resource; ends with a slash. */
export function resourcePrefix(etcdPrefix: string): string {
  return `${registryRoot}${etcdPrefix}/`;
}

/** `/registry/pods/default/web`; cluster-scoped objects have no namespace segment. */
export function objectKeyIn(prefix: string, namespace: string, name: string): string {
  return namespace === '' ? prefix + name : `${prefix}${namespace}/${name}`;
}

export function keyBytes(key: string): Uint8Array {
  return Buffer.from(key, 'utf8');
}

export function keyText(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('utf8');
}

/** End of the range of all keys that start with `prefix`: its last byte plus one, with carry; `[0]` when there is none. */
export function prefixEnd(prefix: Uint8Array): Uint8Array {
  const end = Uint8Array.from(prefix);
  for (let i = end.length - 1; i >= 0; i--) {
    if (end[i]! < 0xff) {
      end[i] = end[i]! + 1;
      return end.subarray(0, i + 1);
    }
  }
  return new Uint8Array([0]);
}
