import type { Clock, Prng } from '../../base/index.ts';
import type { AdmissionPlugin, ObjectReader } from '../types.ts';
import {
  defaultIngressClass,
  defaultStorageClass,
  persistentVolumeClaimResize,
  storageObjectInUseProtection,
} from './defaults.ts';
import { limitRanger } from './limit-ranger.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { nodeRestriction } from './node-restriction.ts';
import { checkAdmissionPluginNames } from './plugin-names.ts';
import { defaultTolerationSeconds, podTopologyLabels, priority, runtimeClass, taintNodesByCondition } from './pods.ts';
import { type ResourceQuotaDeps, resourceQuota } from './resource-quota.ts';
import { serviceAccount } from './service-account.ts';

export interface PluginDeps {
  readonly reader: ObjectReader;
  readonly clock: Clock;
  readonly prng: Prng;
  /** Absent: quotas are checked, and what is used is counted by the controller alone. */
  readonly updateQuotaStatus?: ResourceQuotaDeps['updateQuotaStatus'];
  waitForCache(): Promise<void>;
}

/** Every plugin klab has, in the order upstream runs them (pkg/kubeapiserver/options/plugins.go). */
export function allPlugins(deps: PluginDeps): AdmissionPlugin[] {
  const { reader } = deps;
  return [
    namespaceLifecycle(deps),
    limitRanger(reader),
    serviceAccount(deps),
    nodeRestriction(reader),
    taintNodesByCondition(),
    priority(reader),
    defaultTolerationSeconds(),
    defaultStorageClass(reader),
    storageObjectInUseProtection(),
    persistentVolumeClaimResize(reader),
    runtimeClass(reader),
    defaultIngressClass(reader),
    podTopologyLabels(reader),
    resourceQuota(deps),
  ];
}

/**
 * The plugins to run.
 * @throws AdmissionOptionsError
 * @param enable `--enable-admission-plugins` @param disable `--disable-admission-plugins`
 */
export function selectPlugins(
  plugins: readonly AdmissionPlugin[],
  { enable = [], disable = [] }: { enable?: readonly string[]; disable?: readonly string[] } = {},
): AdmissionPlugin[] {
  checkAdmissionPluginNames({ enable, disable });
  return plugins.filter((plugin) => !disable.includes(plugin.name));
}
