import type { IncomingHttpHeaders } from 'node:http';
import type { HeaderField } from './hpack.ts';

const pseudo: ReadonlySet<string> = new Set([':method', ':path', ':scheme', ':authority']);
/** They speak of a connection of HTTP/1. RFC 9113, section 8.2.2. */
const forbidden: ReadonlySet<string> = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
]);
/** One byte of a name that may not be there: controls, space, upper case, above ASCII. */
const badName = /[\x00-\x20A-Z\x7f-\xff]/;
const badValue = /[\0\r\n]/;

/** The fields of a request as node writes them: names in lower case, repeated ones joined. Undefined: malformed. */
export function requestHeaders(fields: readonly HeaderField[]): IncomingHttpHeaders | undefined {
  const headers: Record<string, string> = {};
  let regular = false;
  for (const [name, value] of fields) {
    const before = headers[name];
    if (name[0] === ':') {
      if (regular || before !== undefined || !pseudo.has(name)) return undefined;
    } else {
      regular = true;
      if (name === '' || badName.test(name) || forbidden.has(name)) return undefined;
      if (name === 'te' && value !== 'trailers') return undefined;
    }
    if (badValue.test(value)) return undefined;
    headers[name] = before === undefined ? value : `${before}${name === 'cookie' ? '; ' : ', '}${value}`;
  }
  if (!headers[':method'] || !headers[':path'] || headers[':scheme'] === undefined) return undefined;
  return headers;
}
