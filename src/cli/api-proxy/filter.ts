/** Which requests `klab proxy` hands on. Upstream: FilterServer of kubectl/pkg/proxy/proxy_server.go. */
import { UserError } from '../exit-codes.ts';

export interface FilterFlags {
  readonly 'accept-paths': string;
  readonly 'reject-paths': string;
  readonly 'accept-hosts': string;
  readonly 'reject-methods': string;
}

/** Upstream's defaults: exec and attach are kept from web pages, and so is whoever comes under another name (DNS rebinding). */
export const filterDefaults: FilterFlags = {
  'accept-paths': '^.*',
  'reject-paths': '^/api/.*/pods/.*/exec,^/api/.*/pods/.*/attach',
  'accept-hosts': '^localhost$,^127\\.0\\.0\\.1$,^\\[::1\\]$',
  'reject-methods': '^$',
};

export type Filter = (method: string, path: string, host: string) => boolean;

/** @throws UserError for what is no regular expression */
export function requestFilter(flags: FilterFlags): Filter {
  const [acceptPaths, rejectPaths, acceptHosts, rejectMethods] = (
    ['accept-paths', 'reject-paths', 'accept-hosts', 'reject-methods'] as const
  ).map((name) => oneOf(flags[name]));
  return (method, path, host) =>
    !rejectPaths!(path) && !rejectMethods!(method) && acceptPaths!(path) && acceptHosts!(withoutPort(host));
}

/** Expressions between commas; an empty text matches nothing. */
function oneOf(text: string): (word: string) => boolean {
  if (text === '') return () => false;
  const expressions = text.split(',').map((source) => {
    try {
      return new RegExp(source);
    } catch (error) {
      throw new UserError(`Error compiling re: ${(error as Error).message}`);
    }
  });
  return (word) => expressions.some((expression) => expression.test(word));
}

/** As Go's net.SplitHostPort has it: an IPv6 address loses its brackets only together with a port. */
function withoutPort(host: string): string {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\]|([^:[\]]*)):[^:]*$/.exec(host) ?? [];
  return bracketed ?? plain ?? host;
}
