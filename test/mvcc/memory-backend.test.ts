import { describe } from 'vitest';
import { MemoryBackend } from '../../src/mvcc/index.ts';
import { backendConformance, type OpenBackend } from './backend-conformance.ts';

describe('a store in memory', () => {
  const open = (backend = new MemoryBackend()): OpenBackend => ({
    backend,
    commit() {},
    reopen: () => open(backend),
    close() {},
  });
  backendConformance(() => open());
});
