/**
 * `klab cp`: files to and from a container, as a tar stream through exec. The container needs `tar`, as with kubectl.
 * Upstream: kubectl/pkg/cmd/cp.
 */
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, posix, resolve, sep } from 'node:path';
import { UserError } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import type { WriteIo } from '../write/io.ts';
import { openExec } from './exec.ts';
import { containerOf, podTarget } from './pod-target.ts';
import { readTar, tarEnd, tarEntry } from './tar.ts';
import { exitCodeOf, textOf } from './terminal.ts';

export interface CpFlags {
  readonly container?: string;
  readonly 'no-preserve'?: boolean;
  readonly protocol?: string;
}

interface FileSpec {
  readonly namespace?: string;
  readonly pod?: string;
  readonly file: string;
}

/** `[[namespace/]pod:]path`. @throws UserError */
export function parseFileSpec(text: string): FileSpec {
  const at = text.indexOf(':');
  if (at === 0) throw new UserError('filespec must match the canonical format: [[namespace/]pod:]file/path');
  if (at < 0) return { file: text };
  const parts = text.slice(0, at).split('/');
  const file = text.slice(at + 1);
  if (parts.length === 1) return { pod: parts[0]!, file };
  if (parts.length === 2) return { namespace: parts[0]!, pod: parts[1]!, file };
  throw new UserError('filespec must match the canonical format: [[namespace/]pod:]file/path');
}

export async function cpFiles(
  from: string,
  to: string,
  flags: CpFlags,
  session: (namespace: string | undefined) => Promise<Session>,
  io: WriteIo,
): Promise<void> {
  const [source, target] = [parseFileSpec(from), parseFileSpec(to)];
  if (source.pod !== undefined && target.pod !== undefined)
    throw new UserError('one of src or dest must be a local file specification');
  if (source.file === '' || target.file === '') throw new UserError('filepath can not be empty');
  if (source.pod !== undefined)
    await fromPod(await session(source.namespace), { ...source, pod: source.pod }, target.file, flags, io);
  else if (target.pod !== undefined)
    await toPod(await session(target.namespace), source.file, { ...target, pod: target.pod }, flags, io);
  else throw new UserError('one of src or dest must be a remote file specification');
}

async function toPod(
  session: Session,
  local: string,
  to: FileSpec & { pod: string },
  flags: CpFlags,
  io: WriteIo,
): Promise<void> {
  try {
    statSync(local);
  } catch {
    throw new UserError(`${local} doesn't exist in local filesystem`);
  }
  const { pod } = await podTarget(session, to.pod, 'cp');
  const container = containerOf(pod, flags.container, io.say);
  let file = to.file;
  if (file !== '/' && file.endsWith('/')) file = file.slice(0, -1);
  if ((await runQuietly(session, pod, container, ['test', '-d', file], flags)) === 0)
    file = posix.join(file, basename(resolve(local)));
  const command = ['tar', ...(flags['no-preserve'] ? ['--no-same-permissions', '--no-same-owner'] : []), '-xmf', '-'];
  const parent = posix.dirname(file);
  if (parent !== '.' && parent !== '') command.push('-C', parent);
  const remote = await openExec(
    session,
    pod,
    container,
    command,
    { stdin: true, stderr: true, tty: false },
    flags.protocol,
  );
  const send = async () => {
    for (const chunk of packed(local, posix.basename(file), io)) await remote.writeStdin(chunk);
    await remote.writeStdin(tarEnd);
    remote.endStdin();
  };
  const [status, said] = await Promise.all([
    textOf(remote.error),
    textOf(remote.stderr!),
    textOf(remote.stdout),
    send(),
  ]);
  remote.close();
  finish(status, said, io);
}

/** A file or a folder and what is below it, symbolic links as they are. */
function* packed(path: string, name: string, io: WriteIo): Generator<Uint8Array> {
  const stat = lstatSync(path);
  const common = { name, mode: stat.mode & 0o7777, mtime: Math.floor(stat.mtimeMs / 1000) };
  if (stat.isDirectory()) {
    yield* tarEntry({ ...common, type: 'directory' });
    for (const entry of readdirSync(path).sort()) yield* packed(join(path, entry), posix.join(name, entry), io);
  } else if (stat.isSymbolicLink()) yield* tarEntry({ ...common, type: 'symlink', linkName: readlinkSync(path) });
  else if (stat.isFile()) yield* tarEntry({ ...common, type: 'file' }, readFileSync(path));
  else io.say(`warning: ${path} is no file, folder or link: skipped`);
}

async function fromPod(
  session: Session,
  from: FileSpec & { pod: string },
  local: string,
  flags: CpFlags,
  io: WriteIo,
): Promise<void> {
  const { pod } = await podTarget(session, from.pod, 'cp');
  const container = containerOf(pod, flags.container, io.say);
  const command = ['tar', 'cf', '-', from.file];
  const remote = await openExec(
    session,
    pod,
    container,
    command,
    { stdin: false, stderr: true, tty: false },
    flags.protocol,
  );
  const prefix = posix
    .normalize(from.file)
    .replace(/^(\.\.?\/)*\/*/, '')
    .replace(/\/$/, '');
  let target = local;
  try {
    if (statSync(local).isDirectory()) target = join(local, posix.basename(prefix));
  } catch {
    // It will be made.
  }
  const root = resolve(target);
  const unpack = async () => {
    for await (const entry of readTar(remote.stdout)) {
      const name = posix.normalize(entry.name.replace(/^(\.\/)*\/*/, ''));
      const rest =
        prefix === '' || prefix === '.'
          ? name
          : name === prefix || name.startsWith(`${prefix}/`)
            ? name.slice(prefix.length)
            : undefined;
      const place = rest === undefined ? undefined : resolve(root, `./${rest}`);
      if (place === undefined || (place !== root && !place.startsWith(root + sep))) {
        io.say(`warning: file ${JSON.stringify(entry.name)} is outside target destination, skipping`);
        continue;
      }
      if (entry.type === 'directory') mkdirSync(place, { recursive: true });
      else if (entry.type === 'symlink')
        io.say(
          `warning: skipping symlink: ${JSON.stringify(place)} -> ${JSON.stringify(entry.linkName)} (consider using "klab exec -n "${pod.metadata.namespace}" "${pod.metadata.name}" -- tar cf - "${from.file}" | tar xf -")`,
        );
      else {
        mkdirSync(dirname(place), { recursive: true });
        writeFileSync(place, entry.data, { mode: entry.mode & 0o777 });
      }
    }
  };
  const [status, said] = await Promise.all([textOf(remote.error), textOf(remote.stderr!), unpack()]);
  remote.close();
  finish(status, said, io);
}

async function runQuietly(
  session: Session,
  pod: Parameters<typeof openExec>[1],
  container: string,
  command: readonly string[],
  flags: CpFlags,
): Promise<number> {
  const remote = await openExec(
    session,
    pod,
    container,
    command,
    { stdin: false, stderr: true, tty: false },
    flags.protocol,
  );
  const [status] = await Promise.all([textOf(remote.error), textOf(remote.stdout), textOf(remote.stderr!)]);
  remote.close();
  try {
    return exitCodeOf(status);
  } catch {
    return 1;
  }
}

function finish(status: string, said: string, io: WriteIo): void {
  const code = exitCodeOf(status);
  if (said.trim() !== '') io.say(said.trimEnd());
  if (code !== 0) throw new UserError(`command terminated with exit code ${code}`);
}
