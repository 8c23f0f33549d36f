/** Whose rules a dry run decides by: the running scheduler's own configuration, a file's, or upstream's defaults. */
import { readFileSync } from 'node:fs';
import { isForbidden, isNotFound } from '../apimachinery/index.ts';
import type { EncodedSchedulerConfig, SchedulerConfig, World, WorldObjects } from '../scheduler/index.ts';
import { exitCodes, UserError } from './exit-codes.ts';
import type { Session } from './session.ts';

export interface SchedulerSetup {
  readonly config: SchedulerConfig;
  /** `cluster`: as its scheduler works. `file`: given. `default`: upstream's, as nothing else is known. */
  readonly source: 'cluster' | 'file' | 'default';
  /** Profiles that it has: pods that name another one are not its. */
  readonly schedulers: readonly string[];
}

/** @throws UserError naming the file and what upstream's scheduler would say of it. */
export async function readSchedulerConfig(file: string): Promise<SchedulerConfig> {
  const { checkSchedulerConfig, loadSchedulerConfig, SchedulerConfigError } = await import('../scheduler/index.ts');
  try {
    const config = loadSchedulerConfig(readFileSync(file, 'utf8'));
    checkSchedulerConfig(config);
    return config;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new UserError(`the path "${file}" does not exist`, exitCodes.usage);
    if (!(error instanceof SchedulerConfigError) && code === undefined) throw error;
    throw new UserError(`${file}: ${message}`, exitCodes.usage);
  }
}

const setup = (config: SchedulerConfig, source: SchedulerSetup['source']): SchedulerSetup => ({
  config,
  source,
  schedulers: config.profiles.map(({ schedulerName }) => schedulerName),
});

/** Of a klab cluster its scheduler is asked; other clusters tell nobody theirs. @throws UserError about the file */
export async function schedulerSetup(session: Session, file?: string): Promise<SchedulerSetup> {
  if (file !== undefined) return setup(await readSchedulerConfig(file), 'file');
  const { decodeSchedulerConfig, schedulerConfig } = await import('../scheduler/index.ts');
  if (session.server) {
    try {
      const { config } = await session.client.raw('/klab/v1/scheduler/configuration', { signal: session.signal });
      if (config) return setup(decodeSchedulerConfig(config as EncodedSchedulerConfig), 'cluster');
    } catch (error) {
      if (!isNotFound(error) && !isForbidden(error)) throw error;
    }
  }
  return setup(schedulerConfig(), 'default');
}

/** A copy of a cluster that decides as `setup` says. @throws UserError when it has plugins that only its server has. */
export async function worldOf(objects: WorldObjects, { config }: SchedulerSetup): Promise<World> {
  const { SchedulerConfigError, World } = await import('../scheduler/index.ts');
  try {
    return new World(objects, { config });
  } catch (error) {
    if (!(error instanceof SchedulerConfigError)) throw error;
    throw new UserError(
      `this scheduler cannot be rehearsed here: ${error.message}; give a configuration with --config`,
    );
  }
}

/** A dry run whose extender does not answer decides nothing. @throws UserError in place of the extender's error */
export async function rehearsed<T>({ config }: SchedulerSetup, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (config.extenders.length === 0 || error instanceof RangeError || (error as Error).name === 'AbortError') {
      throw error;
    }
    throw new UserError(`no dry run without the scheduler's extender: ${(error as Error).message}`);
  }
}

/** Told beside answers that may be another scheduler's than the cluster's. */
export const byDefaults =
  "Decided by upstream's default configuration. If the scheduler of this cluster has another one: --config FILE";
