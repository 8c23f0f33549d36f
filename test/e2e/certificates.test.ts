/** A person asks for a certificate, an administrator approves it with kubectl, and the API server knows who they are. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCertificateRequest } from '../../src/pki/index.ts';
import { eventually, Lab } from '../helpers/lab.ts';

let lab: Lab;
beforeAll(async () => {
  lab = new Lab();
  await lab.klab('up', '--nodes', '0');
}, 60_000);
afterAll(() => lab.dispose());

test('kubectl certificate approve gives a certificate that logs its holder in', async () => {
  const { csr, key } = createCertificateRequest({ subject: { commonName: 'jane', organizations: ['dev'] } });
  const file = (name: string, content: string) => {
    const path = join(lab.home, name);
    writeFileSync(path, content);
    return path;
  };
  const request = {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: 'jane' },
    spec: {
      request: Buffer.from(csr).toString('base64'),
      signerName: 'kubernetes.io/kube-apiserver-client',
      usages: ['client auth'],
    },
  };
  await lab.kubectl('create', '-f', file('csr.json', JSON.stringify(request)));
  expect(await lab.kubectl('get', 'csr', 'jane', '--no-headers')).toContain('Pending');
  await lab.kubectl('certificate', 'approve', 'jane');
  const issued = await eventually(
    () => lab.json('get', 'csr', 'jane'),
    (answer) => answer.status.certificate !== undefined,
  );
  expect(await lab.kubectl('get', 'csr', 'jane', '--no-headers')).toContain('Approved,Issued');
  const certificate = file('jane.crt', Buffer.from(issued.status.certificate, 'base64').toString());
  const context = ['--user=jane'];
  await lab.kubectl(
    'config',
    'set-credentials',
    'jane',
    `--client-certificate=${certificate}`,
    `--client-key=${file('jane.key', key)}`,
  );
  const whoami = await lab.json('auth', 'whoami', ...context);
  expect(whoami.status.userInfo).toMatchObject({ username: 'jane', groups: ['dev', 'system:authenticated'] });
  const refused = await lab.tryKubectl(['get', 'pods', ...context]);
  expect(refused.stderr).toContain('User "jane" cannot list resource "pods"');
}, 60_000);
