import { humanDuration } from '../../../apimachinery/index.ts';
import { ageOf, nameOfRow, printer } from '../../printing.ts';
import type { CertificateSigningRequest } from '../../types.ts';

function csrCondition(request: Readonly<CertificateSigningRequest>): string {
  const has = (type: string) => request.status?.conditions?.some((condition) => condition.type === type) === true;
  const parts = [has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending'];
  if (has('Failed')) parts.push('Failed');
  if (request.status?.certificate) parts.push('Issued');
  return parts.join(',');
}

export const certificateSigningRequestPrinter = printer(
  'Name:name, Age, SignerName, Requestor, RequestedDuration, Condition',
  (object, context) => {
    const request = object as Readonly<CertificateSigningRequest>;
    const seconds = request.spec.expirationSeconds;
    return [
      nameOfRow(object),
      ageOf(object, context),
      request.spec.signerName || '<none>',
      request.spec.username ?? '',
      seconds === undefined ? '<none>' : humanDuration(seconds * 1000),
      csrCondition(request),
    ];
  },
);
