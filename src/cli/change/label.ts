/** `klab label` and `klab annotate`. Upstream: kubectl/pkg/cmd/label/label.go, annotate/annotate.go. */
import { createMergePatch, type KubeObject } from '../../apimachinery/index.ts';
import { UserError } from '../exit-codes.ts';
import type { Session, SessionRequest } from '../session.ts';
import { parseDryRun } from '../write/dry-run.ts';
import type { FileFlags, WriteFlags } from '../write/flags.ts';
import type { WriteIo } from '../write/io.ts';
import { eachLiveObject, type Pairs, parsePairs, splitPairs } from '../write/live-objects.ts';
import { readFileFlags } from '../write/read-files.ts';
import { ResultPrinter } from '../write/result-printer.ts';

export interface LabelFlags extends WriteFlags, FileFlags, SessionRequest {
  readonly all?: boolean;
  readonly 'all-namespaces'?: boolean;
  readonly selector?: string;
  readonly 'field-selector'?: string;
  readonly list?: boolean;
  readonly local?: boolean;
  readonly overwrite?: boolean;
  readonly 'resource-version'?: string;
}

type What = 'label' | 'annotation';
const fieldOf = { label: 'labels', annotation: 'annotations' } as const;

export async function changeLabels(
  what: What,
  words: readonly string[],
  flags: LabelFlags,
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<void> {
  const command = what === 'label' ? 'label' : 'annotate';
  const dryRun = parseDryRun(flags['dry-run']);
  const printer = new ResultPrinter(flags, dryRun, io.write);
  const { resources, pairs } = splitPairs(words, what);
  const fromFiles = Boolean(flags.filename?.length || flags.kustomize);
  if (flags.list && flags.output) throw new UserError('--list and --output may not be specified together');
  if (resources.length < 1 && !fromFiles) {
    throw new UserError('one or more resources must be specified as <resource> <name> or <resource>/<name>');
  }
  const change = parsePairs(pairs, what);
  if (pairs.length === 0 && !flags.list) throw new UserError(`at least one ${what} update is required`);
  const manifests = await readFileFlags(flags, `${command}ed`, io.signal);
  if (flags.local) {
    if (!manifests) throw new UserError('one or more files must be specified as -f when --local is set');
    for (const { object } of manifests) show(object, changed(object));
    return;
  }
  const opened = await session();
  const request = {
    command,
    words: resources,
    manifests,
    selector: flags.selector,
    fieldSelector: flags['field-selector'],
    all: flags.all,
    allNamespaces: flags['all-namespaces'],
  };
  let listed = 0;
  await eachLiveObject(opened, request, async (live) => {
    const { object, calls, name } = live;
    if (flags.list) {
      const entries = Object.entries(object.metadata[fieldOf[what]] ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
      if (manyTargets(request.words, request) || listed++ > 0) {
        io.write(`Listing ${what}s for ${object.kind}./${name}:\n`.replace('./', groupSuffix(object)));
        for (const [key, value] of entries) io.write(` ${key}=${value}\n`);
      } else for (const [key, value] of entries) io.write(`${key}=${value}\n`);
      return;
    }
    const after = changed(object);
    if (dryRun === 'client') {
      show(object, after);
      return;
    }
    const patch = createMergePatch(object, after);
    if (Object.keys(patch as object).length === 0 && what === 'label') {
      show(object, object);
      return;
    }
    const result = await calls.patch(name, 'merge', patch, {
      fieldManager: flags['field-manager'],
      dryRun: dryRun === 'server',
      signal: opened.signal,
    });
    show(object, result);
  });

  function changed(object: KubeObject): KubeObject {
    return withPairs(what, object, change, flags, io);
  }
  function show(before: Readonly<KubeObject>, after: Readonly<KubeObject>): void {
    printer.print(after, what === 'annotation' ? 'annotated' : labelOperation(before, after));
  }
}

const manyTargets = (words: readonly string[], { all, selector }: { all?: boolean; selector?: string }) =>
  Boolean(all || selector) || words.filter((word) => word.includes('/')).length > 1 || words.length > 2;

function groupSuffix({ apiVersion }: KubeObject): string {
  const [group, version] = apiVersion.split('/');
  return version === undefined ? '/' : `.${group}/`;
}

function labelOperation(before: Readonly<KubeObject>, after: Readonly<KubeObject>): string {
  const [old, now] = [before.metadata.labels ?? {}, after.metadata.labels ?? {}];
  const same = Object.keys(old).length === Object.keys(now).length;
  if (same && Object.entries(now).every(([key, value]) => old[key] === value)) return 'not labeled';
  return Object.keys(now).length < Object.keys(old).length ? 'unlabeled' : 'labeled';
}

/** The object with labels or annotations set and removed. @throws UserError when one would be overwritten. */
function withPairs(what: What, object: KubeObject, { set, remove }: Pairs, flags: LabelFlags, io: WriteIo): KubeObject {
  const field = fieldOf[what];
  const old = object.metadata[field] ?? {};
  if (!flags.overwrite) {
    const clashes = Object.entries(set)
      .filter(([key, value]) => old[key] !== undefined && old[key] !== value)
      .map(([key]) => `'${key}' already has a value (${old[key]})`);
    if (clashes.length > 0) {
      throw new UserError(
        what === 'label'
          ? `${clashes[0]}, and --overwrite is false`
          : `--overwrite is false but found the following declared annotation(s): ${clashes.join('; ')}`,
      );
    }
  }
  const now: Record<string, string> = { ...old, ...set };
  for (const key of remove) {
    if (what === 'label' && old[key] === undefined) io.write(`label ${JSON.stringify(key)} not found.\n`);
    delete now[key];
  }
  const { [field]: _, ...metadata } = object.metadata;
  const resourceVersion = flags['resource-version'];
  return {
    ...object,
    metadata: {
      ...metadata,
      ...(Object.keys(now).length > 0 && { [field]: now }),
      ...(resourceVersion && { resourceVersion }),
    },
  };
}
