/** `klab scheduler plugins|config`: what the running scheduler is made of. */
import { UserError } from './exit-codes.ts';
import { printData, renderTable } from './output.ts';
import { schedulerSetup } from './scheduler-setup.ts';
import type { Session } from './session.ts';

interface PluginState {
  readonly name: string;
  readonly points: readonly string[];
  readonly weight?: number;
  readonly args: Readonly<Record<string, unknown>>;
}

interface SchedulerState {
  readonly running: boolean;
  readonly profiles: readonly { readonly schedulerName: string; readonly plugins: readonly PluginState[] }[];
}

async function stateOf(session: Session): Promise<SchedulerState> {
  const state: SchedulerState = await session.client.raw('/klab/v1/scheduler/config', { signal: session.signal });
  if (!state.running) throw new UserError('the scheduler does not run');
  return state;
}

export async function schedulerPlugins(session: Session, output: string | undefined): Promise<string> {
  const { profiles } = await stateOf(session);
  if (output === 'json' || output === 'yaml')
    return printData({ kind: 'SchedulerPluginList', items: profiles }, output);
  return profiles
    .map(({ schedulerName, plugins }) => {
      const rows = plugins.map(({ name, points, weight }) => [
        name,
        weight === undefined ? '-' : String(weight),
        points.map((point) => point[0]!.toUpperCase() + point.slice(1)).join(','),
      ]);
      return `${schedulerName}\n${renderTable(['PLUGIN', 'WEIGHT', 'EXTENSION POINTS'], rows)}`;
    })
    .join('\n\n');
}

/**
 * KubeSchedulerConfiguration v1, defaults filled in: of the running scheduler, or of a file. What a name of old became
 * stands above it, as comments or, beside JSON, as talk.
 * @throws UserError about the file
 */
export async function schedulerConfiguration(
  session: Session,
  { file, output, say }: { readonly file?: string; readonly output?: string; readonly say: (text: string) => void },
): Promise<string> {
  if (file === undefined) await stateOf(session);
  const { config } = await schedulerSetup(session, file);
  const { completeSchedulerConfig } = await import('../scheduler/index.ts');
  const complete = completeSchedulerConfig(config);
  if (output === 'json') {
    for (const note of config.notes) say(note);
    return printData(complete, 'json');
  }
  return [...config.notes.map((note) => `# ${note}`), printData(complete, 'yaml')].join('\n');
}
