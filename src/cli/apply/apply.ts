/**
 * `klab apply`: everything is read first, then sent in the order of what needs what, many at a time. Server-side apply as
 * manager `klab`, or kubectl's client-side apply. Upstream: kubectl/pkg/cmd/apply/apply.go.
 */
import { type KubeObject, parseLabelSelector, type Selector } from '../../apimachinery/index.ts';
import { UserError } from '../exit-codes.ts';
import { inOrder } from '../in-order.ts';
import type { Manifest } from '../manifests/manifest.ts';
import { inRanks } from '../manifests/order.ts';
import type { Session } from '../session.ts';
import { applyClientSide } from './client-side.ts';
import { describeFailure } from './failure.ts';
import { awaitCustomResources, awaitServiceAccounts } from './prerequisites.ts';
import { type Target, targetOf } from './target.ts';

/** Requests under way at once: enough to fill a server's group commit, few enough for any server's flow control. */
const parallel = 32;

export type Outcome = 'serverside-applied' | 'created' | 'configured' | 'unchanged';

export interface Applied {
  readonly target: Target;
  readonly outcome: Outcome;
  /** The server's answer. */
  readonly object: Readonly<KubeObject>;
}

export interface ApplyOptions {
  readonly serverSide: boolean;
  readonly forceConflicts: boolean;
  readonly fieldManager: string;
  readonly dryRun: 'none' | 'client' | 'server';
  readonly fieldValidation: 'Strict' | 'Warn' | 'Ignore';
  /** Only objects whose labels match. */
  readonly selector?: string;
}

export interface ApplyReporter {
  applied(result: Applied): void;
  failed(text: string): void;
  warn(text: string): void;
  /** Objects finished, with or without success. */
  progress(done: number, total: number): void;
}

export interface ApplyResult {
  readonly applied: readonly Applied[];
  readonly failed: number;
  readonly total: number;
}

/**
 * Applies all manifests; a failure of one does not stop the others. An interrupt stops between objects and throws the
 * signal's reason after telling how far it came.
 * @throws UserError when there is nothing to apply.
 */
export async function applyManifests(
  session: Session,
  all: readonly Manifest[],
  options: ApplyOptions,
  reporter: ApplyReporter,
): Promise<ApplyResult> {
  const selector = options.selector ? parseLabelSelector(options.selector) : undefined;
  const manifests = selector ? all.filter((manifest) => matches(selector, manifest.object)) : all;
  if (manifests.length === 0) throw new UserError('no objects passed to apply');
  const total = manifests.length;
  const { signal } = session;
  const applied: Applied[] = [];
  let failed = 0;
  // Requests that are out are waited for even then: what is said of each object is true.
  const one = async (manifest: Manifest): Promise<Applied | { readonly failure: string }> => {
    try {
      return await applyOne(session, manifest, options, reporter);
    } catch (error) {
      return { failure: describeFailure(manifest, error) };
    }
  };
  for (const rank of inRanks(manifests, ({ object }) => object.kind)) {
    const before = applied.length;
    await inOrder(rank, { limit: parallel, key: identity, signal }, one, (result) => {
      if ('failure' in result) {
        failed++;
        reporter.failed(result.failure);
      } else {
        applied.push(result);
        reporter.applied(result);
      }
      reporter.progress(applied.length + failed, total);
    });
    if (signal?.aborted) break;
    if (options.dryRun === 'none') await prepareNextRank(session, applied.slice(before), manifests);
  }
  if (signal?.aborted) {
    throw new UserError(
      `interrupted: ${applied.length} of ${total} objects were applied, the others are as they were; apply again to go on`,
      130,
    );
  }
  return { applied, failed, total };
}

async function prepareNextRank(session: Session, applied: readonly Applied[], all: readonly Manifest[]): Promise<void> {
  await awaitCustomResources(
    session,
    applied.filter(({ object }) => object.kind === 'CustomResourceDefinition').map(({ object }) => object),
  );
  const pods = new Set(
    all.filter(({ object }) => object.kind === 'Pod').map(({ object }) => object.metadata.namespace),
  );
  const namespaces = applied.filter(({ object }) => object.kind === 'Namespace').map(({ target }) => target.name);
  await awaitServiceAccounts(
    session,
    namespaces.filter((name) => pods.has(name)),
  );
}

async function applyOne(
  session: Session,
  manifest: Manifest,
  options: ApplyOptions,
  reporter: ApplyReporter,
): Promise<Applied> {
  const target = await targetOf(session, manifest);
  const { object, resource, namespace, name } = target;
  if (name === '') {
    const { generateName } = object.metadata;
    throw new UserError(
      generateName ? `from ${generateName}: cannot use generate name with apply` : 'resource name may not be empty',
    );
  }
  if (manifest.duplicates.length > 0) {
    const text = manifest.duplicates.join(', ');
    if (options.fieldValidation === 'Strict') throw duplicateError(target, text);
    if (options.fieldValidation === 'Warn') reporter.warn(text);
  }
  const { fieldManager, fieldValidation, dryRun } = options;
  if (!options.serverSide) {
    const result = await applyClientSide(session.client, target, {
      fieldManager,
      fieldValidation,
      dryRun,
      onWarning: (text) => reporter.warn(text),
    });
    return { target, ...result };
  }
  const calls = session.client.resource(resource).namespace(namespace);
  const answer = await calls.apply(object, {
    fieldManager,
    fieldValidation,
    force: options.forceConflicts,
    dryRun: dryRun === 'server',
    handOver: true,
  });
  return { target, outcome: 'serverside-applied', object: answer };
}

/** Reading drops what is written twice, so the server cannot see it; the words are the server's. */
function duplicateError({ object }: Target, text: string): UserError {
  const version = object.apiVersion.split('/').at(-1)!;
  return new UserError(
    `${object.kind} in version "${version}" cannot be handled as a ${object.kind}: strict decoding error: ${text}`,
  );
}

function identity({ object }: Manifest): string {
  const { namespace = '', name = '' } = object.metadata;
  return `${object.apiVersion} ${object.kind} ${namespace} ${name}`;
}

function matches(selector: Selector, object: Readonly<KubeObject>): boolean {
  return selector.matches(object.metadata.labels ?? {});
}
