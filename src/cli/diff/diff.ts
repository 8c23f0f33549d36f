/**
 * `klab diff`: what applying would change, asked of the server without storing. Live objects and merged ones go into two
 * folders, which `KUBECTL_EXTERNAL_DIFF` or a built-in `diff -u -N` compares. Upstream: kubectl/pkg/cmd/diff.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeYaml, isConflict, isNotFound, type KubeObject, withMetadata } from '../../apimachinery/index.ts';
import { clientSideManager, mergedClientSide } from '../apply/client-side.ts';
import { prune } from '../apply/prune.ts';
import { type Target, targetOf } from '../apply/target.ts';
import { exitCodes, UserError } from '../exit-codes.ts';
import { inOrder } from '../in-order.ts';
import type { Manifest } from '../manifests/manifest.ts';
import type { Session, SessionRequest } from '../session.ts';
import type { FileFlags } from '../write/flags.ts';
import type { WriteIo } from '../write/io.ts';
import { matchesSelector } from '../write/labels.ts';
import { readFileFlags } from '../write/read-files.ts';
import { usageError } from '../write/usage.ts';
import { maskSecrets } from './mask.ts';
import { diffFolders } from './unified.ts';

export interface DiffFlags extends SessionRequest, FileFlags {
  readonly 'server-side'?: boolean;
  readonly 'force-conflicts'?: boolean;
  readonly 'field-manager'?: string;
  readonly 'show-managed-fields'?: boolean;
  readonly 'show-secrets'?: boolean;
  readonly concurrency?: number;
  readonly selector?: string;
  readonly prune?: boolean;
  readonly 'prune-allowlist'?: readonly string[];
}

/** An object that changes while it is compared is asked for again so often. */
const triesMax = 4;

interface Pair {
  readonly target: Target;
  readonly live: Readonly<KubeObject> | undefined;
  readonly merged: Readonly<KubeObject>;
}

