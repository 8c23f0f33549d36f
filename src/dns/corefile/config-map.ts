/** The Corefile's neighbours: each key of ConfigMap kube-system/coredns is a file beside it. */
import type { DnsUpstream } from '../forward.ts';
import type { CorefileFiles } from './zones.ts';

const mountPath = '/etc/coredns/';

/** `data` of the ConfigMap as files; `resolvers` are what `/etc/resolv.conf` stands for. */
export function configMapFiles(
  data: Readonly<Record<string, string>>,
  resolvers: readonly DnsUpstream[],
): CorefileFiles {
  const keyOf = (path: string) => (path.startsWith(mountPath) ? path.slice(mountPath.length) : path);
  return {
    resolvers,
    read: (path) => data[keyOf(path)],
    imports: (pattern) => {
      const wanted = keyOf(pattern)
        .replace(/[.+^${}()|\\]/g, '\\$&')
        .replaceAll('*', '[^/]*')
        .replaceAll('?', '[^/]');
      const matches = new RegExp(`^${wanted}$`);
      return Object.entries(data).flatMap(([key, text]) => (key !== 'Corefile' && matches.test(key) ? [text] : []));
    },
  };
}
