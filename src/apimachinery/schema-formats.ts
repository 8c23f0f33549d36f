/** String formats of CRD schemas. Upstream: kube-openapi/pkg/validation/strfmt. Unknown formats are ignored. */
import { isIPv4, isIPv6 } from 'node:net';
import { parseTime } from '../base/index.ts';
import { parseDuration } from './duration.ts';
import { isDns1123Label, isDns1123Subdomain } from './names.ts';

const uuid = (variant: string): RegExp => new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${variant}-?[0-9a-f]{12}$`, 'i');

function isCidr(text: string): boolean {
  const [address, length, ...rest] = text.split('/');
  if (address === undefined || length === undefined || rest.length > 0 || !/^(0|[1-9]\d{0,2})$/.test(length)) {
    return false;
  }
  return isIPv4(address) ? Number(length) <= 32 : isIPv6(address) && Number(length) <= 128;
}

function isDuration(text: string): boolean {
  try {
    parseDuration(text);
    return true;
  } catch {
    return /^\s*[-+]?\d+(\.\d+)?\s*(ns|nanos?|nanoseconds?|µs|us|micros?|microseconds?|ms|millis?|milliseconds?|s|sec|secs|seconds?|m|min|mins|minutes?|h|hr|hrs|hours?|d|days?|w|wk|wks|weeks?)\s*$/.test(
      text,
    );
  }
}

function isHostname(text: string): boolean {
  const shape =
    /^([a-zA-Z0-9\p{S}\p{L}]((-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?)|([a-zA-Z0-9\p{S}\p{L}](([a-zA-Z0-9-\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?)(\.)){1,}([a-zA-Z\p{L}]){2,63})$/u;
  return text.length <= 255 && shape.test(text) && text.split('.').every((label) => label.length <= 63);
}

function isIsbn10(text: string): boolean {
  const digits = text.replace(/[\s-]/g, '');
  if (!/^\d{9}[\dX]$/.test(digits)) return false;
  const sum = [...digits].reduce((total, c, i) => total + (10 - i) * (c === 'X' ? 10 : Number(c)), 0);
  return sum % 11 === 0;
}

function isIsbn13(text: string): boolean {
  const digits = text.replace(/[\s-]/g, '');
  if (!/^\d{13}$/.test(digits)) return false;
  return [...digits].reduce((total, c, i) => total + Number(c) * (i % 2 === 0 ? 1 : 3), 0) % 10 === 0;
}

function isUri(text: string): boolean {
  // As net/url.ParseRequestURI: absolute URI or absolute path.
  if (/[\s\x00-\x1f\x7f]/.test(text)) return false;
  return text.startsWith('/') || /^[a-zA-Z][a-zA-Z0-9+.-]*:[^:].*$/.test(text);
}

const checks: Readonly<Record<string, (text: string) => boolean>> = {
  bsonobjectid: (text) => /^[0-9a-f]{24}$/i.test(text),
  uri: isUri,
  email: (text) => /^(?:.*<)?[^\s@<>]+@[^\s@<>]+>?$/.test(text),
  hostname: isHostname,
  ipv4: isIPv4,
  ipv6: isIPv6,
  cidr: isCidr,
  mac: (text) =>
    /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$|^[0-9a-f]{4}(\.[0-9a-f]{4}){2,3}$|^[0-9a-f]{2}([:-][0-9a-f]{2}){7}$/i.test(text),
  uuid: (text) => uuid('[0-9a-f]{4}-?[0-9a-f]{4}').test(text),
  uuid3: (text) => uuid('3[0-9a-f]{3}-?[0-9a-f]{4}').test(text),
  uuid4: (text) => uuid('4[0-9a-f]{3}-?[89ab][0-9a-f]{3}').test(text),
  uuid5: (text) => uuid('5[0-9a-f]{3}-?[89ab][0-9a-f]{3}').test(text),
  isbn: (text) => isIsbn10(text) || isIsbn13(text),
  isbn10: isIsbn10,
  isbn13: isIsbn13,
  creditcard: (text) =>
    /^(?:4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|6(?:011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:2131|1800|35\d{3})\d{11})$/.test(
      text.replace(/[^0-9]/g, ''),
    ),
  ssn: (text) => /^\d{3}[- ]?\d{2}[- ]?\d{4}$/.test(text),
  hexcolor: (text) => /^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/.test(text),
  rgbcolor: (text) =>
    /^rgb\(\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*\)$/.test(
      text,
    ),
  byte: (text) => /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text),
  date: (text) => /^\d{4}-\d\d-\d\d$/.test(text) && isRealDate(text),
  duration: isDuration,
  datetime: (text) =>
    /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[-+]\d\d:\d\d)$/.test(text) &&
    isRealDate(text.slice(0, 10)) &&
    !Number.isNaN(parseTime(text.toUpperCase())),
  'k8s-short-name': (text) => isDns1123Label(text).length === 0,
  'k8s-long-name': (text) => isDns1123Subdomain(text).length === 0,
};

function isRealDate(text: string): boolean {
  const ms = parseTime(`${text}T00:00:00Z`);
  if (Number.isNaN(ms)) return false;
  const day = Number(text.slice(8));
  const [year, month] = [Number(text.slice(0, 4)), Number(text.slice(5, 7))];
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day <= [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]!;
}

/** True for a text of the format, and for formats that are not known. */
export function matchesFormat(format: string, text: string): boolean {
  const name = format === 'date-time' ? 'datetime' : format;
  return !Object.hasOwn(checks, name) || checks[name]!(text);
}

export function isKnownFormat(format: string): boolean {
  return Object.hasOwn(checks, format === 'date-time' ? 'datetime' : format) || format === 'password';
}
