/** What someone reads who typed a wrong command line, in cobra's and pflag's words. */
import { Flags, Parser } from '@oclif/core';
import { expect, test } from 'vitest';
import { renderError } from '../../src/cli/errors.ts';

const flags = {
  from: Flags.string({ required: true }),
  to: Flags.string({ required: true }),
  limit: Flags.integer({ min: 0, max: 9 }),
};

async function said(...argv: string[]): Promise<readonly [string, number]> {
  const error = await Parser.parse(argv, { flags }).then(
    () => new Error('nothing was wrong'),
    (cause: unknown) => cause,
  );
  const { text, exitCode } = renderError(error);
  return [text.split('\n')[0]!, exitCode];
}

test.each([
  [[], 'error: required flag(s) "from", "to" not set'],
  [['--to', 'x'], 'error: required flag(s) "from" not set'],
  [
    ['--from', 'a', '--to', 'b', '--limit', '-1'],
    'error: invalid argument "-1" for "--limit" flag: must be greater than or equal to 0',
  ],
  [
    ['--from', 'a', '--to', 'b', '--limit', '10'],
    'error: invalid argument "10" for "--limit" flag: must be less than or equal to 9',
  ],
  [
    ['--from', 'a', '--to', 'b', '--limit', 'x'],
    'error: invalid argument "x" for "--limit" flag: strconv.ParseInt: parsing "x": invalid syntax',
  ],
  [['--from', 'a', '--to', 'b', '--form', 'c'], 'error: unknown flag: --form'],
] as const)('%j', async (argv, text) => {
  expect(await said(...argv)).toEqual([text, 2]);
});
