import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { CertificateSigningRequest } from '../../src/api/index.ts';
import { wallClock } from '../../src/base/index.ts';
import {
  CertificateApprovingController,
  CertificateCleanerController,
  CertificateSigningController,
  type ClusterSigning,
} from '../../src/controllers/index.ts';
import { CertificateAuthority, createCertificateRequest, verifyClientCertificate } from '../../src/pki/index.ts';
import { quietCluster, until } from '../cluster/lab.ts';
import { Lab } from '../helpers/controllers.ts';

const now = wallClock.now();
const clusterSigning: ClusterSigning = {
  authority: CertificateAuthority.create({ commonName: 'kubernetes', now }),
  wallNow: () => now,
};
const clientSigner = 'kubernetes.io/kube-apiserver-client';
const kubeletSigner = 'kubernetes.io/kube-apiserver-client-kubelet';
const kubeletUsages: Usages = ['digital signature', 'client auth'];
const approved = { type: 'Approved', status: 'True' as const, reason: 'KubectlApprove' };

type Usages = NonNullable<CertificateSigningRequest['spec']>['usages'];

interface Wish {
  readonly name?: string;
  readonly signerName?: string;
  readonly usages?: Usages;
  readonly commonName?: string;
  readonly organizations?: string[];
  readonly dnsNames?: string[];
  readonly expirationSeconds?: number;
}

function csr(wish: Wish = {}): CertificateSigningRequest {
  const { name = 'jane', signerName = clientSigner, usages = ['client auth'], expirationSeconds } = wish;
  const subject = { commonName: wish.commonName ?? 'jane', organizations: wish.organizations ?? ['dev'] };
  const { csr: pem } = createCertificateRequest({ subject, dnsNames: wish.dnsNames ?? [] });
  return {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name },
    spec: {
      request: Buffer.from(pem).toString('base64'),
      signerName,
      usages,
      ...(expirationSeconds && { expirationSeconds }),
    },
  };
}

const nodeWish: Wish = {
  signerName: kubeletSigner,
  usages: kubeletUsages,
  commonName: 'system:node:n1',
  organizations: ['system:nodes'],
};

async function decide(l: Lab, name: string, condition: object): Promise<void> {
  const client = l.client.resource<CertificateSigningRequest>('certificatesigningrequests');
  const request = await client.get(name);
  const status = { ...request.status, conditions: [...(request.status?.conditions ?? []), condition as any] };
  await client.update({ ...request, status }, { subresource: 'approval' });
}

const request = (l: Lab, name = 'jane') => l.get<CertificateSigningRequest>('certificatesigningrequests', '', name);
const certificateOf = (csr: Readonly<CertificateSigningRequest>) =>
  new X509Certificate(Buffer.from(csr.status!.certificate!, 'base64'));

describe('signing', () => {
  it('an approved request gets a certificate of the cluster CA that names its user', async () => {
    await using l = new Lab({ clusterSigning });
    l.start(new CertificateSigningController(l.context, clusterSigning));
    await l.create('certificatesigningrequests', csr());
    await l.clock.advance(1000);
    expect((await request(l))!.status?.certificate).toBeUndefined();
    await decide(l, 'jane', approved);
    await l.until('issued', async () => (await request(l))!.status?.certificate !== undefined);
    const certificate = certificateOf((await request(l))!);
    const cas = [clusterSigning.authority.pair.cert];
    expect(verifyClientCertificate(certificate, { cas, now })).toMatchObject({
      commonName: 'jane',
      organizations: ['dev'],
    });
    const days = (certificate.validToDate.getTime() - now) / 86_400_000;
    expect(days).toBeCloseTo(365, 1);
  });

  it.each([
    [600, 600],
    [7200, 7200],
    [86_400, 86_400 - 300],
    [10 * 365 * 86_400, 365 * 86_400 - 300],
  ])(
    'expirationSeconds %d lives %d s: at most the signing duration, five minutes less from eight hours on',
    async (wanted, lives) => {
      await using l = new Lab();
      l.start(new CertificateSigningController(l.context, clusterSigning));
      await l.create('certificatesigningrequests', csr({ expirationSeconds: wanted }));
      await decide(l, 'jane', approved);
      await l.until('issued', async () => (await request(l))!.status?.certificate !== undefined);
      const seconds = Math.round((certificateOf((await request(l))!).validToDate.getTime() - now) / 1000);
      expect(Math.abs(seconds - lives)).toBeLessThanOrEqual(1);
    },
  );

  const kubelet = (wish: Wish) => ({ ...nodeWish, ...wish });
  const serving = (wish: Wish) =>
    kubelet({
      signerName: 'kubernetes.io/kubelet-serving',
      usages: ['digital signature', 'key encipherment', 'server auth'],
      dnsNames: ['n1'],
      ...wish,
    });
  it.each<[string, Wish]>([
    ['invalid usage for client certificate: server auth', { usages: ['client auth', 'server auth'] }],
    ['missing required usage for client certificate: client auth', { usages: ['digital signature'] }],
    ['subject organization is not system:nodes', kubelet({ organizations: ['dev'] })],
    ['DNS subjectAltNames are not allowed', kubelet({ dnsNames: ['n1'] })],
    ['subject common name does not begin with system:node:', kubelet({ commonName: 'n1' })],
    ['usages did not match [client auth digital signature key encipherment]', kubelet({ usages: ['client auth'] })],
    ['DNS or IP subjectAltName is required', serving({ dnsNames: [] })],
    ['usages did not match [digital signature key encipherment server auth]', serving({ usages: kubeletUsages })],
  ])('fails with %s, and stays failed', async (message, wish) => {
    await using l = new Lab();
    l.start(new CertificateSigningController(l.context, clusterSigning));
    await l.create('certificatesigningrequests', csr(wish));
    await decide(l, 'jane', approved);
    await l.until('failed', async () => (await request(l))!.status!.conditions!.length === 2);
    await l.clock.advance(60_000);
    const { conditions, certificate } = (await request(l))!.status!;
    expect(conditions![1]).toMatchObject({
      type: 'Failed',
      status: 'True',
      reason: 'SignerValidationFailure',
      message,
    });
    expect(conditions).toHaveLength(2);
    expect(certificate).toBeUndefined();
  });

  it('a signer that is not the cluster’s is left to its owner, and a request that is denied too is not signed', async () => {
    await using l = new Lab();
    l.start(new CertificateSigningController(l.context, clusterSigning));
    await l.create('certificatesigningrequests', csr({ name: 'foreign', signerName: 'example.com/ours' }));
    await l.create('certificatesigningrequests', csr({ name: 'denied' }));
    await decide(l, 'foreign', approved);
    await decide(l, 'denied', { type: 'Denied', status: 'True', reason: 'No' });
    await l.clock.advance(60_000);
    expect((await request(l, 'foreign'))!.status!.certificate).toBeUndefined();
    expect((await request(l, 'denied'))!.status!.certificate).toBeUndefined();
  });

  it('a request that cannot be read does not stop the others', async () => {
    await using l = new Lab();
    l.start(new CertificateSigningController(l.context, clusterSigning));
    const broken = csr({ name: 'broken' });
    broken.spec!.request = Buffer.from('nonsense').toString('base64');
    for (const object of [broken, csr()]) {
      await l.create('certificatesigningrequests', object);
      await decide(l, object.metadata.name!, approved);
    }
    await l.until('issued', async () => (await request(l))!.status?.certificate !== undefined);
    expect((await request(l, 'broken'))!.status!.certificate).toBeUndefined();
  });
});