/** @returns whether there are differences. @throws what the server or the diff program says. */
export async function diffObjects(
  words: readonly string[],
  flags: DiffFlags,
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<boolean> {
  if (words.length > 0) throw usageError('diff', `Unexpected args: [${words.join(' ')}]`);
  const serverSide = flags['server-side'] ?? true;
  if (flags['force-conflicts'] && !serverSide) throw new UserError('--force-conflicts only works with --server-side');
  const read = await readFileFlags(flags, 'compared', io.signal);
  if (!read) throw new UserError('must specify one of -f and -k');
  const { selector } = flags;
  const manifests = selector ? read.filter(({ object }) => matchesSelector(selector, object)) : read;
  const opened = await session();
  const folders = [mkdtempSync(join(tmpdir(), 'LIVE-')), mkdtempSync(join(tmpdir(), 'MERGED-'))] as const;
  try {
    const pairs = await compareAll(opened, manifests, flags, serverSide, io);
    for (const pair of pairs) writePair(folders, pair, flags);
    if (flags.prune) await writePruned(opened, folders[0], pairs, flags, serverSide);
    return compareFolders(...folders, io);
  } finally {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  }
}

async function compareAll(
  session: Session,
  manifests: readonly Manifest[],
  flags: DiffFlags,
  serverSide: boolean,
  io: WriteIo,
): Promise<Pair[]> {
  const pairs: Pair[] = [];
  const { signal } = session;
  const limit = Math.max(1, flags.concurrency ?? 1);
  await inOrder(
    manifests,
    { limit, key: ({ object }) => `${object.kind}/${object.metadata.namespace}/${object.metadata.name}`, signal },
    async (manifest) => compareOne(session, await targetOf(session, manifest), flags, serverSide),
    (pair) => {
      if (pair.live?.metadata.deletionTimestamp) {
        io.say(`Warning: Detected changes to resource ${pair.target.name} which is currently being deleted.`);
      }
      pairs.push(pair);
    },
  );
  signal?.throwIfAborted();
  return pairs;
}

async function compareOne(session: Session, target: Target, flags: DiffFlags, serverSide: boolean): Promise<Pair> {
  const { resource, namespace, name, object } = target;
  const { signal } = session;
  const calls = session.client.resource(resource).namespace(namespace);
  for (let tries = 1; ; tries++) {
    const live = await calls.get(name, { signal }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    try {
      if (serverSide) {
        const fieldManager = flags['field-manager'] ?? 'klab';
        const force = flags['force-conflicts'] ?? false;
        return { target, live, merged: await calls.apply(object, { fieldManager, force, dryRun: true, signal }) };
      }
      const fieldManager = flags['field-manager'] ?? clientSideManager;
      const merged = live
        ? await mergedClientSide(session.client, target, live, { fieldManager, locked: tries < triesMax, signal })
        : await calls.create(object, { fieldManager, dryRun: true, signal });
      return { target, live, merged };
    } catch (error) {
      if (serverSide || tries >= triesMax || !isConflict(error)) throw error;
    }
  }
}

type Folders = readonly [live: string, merged: string];

function writePair([liveFolder, mergedFolder]: Folders, { target, live, merged }: Pair, flags: DiffFlags): void {
  const { resource, namespace, name } = target;
  const group = resource.group === '' ? '' : `${resource.group}.`;
  const file = `${group}${resource.version}.${resource.kind}.${namespace}.${name}`;
  const shown = (object: Readonly<KubeObject> | undefined) =>
    object && !flags['show-managed-fields'] ? withMetadata(object, { managedFields: undefined }) : object;
  let [from, to]: readonly (Readonly<KubeObject> | undefined)[] = [shown(live), shown(merged)];
  if (!flags['show-secrets'] && resource.version === 'v1' && resource.kind === 'Secret') {
    [from, to] = maskSecrets(from, to);
  }
  writeFileSync(join(liveFolder, file), from ? encodeYaml(from) : '', { mode: 0o600 });
  writeFileSync(join(mergedFolder, file), to ? encodeYaml(to) : '', { mode: 0o600 });
}

/** What `--prune` would delete stands in the live folder only. */
async function writePruned(
  session: Session,
  folder: string,
  pairs: readonly Pair[],
  flags: DiffFlags,
  serverSide: boolean,
): Promise<void> {
  const fieldManager = flags['field-manager'] ?? 'klab';
  const options = { selector: flags.selector, serverSide, fieldManager, dryRun: 'client' as const };
  const allowlist = flags['prune-allowlist']?.length ? flags['prune-allowlist'] : undefined;
  const applied = pairs.map(({ target, merged }) => ({ target, object: merged }));
  await prune(session, applied, { ...options, allowlist }, (_, object, { group, version, kind }) => {
    const apiVersion = group === '' ? version : `${group}/${version}`;
    let shown: KubeObject = { ...object, apiVersion, kind };
    if (!flags['show-managed-fields']) shown = withMetadata(shown, { managedFields: undefined });
    if (!flags['show-secrets'] && kind === 'Secret') shown = maskSecrets(shown, undefined)[0] as KubeObject;
    const { namespace = '', name } = object.metadata;
    const file = `${group === '' ? '' : `${group}.`}${version}.${kind}.${namespace}.${name}`;
    writeFileSync(join(folder, file), encodeYaml(shown), { mode: 0o600 });
  });
}

/** @throws UserError when the diff program fails: any exit code but 0 and 1. */
function compareFolders(from: string, to: string, io: WriteIo): boolean {
  const external = process.env['KUBECTL_EXTERNAL_DIFF'];
  if (!external) {
    const text = diffFolders(from, to);
    io.write(text);
    return text !== '';
  }
  const [program = '', ...words] = external.split(' ');
  // Upstream takes only plain words as arguments.
  const args = [from, to, ...words.filter((word) => /^[a-zA-Z0-9-=]+$/.test(word))];
  const { status, error } = spawnSync(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (error) {
    const why =
      (error as NodeJS.ErrnoException).code === 'ENOENT'
        ? `exec: ${JSON.stringify(program)}: executable file not found in $PATH`
        : error.message;
    throw new UserError(`failed to run ${JSON.stringify(program)}: ${why}`, exitCodes.usage);
  }
  if (status === 0 || status === 1) return status === 1;
  throw new UserError(`failed to run ${JSON.stringify(program)}: exit status ${status}`, exitCodes.usage);
}
