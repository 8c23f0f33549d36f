/**
 * A configuration as kube-scheduler would write it, every default filled in. What means nothing here (clientConnection,
 * leaderElection, profiling) is left out, so that whoever reads it takes its own defaults.
 * Upstream: cmd/kube-scheduler/app/options/configfile.go LogOrWriteConfig (1.36).
 */
import { formatDuration } from '../../apimachinery/index.ts';
import type { ExtenderConfig } from '../extender/extender.ts';
import { pluginsWithArguments } from './defaults.ts';
import type { PluginSet, PluginSets, ProfileConfig, SchedulerConfig } from './types.ts';

const apiVersion = 'kubescheduler.config.k8s.io/v1';

function completeSet({ enabled, disabled }: PluginSet): object {
  const entries = (list: PluginSet['enabled']) => list.map(({ name, weight = 0 }) => ({ name, weight }));
  return {
    ...(enabled.length > 0 && { enabled: entries(enabled) }),
    ...(disabled.length > 0 && { disabled: entries(disabled) }),
  };
}

/** Upstream writes the arguments of plugins that are enabled anywhere. */
function isNeeded(name: string, plugins: PluginSets): boolean {
  return Object.values(plugins).some(({ enabled }) => enabled.some((entry) => entry.name === name));
}

function completeProfile({ schedulerName, plugins, args, percentageOfNodesToScore }: ProfileConfig): object {
  const configured = [...args].filter(([name]) => isNeeded(name, plugins)).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    schedulerName,
    ...(percentageOfNodesToScore !== undefined && { percentageOfNodesToScore }),
    plugins: Object.fromEntries(Object.entries(plugins).map(([point, set]) => [point, completeSet(set)])),
    pluginConfig: configured.map(([name, values]) => ({
      name,
      args: { ...(pluginsWithArguments.includes(name) && { apiVersion, kind: `${name}Args` }), ...values },
    })),
  };
}

function completeExtender({ httpTimeoutMs = 0, tls, ...extender }: ExtenderConfig): object {
  const base64 = (pem: string) => Buffer.from(pem).toString('base64');
  return {
    ...extender,
    httpTimeout: formatDuration(httpTimeoutMs),
    ...(tls && {
      tlsConfig: {
        insecure: tls.insecure === true,
        ...(tls.serverName && { serverName: tls.serverName }),
        ...(tls.ca && { caData: base64(tls.ca) }),
        ...(tls.cert && { certData: base64(tls.cert) }),
        ...(tls.key && { keyData: base64(tls.key) }),
      },
    }),
  };
}

/** KubeSchedulerConfiguration v1. Of extenders' files it has what is in them. */
export function completeSchedulerConfig(config: SchedulerConfig): object {
  const { parallelism, percentageOfNodesToScore, podInitialBackoffSeconds, podMaxBackoffSeconds } = config;
  return {
    apiVersion,
    kind: 'KubeSchedulerConfiguration',
    parallelism,
    percentageOfNodesToScore,
    podInitialBackoffSeconds,
    podMaxBackoffSeconds,
    profiles: config.profiles.map(completeProfile),
    ...(config.extenders.length > 0 && { extenders: config.extenders.map(completeExtender) }),
  };
}
