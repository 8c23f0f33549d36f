/**
 * `klab edit` and `klab diff` beside the real kubectl on the same server: what the editor is shown, what is said, what is
 * stored, and which files stay behind. Each works in a namespace of its own.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab, type Ran } from '../helpers/lab.ts';

const lab = new Lab();
const folder = join(lab.home, 'files');
const temp = join(lab.home, 'tmp');
const editor = join(lab.home, 'editor.sh');
const namespaces = { kubectl: 'ns-kubectl', klab: 'ns-klab' } as const;
type Program = keyof typeof namespaces;

const configMap = (name: string, data: string, more = '') =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}${more}}\ndata: {${data}}\n`;
const deployment = (name: string, more: string, replicas = 0) => `apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec: {containers: [{name: c, image: nginx}${more}]}
`;

beforeAll(async () => {
  mkdirSync(folder);
  mkdirSync(temp);
  // The editor keeps what it is shown, then does the step of this round.
  writeFileSync(
    editor,
    [
      '#!/bin/sh',
      'n=$(($(cat "$STEPS/n") + 1))',
      'echo "$n" > "$STEPS/n"',
      'cp "$1" "$STEPS/seen.$n"',
      'f="$1"',
      '[ ! -f "$STEPS/$n.sh" ] || . "$STEPS/$n.sh"',
    ].join('\n'),
  );
  chmodSync(editor, 0o755);
  await lab.klab('up', '--nodes', '1');
  for (const namespace of Object.values(namespaces)) await lab.kubectl('create', 'ns', namespace);
});
afterAll(() => lab.dispose());

const wordsOf = (line: string) =>
  [...line.matchAll(/(?:'[^']*'|\S)+/g)].map(([word]) => word.replace(/'([^']*)'/g, '$1'));

/** The same text whichever program, namespace, object identity and temporary file. */
const plain = (text: string) =>
  text
    .replaceAll('kubectl', 'klab')
    .replaceAll('ns-klab', 'NS')
    .replace(/(klab-edit-)\d+/g, '$1N')
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}/g, 'UID')
    .replace(/(resourceVersion[\\":]+ ?[\\"]*)\d+/g, '$1RV')
    .replace(/(LIVE|MERGED)-\w+/g, '$1')
    .replace(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( [+-]\d{4}|Z)?/g, 'TIME');

async function run(program: Program, line: string, env: Record<string, string>, input?: string): Promise<Ran> {
  const args = [...wordsOf(line), '-n', namespaces[program]];
  const options = { cwd: folder, env: { TMPDIR: temp, ...env }, input };
  return program === 'kubectl' ? lab.tryKubectl(args, options) : lab.try(args, options);
}

