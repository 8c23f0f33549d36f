import { expect, test } from 'vitest';
import { MemoryStorage, RawNode } from '../../src/raft/index.ts';

test('reads by lease need check-quorum: without it nothing would end the lease', () => {
  const node = (checkQuorum: boolean) =>
    new RawNode({
      id: 1,
      storage: new MemoryStorage({ voters: [1, 2, 3], learners: [] }),
      random: () => 0,
      readOnlyOption: 'leaseBased',
      checkQuorum,
    });
  expect(() => node(false)).toThrow('checkQuorum must be enabled when readOnlyOption is leaseBased');
  expect(node(true).status().role).toBe('follower');
});
