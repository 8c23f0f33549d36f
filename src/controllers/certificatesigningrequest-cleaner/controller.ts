/**
 * Deletes certificate requests that nobody needs any more. Upstream: pkg/controller/certificates/cleaner/cleaner.go
 * (1.36).
 */
import { X509Certificate } from 'node:crypto';
import type { CertificateSigningRequest } from '../../api/index.ts';
import { isNotFound } from '../../apimachinery/index.ts';
import { parseTime } from '../../base/index.ts';
import { type SharedInformer, withCause } from '../../client/index.ts';
import { certificateController, type ReadRequest } from '../common/certificate-requests.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
} from '../common/controller.ts';

const hourMs = 3600 * 1000;
const periodMs = hourMs;
/** Issued, denied or failed. */
const decidedMs = hourMs;
/** Waiting for a decision or, approved, for a signer. */
const pendingMs = 24 * hourMs;

const names = {
  name: 'certificatesigningrequest-cleaner-controller',
  serviceAccount: certificateController,
  component: 'certificate-controller',
} as const;

export class CertificateCleanerController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #base: ControllerBase;
  readonly #context: ControllerContext;
  readonly #requests: SharedInformer<CertificateSigningRequest>;

  constructor(context: ControllerContext) {
    this.#base = controllerBase(context, names);
    this.#context = context;
    this.#requests = context.informers.informer<CertificateSigningRequest>('certificatesigningrequests');
  }

  run(signal: AbortSignal): Promise<void> {
    const loop = {
      name: 'clean',
      run: async (inner: AbortSignal) => {
        for (;;) {
          await withCause({ timer: 'csr-cleaner' }, () => this.#clean());
          await this.#context.clock.sleep(periodMs, inner);
        }
      },
    };
    return runController({ log: this.#base.log, informers: [this.#requests], queues: [], loops: [loop] }, signal);
  }

  async #clean(): Promise<void> {
    const client = this.#base.client.resource<CertificateSigningRequest>('certificatesigningrequests');
    for (const request of this.#requests.lister.list()) {
      if (!this.#isDue(request)) continue;
      try {
        await client.delete(request.metadata.name!);
      } catch (error) {
        // The others are cleaned all the same; this one comes again in an hour.
        if (!isNotFound(error)) this.#base.log.warn('cannot clean CSR', { csr: request.metadata.name, error });
      }
    }
  }

  #isDue(request: ReadRequest): boolean {
    const conditions = request.status?.conditions ?? [];
    if (conditions.length === 0) return this.#isOlder(request.metadata.creationTimestamp, pendingMs);
    const certificate = request.status?.certificate;
    return conditions.some(({ type, lastUpdateTime }) => {
      if (type === 'Denied' || type === 'Failed') return this.#isOlder(lastUpdateTime, decidedMs);
      if (type !== 'Approved') return false;
      if (!certificate) return this.#isOlder(lastUpdateTime, pendingMs);
      return this.#isOlder(lastUpdateTime, decidedMs) || this.#hasExpired(certificate);
    });
  }

  #isOlder(time: string | undefined, ms: number): boolean {
    return time !== undefined && this.#context.clock.now() - parseTime(time) > ms;
  }

  #hasExpired(certificate: string): boolean {
    const wallNow = this.#context.settings.clusterSigning?.wallNow ?? (() => this.#context.clock.now());
    try {
      return wallNow() > new X509Certificate(Buffer.from(certificate, 'base64')).validToDate.getTime();
    } catch {
      return false;
    }
  }
}
