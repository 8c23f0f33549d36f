/** A configuration as data: what a server tells of its scheduler, so that dry runs elsewhere decide as it does. */
import type { ExtenderConfig } from '../extender/extender.ts';
import type { PluginArgs, ProfileConfig, SchedulerConfig } from './types.ts';

type EncodedProfile = Omit<ProfileConfig, 'args'> & { readonly args: Readonly<Record<string, PluginArgs>> };

/** Every default filled in; without the private keys by which extenders know this scheduler. */
export interface EncodedSchedulerConfig extends Omit<SchedulerConfig, 'profiles'> {
  readonly profiles: readonly EncodedProfile[];
}

function withoutKeys({ tls, ...extender }: ExtenderConfig): ExtenderConfig {
  if (!tls) return extender;
  const { key: _, cert: __, ...rest } = tls;
  return { ...extender, tls: rest };
}

export function encodeSchedulerConfig(config: SchedulerConfig): EncodedSchedulerConfig {
  return {
    ...config,
    extenders: config.extenders.map(withoutKeys),
    profiles: config.profiles.map(({ args, ...profile }) => ({ ...profile, args: Object.fromEntries(args) })),
  };
}

/** The inverse, of an encoding that has been JSON. */
export function decodeSchedulerConfig(encoded: EncodedSchedulerConfig): SchedulerConfig {
  return {
    ...encoded,
    profiles: encoded.profiles.map(({ args, ...profile }) => ({ ...profile, args: new Map(Object.entries(args)) })),
  };
}
