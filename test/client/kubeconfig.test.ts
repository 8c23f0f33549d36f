import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  kubeconfigEntries,
  kubeconfigPathToWrite,
  loadKubeconfig,
  mergeKubeconfig,
  removeFromKubeconfig,
  useContext,
} from '../../src/client/index.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'klab-kubeconfig-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const write = (name: string, text: string) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

const two = `
apiVersion: v1
kind: Config
current-context: dev
clusters:
- name: dev
  cluster: {server: "https://dev:6443", certificate-authority: ca.pem}
- name: prod
  cluster: {server: "https://prod:6443", certificate-authority-data: ${Buffer.from('PRODCA').toString('base64')}, tls-server-name: k8s}
contexts:
- name: dev
  context: {cluster: dev, user: me, namespace: shop}
- name: prod
  context: {cluster: prod, user: robot}
users:
- name: me
  user: {client-certificate-data: ${Buffer.from('CERT').toString('base64')}, client-key-data: ${Buffer.from('KEY').toString('base64')}}
- name: robot
  user: {token: secret, as: alice, as-groups: [devs], future-field: kept}
`;

const entries = kubeconfigEntries({
  name: 'klab-default',
  server: 'https://127.0.0.1:6443',
  ca: 'CA',
  cert: 'C',
  key: 'K',
});

describe('reading kubeconfigs', () => {
  it('gives the current context, files relative to the kubeconfig, inline data decoded', () => {
    write('ca.pem', 'DEVCA');
    const config = loadKubeconfig({ path: write('config', two) });
    expect(config.currentContext).toBe('dev');
    expect(config.namespaceOf()).toBe('shop');
    expect(config.clientConfig()).toMatchObject({ server: 'https://dev:6443', ca: 'DEVCA', cert: 'CERT', key: 'KEY' });
    expect(config.clientConfig({ context: 'prod' })).toMatchObject({
      ca: 'PRODCA',
      tlsServerName: 'k8s',
      token: 'secret',
      impersonate: { user: 'alice', groups: ['devs'] },
    });
    expect(config.namespaceOf('prod')).toBe('default');
  });

  it('joins the files of KUBECONFIG, the first that sets a name winning, passing over missing ones', () => {
    const first = write(
      'first',
      'current-context: prod\nclusters:\n- name: prod\n  cluster: {server: "https://other"}\n',
    );
    const list = [join(folder, 'missing'), first, write('second', two)].join(delimiter);
    const config = loadKubeconfig({ env: list });
    expect(config.paths).toHaveLength(2);
    expect(config.currentContext).toBe('prod');
    expect(config.clientConfig().server).toBe('https://other');
  });

  it('says what is missing', () => {
    const config = loadKubeconfig({ path: write('config', two) });
    expect(() => config.clientConfig({ context: 'nope' })).toThrow('context "nope" does not exist');
    expect(() => config.clientConfig({ cluster: 'nope' })).toThrow('cluster "nope" does not exist');
    expect(() => config.clientConfig()).toThrow(/unable to read certificate-authority .*ca\.pem/);
    expect(() => loadKubeconfig({ path: join(folder, 'none') })).toThrow('no such file or directory');
    expect(() => loadKubeconfig({ path: write('bad', 'a: [') })).toThrow(/error loading config file/);
    expect(() => loadKubeconfig({ env: join(folder, 'none') }).clientConfig()).toThrow(
      'no configuration has been provided',
    );
  });
});

describe('changing kubeconfigs', () => {
  it('makes a new file private, with the context current', async () => {
    const path = join(folder, 'deep', 'config');
    await mergeKubeconfig(path, entries, { makeCurrent: true });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const config = loadKubeconfig({ path });
    expect(config.currentContext).toBe('klab-default');
    expect(config.clientConfig()).toMatchObject({ server: 'https://127.0.0.1:6443', ca: 'CA', cert: 'C', key: 'K' });
  });

  it('keeps everything else, unknown fields and the mode included, and replaces its own', async () => {
    const path = write('config', two);
    await mergeKubeconfig(path, entries);
    await mergeKubeconfig(
      path,
      kubeconfigEntries({ name: 'klab-default', server: 'https://127.0.0.1:7443', ca: 'CA', token: 't' }),
    );
    const config = loadKubeconfig({ path });
    expect(config.currentContext).toBe('dev');
    expect([...config.contexts.keys()]).toEqual(['dev', 'prod', 'klab-default']);
    expect(config.clusters.get('klab-default')!.server).toBe('https://127.0.0.1:7443');
    expect(config.users.get('klab-default')).toEqual({ token: 't' });
    expect(config.users.get('robot')!['future-field']).toBe('kept');
    expect(statSync(path).mode & 0o777).toBe(0o644);
  });

  it('writes through a symbolic link', async () => {
    const real = write('real', two);
    const link = join(folder, 'link');
    symlinkSync(real, link);
    await mergeKubeconfig(link, entries);
    expect(readFileSync(real, 'utf8')).toContain('klab-default');
  });

  it('takes a cluster out and clears the current context only if it was its own', async () => {
    const path = write('config', two);
    await mergeKubeconfig(path, entries, { makeCurrent: true });
    expect(await removeFromKubeconfig(path, 'klab-default')).toBe(true);
    const config = loadKubeconfig({ path });
    expect([...config.contexts.keys()]).toEqual(['dev', 'prod']);
    expect(config.currentContext).toBe('');
    expect(await removeFromKubeconfig(path, 'klab-default')).toBe(false);
    await useContext(path, 'prod');
    expect(loadKubeconfig({ path }).currentContext).toBe('prod');
    await expect(useContext(path, 'x')).rejects.toThrow('no context exists with the name: "x"');
  });

  it('loses no entry when many write at once', async () => {
    const path = join(folder, 'config');
    const names = Array.from({ length: 8 }, (_, i) => `c${i}`);
    await Promise.all(names.map((name) => mergeKubeconfig(path, kubeconfigEntries({ name, server: 's', ca: 'a' }))));
    expect([...loadKubeconfig({ path }).contexts.keys()].sort()).toEqual(names);
  });

  it('changes the first existing file of KUBECONFIG, or makes the last', () => {
    const existing = write('b', two);
    const missing = join(folder, 'a');
    mkdirSync(join(folder, 'd'));
    expect(kubeconfigPathToWrite([missing, existing, join(folder, 'c')].join(delimiter))).toBe(existing);
    expect(kubeconfigPathToWrite([missing, join(folder, 'c')].join(delimiter))).toBe(join(folder, 'c'));
  });
});
