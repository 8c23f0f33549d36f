/**
 * Approves the client certificates of kubelets whose requester may have them. Upstream:
 * pkg/controller/certificates/approver (1.36).
 */
import type { CertificateSigningRequest } from '../../api/index.ts';
import type { KubeObject } from '../../apimachinery/index.ts';
import type { CertificateRequest } from '../../pki/index.ts';
import {
  certificateController,
  hasCondition,
  kubeletClientProblem,
  kubeletClientSigner,
  type ReadRequest,
  type RequestQueue,
  requestQueue,
  x509RequestOf,
} from '../common/certificate-requests.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
} from '../common/controller.ts';

const names = {
  name: 'certificatesigningrequest-approving-controller',
  serviceAccount: certificateController,
  component: 'certificate-controller',
} as const;

interface Recognizer {
  recognizes(csr: ReadRequest, request: CertificateRequest): boolean;
  /** What the requester must be allowed to create: a subresource that is served nowhere and exists for this. */
  readonly subresource: string;
  readonly message: string;
}

const isNodeClient = (csr: ReadRequest, request: CertificateRequest) =>
  csr.spec!.signerName === kubeletClientSigner && kubeletClientProblem(request, csr.spec!.usages ?? []) === undefined;

const recognizers: readonly Recognizer[] = [
  {
    recognizes: (csr, request) => csr.spec!.username === request.subject.commonName && isNodeClient(csr, request),
    subresource: 'selfnodeclient',
    message: 'Auto approving self kubelet client certificate after SubjectAccessReview.',
  },
  {
    recognizes: isNodeClient,
    subresource: 'nodeclient',
    message: 'Auto approving kubelet client certificate after SubjectAccessReview.',
  },
];

export class CertificateApprovingController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #base: ControllerBase;
  readonly #queue: RequestQueue;

  constructor(context: ControllerContext) {
    this.#base = controllerBase(context, names);
    this.#queue = requestQueue(context, 'csrapproving', (csr) => this.#approve(csr));
  }

  run(signal: AbortSignal): Promise<void> {
    const { informer, workers } = this.#queue;
    return runController({ log: this.#base.log, informers: [informer], queues: [workers] }, signal);
  }

  async #approve(csr: ReadRequest): Promise<void> {
    if (hasCondition(csr, 'Approved') || hasCondition(csr, 'Denied')) return;
    const request = x509RequestOf(csr);
    const tried: string[] = [];
    for (const { recognizes, subresource, message } of recognizers) {
      if (!recognizes(csr, request)) continue;
      tried.push(subresource);
      if (!(await this.#isAllowed(csr, subresource))) continue;
      const approved = { type: 'Approved', status: 'True' as const, reason: 'AutoApproved', message };
      const client = this.#base.client.resource<CertificateSigningRequest>('certificatesigningrequests');
      const status = { ...csr.status, conditions: [...(csr.status?.conditions ?? []), approved] };
      await client.update({ ...csr, status }, { subresource: 'approval' });
      return;
    }
    // Roles may come later than requests: it is asked again.
    if (tried.length > 0) {
      const name = JSON.stringify(csr.metadata.name);
      throw new Error(`recognized csr ${name} as [${tried.join(' ')}] but subject access review was not approved`);
    }
  }

  async #isAllowed(csr: ReadRequest, subresource: string): Promise<boolean> {
    const { username, uid, groups, extra } = csr.spec!;
    const resourceAttributes = {
      group: 'certificates.k8s.io',
      resource: 'certificatesigningrequests',
      verb: 'create',
      subresource,
      version: '*',
    };
    const review = await this.#base.client.resource('subjectaccessreviews').create({
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      metadata: {},
      spec: {
        user: username,
        ...(uid && { uid }),
        ...(groups && { groups }),
        ...(extra && { extra }),
        resourceAttributes,
      },
    } as KubeObject);
    return review['status']?.allowed === true;
  }
}
