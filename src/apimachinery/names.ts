/**
 * Syntax of names, labels, ports: each check returns upstream's messages, none when the value is fine.
 * Upstream: apimachinery/pkg/util/validation/validation.go, pkg/api/validate/content.
 */
import { isIPv4, isIPv6 } from 'node:net';

const dns1123Label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const dns1123Subdomain = `${dns1123Label}(\\.${dns1123Label})*`;
const dns1035Label = '[a-z]([-a-z0-9]*[a-z0-9])?';
const labelKey = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const labelValue = `(${labelKey})?`;

/** Whole-string match. A `$` alone would be the same, JavaScript has no trailing-newline rule. */
const whole = (source: string): RegExp => new RegExp(`^${source}$`);

const dns1123LabelRegExp = whole(dns1123Label);
const dns1123SubdomainRegExp = whole(dns1123Subdomain);
const dns1035LabelRegExp = whole(dns1035Label);
const wildcardSubdomain = `\\*\\.${dns1123Subdomain}`;
const wildcardSubdomainRegExp = whole(wildcardSubdomain);
const labelKeyRegExp = whole(labelKey);
const labelValueRegExp = whole(labelValue);

/** Length in UTF-8 bytes is over the limit. */
function longerThan(value: string, limit: number): boolean {
  if (value.length > limit) return true;
  return value.length * 3 > limit && Buffer.byteLength(value) > limit;
}

export function regexError(message: string, pattern: string, ...examples: string[]): string {
  if (examples.length === 0) return `${message} (regex used for validation is '${pattern}')`;
  const list = examples.map((example) => `'${example}', `).join(' or ');
  return `${message} (e.g. ${list}regex used for validation is '${pattern}')`;
}

export function rangeError(low: number, high: number): string {
  return `must be between ${low} and ${high}, inclusive`;
}

const maxCharacters = (limit: number): string => `must be no more than ${limit} characters`;
const maxBytes = (limit: number): string => `must be no more than ${limit} bytes`;

export function isDns1123Label(value: string): string[] {
  const errors: string[] = [];
  if (longerThan(value, 63)) errors.push(maxCharacters(63));
  if (!dns1123LabelRegExp.test(value)) {
    errors.push(
      dns1123SubdomainRegExp.test(value)
        ? 'must not contain dots'
        : regexError(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
            dns1123Label,
            'my-name',
            '123-abc',
          ),
    );
  }
  return errors;
}

export function isDns1123Subdomain(value: string): string[] {
  return subdomainErrors(value, maxCharacters);
}

function subdomainErrors(value: string, tooLong: (limit: number) => string): string[] {
  const errors: string[] = [];
  if (longerThan(value, 253)) errors.push(tooLong(253));
  if (!dns1123SubdomainRegExp.test(value)) {
    errors.push(
      regexError(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
        dns1123Subdomain,
        'example.com',
      ),
    );
  }
  return errors;
}

export function isDns1035Label(value: string): string[] {
  const errors: string[] = [];
  if (longerThan(value, 63)) errors.push(maxCharacters(63));
  if (!dns1035LabelRegExp.test(value)) {
    errors.push(
      regexError(
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
        dns1035Label,
        'my-name',
        'abc-123',
      ),
    );
  }
  return errors;
}

export function isWildcardDns1123Subdomain(value: string): string[] {
  const errors: string[] = [];
  if (longerThan(value, 253)) errors.push(maxCharacters(253));
  if (!wildcardSubdomainRegExp.test(value)) {
    errors.push(
      regexError(
        "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
        wildcardSubdomain,
        '*.example.com',
      ),
    );
  }
  return errors;
}

const labelKeyMessage =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const labelKeyExamples = ['MyName', 'my.name', '123-abc'];

