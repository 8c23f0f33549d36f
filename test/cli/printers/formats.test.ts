import { describe, expect, it } from 'vitest';
import { goNumber, goValue } from '../../../src/cli/printers/go-value.ts';
import { compactJson, eventJson, listOf, ObjectPrinter } from '../../../src/cli/printers/object-printer.ts';
import { parseOutputFormat } from '../../../src/cli/printers/output-format.ts';
import { sortBy } from '../../../src/cli/printers/sort.ts';

const pod = (name: string, extra: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, managedFields: [{ manager: 'x' }] },
  ...extra,
});

function text(output: string, value: unknown): string {
  const format = parseOutputFormat(output);
  if (format.kind === 'table') throw new Error('a table');
  return new ObjectPrinter(format).text(value);
}

describe('output formats', () => {
  it('prints JSON and YAML without managedFields unless they are asked for', () => {
    expect(JSON.parse(text('json', pod('a')))).toEqual({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } });
    expect(text('yaml', pod('a'))).toBe('apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n');
    const format = parseOutputFormat('json');
    if (format.kind === 'table') throw new Error('a table');
    expect(new ObjectPrinter(format, { showManagedFields: true }).text(pod('a'))).toContain('managedFields');
  });

  it('separates YAML documents that come one after the other', () => {
    const format = parseOutputFormat('yaml');
    if (format.kind === 'table') throw new Error('a table');
    const printer = new ObjectPrinter(format);
    expect(printer.text(pod('a')) + printer.text(pod('b'))).toContain('name: a\n---\napiVersion: v1');
  });

  it('names objects by kind and group', () => {
    const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' } };
    expect(text('name', listOf([pod('a'), deployment]))).toBe('pod/a\ndeployment.apps/web\n');
  });

  it('prints JSONPath without a line break, and as JSON when asked', () => {
    const list = listOf([pod('a'), pod('b')]);
    expect(text('jsonpath={.items[*].metadata.name}', list)).toBe('a b');
    expect(text('jsonpath-as-json={.items[*].metadata.name}', list)).toBe('[\n    "a",\n    "b"\n]\n');
  });

  it('prints custom columns with <none> for what is missing and maps as Go writes them', () => {
    const list = listOf([pod('a', { spec: { m: { b: 1, a: 'x' }, l: [1, 2] } })]);
    expect(text('custom-columns=NAME:.metadata.name,M:{.spec.m},L:spec.l,X:.nope', list)).toBe(
      'NAME   M              L       X\na      map[a:x b:1]   [1 2]   <none>\n',
    );
  });

  it('refuses unknown formats, missing templates and Go templates with a sentence', () => {
    expect(() => parseOutputFormat('bogus')).toThrow(
      'unable to match a printer suitable for the output format "bogus", allowed formats are: custom-columns,',
    );
    expect(() => parseOutputFormat('jsonpath')).toThrow('template format specified but no template given');
    expect(() => parseOutputFormat('custom-columns=foo')).toThrow('expected <header>:<json-path-expr>');
    expect(() => parseOutputFormat('go-template={{.}}')).toThrow('Go templates are not supported');
    expect(() => parseOutputFormat('jsonpath={.items[}')).toThrow('error parsing jsonpath {.items[}');
  });

  it('writes JSON on one line with sorted keys and without touching texts', () => {
    expect(compactJson({ b: 1, a: { 'k": ': 'x": y\n' }, c: [], d: {} })).toBe(
      '{"a":{"k\\": ":"x\\": y\\n"},"b":1,"c":[],"d":{}}',
    );
    expect(eventJson('ADDED', { b: [1, 'two'] })).toBe('{"type":"ADDED","object":{"b":[1,"two"]}}');
  });

  it('prints values as Go does', () => {
    expect([null, true, 'x', 1.5, [1, null], { a: [] }].map(goValue)).toEqual([
      '<nil>',
      'true',
      'x',
      '1.5',
      '[1 <nil>]',
      'map[a:[]]',
    ]);
    expect([1e21, 1e20, 0.00001, 3].map(goNumber)).toEqual(['1e+21', '100000000000000000000', '1e-05', '3']);
  });
});

describe('sorting', () => {
  const names = (items: readonly { readonly n: string }[]) => items.map(({ n }) => n).join('');
  const sorted = (items: readonly any[], field: string) => names(sortBy(items, field, (item) => item));

  it('sorts numbers by size, quantities by amount and texts by bytes', () => {
    expect(
      sorted(
        [
          { n: 'b', v: 10 },
          { n: 'a', v: 9 },
        ],
        '.v',
      ),
    ).toBe('ab');
    expect(
      sorted(
        [
          { n: 'b', v: '1Gi' },
          { n: 'a', v: '900Mi' },
        ],
        '{.v}',
      ),
    ).toBe('ab');
    expect(
      sorted(
        [
          { n: 'b', v: 'b' },
          { n: 'a', v: 'B' },
        ],
        'v',
      ),
    ).toBe('ab');
  });

  it('puts items without the field first', () => {
    expect(sorted([{ n: 'b', v: 1 }, { n: 'a' }], '.v')).toBe('ab');
    const many = Array.from({ length: 20 }, (_, i) => ({ n: String.fromCharCode(116 - i), v: 20 - i }));
    expect(sorted([...many, { n: 'A' }], '.v')).toBe('Aabcdefghijklmnopqrst');
  });

  it('says when nothing has the field, or it has no order', () => {
    expect(() => sorted([{ n: 'a' }], '.nope')).toThrow(
      `couldn't find any field with path "{.nope}" in the list of objects`,
    );
    expect(() =>
      sorted(
        [
          { n: 'a', v: {} },
          { n: 'b', v: {} },
        ],
        '.v',
      ),
    ).toThrow('unsortable type');
  });
});
