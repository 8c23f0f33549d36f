/** `klab etcd purge KEY`: the past of a key goes from the disk. */
import { UserError } from '../exit-codes.ts';
import { printData } from '../output.ts';
import type { Session } from '../session.ts';

/** @throws UserError when there was nothing to erase. */
export async function etcdPurge({ client, signal }: Session, key: string, output: string | undefined): Promise<string> {
  const { body } = await client.request({ method: 'POST', path: '/klab/v1/etcd/purge', body: { key }, signal });
  if (output === 'json' || output === 'yaml') return printData(body, output);
  const { revisions, compactRevision } = body;
  if (revisions === 0) throw new UserError(`key "${key}" has no past; see: klab etcd history ${key}`);
  return (
    `Erased ${revisions} past revision${revisions === 1 ? '' : 's'} of ${key} from the disk. ` +
    `etcd is compacted at revision ${compactRevision}.\n` +
    'What the key holds now stays; so do snapshots taken before, and what other programs have read.'
  );
}
