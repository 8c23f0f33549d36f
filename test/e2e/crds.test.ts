/** Custom resources with real kubectl, helm and klab: from the definition to the end of its last object. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, Lab, root } from '../helpers/lab.ts';

const lab = new Lab();
const tenancy = join(root, 'fixtures', 'manifests', 'tenancy');
const nightly = ['backup/nightly', '-n', 'orchard'];

beforeAll(async () => {
  await lab.klab('up', '--nodes', '1');
});
afterAll(() => lab.dispose());

const refused = async (args: readonly string[], input?: string) => {
  const { code, stderr } = await lab.tryKubectl(args, input === undefined ? {} : { input });
  expect(code).toBe(1);
  return stderr;
};
const piece = (kind: string, metadata: object, more: object = {}) =>
  JSON.stringify({ apiVersion: 'tenancy.klab.example/v1', kind, metadata, ...more });
const create = (text: string) => lab.tryKubectl(['create', '-f', '-'], { input: text });

describe('kubectl', () => {
  it('makes definitions, waits for them and makes objects of them', async () => {
    await lab.kubectl('apply', '-f', join(tenancy, '00-definitions.yaml'));
    expect(await lab.kubectl('wait', '--for=condition=Established', 'crd', '--all')).toContain(
      'customresourcedefinition.apiextensions.k8s.io/backups.tenancy.klab.example condition met',
    );
    const made = await lab.kubectl('apply', '-f', tenancy);
    for (const name of ['tenant.tenancy.klab.example/orchard', 'backup.tenancy.klab.example/nightly']) {
      expect(made).toContain(`${name} created`);
    }
    expect(await lab.kubectl('apply', '-f', tenancy)).not.toContain('configured');
  });

  it('prints the columns, finds short names and categories', async () => {
    const get = async (...args: string[]) =>
      (await lab.kubectl('get', ...args))
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/ {2,}/));
    expect(await get('bk', '-n', 'orchard')).toEqual([
      ['NAME', 'SCHEDULE', 'COPIES', 'LAST'],
      ['hourly', '0 * * * *', '2', ''],
      ['nightly', '0 2 * * *', '1'],
    ]);
    expect((await get('bk', '-n', 'orchard', '-o', 'wide'))[0]).toEqual(['NAME', 'SCHEDULE', 'COPIES', 'MODE', 'LAST']);
    expect(await lab.kubectl('get', 'all', '-n', 'orchard')).toContain('backup.tenancy.klab.example/nightly');
    expect(await lab.kubectl('get', 'tn', 'mill', '--no-headers')).toMatch(/^mill +mill@klab.example +5 /);
    expect(
      await lab.kubectl('get', 'bk', '-n', 'orchard', '--field-selector', 'spec.mode=incremental', '-o', 'name'),
    ).toBe('backup.tenancy.klab.example/hourly\n');
  });

  it('explains the schema', async () => {
    const text = await lab.kubectl('explain', 'backup.spec', '--recursive');
    expect(text).toContain('What is copied, and when.');
    expect(text).toMatch(/schedule\s<string> -required-/);
    expect(text).toMatch(/mode\s<string>\n\s+enum: full, incremental/);
    expect(text).toMatch(/volumes\s<\[\]Object>\n\s+claim\s<string> -required-/);
    expect(await lab.kubectl('explain', 'backup.metadata.ownerReferences')).toContain('blockOwnerDeletion');
    expect(await lab.kubectl('explain', 'tenants.spec.owner', '--output', 'plaintext-openapiv2')).toContain(
      'Who answers for the team.',
    );
  });

  it('is refused in the words of the schema', async () => {
    const bad = piece('Backup', { name: 'bad' }, { spec: { schedule: 'x', copies: 'many', mode: 'odd', extra: 1 } });
    expect(await refused(['create', '--validate=ignore', '-f', '-'], bad)).toBe(
      [
        'The Backup "bad" is invalid: ',
        '* spec.copies: Invalid value: "string": spec.copies in body must be of type integer: "string"',
        '* spec.mode: Unsupported value: "odd": supported values: "full", "incremental"',
        '* spec.schedule: Invalid value: "x": spec.schedule in body should be at least 9 chars long',
        '* .spec.copies: Invalid value: 0: .spec.copies accessor error: many is of the type string, expected int64',
        '',
      ].join('\n'),
    );
    const unknown = piece('Backup', { name: 'bad' }, { spec: { schedule: '0 2 * * *', extra: 1 } });
    expect(await refused(['create', '-f', '-'], unknown)).toContain(
      'strict decoding error: unknown field "spec.extra"',
    );
    const tenant = piece('Tenant', { name: 'nobody' }, { spec: { owner: 'nobody' } });
    expect(await refused(['create', '-f', '-'], tenant)).toContain(
      'spec.owner: Invalid value: "nobody": spec.owner in body must be of type email: "nobody"',
    );
  });

  it('patches, scales, edits status and applies server side', async () => {
    await lab.kubectl(
      'patch',
      ...nightly,
      '--type=json',
      '-p',
      '[{"op":"replace","path":"/spec/mode","value":"incremental"}]',
    );
    await lab.kubectl('patch', ...nightly, '--type=merge', '-p', '{"spec":{"keep":7}}');
    expect(await refused(['patch', ...nightly, '--type=strategic', '-p', '{"spec":{}}'])).toContain(
      'application/strategic-merge-patch+json is not supported by tenancy.klab.example/v1, Kind=Backup',
    );
    await lab.kubectl('scale', ...nightly, '--replicas=4');
    const status =
      '{"status":{"copies":4,"lastRun":"2026-01-01T02:00:00Z","conditions":[{"type":"Done","status":"True"}]}}';
    await lab.kubectl('patch', ...nightly, '--subresource=status', '--type=merge', '-p', status);
    expect(await lab.kubectl('wait', ...nightly, '--for=condition=Done', '--timeout=5s')).toContain('condition met');
    const { spec, metadata } = await lab.json('get', ...nightly);
    expect(spec).toMatchObject({ mode: 'incremental', keep: 7, copies: 4 });
    expect(metadata.generation).toBe(4);
    const shared = (claim: string) => {
      const volumes = [{ claim }];
      return piece('Backup', { name: 'shared', namespace: 'orchard' }, { spec: { schedule: '0 2 * * *', volumes } });
    };
    for (const claim of ['plums', 'quinces']) {
      const args = ['apply', '--server-side', `--field-manager=${claim}`, '-f', '-'];
      expect((await lab.tryKubectl(args, { input: shared(claim) })).stderr).toBe('');
    }
    expect((await lab.json('get', 'bk', 'shared', '-n', 'orchard')).spec.volumes).toEqual([
      { claim: 'plums', path: '/' },
      { claim: 'quinces', path: '/' },
    ]);
    const old = await lab.tryKubectl(['get', 'backups.v1alpha1.tenancy.klab.example', '-n', 'orchard', '-o', 'name']);
    expect(old.stderr).toContain(
      'Warning: tenancy.klab.example/v1alpha1 Backup is deprecated; use tenancy.klab.example/v1 Backup',
    );
  });
});

describe('controllers', () => {
  it('collect what custom resources own', async () => {
    await create(piece('Tenant', { name: 'owner' }, { spec: { owner: 'a@b.example' } }));
    const { uid } = (await lab.json('get', 'tenant', 'owner')).metadata;
    const reference = { apiVersion: 'tenancy.klab.example/v1', kind: 'Tenant', name: 'owner', uid };
    const owned = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'owned', ownerReferences: [reference] },
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: 'owned' } },
        template: { metadata: { labels: { app: 'owned' } }, spec: { containers: [{ name: 'web', image: 'nginx' }] } },
      },
    };
    expect((await create(JSON.stringify(owned))).code).toBe(0);
    await eventually(
      () => lab.kubectl('get', 'pods', '-l', 'app=owned', '-o', 'name'),
      (names) => names !== '',
    );
    await lab.kubectl('delete', 'tenant', 'owner');
    await eventually(
      () => lab.kubectl('get', 'deployments,replicasets,pods', '-o', 'name'),
      (names) => names === '',
    );
  });

  it('count them against quotas and remove them with their namespace', async () => {
    await lab.kubectl('create', 'namespace', 'shed');
    await lab.kubectl('create', 'quota', 'few', '-n', 'shed', '--hard=count/backups.tenancy.klab.example=1');
    await eventually(
      () => lab.json('get', 'quota', 'few', '-n', 'shed'),
      (quota) => quota.status?.used?.['count/backups.tenancy.klab.example'] === '0',
    );
    const backup = (name: string) => piece('Backup', { name, namespace: 'shed' }, { spec: { schedule: '0 2 * * *' } });
    expect((await create(backup('one'))).stderr).toBe('');
    expect((await create(backup('two'))).stderr).toContain(
      'backups.tenancy.klab.example "two" is forbidden: exceeded quota: few, requested: count/backups.tenancy.klab.example=1, used: count/backups.tenancy.klab.example=1, limited: count/backups.tenancy.klab.example=1',
    );
    await lab.kubectl('delete', 'namespace', 'shed', '--timeout=60s');
    expect(await lab.kubectl('get', 'bk', '-A', '--no-headers')).not.toContain('shed');
  });
});

describe('klab', () => {
  it('restarts with everything served', async () => {
    await lab.klab('down');
    await lab.klab('up');
    expect(await lab.kubectl('get', 'bk', '-n', 'orchard', '-o', 'name')).toBe(
      'backup.tenancy.klab.example/hourly\nbackup.tenancy.klab.example/nightly\nbackup.tenancy.klab.example/shared\n',
    );
  });

  it('shows, describes, explains and waits for custom resources', async () => {
    expect(await lab.klab('get', 'bk', '-n', 'orchard')).toMatch(/^NAME +SCHEDULE +COPIES +LAST\n/);
    expect(await lab.klab('describe', 'backup', 'nightly', '-n', 'orchard')).toMatch(/Kind: +Backup/);
    expect(await lab.klab('explain', 'backup.spec.mode')).toContain('incremental');
  });
});

describe('the end', () => {
  it('of a definition is the end of its objects', async () => {
    const deleted = await lab.kubectl('delete', 'crd', 'backups.tenancy.klab.example', '--timeout=60s');
    expect(deleted).toContain('customresourcedefinition.apiextensions.k8s.io "backups.tenancy.klab.example" deleted');
    // kubectl remembers what it discovered; the server does not.
    expect(await refused(['get', 'bk', '-n', 'orchard'])).toContain('the server could not find the requested resource');
    expect(await lab.kubectl('get', 'tenants', '-o', 'name')).toContain('tenant.tenancy.klab.example/mill');
  });

  it('comes anew with klab apply, definitions first, and waits for them', async () => {
    const said = await lab.klab('apply', '-f', tenancy);
    expect(said).toContain('backup.tenancy.klab.example/nightly');
    expect(await lab.klab('wait', '--for=condition=Established', 'crd/backups.tenancy.klab.example')).toContain(
      'condition met',
    );
    expect(await lab.kubectl('get', 'bk', '-n', 'orchard', '-o', 'name')).toContain('nightly');
  });
});

describe('helm', () => {
  it('installs definitions of a chart before its objects, and leaves them behind', async () => {
    const chart = join(root, 'fixtures', 'charts', 'archivist');
    await lab.helm('install', 'books', chart, '--wait', '--timeout', '60s');
    const shelves = (await lab.json('get', 'shelves')).items;
    expect(shelves.map((shelf: any) => [shelf.metadata.name, shelf.spec.boards])).toEqual([
      ['books-0', 4],
      ['books-1', 4],
      ['books-2', 4],
    ]);
    await lab.helm('uninstall', 'books', '--wait', '--timeout', '60s');
    expect((await lab.json('get', 'shelves')).items).toEqual([]);
    await lab.kubectl('get', 'crd', 'shelves.archive.klab.example');
  });
});
