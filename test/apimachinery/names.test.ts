import { describe, expect, test } from 'vitest';
import {
  isConfigMapKey,
  isDns1035Label,
  isDns1123Label,
  isDns1123Subdomain,
  isDomainPrefixedPath,
  isEnvVarName,
  isIpAddress,
  isLabelValue,
  isPathSegmentName,
  isPortName,
  isQualifiedName,
  isWildcardDns1123Subdomain,
  nameIsDnsSubdomain,
} from '../../src/apimachinery/index.ts';

describe('names', () => {
  test('a DNS-1123 label', () => {
    expect(isDns1123Label('web-0')).toEqual([]);
    expect(isDns1123Label('a.b')).toEqual(['must not contain dots']);
    expect(isDns1123Label('a'.repeat(64))).toEqual(['must be no more than 63 characters']);
    expect(isDns1123Label('Web')).toEqual([
      "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
    ]);
  });

  test('a DNS-1123 subdomain', () => {
    expect(isDns1123Subdomain('a.b-c.d')).toEqual([]);
    expect(isDns1123Subdomain('a_b')).toEqual([
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    ]);
    expect(isDns1123Subdomain('a.'.repeat(127))).toHaveLength(2);
  });

  test('labels of other kinds', () => {
    expect(isDns1035Label('web')).toEqual([]);
    expect(isDns1035Label('0web')).toHaveLength(1);
    expect(isWildcardDns1123Subdomain('*.a.b')).toEqual([]);
    expect(isWildcardDns1123Subdomain('a.b')).toHaveLength(1);
    expect(isQualifiedName('example.com/my.name')).toEqual([]);
    expect(isQualifiedName('/x')).toEqual(['prefix part must be non-empty']);
    expect(isQualifiedName('a/b/c')[0]).toContain("with an optional DNS subdomain prefix and '/'");
    expect(isQualifiedName('x/')).toEqual([
      'name part must be non-empty',
      expect.stringContaining('name part must consist of'),
    ]);
    expect(isQualifiedName('é'.repeat(32))[0]).toBe('name part must be no more than 63 bytes');
    expect(isLabelValue('a'.repeat(64))).toEqual(['must be no more than 63 bytes']);
    expect(isLabelValue('')).toEqual([]);
  });

  test('keys, variables, ports, paths', () => {
    expect(isConfigMapKey('..x')).toEqual(["must not start with '..'"]);
    expect(isConfigMapKey('__proto__')).toEqual([]);
    expect(isEnvVarName('1A')).toHaveLength(1);
    expect(isPortName('http')).toEqual([]);
    expect(isPortName('-80--')).toEqual([
      'must contain at least one letter (a-z)',
      'must not contain consecutive hyphens',
      'must not begin or end with a hyphen',
    ]);
    expect(isPathSegmentName('a/b%')).toEqual(["may not contain '/'", "may not contain '%'"]);
    expect(isPathSegmentName('..')).toEqual(["may not be '..'"]);
    expect(isDomainPrefixedPath('acme.io/foo')).toEqual([]);
    expect(isDomainPrefixedPath('foo')).toEqual(['must be a domain-prefixed path (such as "acme.io/foo")']);
    expect(isIpAddress('10.0.0.1')).toEqual([]);
    expect(isIpAddress('010.0.0.1')).toEqual([]);
    expect(isIpAddress('010.0.0.1', { strict: true })).toEqual(['must not have leading 0s']);
    expect(isIpAddress('300.0.0.1')).toEqual(['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']);
  });

  test('a generateName may end in a dash', () => {
    expect(nameIsDnsSubdomain('web-', true)).toEqual([]);
    expect(nameIsDnsSubdomain('web-', false)).toHaveLength(1);
  });
});
