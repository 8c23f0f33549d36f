/** klab import: from a foreign API by each way to authenticate, from dumps of each form, and what happens when it goes wrong. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from '../helpers/lab.ts';

/** The cluster that is imported: klab's, but all that is known of it is a kubeconfig. */
const foreign = new Lab();
const lab = new Lab();
const file = (name: string, text: string): string => {
  const path = join(lab.home, name);
  writeFileSync(path, text);
  return path;
};

beforeAll(async () => {
  await foreign.klab('up', '--nodes', '2');
  const container = { name: 'c', image: 'nginx', resources: { requests: { cpu: '90' } } };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'stuck' }, spec: { containers: [container] } };
  await foreign.kubectl('apply', '-f', file('stuck.json', JSON.stringify(pod)));
  await foreign.kubectl('wait', 'pod/stuck', '--for=condition=PodScheduled=false', '--timeout=20s');
  await foreign.kubectl('create', 'secret', 'generic', 'hidden', '--from-literal=password=geheim');
  await foreign.kubectl('create', 'serviceaccount', 'reader');
  await foreign.kubectl('create', 'clusterrole', 'reader', '--verb=get,list', '--resource=nodes,pods,namespaces');
  await foreign.kubectl(
    'create',
    'clusterrolebinding',
    'reader',
    '--clusterrole=reader',
    '--serviceaccount=default:reader',
  );
});
afterAll(async () => {
  await lab.dispose();
  await foreign.dispose();
});

/** Imports, asks, and takes the copy down. */
async function imported(
  name: string,
  args: readonly string[],
  input?: string,
): Promise<{ summary: any; stderr: string; why: string }> {
  const { code, stdout, stderr } = await lab.try(
    ['import', ...args, '--name', name, '-o', 'json'],
    input === undefined ? {} : { input },
  );
  expect([code, stderr], 'klab import').toEqual([0, expect.anything()]);
  try {
    await lab.klab('wait', 'pod/stuck', '--for=condition=PodScheduled=false', '--timeout=20s', '--name', name);
    const why = await lab.klab('scheduler', 'why', 'stuck', '--name', name);
    return { summary: JSON.parse(stdout), stderr, why };
  } finally {
    await lab.klab('down', '--purge', '--name', name);
  }
}
const stuck = /^pod default\/stuck: 0 of 2 nodes fit: 2 lack cpu \(nearest node-\d is short by /;

function context(user: object): any {
  const config = JSON.parse(JSON.stringify(base));
  config.users = [{ name: 'me', user }];
  config.contexts = [{ name: 'prod', context: { cluster: config.clusters[0].name, user: 'me' } }];
  config['current-context'] = '';
  return file(`kubeconfig-${serial++}`, JSON.stringify(config));
}
let serial = 0;
let base: any;

describe('import from an API', () => {
  beforeAll(async () => {
    base = JSON.parse(await foreign.kubectl('config', 'view', '--raw', '-o', 'json'));
  });

  it('by a client certificate, by name of the context', async () => {
    const kubeconfig = context(base.users[0].user);
    const { summary, why } = await imported('by-cert', ['--context', 'prod', '--kubeconfig', kubeconfig]);
    expect(summary).toMatchObject({ name: 'by-cert', imported: { Node: 2 }, skipped: {} });
    expect(why).toMatch(stuck);
  });

  it('by a token and by a credential plugin that may read little: what is left out is told', async () => {
    const token = (await foreign.kubectl('create', 'token', 'reader')).trim();
    const plugin = join(lab.home, 'plugin');
    const credential = { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token } };
    writeFileSync(plugin, `#!/bin/sh\necho '${JSON.stringify(credential)}'\n`);
    chmodSync(plugin, 0o755);
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: plugin, interactiveMode: 'Never' };
    for (const [name, user] of Object.entries({ 'by-token': { token }, 'by-exec': { exec } })) {
      const { summary, stderr, why } = await imported(name, ['--context', 'prod', '--kubeconfig', context(user)]);
      expect(Object.keys(summary.imported).sort()).toEqual(['Namespace', 'Node', 'Pod']);
      expect(stderr).toMatch(
        /^Warning: left out, as this user may not list them: .*persistentvolumes, .*deployments\.apps/m,
      );
      expect(why).toMatch(stuck);
    }
  });

  it('leaves nothing behind when it cannot be', async () => {
    const nobody = await foreign.kubectl('create', 'token', 'default');
    const refused = await lab.try([
      'import',
      '--kubeconfig',
      context({ token: nobody.trim() }),
      '--context',
      'prod',
      '--name',
      'none',
    ]);
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringMatching(/nodes is forbidden: User "system:serviceaccount:default:default" cannot list/),
    ]);
    expect(existsSync(join(lab.env['KLAB_HOME']!, 'none'))).toBe(false);
  });
});