describe('approving, in a whole cluster', () => {
  it('a kubelet’s request is approved and signed when its requester may, anybody else’s waits for a person', async () => {
    await using cluster = await quietCluster({ nodes: 0 });
    const client = cluster.client.resource<CertificateSigningRequest>('certificatesigningrequests');
    const status = (name: string): any =>
      cluster.server.reader.get('certificatesigningrequests.certificates.k8s.io', '', name)?.['status'];
    const conditions = (name: string): any[] => status(name)?.conditions ?? [];
    await client.create(csr({ ...nodeWish, name: 'first' }));
    await until(cluster, 'approved', () => conditions('first').length > 0);
    expect(conditions('first')[0]).toMatchObject({
      type: 'Approved',
      reason: 'AutoApproved',
      message: 'Auto approving kubelet client certificate after SubjectAccessReview.',
    });
    await until(cluster, 'signed', () => status('first').certificate !== undefined);
    await client.create(csr({ name: 'person' }));
    await cluster.clock.advance(60_000);
    expect(conditions('person')).toEqual([]);
  });

  it('is not asked twice about what is decided', async () => {
    await using l = new Lab();
    l.start(new CertificateApprovingController(l.context));
    await l.create('certificatesigningrequests', csr(nodeWish));
    await decide(l, 'jane', { type: 'Denied', status: 'True', reason: 'No' });
    const reviews = () => l.api.requests.filter(({ path }) => path.endsWith('/subjectaccessreviews')).length;
    const before = reviews();
    await l.clock.advance(3600_000);
    expect(reviews() - before).toBeLessThanOrEqual(1);
    expect((await request(l))!.status!.conditions).toHaveLength(1);
  });
});

describe('cleaning', () => {
  it('goes after an hour when decided, after a day when pending, and at once when its certificate has ended', async () => {
    await using l = new Lab({ clusterSigning });
    l.start(new CertificateCleanerController(l.context));
    const names = async () => (await l.list('certificatesigningrequests')).map(({ metadata }) => metadata.name!).sort();
    const client = l.client.resource<CertificateSigningRequest>('certificatesigningrequests');
    for (const name of ['pending', 'denied', 'unissued', 'issued']) {
      await l.create('certificatesigningrequests', csr({ name }));
    }
    await decide(l, 'denied', { type: 'Denied', status: 'True', reason: 'No' });
    await decide(l, 'unissued', approved);
    await decide(l, 'issued', approved);
    const issued = await client.get('issued');
    const pem = clusterSigning.authority.issue({ subject: { commonName: 'x' }, usages: ['clientAuth'], now }).cert;
    const certificate = Buffer.from(pem).toString('base64');
    await client.updateStatus({ ...issued, status: { ...issued.status, certificate } });
    await l.clock.advance(3600_000 - 1000);
    expect(await names()).toEqual(['denied', 'issued', 'pending', 'unissued']);
    await l.clock.advance(3600_000 + 2000);
    expect(await names()).toEqual(['pending', 'unissued']);
    await l.clock.advance(21 * 3600_000);
    expect(await names()).toEqual(['pending', 'unissued']);
    await l.clock.advance(3 * 3600_000);
    expect(await names()).toEqual([]);
  });
});
