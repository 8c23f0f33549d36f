/** `klab config` and `kubectl config` do the same to the same kubeconfigs, and say the same. No cluster is needed. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kubectlPath } from '../helpers/clients.ts';
import { bin, run } from '../helpers/lab.ts';

const home = mkdtempSync(join(tmpdir(), 'klab-config-'));
const seed = join(home, 'seed');

const first = `apiVersion: v1
kind: Config
clusters:
- name: zeta
  cluster: {server: https://zeta, certificate-authority-data: YQ==, tls-server-name: z}
- name: alpha
  cluster: {server: https://alpha, certificate-authority: ca.crt}
contexts:
- name: zeta
  context: {cluster: zeta, user: ann, namespace: shop}
- name: lost
  context: {cluster: nowhere, user: nobody}
current-context: zeta
users:
- name: ann
  user: {token: secret, client-key: k.pem}
- name: exec
  user:
    exec: {command: tool, args: [a, b], env: [{name: A, value: b}], apiVersion: client.authentication.k8s.io/v1}
`;
const second = `apiVersion: v1
kind: Config
clusters:
- name: beta
  cluster: {server: https://beta}
- name: zeta
  cluster: {server: https://other}
contexts:
- name: beta
  context: {cluster: beta, user: bob}
current-context: beta
preferences: {}
users:
- name: bob
  user: {username: bob, password: pw}
`;

beforeAll(() => {
  mkdirSync(seed);
  writeFileSync(join(seed, 'one'), first);
  writeFileSync(join(seed, 'two'), second);
  writeFileSync(join(seed, 'ca.crt'), 'an authority\n');
  writeFileSync(join(seed, 'k.pem'), 'a key\n');
  writeFileSync(join(seed, 'empty'), '');
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

let runs = 0;

/** Runs the commands one after the other in a copy of the seed, and tells what they said and what the files hold. */
async function outcome(program: 'kubectl' | 'klab', lines: string, files: readonly string[]) {
  // The same path for both: messages and files name it.
  const folder = join(home, 'work');
  rmSync(folder, { recursive: true, force: true });
  cpSync(seed, folder, { recursive: true });
  const env = { HOME: folder, KUBECONFIG: files.map((file) => join(folder, file)).join(delimiter), NO_COLOR: '1' };
  const said = [];
  for (const line of lines.split(' ; ')) {
    const words = [...line.matchAll(/(?:'[^']*'|\S)+/g)].map(([word]) => word.replace(/'([^']*)'/g, '$1'));
    const { code, stdout, stderr } =
      program === 'kubectl'
        ? await run(kubectlPath(), ['config', ...words], { env, cwd: folder })
        : await run(process.execPath, [bin, 'config', ...words], { env, cwd: folder });
    const plain = (text: string) => text.replaceAll('kubectl config', 'klab config');
    said.push({ stdout: plain(stdout), stderr: plain(stderr), failed: code !== 0 });
  }
  const held: Record<string, string> = {};
  for (const file of readdirSync(folder)) {
    if (!['.kube', '.cache', '.local', '.config'].includes(file)) held[file] = readFileSync(join(folder, file), 'utf8');
  }
  const hidden = join(folder, '.kube', 'config');
  if (existsSync(hidden)) held['.kube/config'] = readFileSync(hidden, 'utf8');
  runs++;
  return { said, held };
}

const table = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => line.trim());

async function expectAlike(line: string, files: readonly string[]) {
  const theirs = await outcome('kubectl', line, files);
  const ours = await outcome('klab', line, files);
  expect(ours).toEqual(theirs);
}

describe('with one file', () => {
  it.each(
    table(`
      view
      view --raw
      view --flatten
      view --minify
      view --minify --context=lost
      view --context=zeta --minify --raw
      view -o 'jsonpath={.users[*].name}'
      view -o name
      view --merge=false
      view extra
      get-contexts
      get-contexts -o name
      get-contexts --no-headers
      get-contexts zeta nope lost
      get-contexts nope
      get-contexts nope noo
      get-users
      current-context
      use-context lost ; current-context
      use lost
      use-context nope
      use-context ''
      set-context new --cluster=alpha --user=ann --namespace=n ; use-context new
      set-context zeta --namespace=other
      set-context zeta --namespace=
      set-context --current --namespace=other
      set-context --current --user=bob
      set-context
      set-context zeta --current
      set-cluster zeta --server=https://moved
      set-cluster zeta --server=https://moved --tls-server-name=n
      set-cluster new --server=https://new --certificate-authority=ca.crt
      set-cluster new --certificate-authority=ca.crt --embed-certs
      set-cluster new --certificate-authority=nope.crt --embed-certs=true
      set-cluster new --certificate-authority=/nope.crt
      set-cluster new --embed-certs
      set-cluster zeta --insecure-skip-tls-verify
      set-cluster alpha --insecure-skip-tls-verify=true
      set-cluster alpha --insecure-skip-tls-verify --certificate-authority=ca.crt
      set-cluster alpha --insecure-skip-tls-verify ; set-cluster alpha --certificate-authority=ca.crt
      set-cluster alpha --insecure-skip-tls-verify=false --proxy-url=http://p
      set-credentials ann --token=other
      set-credentials ann --username=u --password=p
      set-credentials ann --username=u --token=t
      set-credentials new --client-certificate=ca.crt --client-key=k.pem
      set-credentials new --client-certificate=ca.crt --client-key=k.pem --embed-certs
      set-credentials ann --client-key=k.pem --embed-certs
      set-credentials new --embed-certs
      set-credentials new --embed-certs --client-key=nope
      set-credentials new --exec-command=tool --exec-arg=a,b --exec-arg=c --exec-env=A=b --exec-api-version=v1
      set-credentials exec --exec-command=other
      set-credentials exec --exec-arg=c --exec-env=A=c
      set-credentials exec --exec-env=A- --exec-env=B=c
      set-credentials exec --exec-interactive-mode=Never --exec-provide-cluster-info
      set-credentials exec --exec-interactive-mode=Sometimes
      set-credentials ann --exec-arg=ignored
      set-credentials ann --auth-provider=gcp --auth-provider-arg=a=b,c=d ; set-credentials ann --auth-provider-arg=a-
      set-credentials ''
      delete-context lost
      delete-context zeta
      delete-context nope
      delete-cluster zeta
      delete-cluster nope
      delete-user ann
      delete-user nope
      delete-user
      rename-context zeta moved
      rename-context lost moved
      rename-context nope moved
      rename-context zeta lost
      rename-context zeta ''
      set current-context lost
      set contexts.zeta.namespace n
      set contexts.made.cluster alpha
      set clusters.10.10.12.56.insecure-skip-tls-verify true
      set clusters.zeta.insecure-skip-tls-verify maybe
      set clusters.zeta.certificate-authority-data YmI=
      set clusters.zeta.certificate-authority-data 'a!b'
      set clusters.zeta.certificate-authority-data abc
      set clusters.zeta.certificate-authority-data plain --set-raw-bytes
      set users.exec.exec.command x
      set users.ann.token ''
      set preferences.colors true
      set preferences.colors x
      unset current-context
      unset contexts.zeta.namespace
      unset users.ann
      unset users.nope
      unset users.nope.token
      unset users.exec.exec
      unset users
      unset clusters.zeta.certificate-authority-data
      unset ''
      view --kubeconfig=two
      view --kubeconfig=nope
      view --kubeconfig=empty
      get-contexts --kubeconfig=two
      set-context --kubeconfig=made new --cluster=a ; get-contexts --kubeconfig=made
      set-cluster --kubeconfig=two new --server=https://x
      current-context --kubeconfig=empty
      view --minify --kubeconfig=empty
    `),
  )('config %s', (line) => expectAlike(line, ['one']));
});

describe('with a list of files', () => {
  it.each(
    table(`
      view --raw
      get-contexts
      current-context
      use-context beta
      set-context beta --namespace=n
      set-context zeta --namespace=n
      set-context new --cluster=beta
      set-cluster zeta --server=https://moved
      set-cluster beta --server=https://moved
      set-credentials bob --token=t
      delete-context beta
      delete-cluster zeta
      rename-context beta gamma
      unset current-context
      view --minify --flatten --context=beta
      set-context --current --namespace=q
    `),
  )('config %s', (line) => expectAlike(line, ['one', 'two', 'missing']));

  it.each(
    table(`
      use-context beta
      set-context new --cluster=x
      view
  `),
  )('that starts with one that is not there: config %s', (line) => expectAlike(line, ['missing', 'two']));

  it.each(
    table(`
      set-context new --cluster=x
      current-context
  `),
  )('of which none is there: config %s', (line) => expectAlike(line, ['missing', 'also-missing']));
});

it('without KUBECONFIG it is ~/.kube/config', () => expectAlike('set-context new --cluster=x ; get-contexts', []));

it('a file that is no kubeconfig is named, and left as it is', async () => {
  writeFileSync(join(seed, 'broken'), 'clusters: [');
  const { said, held } = await outcome('klab', 'set-context x --cluster=y', ['broken']);
  expect(said[0]).toMatchObject({ stdout: '', failed: true });
  expect(said[0]!.stderr).toContain(`error loading config file "${join(home, 'work', 'broken')}"`);
  expect(held['broken']).toBe('clusters: [');
});

it('klab config starts no cluster', () => {
  const state = join(home, 'state');
  const env = { ...process.env, KLAB_HOME: state, KUBECONFIG: join(seed, 'one') };
  execFileSync(process.execPath, [bin, 'config', 'view'], { env });
  expect(existsSync(state)).toBe(false);
  expect(runs).toBeGreaterThan(100);
});
