/** What someone reads who typed a wrong command line, in cobra's and pflag's words. */
import { Args, Flags, Parser } from '@oclif/core';
import { expect, test } from 'vitest';
import { renderError } from '../../src/cli/errors.ts';

const flags = {
  'secure-port': Flags.integer(),
  from: Flags.string({ required: true }),
  to: Flags.string({ required: true }),
  limit: Flags.integer({ min: 0, max: 9 }),
};

async function said(...argv: string[]): Promise<readonly [string, number]> {
  const error = await Parser.parse(argv, { flags }).then(
    () => new Error('nothing was wrong'),
    (cause: unknown) => cause,
  );
  const { text, exitCode } = renderError(error, { id: 'etcd:diff', flags: Object.keys(flags) });
  const { about, help } = /^error: (?<about>.*)\nSee '(?<help>.*)' for usage\.$/s.exec(text)!.groups!;
  expect(help).toBe('klab etcd diff --help');
  return [about!, exitCode];
}

test.each([
  [[], 'required flag(s) "from", "to" not set'],
  [['--to', 'x'], 'required flag(s) "from" not set'],
  [
    ['--from', 'a', '--to', 'b', '--limit', '-1'],
    'invalid argument "-1" for "--limit" flag: must be greater than or equal to 0',
  ],
  [
    ['--from', 'a', '--to', 'b', '--limit', '10'],
    'invalid argument "10" for "--limit" flag: must be less than or equal to 9',
  ],
  [
    ['--from', 'a', '--to', 'b', '--limit', 'x'],
    'invalid argument "x" for "--limit" flag: strconv.ParseInt: parsing "x": invalid syntax',
  ],
  [['--from', 'a', '--to', 'b', '--form', 'c'], 'unknown flag: --form\n\nDid you mean this?\n\t--from'],
  [['--from', 'a', '--to', 'b', '--port=1'], 'unknown flag: --port\n\nDid you mean this?\n\t--secure-port'],
  [['--from', 'a', '--to', 'b', '--wait'], 'unknown flag: --wait'],
  [['--from', 'a', '--to', 'b', '-x'], "unknown shorthand flag: 'x' in -x"],
  [['--from', 'a', '--to'], 'flag needs an argument: --to'],
  [['--from', 'a', '--to', 'b', 'c'], 'Unexpected argument: c'],
] as const)('%j', async (argv, text) => {
  expect(await said(...argv)).toEqual([text, 2]);
});

test('an argument that is not given is named with what it is, without advice about other flags', async () => {
  const args = { ttl: Args.integer({ required: true, description: 'seconds it lives' }) };
  const endpoints = Flags.string({ multiple: true });
  const error = await Parser.parse([], { args, flags: { endpoints } }).catch((cause: unknown) => cause);
  expect(renderError(error, { id: 'etcd:lease:grant', flags: ['endpoints'] })).toEqual({
    text: "error: required argument(s) TTL (seconds it lives) not given\nSee 'klab etcd lease grant --help' for usage.",
    exitCode: 2,
  });
});
