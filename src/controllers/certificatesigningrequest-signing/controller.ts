/**
 * Signs what has been approved, with the cluster's CA. Upstream: pkg/controller/certificates/signer (1.36).
 */
import type { CertificateSigningRequest } from '../../api/index.ts';
import { rfc3339 } from '../../base/index.ts';
import { type CertificateRequest, signApprovedRequest } from '../../pki/index.ts';
import {
  certificateController,
  hasCondition,
  hasTrueCondition,
  kubeletClientProblem,
  kubeletClientSigner,
  kubeletServingProblem,
  type ReadRequest,
  type RequestQueue,
  requestQueue,
  x509RequestOf,
} from '../common/certificate-requests.ts';
import {
  type ClusterSigning,
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
} from '../common/controller.ts';

const names = {
  name: 'certificatesigningrequest-signing-controller',
  serviceAccount: certificateController,
  component: 'certificate-controller',
} as const;

const yearMs = 365 * 24 * 3600 * 1000;
const minMs = 10 * 60 * 1000;

type Check = (request: CertificateRequest, usages: readonly string[]) => string | undefined;

/** What each signer refuses to sign, approved or not. */
const signers: ReadonlyMap<string, { readonly queue: string; readonly check: Check }> = new Map([
  ['kubernetes.io/kubelet-serving', { queue: 'csrsigning-kubelet-serving', check: kubeletServingProblem }],
  [kubeletClientSigner, { queue: 'csrsigning-kubelet-client', check: kubeletClientProblem }],
  ['kubernetes.io/kube-apiserver-client', { queue: 'csrsigning-kube-apiserver-client', check: clientUsagesProblem }],
  ['kubernetes.io/legacy-unknown', { queue: 'csrsigning-legacy-unknown', check: () => undefined }],
]);

function clientUsagesProblem(_: CertificateRequest, usages: readonly string[]): string | undefined {
  const allowed = ['digital signature', 'key encipherment', 'client auth'];
  const bad = usages.find((usage) => !allowed.includes(usage));
  if (bad !== undefined) return `invalid usage for client certificate: ${bad}`;
  return usages.includes('client auth') ? undefined : 'missing required usage for client certificate: client auth';
}

export class CertificateSigningController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #base: ControllerBase;
  readonly #now: () => number;
  readonly #signing: ClusterSigning;
  readonly #durationMs: number;
  readonly #queues: readonly RequestQueue[];

  /** `signing`: the CA, and the clock that certificates live by. */
  constructor(context: ControllerContext, signing: ClusterSigning) {
    this.#base = controllerBase(context, names);
    this.#now = () => context.clock.now();
    this.#signing = signing;
    this.#durationMs = context.settings.clusterSigningDurationMs ?? yearMs;
    this.#queues = [...signers].map(([signer, { queue, check }]) =>
      requestQueue(context, queue, (request) =>
        request.spec!.signerName === signer ? this.#sign(request, check) : Promise.resolve(),
      ),
    );
  }

  run(signal: AbortSignal): Promise<void> {
    const informers = [this.#queues[0]!.informer];
    return runController(
      { log: this.#base.log, informers, queues: this.#queues.map(({ workers }) => workers) },
      signal,
    );
  }

  async #sign(csr: ReadRequest, check: Check): Promise<void> {
    if (!hasCondition(csr, 'Approved') || hasCondition(csr, 'Denied') || hasTrueCondition(csr, 'Failed')) return;
    const request = x509RequestOf(csr);
    const usages = csr.spec!.usages ?? [];
    const problem = check(request, usages);
    if (problem !== undefined) {
      const failed = {
        type: 'Failed',
        status: 'True' as const,
        reason: 'SignerValidationFailure',
        message: problem,
        lastUpdateTime: rfc3339(this.#now()),
      };
      await this.#writeStatus(csr, { conditions: [...(csr.status?.conditions ?? []), failed] });
      return;
    }
    const { authority, wallNow } = this.#signing;
    const ttlMs = this.#duration(csr.spec!.expirationSeconds);
    const pem = signApprovedRequest(authority, request, { usages, now: wallNow(), ttlMs });
    await this.#writeStatus(csr, { certificate: Buffer.from(pem).toString('base64') });
  }

  /** What was asked for, at least ten minutes, at most `--cluster-signing-duration`. */
  #duration(seconds: number | undefined): number {
    const durationMs = this.#durationMs;
    return seconds === undefined ? durationMs : Math.min(Math.max(seconds * 1000, minMs), durationMs);
  }

  async #writeStatus(csr: ReadRequest, change: Partial<CertificateSigningRequest['status']>): Promise<void> {
    const client = this.#base.client.resource<CertificateSigningRequest>('certificatesigningrequests');
    await client.updateStatus({ ...csr, status: { ...csr.status, ...change } });
  }
}
