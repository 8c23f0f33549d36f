/**
 * net: pure functions and data about networks: addresses, CIDRs, allocation, packet rules. No sockets.
 */
export {
  type Cidr,
  canonicalIp,
  cidrContains,
  cidrSize,
  familyOf,
  familyOfCidr,
  formatCidr,
  type IpFamily,
  ipToNumber,
  isIp,
  joinHostPort,
  numberToIp,
  parseCidr,
} from './addresses.ts';
export type { PluginRun } from './cni/answer.ts';
export { attachmentFile, decodeAttachment, encodeAttachment, type RememberedAttachment } from './cni/attachment.ts';
export { CniError, type CniErrorDetail, type CniFailure, codeMeaning } from './cni/cni-error.ts';
export {
  type JsonObject,
  type NetworkConfig,
  type PluginConfig,
  parseNetworkConfig,
  parsePluginConfig,
} from './cni/config.ts';
export { type HostPort, type HostPortPod, type HostPortRules, hostPortRules } from './cni/host-ports.ts';
export { parseArgs } from './cni/names.ts';
export {
  type Attachment,
  type CniCommand,
  checkAttachment,
  type PluginRequest,
  type ValidAttachment,
} from './cni/request.ts';
export { addressesOf, type CniResult, readResult, resultAs } from './cni/result.ts';
export { type AttachmentStore, type CniEvent, CniRuntime, type GcReport, type PluginRunner } from './cni/runtime.ts';
export { storyOf, summaryOf } from './cni/story.ts';
export { DumpError, type DumpKind, dumpKind } from './dump/dump-error.ts';
export { parseIptablesSave, type SavedRule, type SavedTable } from './dump/iptables-save.ts';
export {
  type ListedChain,
  type ListedElement,
  type ListedRule,
  type ListedSet,
  type ListedTable,
  type NftFamily,
  parseNftRuleset,
} from './dump/nft-ruleset.ts';
export {
  cookieOf,
  type IngressAnswer,
  type IngressCertificate,
  type IngressProblem,
  type IngressRequest,
  type IngressRoute,
  IngressTable,
  type IngressTarget,
} from './ingress.ts';
export type { IngressAffinity, IngressOptions } from './ingress-options.ts';
export { type AllocationError, IpAllocator, subnet } from './ipam.ts';
export {
  type DirectionVerdict,
  explainVerdict,
  networkPolicyVerdict,
  type PolicyConnection,
  type PolicyDirection,
  type PolicyEnd,
  type PolicySource,
  type PolicyVerdict,
  policyDirections,
} from './network-policy.ts';
export { comment, type Jump, quoteToken, type Rule, type RuleTable, ruleText, tableText } from './packet-rules.ts';

export {
  type BackendFigures,
  compareBackends,
  endIp,
  endWord,
  fixedBytes,
  frameBytes,
  type Header,
  type Hop,
  headerSize,
  type InnerProtocol,
  lookupRoute,
  type NodeNetwork,
  nodeNetworkText,
  nodeScript,
  type PodNetBackend,
  PodNetError,
  type PodNetNode,
  type PodNetPod,
  type PodNetSettings,
  type PodNetwork,
  packetWay,
  parseNetConf,
  planPodNetwork,
  podNetBackends,
  routeText,
  type Way,
  type WayEnd,
  type WayRequest,
} from './podnet/index.ts';

export { policyRules } from './policy-rules/generate.ts';
export type { PolicyPod, PolicyTable, PolicyWorld } from './policy-rules/model.ts';
export { policyLines, policyScript, policyUpdate } from './policy-rules/script.ts';

export {
  asksClusterDns,
  ndotsOf,
  podResolver,
  type Resolver,
  type ResolverCluster,
  type ResolverPod,
  searchPath,
} from './resolver.ts';
export {
  type Branch,
  type Step,
  startBranch,
  stepsOf,
  type TracedPacket,
  TraceError,
  type TraceProtocol,
  unknownInterface,
  withStep,
} from './trace/branch.ts';
export { IptablesWalk } from './trace/iptables-walk.ts';
export { type NftTable, NftWalk } from './trace/nft-walk.ts';
