/**
 * The queue that signers and approvers of certificate requests share, and what they say about a request.
 * Upstream: pkg/controller/certificates/certificate_controller.go, certificate_controller_utils.go,
 * pkg/apis/certificates/helpers.go (1.36).
 */
import type { CertificateSigningRequest } from '../../api/index.ts';
import {
  BucketRateLimiter,
  causeOf,
  ItemExponentialFailureRateLimiter,
  MaxOfRateLimiter,
  type SharedInformer,
  TokenBucket,
  Workqueue,
} from '../../client/index.ts';
import { type CertificateRequest, parseCertificateRequest } from '../../pki/index.ts';
import type { ControllerContext, WorkerSet } from './controller.ts';

export const kubeletClientSigner = 'kubernetes.io/kube-apiserver-client-kubelet';
/** Whom all three controllers of requests act as. */
export const certificateController = 'certificate-controller';
const workers = 5;

export type ReadRequest = Readonly<CertificateSigningRequest>;

export interface RequestQueue {
  readonly informer: SharedInformer<CertificateSigningRequest>;
  readonly workers: WorkerSet;
}

/** Requests that have no certificate yet go to `handle`; one it fails on comes back after 200 ms, doubling up to 1000 s. */
export function requestQueue(
  context: ControllerContext,
  name: string,
  handle: (request: ReadRequest) => Promise<void>,
): RequestQueue {
  const informer = context.informers.informer<CertificateSigningRequest>('certificatesigningrequests');
  const rateLimiter = new MaxOfRateLimiter(
    new ItemExponentialFailureRateLimiter(200, 1_000_000),
    new BucketRateLimiter(new TokenBucket(context.clock, 10, 100)),
  );
  const queue = new Workqueue(context, { name, rateLimiter });
  const seen = (request: ReadRequest) => queue.add(request.metadata.name!, causeOf(informer.resource, request));
  informer.addHandler({ onAdd: seen, onUpdate: (_, request) => seen(request), onDelete: seen });
  const reconcile = async (key: string): Promise<void> => {
    const request = informer.lister.get('', key);
    if (request && !request.status?.certificate) await handle(request);
  };
  return { informer, workers: { queue, workers, reconcile } };
}

export function hasCondition(request: ReadRequest, type: string): boolean {
  return request.status?.conditions?.some((condition) => condition.type === type) ?? false;
}

/** True, or without a status, which is how it was written once. */
export function hasTrueCondition(request: ReadRequest, type: string): boolean {
  const conditions = request.status?.conditions ?? [];
  return conditions.some((condition) => condition.type === type && (!condition.status || condition.status === 'True'));
}

/** @throws PkiError */
export function x509RequestOf(request: ReadRequest): CertificateRequest {
  return parseCertificateRequest(Buffer.from(request.spec!.request, 'base64').toString('latin1'));
}

const kubeletClientUsages = ['client auth', 'digital signature', 'key encipherment'];
const kubeletServingUsages = ['digital signature', 'key encipherment', 'server auth'];

/** Keys that are not RSA encipher nothing, so that usage may be absent. */
function usagesProblem(usages: readonly string[], wanted: readonly string[]): string | undefined {
  const given = [...new Set(usages)].sort().join();
  const without = wanted.filter((usage) => usage !== 'key encipherment');
  if (given === wanted.join() || given === without.join()) return undefined;
  return `usages did not match [${wanted.join(' ')}]`;
}

const isOfNodes = (request: CertificateRequest) => request.subject.organizations?.join('\n') === 'system:nodes';
const isNodeName = (request: CertificateRequest) => request.subject.commonName.startsWith('system:node:');

/** Why a kubelet would not ask the API server for this client certificate. */
export function kubeletClientProblem(request: CertificateRequest, usages: readonly string[]): string | undefined {
  if (!isOfNodes(request)) return 'subject organization is not system:nodes';
  if (request.dnsNames.length > 0) return 'DNS subjectAltNames are not allowed';
  if (request.emailAddresses.length > 0) return 'Email subjectAltNames are not allowed';
  if (request.ipAddresses.length > 0) return 'IP subjectAltNames are not allowed';
  if (request.uris.length > 0) return 'URI subjectAltNames are not allowed';
  if (!isNodeName(request)) return 'subject common name does not begin with system:node:';
  return usagesProblem(usages, kubeletClientUsages);
}

/** Why a kubelet would not serve with this. */
export function kubeletServingProblem(request: CertificateRequest, usages: readonly string[]): string | undefined {
  if (!isOfNodes(request)) return 'subject organization is not system:nodes';
  if (request.dnsNames.length === 0 && request.ipAddresses.length === 0) return 'DNS or IP subjectAltName is required';
  if (request.emailAddresses.length > 0) return 'Email subjectAltNames are not allowed';
  if (request.uris.length > 0) return 'URI subjectAltNames are not allowed';
  return (
    usagesProblem(usages, kubeletServingUsages) ??
    (isNodeName(request) ? undefined : 'subject common name does not begin with system:node:')
  );
}
