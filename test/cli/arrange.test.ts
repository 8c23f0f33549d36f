import { describe, expect, it } from 'vitest';
import { arrangeArguments } from '../../src/cli/arrange.ts';

describe('arguments', () => {
  const cases: [string, string][] = [
    ['get pods -n shop', 'get pods -n shop'],
    ['-n shop get pods', 'get pods -n shop'],
    ['--namespace=shop --no-boot get pods', 'get pods --namespace=shop --no-boot'],
    ['--name dev test -- kubectl get pods', 'test --name dev -- kubectl get pods'],
    ['help', '--help'],
    ['help scheduler explain', 'scheduler explain --help'],
    ['--version', '--version'],
    ['', ''],
  ];
  for (const [typed, arranged] of cases) {
    it(`klab ${typed}`, () => {
      expect(arrangeArguments(typed.split(' ').filter(Boolean)).join(' ')).toBe(arranged);
    });
  }
});
