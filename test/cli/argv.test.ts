import { describe, expect, it } from 'vitest';
import { normalizeArgv } from '../../src/cli/argv.ts';

const flags = {
  watch: { type: 'boolean', char: 'w' },
  wait: { type: 'boolean', allowNo: true },
  output: { type: 'option', char: 'o' },
  filename: { type: 'option', char: 'f', multiple: true },
} as const;
const of = (text: string) => normalizeArgv(text.split(' '), flags).join(' ');

describe('command lines', () => {
  it('turns values of booleans into the flag or its absence', () => {
    expect(of('get --watch=true po')).toBe('get --watch po');
    expect(of('get -w=1 po')).toBe('get --watch po');
    expect(of('get --watch=false po')).toBe('get po');
    expect(of('apply --wait=false')).toBe('apply --no-wait');
  });

  it('refuses a value that is no truth, in words of pflag', () => {
    expect(() => of('get --watch=maybe')).toThrow(
      'invalid argument "maybe" for "--watch" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
    );
  });

  it('keeps the last of a flag given twice, glued or not, and all of one that may repeat', () => {
    expect(of('get -o json po -oyaml')).toBe('get po -oyaml');
    expect(of('get --output=json -o wide')).toBe('get -o wide');
    expect(of('apply -f a -f b')).toBe('apply -f a -f b');
  });

  it('touches nothing after --, and no value of another flag', () => {
    expect(of('test --watch=false -- cmd --watch=false')).toBe('test -- cmd --watch=false');
    expect(of('get -o --watch=false po')).toBe('get -o --watch=false po');
    expect(of('get -wojson po')).toBe('get -wojson po');
  });
});