describe('import from files', () => {
  it('YAML, JSON and a typed list in a folder, more on stdin; never events and secrets', async () => {
    const folder = join(lab.home, 'dump');
    mkdirSync(folder);
    writeFileSync(join(folder, 'pods.yaml'), await foreign.kubectl('get', 'pods,events,secrets', '-A', '-o', 'yaml'));
    writeFileSync(join(folder, 'namespaces.json'), await foreign.kubectl('get', 'namespaces', '-o', 'json'));
    expect(readFileSync(join(folder, 'pods.yaml'), 'utf8')).toContain('kind: Secret');
    // As the API itself says it: a list with a kind, items without.
    const nodes = await foreign.kubectl('get', '--raw', '/api/v1/nodes');
    const { summary, why } = await imported('from-files', ['-f', folder, '-f', '-'], nodes);
    expect(summary.imported).toMatchObject({ Node: 2, Namespace: expect.any(Number), Pod: expect.any(Number) });
    expect(Object.keys(summary.skipped).sort()).toEqual(['Event: never imported', 'Secret: never imported']);
    expect(Object.keys(summary.imported)).not.toContain('Secret');
    expect(why).toMatch(stuck);
  });

  it('decides as the configuration of the cluster says', async () => {
    const header = 'apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n';
    const config = file(
      'config.yaml',
      `${header}profiles: [{plugins: {multiPoint: {disabled: [{name: NodeResourcesFit}]}}}]\n`,
    );
    const dump = file('all.yaml', await foreign.kubectl('get', 'nodes,pods', '-A', '-o', 'yaml'));
    await lab.klab('import', '-f', dump, '--config', config, '--name', 'configured');
    try {
      await lab.klab('wait', 'pod/stuck', '--for=condition=PodScheduled', '--timeout=20s', '--name', 'configured');
      const plugins = await lab.klab('scheduler', 'plugins', '--name', 'configured');
      expect(plugins).not.toContain('NodeResourcesFit');
    } finally {
      await lab.klab('down', '--purge', '--name', 'configured');
    }
  });

  it('says what is wrong with a file, and makes no cluster of it', async () => {
    const problem = async (...args: string[]) => {
      const { code, stderr } = await lab.try(['import', ...args, '--name', 'none']);
      expect(code).toBeGreaterThan(0);
      expect(existsSync(join(lab.env['KLAB_HOME']!, 'none'))).toBe(false);
      return stderr;
    };
    expect(await problem('-f', file('no.json', '{"a": 1}'))).toContain(
      'no.json: it has no apiVersion, kind and metadata.name',
    );
    expect(await problem('-f', file('no2.json', '{"kind": "List", "items": [{"kind": "Pod"}]}'))).toContain(
      'no2.json: items[0] has no',
    );
    expect(await problem('-f', file('cut.json', '{"kind": "List", "items": ['))).toContain('cut.json: ');
    expect(await problem('-f', file('cut.yaml', 'kind: List\nitems: [\n'))).toMatch(/cut\.yaml:\d+:\d+: /);
    expect(await problem('-f', file('empty.yaml', ''))).toContain('there is nothing to import');
    expect(await problem('-f', join(lab.home, 'nowhere.yaml'))).toContain('does not exist');
    expect(await problem('-f', file('ok.json', '{"kind": "List", "apiVersion": "v1", "items": []}'))).toContain(
      'there is nothing to import',
    );
    expect(await problem('-f', file('p.json', '{}'), '--config', file('bad.yaml', 'kind: Nope\n'))).toMatch(/error: /);
    const unknown = file('nope.yaml', 'kind: Nope\napiVersion: v1\nmetadata:\n  name: x\n');
    expect(await problem('-f', unknown)).toMatch(/there is nothing to import\n {2}Nope: v1 is not served here \(1\)/);
    expect(await problem('--context', 'nobody')).toContain('nobody');
  });
});