/** Label and annotation keys, finalizers: `name` or `prefix/name`. A missing one is empty, as in Go. */
export function isQualifiedName(value: string | undefined): string[] {
  const errors: string[] = [];
  const parts = (value ?? '').split('/');
  if (parts.length > 2) {
    return [
      `a valid label key ${regexError(labelKeyMessage, labelKey, ...labelKeyExamples)} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const name = parts.at(-1)!;
  if (parts.length === 2) {
    if (parts[0] === '') errors.push('prefix part must be non-empty');
    else errors.push(...subdomainErrors(parts[0]!, maxBytes).map((message) => `prefix part ${message}`));
  }
  if (name === '') errors.push('name part must be non-empty');
  else if (longerThan(name, 63)) errors.push(`name part ${maxBytes(63)}`);
  if (!labelKeyRegExp.test(name)) {
    errors.push(`name part ${regexError(labelKeyMessage, labelKey, ...labelKeyExamples)}`);
  }
  return errors;
}

export function isLabelValue(value: string): string[] {
  const errors: string[] = [];
  if (longerThan(value, 63)) errors.push(maxBytes(63));
  if (!labelValueRegExp.test(value)) {
    errors.push(
      regexError(
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        labelValue,
        'MyValue',
        'my_value',
        '12345',
      ),
    );
  }
  return errors;
}

function parentPrefixErrors(value: string): string[] {
  if (value === '.') return ["must not be '.'"];
  if (value === '..') return ["must not be '..'"];
  return value.startsWith('..') ? ["must not start with '..'"] : [];
}

/** Keys of ConfigMaps and Secrets. */
export function isConfigMapKey(value: string): string[] {
  const errors: string[] = [];
  if (longerThan(value, 253)) errors.push(maxCharacters(253));
  if (!/^[-._a-zA-Z0-9]+$/.test(value)) {
    errors.push(
      regexError(
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
        '[-._a-zA-Z0-9]+',
        'key.name',
        'KEY_NAME',
        'key-name',
      ),
    );
  }
  errors.push(...parentPrefixErrors(value));
  return errors;
}

export function isEnvVarName(value: string): string[] {
  const errors: string[] = [];
  if (!/^[-._a-zA-Z][-._a-zA-Z0-9]*$/.test(value)) {
    errors.push(
      regexError(
        "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit",
        '[-._a-zA-Z][-._a-zA-Z0-9]*',
        'my.env-name',
        'MY_ENV.NAME',
        'MyEnvName1',
      ),
    );
  }
  errors.push(...parentPrefixErrors(value));
  return errors;
}

export function isRelaxedEnvVarName(value: string): string[] {
  const errors: string[] = [];
  if (value === '') errors.push('environment variable name must be non-empty');
  if (/[^ -<>-~]/.test(value)) {
    errors.push("a valid environment variable name must consist only of printable ASCII characters other than '='");
  }
  return errors;
}

export function isCIdentifier(value: string): string[] {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(value)) return [];
  return [
    regexError(
      "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
      '[A-Za-z_][A-Za-z0-9_]*',
      'my_name',
      'MY_NAME',
      'MyName',
    ),
  ];
}

export function isHttpHeaderName(value: string): string[] {
  if (/^[-A-Za-z0-9]+$/.test(value)) return [];
  return [
    regexError("a valid HTTP header must consist of alphanumeric characters or '-'", '[-A-Za-z0-9]+', 'X-Header-Name'),
  ];
}

export function isPortNumber(value: number): string[] {
  return value >= 1 && value <= 65535 ? [] : [rangeError(1, 65535)];
}

export function isInRange(value: number, low: number, high: number): string[] {
  return value >= low && value <= high ? [] : [rangeError(low, high)];
}

export function isPortName(value: string): string[] {
  const errors: string[] = [];
  if (longerThan(value, 15)) errors.push(maxCharacters(15));
  if (!/^[-a-z0-9]+$/.test(value)) {
    errors.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  }
  if (!/[a-z]/.test(value)) errors.push('must contain at least one letter (a-z)');
  if (value.includes('--')) errors.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) errors.push('must not begin or end with a hyphen');
  return errors;
}

/**
 * IP addresses. As upstream's legacy fields, octets with leading zeros pass unless `strict`.
 * Upstream: util/validation/ip.go.
 */
export function isIpAddress(value: string, options: { readonly strict?: boolean } = {}): string[] {
  const loose = value.replace(/(^|\.)0+(?=\d)/g, '$1');
  if (!isIPv4(loose) && !(isIPv6(value) && !value.includes('%'))) {
    return ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'];
  }
  if (options.strict !== true) return [];
  const errors: string[] = [];
  if (isIPv4(loose) && loose !== value) errors.push('must not have leading 0s');
  if (/^::ffff:\d/i.test(value) && value.includes('.')) errors.push('must not be an IPv4-mapped IPv6 address');
  return errors;
}

/** `25%`. */
export function isPercentText(value: string): string[] {
  if (/^[0-9]+%$/.test(value)) return [];
  return [
    regexError("a valid percent string must be a numeric string followed by an ending '%'", '[0-9]+%', '1%', '93%'),
  ];
}

/** A domain with at least three segments. An empty value is the caller's `Required`. */
export function isFullyQualifiedName(value: string): string[] {
  const errors = isDns1123Subdomain(value);
  if (errors.length > 0) return [errors.join(',')];
  return value.split('.').length < 3 ? ['should be a domain with at least three segments separated by dots'] : [];
}

/** `acme.io/foo`: finalizer-like paths of conditions and signers. */
export function isDomainPrefixedPath(value: string): string[] {
  const slash = value.indexOf('/');
  if (slash <= 0 || slash === value.length - 1) return ['must be a domain-prefixed path (such as "acme.io/foo")'];
  const errors = isDns1123Subdomain(value.slice(0, slash));
  const pattern = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
  if (!whole(pattern).test(value.slice(slash + 1))) errors.push(regexError('Invalid path', pattern));
  return errors;
}

/** Names as path segments: any text but `.`, `..`, and text with `/` or `%`. Upstream: pkg/api/validation/path. */
export function isPathSegmentName(value: string, options: { readonly prefix?: boolean } = {}): string[] {
  if (options.prefix !== true) {
    if (value === '.') return ["may not be '.'"];
    if (value === '..') return ["may not be '..'"];
  }
  const errors: string[] = [];
  for (const illegal of ['/', '%']) if (value.includes(illegal)) errors.push(`may not contain '${illegal}'`);
  return errors;
}

/** Checks an object's name; `prefix` = it is a generateName, to which characters will be added. */
export type NameValidator = (name: string, prefix: boolean) => string[];

/** As upstream, the last two characters stand in for what will be added. */
function maskTrailingDash(name: string): string {
  return name.length > 1 && name.endsWith('-') ? `${name.slice(0, -2)}a` : name;
}

export const nameIsDnsSubdomain: NameValidator = (name, prefix) =>
  isDns1123Subdomain(prefix ? maskTrailingDash(name) : name);
export const nameIsDnsLabel: NameValidator = (name, prefix) => isDns1123Label(prefix ? maskTrailingDash(name) : name);
export const nameIsDns1035Label: NameValidator = (name, prefix) =>
  isDns1035Label(prefix ? maskTrailingDash(name) : name);
export const nameIsPathSegment: NameValidator = (name, prefix) => isPathSegmentName(name, { prefix });
