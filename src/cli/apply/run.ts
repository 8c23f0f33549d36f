/** The whole of `klab apply`: read, apply, prune, print, wait. */
import type { KubeObject } from '../../apimachinery/index.ts';
import { exitCodes, UserError } from '../exit-codes.ts';
import { durationFlag } from '../flag-values.ts';
import type { Manifest } from '../manifests/manifest.ts';
import { readManifests } from '../manifests/read.ts';
import { printData } from '../output.ts';
import type { Session } from '../session.ts';
import { type Applied, applyManifests } from './apply.ts';
import { clientSideManager } from './client-side.ts';
import { ApplyProgress, stderrTerminal, WaitProgress } from './progress.ts';
import { checkPruneFlags, prune } from './prune.ts';
import { targetName } from './target.ts';
import { awaitReady } from './wait.ts';

export interface ApplyFlags {
  readonly filename?: readonly string[];
  readonly recursive: boolean;
  readonly kustomize?: string;
  readonly 'server-side': boolean;
  readonly 'force-conflicts': boolean;
  readonly 'field-manager'?: string;
  readonly 'dry-run': string;
  readonly validate: string;
  readonly selector?: string;
  readonly prune: boolean;
  readonly all: boolean;
  readonly 'prune-allowlist'?: readonly string[];
  readonly wait: boolean;
  readonly timeout: string;
  readonly output?: string;
}

export interface ApplyIo {
  readonly print: (text: string) => void;
  readonly say: (text: string) => void;
}

/** The manager of server-side apply; client-side apply writes under kubectl's own name. */
const applyManager = 'klab';

const validations: Readonly<Record<string, 'Strict' | 'Warn' | 'Ignore'>> = {
  true: 'Strict',
  strict: 'Strict',
  warn: 'Warn',
  false: 'Ignore',
  ignore: 'Ignore',
};

/** Everything wrong with the flags is said before a cluster is booted. @throws UserError with exit code 2. */
export function checkApplyFlags(flags: ApplyFlags): void {
  const usage = (text: string) => new UserError(text, exitCodes.usage);
  if (!flags.filename?.length && !flags.kustomize) throw usage('must specify one of -f and -k');
  if (flags.filename?.length && flags.kustomize) throw usage('only one of -f or -k can be specified');
  if (!Object.hasOwn(validations, flags.validate)) {
    throw usage(
      `invalid value "${flags.validate}" for --validate: must be strict (or true), warn or ignore (or false)`,
    );
  }
  if (flags['server-side'] && flags['dry-run'] === 'client') {
    throw usage("--dry-run=client doesn't work with --server-side (did you mean --dry-run=server instead?)");
  }
  if (!flags['server-side'] && flags['force-conflicts']) throw usage('--force-conflicts only works with --server-side');
  if (flags.wait && flags['dry-run'] !== 'none') throw usage('--wait cannot be used with --dry-run');
  checkPruneFlags(flags);
  durationFlag('timeout', flags.timeout);
}

/** Reads what is to be applied; done before a cluster is booted, so that a mistake in a file costs nothing. */
export async function readForApply(flags: ApplyFlags, signal?: AbortSignal): Promise<Manifest[]> {
  if (flags.kustomize !== undefined) {
    const { buildKustomization } = await import('../kustomize/build.ts');
    return buildKustomization(flags.kustomize, { signal });
  }
  return readManifests(flags.filename!, { recursive: flags.recursive, signal, verb: 'applied' });
}

/** @throws UserError when anything failed (1), was interrupted (130) or did not become ready in time (3). */
export async function runApply(
  session: Session,
  manifests: readonly Manifest[],
  flags: ApplyFlags,
  io: ApplyIo,
): Promise<void> {
  const serverSide = flags['server-side'];
  const dryRun = flags['dry-run'] as 'none' | 'client' | 'server';
  const fieldManager = flags['field-manager'] ?? (serverSide ? applyManager : clientSideManager);
  const terminal = stderrTerminal();
  const counter = new ApplyProgress(terminal);
  const suffix = dryRun === 'client' ? ' (dry run)' : dryRun === 'server' ? ' (server dry run)' : '';
  const printed: Readonly<KubeObject>[] = [];
  const tell = (text: string) => {
    counter.clear();
    io.print(text);
  };
  const warned = new Set<string>();
  const result = await applyManifests(
    session,
    manifests,
    {
      serverSide,
      forceConflicts: flags['force-conflicts'],
      fieldManager,
      dryRun,
      fieldValidation: validations[flags.validate]!,
      selector: flags.selector,
    },
    {
      applied: ({ target, outcome, object }: Applied) => {
        const name = targetName(target.resource, target.name);
        if (flags.output === 'name') tell(name);
        else if (flags.output) printed.push(object);
        else tell(`${name} ${outcome}${suffix}`);
      },
      failed: (text) => {
        counter.clear();
        io.say(text);
      },
      warn: (text) => {
        if (warned.has(text)) return;
        warned.add(text);
        counter.clear();
        io.say(`Warning: ${text}`);
      },
      progress: (done, total) => counter.update(done, total),
    },
  ).finally(() => counter.clear());

  if (flags.output && flags.output !== 'name' && printed.length > 0) {
    const data = printed.length === 1 ? printed[0] : { apiVersion: 'v1', kind: 'List', metadata: {}, items: printed };
    io.print(printData(data, flags.output as 'json' | 'yaml'));
  }
  if (result.failed > 0) {
    const rest =
      result.applied.length === 0 ? 'nothing was' : `${result.applied.length} of ${result.total} objects were`;
    throw new UserError(`${rest} applied, ${result.failed} failed${flags.prune ? '; nothing was pruned' : ''}`);
  }
  if (flags.prune) {
    const options = { serverSide, fieldManager, dryRun, selector: flags.selector, allowlist: flags['prune-allowlist'] };
    await prune(session, result.applied, options, (name) => tell(`${name} pruned${suffix}`));
  }
  if (flags.wait) {
    const view = new WaitProgress(terminal);
    await awaitReady(session, result.applied, {
      timeoutMs: durationFlag('timeout', flags.timeout),
      onChange: (items, changed) => view.update(items, changed),
    }).finally(() => view.clear());
  }
}
