import { expect, it } from 'vitest';
import { CacheReader } from '../../../src/apiserver/cache/reader.ts';

it('a key that can name nothing is a programmer’s error, with what was meant; what is not served is empty', () => {
  const reader = new CacheReader(() => undefined);
  expect(() => reader.list('deployments')).toThrow('the core group has no "deployments": deployments.apps?');
  expect(() => reader.get('podz', '', 'a')).toThrow('the core group has no "podz"');
  expect(() => reader.version('leases')).toThrow('leases.coordination.k8s.io?');
  expect(reader.list('widgets.example.com')).toEqual([]);
  expect(reader.list('limitranges')).toEqual([]);
  expect(reader.get('deployments.apps', 'a', 'b')).toBeUndefined();
});
