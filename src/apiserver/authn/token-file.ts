import type { UserInfo } from '../types.ts';

export class TokenFileError extends Error {
  override readonly name = 'TokenFileError';
}

/**
 * Users of a static token file: lines `token,user,uid[,"group1,group2"]`, `#` comments are not known upstream either.
 * `path` is named in errors.
 * @throws TokenFileError Upstream: apiserver/pkg/authentication/token/tokenfile.
 */
export function parseTokenFile(text: string, path = ''): Map<string, UserInfo> {
  const users = new Map<string, UserInfo>();
  text.split(/\r?\n/).forEach((line) => {
    if (line.trim() === '') return;
    const fields = splitCsv(line);
    if (fields.length < 3) {
      throw new TokenFileError(
        `token file '${path}' must have at least 3 columns (token, user name, user uid), found ${fields.length}`,
      );
    }
    const [token = '', name = '', uid = '', groups = ''] = fields;
    // Upstream warns and skips lines without a token.
    if (token === '') return;
    users.set(token, {
      name,
      uid,
      groups: groups === '' ? [] : groups.split(',').map((group) => group.trim()),
    });
  });
  return users;
}

/** One record of RFC 4180. */
function splitCsv(line: string): string[] {
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    while (line[at] === ' ') at++;
    let field = '';
    if (line[at] === '"') {
      for (at++; at < line.length; at++) {
        if (line[at] !== '"') field += line[at];
        else if (line[at + 1] === '"') {
          field += '"';
          at++;
        } else break;
      }
      at++;
      while (at < line.length && line[at] !== ',') at++;
    } else {
      const end = line.indexOf(',', at);
      field = line.slice(at, end < 0 ? undefined : end);
      at = end < 0 ? line.length : end;
    }
    fields.push(field);
    if (at >= line.length) return fields;
    at++;
  }
}
