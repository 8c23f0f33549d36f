import type { ProfileConfig, SchedulerConfig } from '../config/types.ts';

/** What extenders look after themselves, NodeResourcesFit need not. */
export function withManagedResources(profile: ProfileConfig, { extenders }: SchedulerConfig): ProfileConfig {
  const ignored = extenders.flatMap(({ managedResources = [] }) =>
    managedResources.filter(({ ignoredByScheduler }) => ignoredByScheduler).map(({ name }) => name),
  );
  if (ignored.length === 0) return profile;
  const fit = profile.args.get('NodeResourcesFit') ?? {};
  const ignoredResources = [...((fit['ignoredResources'] as string[] | undefined) ?? []), ...ignored];
  return { ...profile, args: new Map(profile.args).set('NodeResourcesFit', { ...fit, ignoredResources }) };
}
