/** Reading manifests: what they mean, where they come from, and what is said when they cannot be read. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeYaml } from '../../src/apimachinery/index.ts';
import { byIndex, describeFailure, fieldsOf } from '../../src/cli/apply/failure.ts';
import { inRanks, rankOf } from '../../src/cli/manifests/order.ts';
import { parseManifests, readManifests } from '../../src/cli/manifests/read.ts';
import { readYaml } from '../../src/cli/manifests/yaml.ts';

const parse = (text: string, name = 'web.yaml') => parseManifests([{ name, text }], 'applied');
const failure = async (work: Promise<unknown>): Promise<string> =>
  (
    await work.then(
      () => expect.fail('it was read'),
      (error: Error) => error,
    )
  ).message;

const map = (name: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n`;

describe('a manifest', () => {
  it('keeps the place of every object and field', async () => {
    const [a, b] = await parse(`${map('a')}---\n# second\n${map('b')}data:\n  list: "1"\n`);
    expect(a!.position).toEqual({ file: 'web.yaml', line: 1, column: 1 });
    expect(b!.position).toEqual({ file: 'web.yaml', line: 7, column: 1 });
    expect(b!.locate('data.list')).toEqual({ file: 'web.yaml', line: 12, column: 3 });
    expect(b!.locate('data.other')).toEqual({ file: 'web.yaml', line: 11, column: 1 });
    expect(b!.line(12)).toBe('  list: "1"');
  });

  it('may be a List, whose items have places of their own', async () => {
    const text = `apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: x}\n  spec: {containers: [{name: c, image: i}]}\n`;
    const [item] = await parse(text);
    expect(item!.object.kind).toBe('Pod');
    expect(item!.position).toEqual({ file: 'web.yaml', line: 4, column: 3 });
    expect(item!.locate('spec.containers[0].image')).toEqual({ file: 'web.yaml', line: 7, column: 33 });
  });

  it('may be JSON, indented by tabs too', async () => {
    const [object] = await parse(
      '{\n\t"apiVersion": "v1", "kind": "Pod",\n\t"metadata": {"name": "x"}\n}\n',
      'pod.json',
    );
    expect(object!.object).toEqual({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' } });
  });

  it('is read as kubectl reads it, by either reader', async () => {
    const scalars =
      'a: yes\nb: "yes"\nc: 012\nd: 0o14\ne: 1_000\nf: 2001-01-01\ng: 1:30\nh: ~\ni: 1e3\nj: !!str 5\nk: on\n' +
      'anchors: &x {p: 1}\ncopy: *x\nmerged:\n  <<: *x\n  q: 2\ntext: |\n  two\n  lines\nfold: >-\n  one\n  line\nempty:\n';
    const { documents } = await readYaml(scalars, 'x.yaml');
    expect(documents[0]!.value).toEqual(decodeYaml(scalars)[0]!.value);
    expect(documents[0]!.value).toMatchObject({
      a: true,
      b: 'yes',
      c: 10,
      d: 12,
      e: 1000,
      f: '2001-01-01',
      g: '1:30',
      j: '5',
    });
  });

  it('says which field is written twice', async () => {
    const [object] = await parse(`${map('a')}data: {x: "1", x: "2"}\n`);
    expect(object!.duplicates).toEqual(['duplicate field "data.x"']);
  });
});

describe('a manifest that cannot be read', () => {
  it('names file, line and column, shows the line, and says that nothing was done', async () => {
    const text = `${map('a')}---\n${map('b')}  labels: app: web\n---\n${map('c')}`;
    expect(await failure(parse(text))).toBe(
      [
        'web.yaml:10:11: mapping values are not allowed in this context',
        '  10 |   labels: app: web',
        '     |           ^',
        'nothing was applied: the 2 other objects that could be read were left alone too',
      ].join('\n'),
    );
  });

  it('puts the caret right below a tab', async () => {
    expect(await failure(parse('apiVersion: v1\n\tkind: Pod\n'))).toBe(
      [
        'web.yaml:2:1: found character that cannot start any token: tabs are not allowed as indentation',
        '  2 | \tkind: Pod',
        '    | ^',
        'nothing was applied',
      ].join('\n'),
    );
  });

  it('tells every problem of every file at once', async () => {
    const sources = [
      { name: 'a.yaml', text: 'a: [1\n' },
      { name: 'b.yaml', text: `${map('x')}---\nmetadata: {name: z}\n---\njust text\n---\nkind: Pod\n` },
    ];
    const text = await failure(parseManifests(sources, 'deleted'));
    expect(text.split('\n').filter((line) => /^\w\.yaml/.test(line))).toEqual([
      'a.yaml:2:1: flow sequence in block collection must be sufficiently indented and end with a ]',
      `b.yaml:6:1: Object 'Kind' is missing in '{"metadata":{"name":"z"}}'`,
      'b.yaml:8:1: a manifest must be an object, not "just text"',
      `b.yaml:10:1: Object 'apiVersion' is missing in '{"kind":"Pod"}'`,
    ]);
    expect(text.endsWith('nothing was deleted: the 1 other object that could be read was left alone too')).toBe(true);
  });

  it('is placed by the fast reader of large files as well', async () => {
    const text = `${`${map('a')}---\n`.repeat(6000)}kind: Pod: x\n`;
    expect(await failure(parse(text))).toMatch(/^web\.yaml:30001:10: .*\n {2}30001 \| kind: Pod: x\n/);
  });

  it('is refused when its aliases grow without end', async () => {
    const bomb = ['a: &a [1,1,1,1,1,1,1,1,1,1]'];
    for (let i = 1; i < 9; i++) {
      const before = String.fromCharCode(96 + i);
      bomb.push(
        `${String.fromCharCode(97 + i)}: &${String.fromCharCode(97 + i)} [${Array(10).fill(`*${before}`).join(',')}]`,
      );
    }
    expect(await failure(parse(bomb.join('\n')))).toContain('document contains excessive aliasing');
  });
});

describe('files and folders', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'klab-manifests-'));
    mkdirSync(join(folder, 'below'));
    writeFileSync(join(folder, 'b.yaml'), map('b'));
    writeFileSync(join(folder, 'a.yml'), map('a'));
    writeFileSync(join(folder, 'notes.txt'), 'not: [a manifest');
    writeFileSync(join(folder, 'below', 'c.json'), '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"}}');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const names = async (paths: string[], options = {}) =>
    (await readManifests(paths, { verb: 'applied', ...options })).map(({ object }) => object.metadata.name);

  it('a folder gives its manifests by name, and those below it with -R', async () => {
    expect(await names([folder])).toEqual(['a', 'b']);
    expect(await names([folder], { recursive: true })).toEqual(['a', 'b', 'c']);
  });

  it('- is stdin', async () => {
    expect(await names(['-'], { stdin: async () => map('piped') })).toEqual(['piped']);
  });

  it("what is not there is named in kubectl's words", async () => {
    await expect(names([join(folder, 'no.yaml')])).rejects.toThrow(/^the path ".*no\.yaml" does not exist$/);
    mkdirSync(join(folder, 'empty'));
    await expect(names([join(folder, 'empty')])).rejects.toThrow(
      /^error reading \[.*\]: recognized file extensions are \[\.json \.yaml \.yml\]$/,
    );
  });
});

describe('the order of application', () => {
  it('what others need comes first; inside a rank the order of the manifests holds', () => {
    const kinds = [
      'Deployment',
      'Widget',
      'Service',
      'ValidatingWebhookConfiguration',
      'Pod',
      'ConfigMap',
      'Namespace',
    ];
    expect(inRanks(kinds, (kind) => kind)).toEqual([
      ['Namespace'],
      ['ConfigMap'],
      ['Service'],
      ['Deployment', 'Pod'],
      ['Widget'],
      ['ValidatingWebhookConfiguration'],
    ]);
  });

  it.each([
    ['CustomResourceDefinition', 'Widget'],
    ['ServiceAccount', 'RoleBinding'],
    ['ClusterRole', 'ClusterRoleBinding'],
    ['PersistentVolume', 'StatefulSet'],
    ['Deployment', 'HorizontalPodAutoscaler'],
  ])('%s before %s', (first, then) => {
    expect(rankOf(first)).toBeLessThan(rankOf(then));
  });
});

describe('an error of the server, placed in the file', () => {
  const text = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replica: 3
  template:
    spec:
      containers:
      - name: web
        imagee: nginx
`;

  it('finds fields in causes, in strict decoding errors and in typed patches', () => {
    expect(
      fieldsOf({ message: '', details: { causes: [{ field: 'spec.ports[0]', message: 'x' }, { field: '.spec.x' }] } }),
    ).toEqual(['spec.ports[0]', 'spec.x']);
    expect(
      fieldsOf({ message: 'strict decoding error: unknown field "spec.replica", unknown field "spec.x.y"' }),
    ).toEqual(['spec.replica', 'spec.x.y']);
    expect(
      fieldsOf({
        message:
          'errors:\n  .spec.replica: field not declared in schema\n  .spec.c[name="web"].i: field not declared in schema',
      }),
    ).toEqual(['spec.replica', 'spec.c[name="web"].i']);
  });

  it('turns keys of list items into their numbers', async () => {
    const [manifest] = await parse(text);
    const path = 'spec.template.spec.containers[name="web"].imagee';
    expect(byIndex(manifest!.object, path)).toBe('spec.template.spec.containers[0].imagee');
    expect(byIndex(manifest!.object, 'spec.template.spec.containers[name="db"].x')).toContain('[name="db"]');
  });

  it("shows the lines with the server's words", async () => {
    const [manifest] = await parse(text);
    const error = new Error(
      'strict decoding error: unknown field "spec.replica", unknown field "spec.template.spec.containers[0].imagee"',
    );
    expect(describeFailure(manifest!, error)).toBe(
      [
        `error: ${error.message}`,
        '  at web.yaml:5:3',
        '  5 |   replica: 3',
        '    |   ^',
        '  at web.yaml:10:9',
        '  10 |         imagee: nginx',
        '     |         ^',
      ].join('\n'),
    );
  });

  it('an error without a field is placed at its object', async () => {
    const [manifest] = await parse(text);
    expect(describeFailure(manifest!, new Error('no'))).toBe('error: no\n  in web.yaml:1:1');
  });
});
