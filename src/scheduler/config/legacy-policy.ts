/** A Policy file of before 1.23 as a configuration of today, with what became of each name. */
import { legacyNote, legacyPredicates, legacyPriorities, mandatoryPredicates } from './legacy.ts';
import { SchedulerConfigError } from './types.ts';

type Raw = Readonly<Record<string, any>>;

/** @throws SchedulerConfigError for names that never were. */
export function policyToConfiguration(policy: Raw): { configuration: Raw; notes: string[] } {
  const problems: string[] = [];
  const notes: string[] = [];
  const filters = new Set<string>();
  const scores = new Map<string, number>();
  const pluginConfig: { name: string; args: unknown }[] = [];
  const predicates = policy['predicates'] as { name: string }[] | undefined;
  const priorities = policy['priorities'] as { name: string; weight?: number }[] | undefined;
  for (const name of [...mandatoryPredicates, ...(predicates ?? []).map((entry) => entry.name)]) {
    const now = legacyPredicates[name];
    if (!now) {
      problems.push(`unable to find predicate plugin for predicate ${JSON.stringify(name)}`);
      continue;
    }
    for (const plugin of now) filters.add(plugin);
    notes.push(`predicate ${legacyNote(name, now)}`);
  }
  for (const { name, weight = 1 } of priorities ?? []) {
    const now = legacyPriorities[name];
    if (!now) {
      problems.push(`unable to find priority plugin for priority ${JSON.stringify(name)}`);
      continue;
    }
    notes.push(`priority ${legacyNote(name, now.plugin ? [now.plugin] : [])}`);
    if (!now.plugin) continue;
    scores.set(now.plugin, (scores.get(now.plugin) ?? 0) + weight);
    if (now.args) pluginConfig.push({ name: now.plugin, args: now.args });
  }
  if (problems.length > 0) throw new SchedulerConfigError(problems);
  const only = (entries: readonly { name: string; weight?: number }[]) => ({
    disabled: [{ name: '*' }],
    enabled: entries,
  });
  const filterSet = only([...filters].map((name) => ({ name })));
  const scoreSet = only([...scores].map(([name, weight]) => ({ name, weight })));
  const configuration = {
    apiVersion: 'kubescheduler.config.k8s.io/v1',
    kind: 'KubeSchedulerConfiguration',
    profiles: [
      {
        schedulerName: 'default-scheduler',
        plugins: {
          // A list left out is the default; one that is there is all there is.
          ...(predicates && { filter: filterSet }),
          ...(priorities && { score: scoreSet }),
        },
        pluginConfig: pluginConfig.filter(
          ({ name }, i) => pluginConfig.findIndex((other) => other.name === name) === i,
        ),
      },
    ],
    extenders: policy['extenders'],
  };
  return { configuration, notes };
}
