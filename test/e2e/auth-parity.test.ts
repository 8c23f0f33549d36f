/** `klab auth` and `klab replace` beside the real kubectl: what is said, and what is stored. Each has its namespace. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from '../helpers/lab.ts';

const lab = new Lab();
const folder = join(lab.home, 'files');
const namespaces = { kubectl: 'ns-kubectl', klab: 'ns-klab' } as const;
type Program = keyof typeof namespaces;

const role = (rules: string, more = '') =>
  `apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: r, namespace: NS${more}}\nrules: [${rules}]\n`;
const binding = (ref: string, subjects: string) => `apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: b, namespace: NS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: ${ref}}
subjects: [${subjects}]
`;
const pods = (verbs: string) => `{apiGroups: [""], resources: [pods], verbs: [${verbs}]}`;
const user = (name: string) => `{kind: User, apiGroup: rbac.authorization.k8s.io, name: ${name}}`;
const files: Record<string, string> = {
  'get.yaml': role(pods('get')),
  'free.yaml': role(pods('get')).replace(', namespace: NS', ''),
  'list.yaml': role(pods('get, list')),
  'all.yaml': role('{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}'),
  'named.yaml': role(
    '{apiGroups: [apps], resources: [deployments], resourceNames: [a, b], verbs: [get]}',
    ', labels: {x: z}',
  ),
  'off.yaml': role(pods('get'), ', annotations: {rbac.authorization.kubernetes.io/autoupdate: "false"}'),
  'ann.yaml': binding('r', user('ann')),
  'both.yaml': binding('r', `${user('ann')}, ${user('bob')}`),
  'short.yaml': binding('r', '{kind: User, name: ann}'),
  'other.yaml': binding('s', user('ann')),
  'mixed.yaml': `${role(pods('watch'))}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: NS}\n---\n${binding('r', user('eve'))}`,
  'beta.yaml': role(pods('get')).replace('/v1', '/v1beta1'),
  'urls.yaml':
    'apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: urls-NS}\nrules: [{nonResourceURLs: [/a, /b/*], verbs: [get]}]\n',
  'sum.yaml':
    'apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: urls-NS}\naggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}\nrules: []\n',
  'cm.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: made, labels: {x: z}}\ndata: {a: b}\n',
  'cm.json': '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"made"},"data":{"a":"raw"}}',
  'nested/deep/cm.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: made}\ndata: {a: deep}\n',
  'web.yaml':
    'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 0, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: x}]}}}\n',
};

beforeAll(async () => {
  for (const [program, namespace] of Object.entries(namespaces)) {
    mkdirSync(join(folder, program, 'nested', 'deep'), { recursive: true });
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(folder, program, name), text.replaceAll('NS', namespace));
    }
  }
  await lab.klab('up', '--nodes', '1');
  for (const namespace of Object.values(namespaces)) await lab.kubectl('create', 'ns', namespace);
});
afterAll(() => lab.dispose());

async function outcome(program: Program, line: string, stored: string) {
  const plain = (text: string) => text.replaceAll('kubectl', 'klab').replaceAll('ns-klab', 'NS');
  const said = [];
  for (const part of line.split(' ; ')) {
    const words = [...part.replaceAll('NS', namespaces[program]).matchAll(/(?:'[^']*'|\S)+/g)];
    const args = [...words.map(([word]) => word.replace(/'([^']*)'/g, '$1')), '-n', namespaces[program]];
    const options = { cwd: join(folder, program) };
    const { stdout, stderr, code } = await (program === 'kubectl'
      ? lab.tryKubectl(args, options)
      : lab.try(args, options));
    said.push({ stdout: plain(stdout), stderr: plain(stderr), failed: code !== 0 });
  }
  const space = ['-n', namespaces[program]];
  if (stored === '') return { said };
  const state = await lab.kubectl('get', ...stored.split(' '), '--ignore-not-found', ...space);
  return { said, state: plain(state) };
}

const linesOf = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => line.trim());

describe('auth reconcile', () => {
  const state =
    'roles,rolebindings -o custom-columns=N:.metadata.name,L:.metadata.labels,R:.rules,F:.roleRef,S:.subjects';
  it.each(
    linesOf(`
      auth reconcile -f get.yaml ; auth reconcile -f get.yaml
      auth reconcile -f get.yaml ; auth reconcile -f list.yaml
      auth reconcile -f list.yaml ; auth reconcile -f get.yaml
      auth reconcile -f list.yaml ; auth reconcile -f get.yaml --remove-extra-permissions
      auth reconcile -f all.yaml ; auth reconcile -f named.yaml
      auth reconcile -f get.yaml ; auth reconcile -f named.yaml ; auth reconcile -f named.yaml --remove-extra-permissions
      auth reconcile -f off.yaml ; auth reconcile -f list.yaml
      auth reconcile -f ann.yaml ; auth reconcile -f both.yaml
      auth reconcile -f both.yaml ; auth reconcile -f ann.yaml
      auth reconcile -f both.yaml ; auth reconcile -f ann.yaml --remove-extra-subjects
      auth reconcile -f ann.yaml ; auth reconcile -f short.yaml
      auth reconcile -f ann.yaml ; auth reconcile -f other.yaml
      auth reconcile -f mixed.yaml -o name
      auth reconcile -f mixed.yaml --dry-run=client
      auth reconcile -f mixed.yaml --dry-run=server
      auth reconcile -f urls.yaml ; auth reconcile -f urls.yaml ; auth reconcile -f sum.yaml ; auth reconcile -f urls.yaml
      auth reconcile
      auth reconcile -f get.yaml extra
      auth reconcile -f nope.yaml
    `),
  )('%s', async (line) => {
    const theirs = await outcome('kubectl', line, state);
    const ours = await outcome('klab', line, state);
    for (const namespace of Object.values(namespaces)) {
      await lab.kubectl('delete', 'role,rolebinding', '--all', '-n', namespace);
      await lab.kubectl('delete', 'clusterrole', `urls-${namespace}`, '--ignore-not-found');
    }
    expect(ours).toEqual(theirs);
  });

  it('a beta version is refused; -n places what names no namespace, and the namespace is made', async () => {
    const { said } = await outcome('klab', 'auth reconcile -f beta.yaml', '');
    expect(said[0]).toMatchObject({ failed: true, stdout: '' });
    await lab.klab('auth', 'reconcile', '-f', join(folder, 'klab', 'free.yaml'), '-n', 'brand-new');
    expect(await lab.kubectl('get', 'role', 'r', '-n', 'brand-new', '-o', 'name')).toContain('role');
  });
});

describe('auth can-i', () => {
  beforeAll(async () => {
    for (const [program, namespace] of Object.entries(namespaces)) {
      await lab.kubectl(
        'apply',
        '-n',
        namespace,
        '-f',
        join(folder, program, 'list.yaml'),
        '-f',
        join(folder, program, 'both.yaml'),
      );
    }
  });
  it.each(
    linesOf(`
      auth can-i --list
      auth can-i --list --as=ann
      auth can-i --list --no-headers --as=ann
      auth can-i --list --as=system:serviceaccount:kube-system:default
      auth can-i --list -A
      auth can-i --list -q
      auth can-i --list get pods
      auth can-i get pods --no-headers
      auth can-i get pods --as=ann
      auth can-i get pods --as=ann -q
      auth can-i get pods --subresource=log --as=ann
      auth can-i watch pods --as=ann
      auth can-i get pods -A --as=ann
      auth can-i '*' '*'
      auth can-i frob pods
      auth can-i frob pods -A
      auth can-i frob /x
      auth can-i get /x --subresource=log
      auth can-i get nopes.example.com
      auth can-i impersonate users
      auth can-i get csr
      auth can-i get nodes
      auth can-i create deploy/web --as=ann
      auth can-i get
      auth can-i get pods x
    `),
  )('%s', async (line) => {
    expect(await outcome('klab', line, '')).toEqual(await outcome('kubectl', line, ''));
  });
});

describe('replace', () => {
  const state = 'cm,deploy -o custom-columns=N:.metadata.name,L:.metadata.labels,D:.data.a,R:.spec.replicas';
  it.each(
    linesOf(`
      create -f cm.yaml ; replace -f cm.yaml
      create -f cm.yaml ; replace -f cm.yaml --force
      create -f cm.yaml ; replace -f cm.yaml --force --grace-period=0
      create -f cm.yaml ; replace -f cm.yaml --force --cascade=orphan --timeout=10s
      create -f cm.yaml ; replace -f cm.yaml --cascade=nope --force
      create -f cm.yaml ; replace -f cm.yaml --timeout=10s
      create -f cm.yaml ; replace -f cm.yaml --grace-period=1
      create -f cm.yaml ; replace -f cm.yaml --force --dry-run=client
      create -f cm.yaml ; replace -f cm.yaml --dry-run=server -o name
      create -f cm.yaml ; replace -f cm.yaml --save-config
      create -f cm.yaml ; replace -f nested ; replace -R -f nested
      create -f web.yaml ; replace -f web.yaml --subresource=status
      create -f web.yaml ; replace -f web.yaml --force --cascade=foreground
      create -f cm.yaml ; replace --raw /api/v1/namespaces/NS/configmaps/made -f cm.json -o json
      create -f cm.yaml ; replace --raw /api/v1/namespaces/NS/configmaps/made
      create -f cm.yaml ; replace --raw 'x y' -f cm.json
      create -f cm.yaml ; replace --raw /api/v1/namespaces/NS/configmaps/made -f cm.json -f cm.json
      replace -f cm.yaml
      replace --force -f cm.yaml
      replace -f nope.yaml
    `),
  )('%s', async (line) => {
    const theirs = await outcome('kubectl', line, state);
    const ours = await outcome('klab', line, state);
    for (const namespace of Object.values(namespaces)) {
      await lab.kubectl('delete', 'cm/made', 'deploy/web', '--ignore-not-found', '-n', namespace);
    }
    expect(ours).toEqual(theirs);
  });

  it('--raw sends the file as it is', async () => {
    await lab.kubectl('create', '-f', join(folder, 'klab', 'cm.yaml'), '-n', 'ns-klab');
    const path = '/api/v1/namespaces/ns-klab/configmaps/made';
    const answer = await lab.klab('replace', '--raw', path, '-f', join(folder, 'klab', 'cm.json'));
    expect(JSON.parse(answer).data).toEqual({ a: 'raw' });
  });
});
