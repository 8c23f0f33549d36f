/**
 * cli: what the commands share: base command, flags, printers, errors, exit codes, clusters' life. Commands parse flags,
 * make one call, print.
 */

export { default as chalk } from 'chalk';
export { humanDuration, parseDuration } from '../apimachinery/index.ts';
export { ApiCommand } from './api-command.ts';
export { type ApiResourcesRequest, apiResources, apiVersions, versionText } from './api-listing.ts';
export { filterDefaults as apiProxyDefaults } from './api-proxy/filter.ts';
export { planApiProxy, serveApiProxy } from './api-proxy/serve.ts';
export { setLastApplied, viewLastApplied } from './apply/last-applied.ts';
export { type ApplyFlags, checkApplyFlags, readForApply, runApply } from './apply/run.ts';
export { canI, whoAmI } from './auth/auth.ts';
export { reconcileRbac } from './auth/reconcile.ts';
export { BaseCommand, clusterName } from './base-command.ts';
export { autoscale } from './change/autoscale.ts';
export { decideCertificates } from './change/certificate.ts';
export { expose } from './change/expose.ts';
export { changeLabels } from './change/label.ts';
export { patchObjects } from './change/patch.ts';
export { replaceObjects } from './change/replace.ts';
export { scale } from './change/scale.ts';
export { type ClockAction, clock } from './clock.ts';
export {
  allClusters,
  bringUp,
  type ClusterStatus,
  clusterStatus,
  componentFlags,
  ensureServer,
  historyText,
  humanBytes,
  nameFlag,
  readComponentFlags,
  repeatableFlags,
  runInForeground,
  type ServerInfo,
  type StartRequest,
  takeDown,
} from './cluster.ts';
export { dumpCluster } from './cluster-dump.ts';
export { clusterInfo } from './cluster-info.ts';
export {
  type CniAttachRequest,
  type CniIo,
  type CniRequest,
  cniAdd,
  cniCheck,
  cniDel,
  cniGc,
  cniStatus,
  cniVersion,
} from './cni/cni.ts';
export { cniAttachFlags, cniAttachRequest, cniFlags, cniRequest } from './cni/flags.ts';
export { completionScript } from './completion/scripts.ts';
export {
  configDelete,
  configRenameContext,
  configSet,
  configSetCluster,
  configSetContext,
  configSetCredentials,
  configUnset,
  configUseContext,
} from './config/change.ts';
export { ConfigCommand } from './config/config-command.ts';
export { configCurrentContext, configGetContexts, configGetNames, configView } from './config/show.ts';
export {
  addNodes,
  type ComponentInfo,
  type ControlTarget,
  componentStates,
  componentSummary,
  listComponents,
  listNodes,
  type NodeInfo,
  nodeNames,
  pressNode,
  readPairs,
  readTaints,
  removeNode,
  showComponents,
  showNodes,
  switchComponent,
  switchNode,
} from './control.ts';
export { ControlCommand } from './control-command.ts';
export { configMap, dockerRegistrySecret, genericSecret, tlsSecret } from './create/config.ts';
export { CreateCommand, createFlags } from './create/create-command.ts';
export { createEditedFiles, createFiles } from './create/files.ts';
export { ingress } from './create/ingress.ts';
export { namespace, podDisruptionBudget, priorityClass, quota, serviceAccount } from './create/plain.ts';
export { clusterRole, clusterRoleBinding, role, roleBinding } from './create/rbac.ts';
export { service } from './create/service.ts';
export { createToken } from './create/token.ts';
export { cronJob, deployment, job } from './create/workloads.ts';
export { debug } from './debug/debug.ts';
export type { DebugFlags } from './debug/options.ts';
export { confirmed, type DeleteRequest, deleteObjects, readForDelete } from './delete.ts';
export { type DescribeRequest, describeResources } from './describe/describe.ts';
export { diffObjects } from './diff/diff.ts';
export { dnsQuery } from './dns/query.ts';
export { editLastApplied, editObjects } from './edit/edit.ts';
export { ManyErrors } from './errors.ts';
export {
  etcdAuthDisable,
  etcdAuthEnable,
  etcdAuthStatus,
  etcdGrantPermission,
  etcdRevokePermission,
  etcdRoleAdd,
  etcdRoleDelete,
  etcdRoleGet,
  etcdRoleList,
  etcdUserAdd,
  etcdUserDelete,
  etcdUserGet,
  etcdUserList,
  etcdUserPassword,
  etcdUserRole,
} from './etcd/accounts.ts';
export { etcdCompareAndDelete, etcdCompareAndSwap } from './etcd/compare.ts';
export { type EtcdFlags, etcdAddress, etcdFlags } from './etcd/connection.ts';
export { etcdAlarms, etcdDefragment, etcdHashKV, etcdHealth, etcdMoveLeader } from './etcd/endpoints.ts';
export { EtcdCommand, etcdOutput, keyRangeFlags, wholeClusterFlag } from './etcd/etcd-command.ts';
export { etcdGetAnyRevision } from './etcd/get-past.ts';
export { etcdChanges, etcdDiff, etcdHistory } from './etcd/history.ts';
export { EtcdHistoryCommand, valueFlags } from './etcd/history-command.ts';
export { readInput, readPassword, runProgram } from './etcd/input.ts';
export { type EtcdOutput, etcdCompact, etcdSort } from './etcd/keys.ts';
export {
  etcdLeaseGrant,
  etcdLeaseKeepAlive,
  etcdLeaseList,
  etcdLeaseRevoke,
  etcdLeaseTimeToLive,
} from './etcd/leases.ts';
export { etcdElect, etcdLock, etcdObserve } from './etcd/locks.ts';
export { etcdEnv, etcdMemberAdd, etcdMemberChange, etcdMembers, etcdStatus } from './etcd/members.ts';
export { OwnEtcdCommand } from './etcd/own-etcd-command.ts';
export { etcdPurge } from './etcd/purge.ts';
export { etcdDelete, etcdPut } from './etcd/puts.ts';
export { type RaftMember, type RaftState, raftLog, raftStatus } from './etcd/raft.ts';
export {
  type RaftAction,
  type RaftMessage,
  raftAct,
  raftMessages,
  readSides,
  renderMessages,
  says,
} from './etcd/raft-control.ts';
export { raftRun } from './etcd/raft-lab/index.ts';
export {
  printRaftNews,
  type RaftNews,
  type RaftView,
  type RaftViewWish,
  raftViews,
} from './etcd/raft-watch.ts';
export { etcdCheck, etcdSnapshotRestore, etcdSnapshotSave, etcdSnapshotStatus } from './etcd/snapshot.ts';
export { etcdTree } from './etcd/tree.ts';
export { etcdTxn } from './etcd/txn.ts';
export { etcdWatch } from './etcd/watch.ts';
export { type EventsRequest, printEvents } from './events/events.ts';
export { type ExitCode, exitCodes, UserError } from './exit-codes.ts';
export { type ExplainRequest, explain } from './explain.ts';
export { durationFlag } from './flag-values.ts';
export { getResources } from './get/get.ts';
export type { GetRequest, Output } from './get/plan.ts';
export { addImage, listImages, removeImage, showImage, showImages } from './images.ts';
export { type ImportRequest, type ImportSummary, importCluster } from './import.ts';
export { contextName, forgetContext, mergeContext } from './kubeconfig.ts';
export { printKustomization } from './kustomize/print.ts';
export {
  checkAllLabs,
  checkLab,
  checkLabAfresh,
  type LabIo,
  type LabTarget,
  listLabs,
  resetLab,
  showLab,
  startLab,
} from './lab/lab.ts';
export { LabCommand } from './lab/lab-command.ts';
export { type LogsRequest, printLogs } from './logs/logs.ts';
export { networkCheck } from './network/check.ts';
export { networkExplain } from './network/explain.ts';
export { policyRulesDiff } from './network/policy/diff.ts';
export { policyRulesScript } from './network/policy/rules.ts';
export { cordonNodes, drainNodes } from './nodes/drain.ts';
export { taintNodes } from './nodes/taint.ts';
export { Args, Flags } from './oclif.ts';
export { printData, renderTable } from './output.ts';
export { type ColumnDefinition, showTable, type TableOptions, type TableRow } from './printers/table.ts';
export { proxyApply, proxyCleanUp } from './proxy/apply.ts';
export { proxyRules } from './proxy/rules.ts';
export { proxyRulesDiff } from './proxy/rules-diff.ts';
export { kubeProxyFlags, proxyConfigurationOf } from './proxy/settings.ts';
export { proxyTrace } from './proxy/trace.ts';
export { readObjects } from './read-objects.ts';
export {
  type ResourceSelection,
  type ResourceTarget,
  type SelectionOptions,
  selectResources,
} from './resource-args.ts';
export { changeRollout } from './rollout/change.ts';
export { rolloutHistory, undoRollout } from './rollout/history.ts';
export { rolloutStatus } from './rollout/status.ts';
export { runPod } from './run/run.ts';
export { schedulerConfiguration, schedulerPlugins } from './scheduler-config.ts';
export { podName, schedulerExplain, schedulerQueue } from './scheduler-explain.ts';
export { schedulerSimulate } from './scheduler-simulate.ts';
export { decisionLine, printSchedulerNews, queueLine, type SchedulerNews, schedulerNews } from './scheduler-watch.ts';
export { schedulerWhatIf } from './scheduler-what-if.ts';
export { schedulerWhy } from './scheduler-why.ts';
export { configOf, openSession, Session, type SessionDeps, type SessionRequest, sessionFlags } from './session.ts';
export { setEnv } from './set/env.ts';
export { setImage } from './set/image.ts';
export { setResources, setSelector, setServiceAccount, setSubject } from './set/others.ts';
export { cpFiles } from './stream/cp.ts';
export { attachToPod, execInPod } from './stream/exec.ts';
export { openTarget } from './stream/open.ts';
export { forward } from './stream/port-forward.ts';
export { runInTestCluster } from './test-cluster.ts';
export { topNodes, topPods } from './top/top.ts';
export { type WaitRequest, waitFor } from './wait/wait.ts';
export { type PrintWatchOptions, printWatch } from './watch/print.ts';
export {
  type WatchChange,
  type WatchRequest,
  type WatchSubject,
  watchChanges,
  watchSubject,
} from './watch/watch-rows.ts';
export { dryRunFlag, fieldManagerFlag, fileFlags, printFlags, selectFlags, validateFlag } from './write/flags.ts';
export { checkRaw, sendRaw } from './write/raw.ts';
export { readFileFlags } from './write/read-files.ts';
export { exactlyOneName, requireFlags, usageError } from './write/usage.ts';
