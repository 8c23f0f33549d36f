import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { SlicedGzip } from '../../../src/apiserver/http/gzip.ts';
import { negotiate, requestEncoding, wantsPretty } from '../../../src/apiserver/http/negotiate.ts';
import { parseTarget } from '../../../src/apiserver/http/read-request.ts';
import { warningHeader } from '../../../src/apiserver/http/warning.ts';

const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const tables = {
  allowConvert: ({ kind, version }: { kind: string; version: string }) => kind === 'Table' && version === 'v1',
};

describe('content negotiation', () => {
  it('writes JSON by default and YAML when preferred', () => {
    expect(negotiate(undefined).encoding).toBe('json');
    expect(negotiate('*/*').encoding).toBe('json');
    expect(negotiate('application/yaml').encoding).toBe('yaml');
    expect(negotiate('application/json;q=0.1,application/yaml').encoding).toBe('yaml');
    expect(negotiate('*/*,application/yaml').encoding).toBe('yaml');
  });

  it('falls back to JSON for clients that would rather have protobuf', () => {
    expect(negotiate('application/vnd.kubernetes.protobuf,application/json').encoding).toBe('json');
  });

  it('writes protobuf to those who prefer it, where the answer can be protobuf', () => {
    const allowProtobuf = (convert: { kind: string } | undefined) => convert?.kind !== 'Table';
    const accept = 'application/vnd.kubernetes.protobuf,application/json';
    expect(negotiate(accept, { allowProtobuf }).encoding).toBe('protobuf');
    expect(negotiate(accept, { allowProtobuf, stream: true }).encoding).toBe('protobuf');
    expect(negotiate(`${accept};q=0.5`, { allowProtobuf }).encoding).toBe('protobuf');
    expect(negotiate('application/json,application/vnd.kubernetes.protobuf', { allowProtobuf }).encoding).toBe('json');
    const asTable = `application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,${table}`;
    expect(negotiate(asTable, { ...tables, allowProtobuf })).toMatchObject({ encoding: 'json' });
  });

  it('refuses what it cannot write, with the list of what it can', () => {
    const all = 'application/json, application/yaml, application/vnd.kubernetes.protobuf';
    expect(() => negotiate('application/vnd.kubernetes.protobuf')).toThrow(
      `only the following media types are accepted: ${all}`,
    );
    expect(() => negotiate('application/yaml', { stream: true })).toThrow(
      'only the following media types are accepted: application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch',
    );
  });

  it('takes the first transformation that can be done', () => {
    expect(negotiate(`${table},application/json`, tables).convert).toEqual({
      kind: 'Table',
      group: 'meta.k8s.io',
      version: 'v1',
    });
    expect(negotiate(`${table.replace('v=v1', 'v=v9')},application/json`, tables).convert).toBeUndefined();
    expect(() => negotiate(table)).toThrow('only the following media types');
  });

  it('indents for people', () => {
    expect(wantsPretty(new URLSearchParams('pretty=true'), undefined)).toBe(true);
    expect(wantsPretty(new URLSearchParams(''), 'curl/8.0')).toBe(true);
    expect(wantsPretty(new URLSearchParams('pretty=false'), 'curl/8.0')).toBe(false);
    expect(wantsPretty(new URLSearchParams(''), 'kubectl/v1.35')).toBe(false);
  });

  it('reads JSON, YAML and protobuf bodies and refuses others with 415', () => {
    expect(requestEncoding(undefined)).toBe('json');
    expect(requestEncoding('application/json; charset=utf-8')).toBe('json');
    expect(requestEncoding('application/yaml')).toBe('yaml');
    expect(requestEncoding('application/vnd.kubernetes.protobuf')).toBe('protobuf');
    expect(() => requestEncoding('application/cbor')).toThrow(
      'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    );
  });

  it('quotes warnings and keeps them on one line', () => {
    expect(warningHeader('say "hi"\nthere')).toBe('299 - "say \\"hi\\"there"');
  });

  it('decodes paths and refuses broken escapes', () => {
    expect(parseTarget('/a%20b?x=1%2B1')).toMatchObject({ path: '/a b' });
    expect(() => parseTarget('/a%zz')).toThrow('invalid URL escape');
  });
});

describe('sliced gzip', () => {
  it('makes one member that any gunzip reads', () => {
    const whole = Buffer.from('0123456789abcdef'.repeat(20_000));
    const gzip = new SlicedGzip();
    const out: Uint8Array[] = [];
    for (let at = 0; at < whole.length; at += 65_536) out.push(gzip.push(whole.subarray(at, at + 65_536)));
    out.push(gzip.end());
    const packed = Buffer.concat(out);
    expect(packed.length).toBeLessThan(whole.length / 10);
    expect(gunzipSync(packed).equals(whole)).toBe(true);
  });
});
