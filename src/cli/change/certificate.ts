/** `klab certificate approve|deny`. Upstream: kubectl/pkg/cmd/certificates. */
import type { KubeObject } from '../../apimachinery/index.ts';
import { rfc3339, wallClock } from '../../base/index.ts';
import { UserError } from '../exit-codes.ts';
import type { Session, SessionRequest } from '../session.ts';
import type { FileFlags, PrintFlags } from '../write/flags.ts';
import type { WriteIo } from '../write/io.ts';
import { eachLiveObject } from '../write/live-objects.ts';
import { readFileFlags } from '../write/read-files.ts';
import { ResultPrinter } from '../write/result-printer.ts';

interface Condition {
  readonly type: string;
}
type Request = KubeObject & { status?: { conditions?: Condition[] } };

const verdicts = {
  approve: { type: 'Approved', opposite: 'Denied', reason: 'KubectlApprove', done: 'approved' },
  deny: { type: 'Denied', opposite: 'Approved', reason: 'KubectlDeny', done: 'denied' },
} as const;

export async function decideCertificates(
  verb: keyof typeof verdicts,
  words: readonly string[],
  flags: PrintFlags & FileFlags & SessionRequest & { readonly force?: boolean },
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<void> {
  const { type, opposite, reason, done } = verdicts[verb];
  const printer = new ResultPrinter(flags, 'none', io.write);
  const manifests = await readFileFlags(flags, done, io.signal);
  if (words.length === 0 && !manifests)
    throw new UserError('one or more CSRs must be specified as <name> or -f <filename>');
  const opened = await session();
  const request = { command: `certificate ${verb}`, words: ['csr', ...words], manifests };
  await eachLiveObject(opened, request, async ({ object, calls, name }) => {
    const conditions = (object as Request).status?.conditions ?? [];
    if (conditions.some((one) => one.type === opposite))
      throw new UserError(`certificate signing request ${JSON.stringify(name)} is already ${opposite}`);
    if (!flags.force && conditions.some((one) => one.type === type)) {
      printer.print(object, done);
      return;
    }
    const now = rfc3339(wallClock.now());
    const condition = {
      type,
      status: 'True',
      reason,
      message: `This CSR was ${done} by kubectl certificate ${verb}.`,
      lastUpdateTime: now,
    };
    const status = {
      ...(object as Request).status,
      conditions: [...conditions.filter((one) => one.type !== type), condition],
    };
    const answer = await calls.updateSubresource(name, 'approval', { ...object, status } as KubeObject, {
      signal: opened.signal,
    });
    printer.print(answer, done);
  });
}
