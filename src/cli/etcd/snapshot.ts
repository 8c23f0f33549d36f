/** `klab etcd snapshot save|status|restore` and `klab etcd check`. Upstream: etcdctl snapshot, etcdutl snapshot. */
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { humanBytes } from '../cluster.ts';
import { UserError } from '../exit-codes.ts';
import { printData, renderTable } from '../output.ts';
import { connectEtcd, type EtcdAddress } from './connection.ts';

/** etcd ends a snapshot with a SHA-256 after the pages. */
const trailerBytes = 32;

/** Streams a backup into `file`, which exists only once it is whole. */
export async function etcdSnapshotSave(address: EtcdAddress, file: string, signal?: AbortSignal): Promise<string> {
  const kv = await connectEtcd(address);
  const part = `${file}.part`;
  try {
    const fd = openSync(part, 'w', 0o600);
    let size = 0;
    try {
      for await (const { blob } of kv.snapshot({ signal })) {
        for (let done = 0; done < blob.length; ) done += writeSync(fd, blob, done);
        size += blob.length;
      }
      if (size % 512 !== trailerBytes) {
        throw new UserError(`sha256 checksum not found [bytes: ${size}]`);
      }
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(part, file);
    return `Snapshot saved at ${file} (${humanBytes(size)})`;
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  } finally {
    kv.close();
  }
}

export async function etcdSnapshotStatus(file: string, output: string | undefined): Promise<string> {
  const status = await onSnapshot(file, async () => {
    const { snapshotStatus } = await import('../../etcd/index.ts');
    return snapshotStatus(file);
  });
  if (output === 'json' || output === 'yaml') return printData(status, output);
  const { hash, revision, totalKey, totalSize } = status;
  return renderTable(
    ['HASH', 'REVISION', 'TOTAL KEYS', 'TOTAL SIZE'],
    [[hash.toString(16), String(revision), String(totalKey), humanBytes(totalSize)]],
  );
}

export async function etcdSnapshotRestore(
  name: string,
  file: string,
  options: { readonly skipHashCheck: boolean },
): Promise<string> {
  const { restoreEtcdSnapshot } = await import('../../cluster/index.ts');
  const { revision, revisions, leases, users } = await onSnapshot(file, () => restoreEtcdSnapshot(name, file, options));
  const count = (n: number, what: string) => `${n} ${what}${n === 1 ? '' : 's'}`;
  const parts = [count(revisions, 'entry').replace('entrys', 'entries'), count(leases, 'lease'), count(users, 'user')];
  return `Restored ${file} into cluster "${name}": revision ${revision}, ${parts.join(', ')}. Start it with: klab up --name ${name}`;
}

async function onSnapshot<T>(file: string, work: () => Promise<T>): Promise<T> {
  if (!existsSync(file)) throw new UserError(`there is no file ${file}`);
  try {
    return await work();
  } catch (error) {
    const { name, message } = error as Error;
    if (name === 'BoltError' || name === 'EtcdError') throw new UserError(`${file}: ${message}`);
    throw error;
  }
}

/** The report, and whether the database is sound. */
export async function etcdCheck(
  name: string,
  file: string | undefined,
  output: string | undefined,
): Promise<{ readonly text: string; readonly sound: boolean }> {
  const { checkEtcdDatabase } = await import('../../cluster/index.ts');
  const report = await checkEtcdDatabase(name, file).catch((error: Error) => {
    throw error.name === 'StorageError' ? new UserError(error.message) : error;
  });
  const sound = report.findings.length === 0;
  if (output === 'json' || output === 'yaml') return { text: printData(report, output), sound };
  const { path, schema, revision, compactRevision, keys, revisions, leases, members } = report;
  const facts = [
    `revision ${revision}`,
    `compacted ${compactRevision}`,
    `${keys} keys`,
    `${revisions} revisions of keys kept`,
    `${leases} leases`,
    `${members} members`,
  ];
  const lines = [`${path} (schema ${schema}): ${facts.join(', ')}`];
  for (const { check, row, problem } of report.findings) lines.push(`${check}: ${row}: ${problem}`);
  lines.push(
    sound ? 'The database is sound.' : `The database is damaged: ${report.findings.length} of the checks failed.`,
  );
  return { text: lines.join('\n'), sound };
}
