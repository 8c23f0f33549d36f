/** `klab scale`, through the scale subresource. Upstream: kubectl/pkg/cmd/scale/scale.go, kubectl/pkg/scale. */
import { isConflict, type KubeObject } from '../../apimachinery/index.ts';
import { wallClock } from '../../base/index.ts';
import type { ResourceClient } from '../../client/index.ts';
import { exitCodes, UserError } from '../exit-codes.ts';
import { durationFlag } from '../flag-values.ts';
import type { Session, SessionRequest } from '../session.ts';
import { parseDryRun } from '../write/dry-run.ts';
import type { FileFlags, WriteFlags } from '../write/flags.ts';
import type { WriteIo } from '../write/io.ts';
import { eachLiveObject } from '../write/live-objects.ts';
import { readFileFlags } from '../write/read-files.ts';
import { ResultPrinter } from '../write/result-printer.ts';

export interface ScaleFlags extends WriteFlags, FileFlags, SessionRequest {
  readonly all?: boolean;
  readonly selector?: string;
  readonly replicas?: number;
  readonly 'current-replicas'?: number;
  readonly 'resource-version'?: string;
  /** How long to wait until as many replicas are there; 0 does not wait. */
  readonly timeout?: string;
}

type Scale = KubeObject & { spec?: { replicas?: number }; status?: { replicas?: number } };

const pollMs = 1000;

/** Rounds of a precondition that lost against another writer. */
const attempts = 10;

export async function scale(
  words: readonly string[],
  flags: ScaleFlags & { readonly replicas: number },
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<void> {
  const { replicas, 'current-replicas': expected = -1, 'resource-version': version = '' } = flags;
  if (replicas < 0)
    throw new UserError('The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0');
  if (expected < -1)
    throw new UserError('The --current-replicas must specify an integer of -1 or greater', exitCodes.usage);
  const timeoutMs = durationFlag('timeout', flags.timeout ?? '0');
  const dryRun = parseDryRun(flags['dry-run']);
  const printer = new ResultPrinter(flags, dryRun, io.write);
  const manifests = await readFileFlags(flags, 'scaled', io.signal);
  const opened = await session();
  const { signal } = opened;
  const request = { command: 'scale', words, manifests, selector: flags.selector, all: flags.all };
  const count = await eachLiveObject(opened, request, async ({ calls, name, object }) => {
    if (dryRun !== 'client') {
      const options = { dryRun: dryRun === 'server', signal };
      if (expected < 0 && version === '') {
        await calls.patch(name, 'merge', { spec: { replicas } }, { ...options, subresource: 'scale' });
      } else {
        for (let attempt = 1; ; attempt++) {
          const live: Scale = await calls.getSubresource(name, 'scale', { signal });
          const current = live.spec?.replicas ?? 0;
          if (expected >= 0 && current !== expected) {
            throw new UserError(`Expected replicas to be ${expected}, was ${current}`);
          }
          const has = live.metadata.resourceVersion;
          if (version !== '' && has !== version) {
            throw new UserError(`Expected resource version to be ${version}, was ${has}`);
          }
          try {
            await calls.updateSubresource(
              name,
              'scale',
              { ...live, spec: { ...live.spec, replicas } } as Scale,
              options,
            );
            break;
          } catch (error) {
            if (!isConflict(error) || attempt === attempts) throw error;
          }
        }
      }
    }
    if (timeoutMs > 0 && dryRun === 'none') await awaitReplicas(calls, name, replicas, timeoutMs, signal);
    printer.print(object, 'scaled');
  });
  if (count === 0) throw new UserError('no objects passed to scale');
}

/** Until status has caught up, or someone else has asked for another number. */
async function awaitReplicas(
  calls: ResourceClient,
  name: string,
  replicas: number,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const end = wallClock.monotonic() + timeoutMs;
  for (;;) {
    const { spec, status }: Scale = await calls.getSubresource(name, 'scale', { signal });
    if ((spec?.replicas ?? 0) !== replicas || (status?.replicas ?? 0) === replicas) return;
    if (wallClock.monotonic() + pollMs > end) {
      throw new UserError(`timed out waiting for ${JSON.stringify(name)} to be synced`, exitCodes.notInTime);
    }
    await wallClock.sleep(pollMs, signal);
  }
}
