/**
 * proxy: kube-proxy as a glass box: from Services and EndpointSlices to the rules a real node would have. Pure functions;
 * upstream counterpart: pkg/proxy (1.36).
 */

export { type DumpKind, dumpFamilies, dumpKind, expectedRules, modesOf, readDump } from './compare/compare.ts';
export { mentions } from './compare/mentions.ts';
export { nftTableRuleSet } from './compare/nft-table.ts';
export { compareRuleSets, type Difference, DumpError, type RuleSet } from './compare/rule-set.ts';
export { type ProxyConfig, type ResolvedProxyConfig, resolveConfig } from './config.ts';
export type { KubeProxyConfiguration } from './configuration/defaults.ts';
export {
  ProxyConfigError,
  type ProxySettings,
  proxySettings,
  rangeOfFamily,
  readProxyConfiguration,
} from './configuration/load.ts';
export { annotatedScript, type ExplainedLine, explainScript } from './explain/script.ts';
export { type HealthAnswer, type HealthCheck, healthCheckOf, serviceHealthAnswer } from './health/answers.ts';
export { healthzPort, ProxyHealth } from './health/proxy-health.ts';
export { clusterPolicyChain, endpointChain, externalChain, firewallChain, localPolicyChain } from './iptables/names.ts';
export { type IptablesRules, iptablesRules } from './iptables/rules.ts';
export { restoreInput } from './iptables/script.ts';
export { type IpvsRules, ipvsRules } from './ipvs/rules.ts';
export { ipsetRestoreInput, ipvsadmRestoreInput } from './ipvs/script.ts';
export { cleanUp } from './kernel/cleanup.ts';
export { type Flow, readFlows, staleFlows } from './kernel/conntrack.ts';
export { type Door, HealthDoors, healthAddresses, openDoor } from './kernel/health-doors.ts';
export { type KernelHost, kernelHost, loaderOf, programsOf } from './kernel/host.ts';
export { NodeProxy, type NodeProxyOptions, type SyncReport } from './kernel/node-proxy.ts';
export { ProxyError, type ProxyErrorCode } from './kernel/proxy-error.ts';
export type { LocalDetector } from './local-traffic.ts';
export { nodeView, type ProxyInput, type ProxyMode, proxyModes, proxyScript, type RuleMode } from './modes.ts';
export { type NftRules, nftablesRules } from './nftables/rules.ts';
export { nftCommands } from './nftables/script.ts';
export { type Endpoint, type NodeView, type ServicePort, servicePorts } from './service-ports.ts';
export { IptablesSync, nftChainsPerCommit, readSave } from './sync/iptables-sync.ts';
export { IpvsSync } from './sync/ipvs-sync.ts';
export { NftablesSync } from './sync/nftables-sync.ts';
export { type ServiceChanges, ServiceTracker } from './sync/service-tracker.ts';
export { bytesWritten, type LoadProgram, type LoadStep, type RuleTransaction } from './sync/transaction.ts';
export { categorizeEndpoints, type TopologyMode, trafficChoice } from './topology.ts';
export { type Diagnosis, diagnoseService } from './trace/diagnose.ts';
export { parseRuleDump, type RuleDump } from './trace/engines.ts';
export type { EndpointFate, TrafficKind } from './trace/fates.ts';
export type { Origin, PathEnd, PathStep, Place } from './trace/path.ts';
export {
  type ConntrackEntry,
  type Outcome,
  type Trace,
  type TraceConfig,
  type TracedConnection,
  type TraceInput,
  Tracer,
  traceModes,
} from './trace/trace.ts';
