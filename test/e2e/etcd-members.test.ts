/** Members of a running cluster's etcd come and go, and its doors speak TLS as etcd's flags say. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, Lab } from '../helpers/lab.ts';

const lab = new Lab();

interface MemberRow {
  readonly id: string;
  readonly name: string;
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}

const list = async (): Promise<MemberRow[]> => JSON.parse(await lab.klab('etcd', 'member', 'list', '-o', 'json'));
const names = async () => (await list()).map(({ name }) => name);
const info = async (): Promise<{ etcd: { endpoints: string[] }; etcdMembers: number }> =>
  JSON.parse(await lab.klab('status', '-o', 'json'));

beforeAll(() => lab.klab('up', '--nodes', '1'), 60_000);
afterAll(() => lab.dispose());

test('one member becomes three, the first is removed, and kubectl notices nothing', async () => {
  await lab.kubectl('create', 'configmap', 'before', '--from-literal=a=b');
  expect(await lab.klab('etcd', 'member', 'add', 'm2')).toMatch(/^Member [0-9a-f]+ added to cluster [0-9a-f]+\n?$/);
  await lab.klab('etcd', 'member', 'add', 'm3', '--learner');
  const members = await eventually(list, (rows) => rows.length === 3 && rows.every((row) => row.clientUrls.length > 0));
  expect(members.map(({ name, isLearner }) => [name, isLearner])).toEqual([
    ['m1', false],
    ['m2', false],
    ['m3', true],
  ]);
  await eventually(info, ({ etcd, etcdMembers }) => etcd.endpoints.length === 3 && etcdMembers === 3);
  await eventually(
    () => lab.try(['etcd', 'member', 'promote', 'm3']),
    ({ code }) => code === 0,
  );
  expect(await lab.klab('etcd', 'member', 'remove', members[0]!.id)).toContain('removed from cluster');
  await eventually(info, ({ etcd }) => etcd.endpoints.length === 2);
  expect(await names()).toEqual(['m2', 'm3']);
  await lab.kubectl('create', 'deployment', 'after', '--image=nginx');
  await lab.kubectl('rollout', 'status', 'deployment/after', '--timeout=60s');
  expect(await lab.kubectl('get', 'configmap', 'before', '-o', 'name')).toContain('configmap/before');
}, 120_000);

test('what may not be says why, in etcd’s words', async () => {
  const fails = async (...args: string[]) => {
    const { code, stderr } = await lab.try(['etcd', 'member', ...args]);
    expect(code).not.toBe(0);
    return stderr;
  };
  expect(await fails('add', 'm2')).toContain('etcdserver: Peer URLs already exists');
  expect(await fails('remove', 'ffff')).toContain('etcdserver: member not found');
  expect(await fails('remove', 'nobody')).toContain('expecting ID in Hex');
  expect(await fails('promote', 'm2')).toContain('etcdserver: can only promote a learner member');
});

test('the members are there again after a restart, on their ports, with other certificates when flags say so', async () => {
  const before = await list();
  const pki = join(lab.home, 'state', 'default', 'pki');
  const [cert, key, ca] = ['apiserver.crt', 'apiserver.key', 'ca.crt'].map((file) => join(pki, file)) as [
    string,
    string,
    string,
  ];
  await lab.klab('down');
  await lab.klab('up', '--cert-file', cert, '--key-file', key, '--trusted-ca-file', ca);
  expect(await list()).toEqual(before);
  const { endpoints } = (await info()).etcd;
  const served = await new Promise<string>((resolve, reject) => {
    const { hostname, port } = new URL(endpoints[0]!);
    const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false, ALPNProtocols: ['h2'] });
    socket.on('error', reject);
    socket.on('secureConnect', () => {
      resolve(socket.getPeerX509Certificate()!.toString().trim());
      socket.destroy();
    });
  });
  expect(readFileSync(cert, 'utf8')).toContain(served);
  // Clients of the given CA get in besides klab's own; who has no certificate does not.
  const asAdmin = ['--cacert', ca, '--cert', join(pki, 'admin.crt'), '--key', join(pki, 'admin.key')];
  expect(await lab.klab('etcd', 'member', 'list', '--endpoints', endpoints[0]!, ...asAdmin)).toContain('m2');
  expect((await lab.try(['etcd', 'member', 'list', '--endpoints', endpoints[0]!, '--cacert', ca])).code).not.toBe(0);
  await lab.klab('down');
  const { code, stderr } = await lab.try(['up', '--name', 'half', '--cert-file', cert]);
  expect(code).not.toBe(0);
  expect(stderr).toContain('KeyFile and CertFile must both be present');
}, 120_000);

test('--auto-tls lets clients in without a certificate', async () => {
  await lab.klab('up', '--name', 'auto', '--nodes', '0', '--auto-tls=true');
  const status = JSON.parse(await lab.klab('status', '--name', 'auto', '-o', 'json'));
  const { endpoints } = status.etcd;
  const ca = join(lab.home, 'state', 'auto', 'pki', 'etcd', 'ca.crt');
  expect(await lab.klab('etcd', 'member', 'list', '--endpoints', endpoints[0], '--cacert', ca)).toContain('m1');
}, 60_000);
