/** URLs, read as Go's net/url reads them. Upstream: apiserver/pkg/cel/library/urls.go. */
import type { FunctionTable } from '../functions.ts';
import { ArrayList, CelFailure, OpaqueValue, TableMap, type Value } from '../values.ts';

class UrlError extends Error {}

interface UrlParts {
  readonly scheme: string;
  readonly host: string;
  readonly path: string;
  readonly query: string;
}

export class UrlValue extends OpaqueValue {
  readonly typeName = 'kubernetes.URL';
  readonly text: string;
  readonly parts: UrlParts;

  constructor(text: string, parts: UrlParts) {
    super();
    this.text = text;
    this.parts = parts;
  }

  equals(other: Value): boolean {
    return other instanceof UrlValue && this.text === other.text;
  }
}

/** @throws UrlError with url.ParseRequestURI's words. */
export function parseRequestUri(text: string): UrlValue {
  const fail = (why: string): never => {
    throw new UrlError(`parse ${JSON.stringify(text)}: ${why}`);
  };
  if (/[\x00-\x1f\x7f]/.test(text)) fail('net/url: invalid control character in URL');
  if (text === '') fail('empty url');
  const scheme = /^([A-Za-z][A-Za-z0-9+\-.]*):/.exec(text);
  if (!scheme && /^[^/]*:/.test(text)) {
    fail(text.startsWith(':') ? 'missing protocol scheme' : 'first path segment in URL cannot contain colon');
  }
  let rest = scheme ? text.slice(scheme[0].length) : text;
  if (!rest.startsWith('/')) {
    if (!scheme) fail('invalid URI for request');
    return new UrlValue(text, { scheme: scheme![1]!.toLowerCase(), host: '', path: '', query: '' });
  }
  const fragment = rest.indexOf('#');
  if (fragment >= 0) rest = rest.slice(0, fragment);
  const mark = rest.indexOf('?');
  const query = mark < 0 ? '' : rest.slice(mark + 1);
  if (mark >= 0) rest = rest.slice(0, mark);
  let host = '';
  if (rest.startsWith('//') && (scheme || !rest.startsWith('///'))) {
    const end = rest.indexOf('/', 2);
    const authority = rest.slice(2, end < 0 ? undefined : end);
    rest = end < 0 ? '' : rest.slice(end);
    host = authority.slice(authority.lastIndexOf('@') + 1);
    const port = /^(?:\[[^\]]*\]|[^:]*)(:.*)?$/.exec(host);
    if (!port)
      fail(
        host.startsWith('[')
          ? "missing ']' in host"
          : `invalid port ${JSON.stringify(host.slice(host.indexOf(':')))} after host`,
      );
    if (port![1] !== undefined && !/^:\d*$/.test(port![1])) fail(`invalid port ${JSON.stringify(port![1])} after host`);
    if (/[\s<>"]/.test(host)) fail(`invalid character ${JSON.stringify(/[\s<>"]/.exec(host)![0])} in host name`);
  }
  const badEscape = /%(?![0-9a-fA-F]{2}).{0,2}/.exec(rest);
  if (badEscape) fail(`invalid URL escape ${JSON.stringify(badEscape[0])}`);
  return new UrlValue(text, { scheme: (scheme?.[1] ?? '').toLowerCase(), host, path: rest, query });
}

function escapedPath(path: string): string {
  return path.replace(/[^A-Za-z0-9\-_.~!*'()$&+,/:;=@%[\]]/gu, (char) =>
    [...Buffer.from(char)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}

function queryUnescape(text: string): string | undefined {
  const spaced = text.replaceAll('+', ' ');
  if (/%(?![0-9a-fA-F]{2})/.test(spaced)) return undefined;
  return Buffer.from(
    spaced.replace(/%([0-9a-fA-F]{2})|[^%]+/g, (part, hex?: string) => hex ?? Buffer.from(part).toString('hex')),
    'hex',
  ).toString();
}

/** Pairs that cannot be read are left out, as url.Query does. */
function queryValues(query: string): Value {
  const values = new Map<string, string[]>();
  for (const pair of query.split('&')) {
    if (pair === '' || pair.includes(';')) continue;
    const equals = pair.indexOf('=');
    const key = queryUnescape(equals < 0 ? pair : pair.slice(0, equals));
    const value = queryUnescape(equals < 0 ? '' : pair.slice(equals + 1));
    if (key === undefined || value === undefined) continue;
    const list = values.get(key);
    if (list) list.push(value);
    else values.set(key, [value]);
  }
  return TableMap.of([...values].map(([key, list]) => [key, new ArrayList(list)]));
}

function hostname(host: string): string {
  const port = /:\d*$/.exec(host);
  const name = port && !(host.startsWith('[') && !host.includes(']:')) ? host.slice(0, port.index) : host;
  return name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name;
}

export function addUrlFunctions(table: FunctionTable): void {
  table.add('url', 'string_to_url', '(string): url', (text: string) => {
    try {
      return parseRequestUri(text);
    } catch (error) {
      if (!(error instanceof UrlError)) throw error;
      return new CelFailure(`URL parse error during conversion from string: ${error.message}`);
    }
  });
  table.add('isURL', 'is_url_string', '(string): bool', (text: string) => requestUriProblem(text) === undefined);
  table.add('getScheme', 'url_get_scheme', 'url.(): string', (url: UrlValue) => url.parts.scheme);
  table.add('getHost', 'url_get_host', 'url.(): string', (url: UrlValue) => url.parts.host);
  table.add('getHostname', 'url_get_hostname', 'url.(): string', (url: UrlValue) => hostname(url.parts.host));
  table.add(
    'getPort',
    'url_get_port',
    'url.(): string',
    (url: UrlValue) => /(?:^|[^:]|\]):(\d*)$/.exec(url.parts.host)?.[1] ?? '',
  );
  table.add('getEscapedPath', 'url_get_escaped_path', 'url.(): string', (url: UrlValue) => escapedPath(url.parts.path));
  table.add('getQuery', 'url_get_query', 'url.(): map<string, list<string>>', (url: UrlValue) =>
    queryValues(url.parts.query),
  );
}

/** Why the text is no URL, or undefined. */
export function requestUriProblem(text: string): string | undefined {
  try {
    parseRequestUri(text);
    return undefined;
  } catch (error) {
    if (error instanceof UrlError) return error.message;
    throw error;
  }
}
