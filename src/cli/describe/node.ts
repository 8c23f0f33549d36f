import type { Lease, Node, Pod } from '../../api/index.ts';
import { canonicalQuantity, compareBytes, milliValueOf, wholeValueOf } from '../../apimachinery/index.ts';
import type { DescribeContext } from './context.ts';
import { describeEvents } from './events.ts';
import { type Amounts, plus, podAmounts, sortedNames } from './resources.ts';
import { type DescribeWriter, timeText } from './writer.ts';

const rolePrefix = 'node-role.kubernetes.io/';

export async function describeNode(w: DescribeWriter, node: Readonly<Node>, context: DescribeContext): Promise<void> {
  const { metadata, spec, status } = node;
  const name = metadata.name ?? '';
  const running = `spec.nodeName=${name},status.phase!=Succeeded,status.phase!=Failed`;
  const [pods, lease, byUid, byName] = await Promise.all([
    context.list<Pod>('pods', '', { fieldSelector: running }),
    context.get<Lease>('leases.coordination.k8s.io', 'kube-node-lease', name),
    // Controllers name the node by its uid, the kubelet by its name.
    context.events(node),
    context.events(node, name),
  ]);
  w.line(0, 'Name:', name);
  w.line(0, 'Roles:', rolesOf(metadata.labels).join(',') || '<none>');
  w.labels('Labels', metadata.labels);
  w.annotations('Annotations', metadata.annotations);
  w.line(0, 'CreationTimestamp:', timeText(metadata.creationTimestamp));
  const taints = (spec?.taints ?? []).map(({ key, value, effect }) => ({
    order: `${effect},${key}`,
    text: `${key}${value ? `=${value}` : ''}${effect ? `:${effect}` : ''}`,
  }));
  w.multiline(
    'Taints',
    taints.sort((a, b) => compareBytes(a.order, b.order)).map(({ text }) => text),
  );
  w.line(0, 'Unschedulable:', spec?.unschedulable ?? false);
  describeLease(w, lease, name);
  if (status?.conditions?.length) {
    w.raw('Conditions:\n  Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage\n');
    w.line(1, '----', '------', '-----------------', '------------------', '------', '-------');
    for (const { type, status: value, lastHeartbeatTime, lastTransitionTime, reason, message } of status.conditions) {
      const times = [`${timeText(lastHeartbeatTime)} `, `${timeText(lastTransitionTime)} `];
      w.line(1, `${type} `, `${value} `, ...times, `${reason ?? ''} `, message);
    }
  }
  w.line(0, 'Addresses:');
  for (const { type, address } of status?.addresses ?? []) w.line(1, `${type}:`, address);
  for (const [title, amounts] of [
    ['Capacity', status?.capacity],
    ['Allocatable', status?.allocatable],
  ] as const) {
    const names = sortedNames(amounts);
    if (names.length > 0) w.line(0, `${title}:`);
    for (const resource of names) w.line(1, `${resource}:`, canonicalQuantity(amounts![resource]!));
  }
  describeSystem(w, node);
  if (pods) describeNodeResources(w, pods, node);
  else w.line(0, 'Pods:', 'not authorized');
  describeEvents(w, byUid && [...byUid, ...(byName ?? [])]);
}

function rolesOf(labels: Readonly<Record<string, string>> = {}): string[] {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(labels)) {
    if (key.startsWith(rolePrefix) && key.length > rolePrefix.length) roles.add(key.slice(rolePrefix.length));
    else if (key === 'kubernetes.io/role' && value) roles.add(value);
  }
  return [...roles].sort();
}

function describeLease(w: DescribeWriter, lease: Readonly<Lease> | undefined, name: string): void {
  if (!lease) {
    w.line(0, 'Lease:', `Failed to get lease: leases.coordination.k8s.io ${JSON.stringify(name)} not found`);
    return;
  }
  const { holderIdentity, acquireTime, renewTime } = lease.spec ?? {};
  w.line(0, 'Lease:');
  w.line(1, 'HolderIdentity:', holderIdentity ?? '<unset>');
  w.line(1, 'AcquireTime:', acquireTime ? timeText(acquireTime) : '<unset>');
  w.line(1, 'RenewTime:', renewTime ? timeText(renewTime) : '<unset>');
}

function describeSystem(w: DescribeWriter, { spec, status }: Readonly<Node>): void {
  const system = status?.nodeInfo;
  w.line(0, 'System Info:');
  w.line(1, 'Machine ID:', system?.machineID);
  w.line(1, 'System UUID:', system?.systemUUID);
  w.line(1, 'Boot ID:', system?.bootID);
  w.line(1, 'Kernel Version:', system?.kernelVersion);
  w.line(1, 'OS Image:', system?.osImage);
  w.line(1, 'Operating System:', system?.operatingSystem);
  w.line(1, 'Architecture:', system?.architecture);
  w.line(1, 'Container Runtime Version:', system?.containerRuntimeVersion);
  w.line(1, 'Kubelet Version:', system?.kubeletVersion);
  if (spec?.podCIDR) w.line(0, 'PodCIDR:', spec.podCIDR);
  if (spec?.podCIDRs?.length) w.line(0, 'PodCIDRs:', spec.podCIDRs.join(','));
  if (spec?.providerID) w.line(0, 'ProviderID:', spec.providerID);
}

const standard = new Set(['cpu', 'memory', 'ephemeral-storage', 'pods']);

function describeNodeResources(w: DescribeWriter, pods: readonly Pod[], node: Readonly<Node>): void {
  const { capacity = {}, allocatable } = node.status ?? {};
  const available: Amounts = Object.keys(allocatable ?? {}).length > 0 ? allocatable! : capacity;
  w.line(0, 'Non-terminated Pods:', `(${pods.length} in total)`);
  w.line(1, 'Namespace', 'Name', '', 'CPU Requests', 'CPU Limits', 'Memory Requests', 'Memory Limits', 'Age');
  w.line(1, '---------', '----', '', '------------', '----------', '---------------', '-------------', '---');
  let requests: Record<string, string> = {};
  let limits: Record<string, string> = {};
  const share = (name: string, amounts: Amounts) =>
    `${amounts[name] ?? '0'} (${percent(name, amounts[name], available[name])}%)`;
  for (const pod of pods) {
    const wanted = podAmounts(pod, 'requests');
    const most = podAmounts(pod, 'limits');
    requests = plus(requests, wanted);
    limits = plus(limits, most);
    const cells = [share('cpu', wanted), share('cpu', most), share('memory', wanted), share('memory', most)];
    const { namespace, name, creationTimestamp } = pod.metadata;
    w.line(1, namespace, name, '', ...cells, w.age(creationTimestamp));
  }
  w.raw('Allocated resources:\n  (Total limits may be over 100 percent, i.e., overcommitted.)\n');
  w.line(1, 'Resource', 'Requests', 'Limits');
  w.line(1, '--------', '--------', '------');
  const huge = sortedNames(available).filter((name) => name.startsWith('hugepages-'));
  for (const name of ['cpu', 'memory', 'ephemeral-storage', ...huge]) {
    w.line(1, name, share(name, requests), share(name, limits));
  }
  for (const name of sortedNames(available)) {
    if (standard.has(name) || huge.includes(name)) continue;
    w.line(1, name, requests[name] ?? '0', limits[name] ?? '0');
  }
}

function percent(name: string, amount: string | number | undefined, available: string | number | undefined): number {
  const value = name === 'cpu' ? milliValueOf : wholeValueOf;
  const whole = value(available);
  return whole === 0 ? 0 : Math.trunc((value(amount) / whole) * 100);
}
