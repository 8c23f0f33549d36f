/** What is done to a cluster's database without a server: restore a snapshot into it, verify it. */
import { existsSync, rmSync } from 'node:fs';
import type { RestoreReport } from '../etcd/index.ts';
import type { CheckReport, DatabaseUse } from '../sqlite/index.ts';
import { ClusterError } from './errors.ts';
import { clusterPaths, ensureStateFolder } from './state.ts';

export type { CheckReport, DatabaseUse, RestoreReport };

/** Makes a new cluster's database of an etcd snapshot; `klab up` then starts on it. @throws ClusterError when there is one */
export async function restoreEtcdSnapshot(
  name: string,
  file: string,
  options: { readonly skipHashCheck?: boolean } = {},
): Promise<RestoreReport & { readonly database: string }> {
  const [{ acquireLock, openStorage }, { restoreSnapshot }, { wallClock }] = await Promise.all([
    import('../sqlite/index.ts'),
    import('../etcd/index.ts'),
    import('../base/index.ts'),
  ]);
  const paths = clusterPaths(name);
  if (existsSync(paths.database)) {
    throw new ClusterError(
      'StateExists',
      `cluster "${name}" has a database already: restore under another --name, or \`klab down --purge --name ${name}\` first`,
    );
  }
  ensureStateFolder(paths);
  const lock = acquireLock(paths.dir);
  try {
    const storage = openStorage({ path: paths.database });
    try {
      const report = restoreSnapshot(file, storage, { now: wallClock.now(), ...options });
      return { ...report, database: paths.database };
    } catch (error) {
      await storage.close();
      for (const end of ['', '-wal', '-shm']) rmSync(`${paths.database}${end}`, { force: true });
      throw error;
    } finally {
      await storage.close().catch(() => {});
    }
  } finally {
    lock.release();
  }
}

/** Verifies a cluster's database, or any other file; a server may run on it. @throws StorageError */
export async function checkEtcdDatabase(name: string, file?: string): Promise<CheckReport> {
  const { checkDatabase, StorageError } = await import('../sqlite/index.ts');
  const path = file ?? clusterPaths(name).database;
  if (!existsSync(path)) {
    const whose = file === undefined ? `: cluster "${name}" has none, see klab ls` : '';
    throw new StorageError('IO', `there is no database ${path}${whose}`);
  }
  return checkDatabase(path);
}

/** What a cluster's database holds, and how much of it is history; undefined when there is none. @throws StorageError */
export async function measureEtcdDatabase(name: string): Promise<DatabaseUse | undefined> {
  const { database } = clusterPaths(name);
  if (!existsSync(database)) return undefined;
  const { measureDatabase } = await import('../sqlite/index.ts');
  return measureDatabase(database);
}