describe('edit', () => {
  beforeAll(async () => {
    writeFileSync(join(folder, 'cm.yaml'), configMap('cm', 'a: b'));
    writeFileSync(join(folder, 'both.yaml'), `${configMap('cm', 'a: b')}---\n${configMap('other', 'a: b')}`);
    writeFileSync(join(folder, 'web.yaml'), deployment('web', ''));
  });

  /** What one program made of it: words, all that its editor saw, the objects after it, the files it left. */
  async function edited(
    program: Program,
    line: string,
    steps: readonly string[],
    output: string,
    KUBE_EDITOR = editor,
  ) {
    const space = ['-n', namespaces[program]];
    await lab.tryKubectl(['delete', 'cm/cm', 'cm/other', 'deploy/web', '--ignore-not-found', '--wait', ...space]);
    await lab.kubectl('create', '-f', join(folder, 'both.yaml'), '-f', join(folder, 'web.yaml'), ...space);
    const work = join(lab.home, `steps-${program}`);
    rmSync(work, { recursive: true, force: true });
    rmSync(temp, { recursive: true, force: true });
    mkdirSync(work);
    mkdirSync(temp);
    writeFileSync(join(work, 'n'), '0');
    const kubectl = `KUBECONFIG=${lab.env['KUBECONFIG']} $KUBECTL -n ${namespaces[program]}`;
    for (const [i, step] of steps.entries())
      writeFileSync(join(work, `${i + 1}.sh`), step.replaceAll('KUBECTL', kubectl));
    const { kubectlPath } = await import('../helpers/clients.ts');
    const ran = await run(program, line, { KUBE_EDITOR, STEPS: work, KUBECTL: kubectlPath() });
    const seen = readdirSync(work)
      .filter((name) => name.startsWith('seen.'))
      .sort()
      .map((name) => plain(readFileSync(join(work, name), 'utf8')));
    const objects = await lab.kubectl(
      'get',
      'cm/cm',
      'cm/other',
      'deploy/web',
      '--ignore-not-found',
      '-o',
      output,
      ...space,
    );
    const left = readdirSync(temp)
      .filter((name) => /-edit-/.test(name))
      .map((name) => `${plain(name)}\n${plain(readFileSync(join(temp, name), 'utf8'))}`)
      .sort();
    return {
      stdout: plain(ran.stdout),
      stderr: plain(ran.stderr),
      failed: ran.code !== 0,
      seen,
      objects: plain(objects),
      left,
    };
  }

  const stored =
    'jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.labels} {.metadata.annotations} {.data} {.spec.replicas}{"\\n"}{end}';

  it.each<[line: string, ...steps: string[]]>([
    ['edit cm cm', 'sed -i s/"a: b"/"a: c"/ $f'],
    ['edit cm/cm -o json', `sed -i 's/"a": "b"/"a": "c"/' $f`],
    ['edit cm/cm -o yaml', 'sed -i s/"a: b"/"a: c"/ $f'],
    ['edit cm/cm --output-patch', 'sed -i s/"a: b"/"a: c"/ $f'],
    ['edit cm/cm --save-config', 'sed -i s/"a: b"/"a: c"/ $f'],
    ['edit cm/cm --windows-line-endings', 'sed -i s/"a: b"/"a: c"/ $f'],
    ['edit cm/cm --field-manager=me', 'sed -i s/"a: b"/"a: c"/ $f'],
    ['edit cm/cm'],
    ['edit cm/cm', 'echo "# a comment" >> $f'],
    ['edit cm/cm', 'echo > $f'],
    ['edit cm/cm', 'echo "# only a comment" > $f'],
    ['edit cm/cm cm/other', 'sed -i s/"a: b"/"a: c"/ $f'],
    ['edit cm/cm cm/other', '/bin/sed -i 0,/"a: b"/s//"a: c"/ $f'],
    ['edit cm/cm deploy/web', 'sed -i s/"replicas: 0"/"replicas: -1"/ $f', 'sed -i s/"replicas: -1"/"replicas: 0"/ $f'],
    ['edit deploy/web', 'sed -i s/"replicas: 0"/"replicas: -1"/ $f', ''],
    ['edit deploy/web', 'sed -i s/"app: web"/"app: x"/ $f', ''],
    ['edit deploy/web', 'sed -i s/"replicas: 0"/"replicas: -1"/ $f', 'sed -i s/"replicas: -1"/"replicas: 0"/ $f'],
    ['edit deploy web --subresource=scale', 'sed -i s/"replicas: 0"/"replicas: 0 # same"/ $f'],
    ['edit -f both.yaml', 'sed -i s/"a: b"/"a: c"/ $f'],
    ['edit cm/cm', 'sed -i s/"name: cm"/"name: moved"/ $f'],
    ['edit cm/cm', 'sed -i s/"kind: ConfigMap"/"kind: Secret"/ $f'],
    ['edit cm/cm', 'sed -i "s/namespace: .*/namespace: elsewhere/" $f'],
    ['edit cm/cm', `sed -i 's/resourceVersion: .*/resourceVersion: "1"/' $f`],
    ['edit cm/cm', 'KUBECTL delete cm cm >/dev/null; sed -i s/"a: b"/"a: c"/ $f'],
    ['edit cm/cm', 'sed -i /^kind:/d $f', ''],
    ['edit cm/cm', 'sed -i -e /^kind:/d -e /^apiVersion:/d $f', ''],
    ['edit cm/cm', 'exit 1'],
    ['apply edit-last-applied cm/cm'],
    ['edit cm/nope'],
    ['edit'],
    ['edit cm/cm --validate=nope'],
    ['edit cm/cm', 'echo "foo: bar" >> $f'],
    ['create -f cm.yaml --edit', 'sed -i s/"name: cm"/"name: cm2"/ $f; sed -i s/"a: b"/"a: c"/ $f'],
    ['create -f cm.yaml --edit'],
    ['create -f cm.yaml --edit', 'sed -i s/"a: b"/"a: c"/ $f'],
  ])('%s', async (line, ...steps) => {
    const theirs = await edited('kubectl', line, steps, stored);
    await lab.tryKubectl(['delete', 'cm/cm2', '-n', namespaces.kubectl, '--ignore-not-found']);
    const ours = await edited('klab', line, steps, stored);
    await lab.tryKubectl(['delete', 'cm/cm2', '-n', namespaces.klab, '--ignore-not-found']);
    expect(ours).toEqual(theirs);
  });

  it('broken YAML is opened again with the reason, and kept when the user gives up', async () => {
    const steps = ['echo "foo: [" >> $f', ''];
    const theirs = await edited('kubectl', 'edit cm/cm', steps, stored);
    const ours = await edited('klab', 'edit cm/cm', steps, stored);
    // What is wrong in a text is each reader's own word; which line it names too.
    const same = (result: typeof ours) =>
      JSON.parse(JSON.stringify(result).replace(/yaml: line \d+: .*?(?=\\n|")/g, 'yaml: WHY'));
    expect(same(ours)).toEqual(same(theirs));
    expect(ours.seen).toHaveLength(2);
    expect(ours.seen[1]).toMatch(
      /was not valid:\n# \* <nil>: Invalid value: "The edited file failed validation": yaml: line \d+: /,
    );
    expect(ours.left[0]).toContain('foo: [');
  });

  it('a script with quotes goes through the shell, an editor that is not there is named', async () => {
    const quoted = await edited('klab', 'edit cm/cm', ['sed -i s/"a: b"/"a: c"/ $f'], stored, `sh "${editor}"`);
    expect(quoted).toMatchObject({ stdout: 'configmap/cm edited\n', stderr: '', left: [] });
    for (const KUBE_EDITOR of ['no-such-editor', 'no-such-editor -w', 'false']) {
      const theirs = await run('kubectl', 'edit cm/cm', { KUBE_EDITOR });
      const ours = await run('klab', 'edit cm/cm', { KUBE_EDITOR });
      expect(ours).toEqual(theirs);
    }
  });
});

describe('diff', () => {
  const files: Record<string, string> = {
    'new.yaml': configMap('new', 'a: b'),
    'same.yaml': configMap('live', 'a: b, c: d'),
    'changed.yaml': configMap('live', 'a: z, e: f'),
    'two.yaml': `${configMap('live', 'a: z')}---\n${configMap('new', 'a: b')}`,
    'secret.yaml':
      'apiVersion: v1\nkind: Secret\nmetadata: {name: hidden}\nstringData: {same: a, other: z, fresh: x}\n',
    'web.yaml': deployment('web', ', {name: d, image: redis}', 2),
    'bad.yaml': deployment('web', '').replace('image: nginx', 'image: 1'),
    'list.yaml': configMap('live', Array.from({ length: 40 }, (_, i) => `k${i + 10}: v${i % 9 ? i : 'x'}`).join(', ')),
    'nokind.yaml': 'apiVersion: nope/v1\nkind: Nope\nmetadata: {name: x}\n',
  };
  beforeAll(async () => {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    writeFileSync(
      join(folder, 'long.yaml'),
      configMap('live', Array.from({ length: 40 }, (_, i) => `k${i + 10}: v${i}`).join(', ')),
    );
    const live = join(folder, 'live.yaml');
    writeFileSync(
      live,
      [
        configMap('live', 'a: b, c: d', ', labels: {set: x}'),
        'apiVersion: v1\nkind: Secret\nmetadata: {name: hidden}\nstringData: {same: a, other: b, gone: c}\n',
        configMap('pruned', 'a: b', ', labels: {set: x}'),
        deployment('web', ''),
      ].join('---\n'),
    );
    for (const namespace of Object.values(namespaces)) await lab.kubectl('apply', '-f', live, '-n', namespace);
  });

  async function compared(program: Program, line: string, env: Record<string, string> = {}) {
    const clientSide = line.includes('--server-side') ? '' : ' --server-side=false';
    const { stdout, stderr, code } = await run(program, line + (program === 'klab' ? clientSide : ''), env);
    return { stdout: plain(stdout), stderr: plain(stderr), code };
  }

  it.each([
    'diff -f new.yaml',
    'diff -f same.yaml',
    'diff -f changed.yaml',
    'diff -f two.yaml',
    'diff -f two.yaml --concurrency=4',
    'diff -f long.yaml',
    'diff -f secret.yaml',
    'diff -f web.yaml',
    'diff -f web.yaml --server-side --force-conflicts --field-manager=me',
    'diff -f new.yaml --server-side --show-managed-fields --field-manager=me',
    'diff -f two.yaml -l set=x',
    'diff -f bad.yaml --server-side --field-manager=me',
    'diff -f nope.yaml',
    'diff',
    'diff -f new.yaml extra',
    'diff -f new.yaml --force-conflicts',
  ])('%s', async (line) => {
    // kubectl is asked to take diff as it is on this machine: its names are quoted nowhere in these files.
    expect(await compared('klab', line)).toEqual(await compared('kubectl', line));
  });

  it.each(['diff -f list.yaml', 'diff -f new.yaml', 'diff -f same.yaml'])(
    '%s with a program of the user',
    async (line) => {
      for (const KUBECTL_EXTERNAL_DIFF of ['diff -u0 -N', 'diff -N', 'true', 'false', 'sh -c']) {
        const env = { KUBECTL_EXTERNAL_DIFF };
        const [ours, theirs] = [await compared('klab', line, env), await compared('kubectl', line, env)];
        // `sh -c` gets folders for arguments: what it says names them with their random part.
        expect({ ...ours, stderr: ours.stderr.split('\n').at(-2) }).toEqual({
          ...theirs,
          stderr: theirs.stderr.split('\n').at(-2),
        });
      }
    },
  );

  it('a kind that there is not, and a diff program that there is not, are failures above 1', async () => {
    const unknown = await compared('klab', 'diff -f nokind.yaml');
    expect(unknown.code).toBeGreaterThan(1);
    expect(unknown).toEqual(await compared('kubectl', 'diff -f nokind.yaml'));
    const missing = await compared('klab', 'diff -f new.yaml', { KUBECTL_EXTERNAL_DIFF: 'no-such-diff' });
    expect(missing).toMatchObject({ code: 2, stdout: '' });
    expect(missing.stderr).toContain(
      'failed to run "no-such-diff": exec: "no-such-diff": executable file not found in $PATH',
    );
  });

  it('Secrets are shown when asked for', async () => {
    const { stdout } = await compared('klab', 'diff -f secret.yaml --show-secrets');
    expect(stdout).toContain('\n-  other: Yg==\n+  other: eg==\n');
    expect(stdout).not.toContain('***');
  });

  it('a conflict with another manager is a failure, as it would be for apply', async () => {
    const { code, stderr } = await compared('klab', 'diff -f changed.yaml --server-side');
    expect(code).toBe(2);
    expect(stderr).toContain('Error from server (Conflict): Apply failed with');
  });

  it('what pruning would delete stands there as deleted, as klab apply --prune deletes it', async () => {
    const line = 'diff -f same.yaml --prune -l set=x --prune-allowlist=core/v1/ConfigMap';
    writeFileSync(join(folder, 'same.yaml'), configMap('live', 'a: b, c: d', ', labels: {set: x}'));
    const { stdout, code } = await compared('klab', line);
    expect(code).toBe(1);
    expect(stdout).toContain('v1.ConfigMap.NS.pruned\tTIME\n+++');
    expect(stdout.match(/^-/gm)!.length).toBeGreaterThan(5);
    expect(stdout).not.toContain('ConfigMap.NS.live');
  });

  it('leaves no folders behind', () => {
    expect(readdirSync(temp).filter((name) => /^(LIVE|MERGED)-/.test(name))).toEqual([]);
    expect(existsSync(temp)).toBe(true);
  });
});
