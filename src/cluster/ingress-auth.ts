/** Passwords of Ingresses: what `htpasswd` writes. Upstream: nginx' auth_basic over crypt(3); of its kinds these need no crypt. */
import { createHash, timingSafeEqual } from 'node:crypto';

/** Whether `Authorization` names a user of the list with its password. Kinds: `$apr1$`, `{SHA}`, `{PLAIN}`. */
export function isAuthorized(header: string | undefined, users: ReadonlyMap<string, string>): boolean {
  const encoded = /^Basic\s+(\S+)$/i.exec(header ?? '')?.[1];
  if (encoded === undefined) return false;
  const text = Buffer.from(encoded, 'base64').toString();
  const colon = text.indexOf(':');
  const kept = colon < 0 ? undefined : users.get(text.slice(0, colon));
  return kept !== undefined && isPassword(text.slice(colon + 1), kept);
}

/** A file of `user:password` lines, or a Secret with a key for each user. */
export function usersOf(data: Readonly<Record<string, string>>, map: boolean): ReadonlyMap<string, string> {
  const plain = (value: string) => Buffer.from(value, 'base64').toString();
  if (map) return new Map(Object.entries(data).map(([user, password]) => [user, plain(password).trim()]));
  const lines = plain(data['auth'] ?? '').split('\n');
  return new Map(
    lines.flatMap((line) => {
      const colon = line.indexOf(':');
      return colon > 0 ? [[line.slice(0, colon), line.slice(colon + 1).trim()] as const] : [];
    }),
  );
}

function isPassword(given: string, kept: string): boolean {
  if (kept.startsWith('{PLAIN}')) return same(given, kept.slice('{PLAIN}'.length));
  if (kept.startsWith('{SHA}')) return same(`{SHA}${createHash('sha1').update(given).digest('base64')}`, kept);
  const salt = /^\$apr1\$([^$]{1,8})\$/.exec(kept)?.[1];
  return salt !== undefined && same(apr1(given, salt), kept);
}

function same(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => createHash('sha256').update(text).digest());
  return timingSafeEqual(left!, right!);
}

const alphabet = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Apache's variant of MD5-crypt: a thousand rounds over password and salt. */
function apr1(password: string, salt: string): string {
  const key = Buffer.from(password);
  const md5 = (...parts: (string | Uint8Array)[]) => {
    const hash = createHash('md5');
    for (const part of parts) hash.update(part);
    return hash.digest();
  };
  const inner = md5(key, salt, key);
  const first: (string | Uint8Array)[] = [key, '$apr1$', salt];
  for (let left = key.length; left > 0; left -= 16) first.push(inner.subarray(0, Math.min(16, left)));
  for (let bits = key.length; bits > 0; bits >>= 1)
    first.push((bits & 1) === 1 ? Buffer.from([0]) : key.subarray(0, 1));
  let digest = md5(...first);
  for (let round = 0; round < 1000; round++) {
    const odd = (round & 1) === 1;
    digest = md5(
      odd ? key : digest,
      ...(round % 3 === 0 ? [] : [salt]),
      ...(round % 7 === 0 ? [] : [key]),
      odd ? digest : key,
    );
  }
  let text = '';
  const letters = (value: number, count: number) => {
    for (let i = 0, rest = value; i < count; i++, rest >>= 6) text += alphabet[rest & 63];
  };
  for (const [a, b, c] of [
    [0, 6, 12],
    [1, 7, 13],
    [2, 8, 14],
    [3, 9, 15],
    [4, 10, 5],
  ] as const) {
    letters((digest[a]! << 16) | (digest[b]! << 8) | digest[c]!, 4);
  }
  letters(digest[11]!, 2);
  return `$apr1$${salt}$${text}`;
}
