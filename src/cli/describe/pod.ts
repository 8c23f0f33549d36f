import type { Pod } from '../../api/index.ts';
import { controllerOf, type KubeObject } from '../../apimachinery/index.ts';
import { describeContainers, describeSpread, describeTolerations } from './containers.ts';
import type { DescribeContext } from './context.ts';
import { describeEvents } from './events.ts';
import { describeResources } from './resources.ts';
import { describeVolumes } from './volumes.ts';
import { type DescribeWriter, timeText } from './writer.ts';

export async function describePod(w: DescribeWriter, pod: Readonly<Pod>, context: DescribeContext): Promise<void> {
  const { metadata, spec, status } = pod;
  // A mirror pod's events carry the uid of the static pod.
  const events = await context.events(pod, metadata.annotations?.['kubernetes.io/config.mirror'] ?? metadata.uid);
  w.line(0, 'Name:', metadata.name);
  w.line(0, 'Namespace:', metadata.namespace);
  if (spec?.priority !== undefined) w.line(0, 'Priority:', spec.priority);
  if (spec?.priorityClassName) w.line(0, 'Priority Class Name:', spec.priorityClassName);
  if (spec?.runtimeClassName) w.line(0, 'Runtime Class Name:', spec.runtimeClassName);
  if (spec?.serviceAccountName) w.line(0, 'Service Account:', spec.serviceAccountName);
  w.line(0, 'Node:', spec?.nodeName ? `${spec.nodeName}/${status?.hostIP ?? ''}` : '<none>');
  if (status?.startTime) w.line(0, 'Start Time:', timeText(status.startTime));
  w.labels('Labels', metadata.labels);
  w.annotations('Annotations', metadata.annotations);
  if (metadata.deletionTimestamp && status?.phase !== 'Failed' && status?.phase !== 'Succeeded') {
    w.line(0, 'Status:', `Terminating (lasts ${w.age(metadata.deletionTimestamp)})`);
    w.line(0, 'Termination Grace Period:', `${metadata.deletionGracePeriodSeconds ?? 0}s`);
  } else w.line(0, 'Status:', status?.phase);
  if (status?.reason) w.line(0, 'Reason:', status.reason);
  if (status?.message) w.line(0, 'Message:', status.message);
  const seccomp = spec?.securityContext?.seccompProfile;
  if (seccomp) {
    w.line(0, 'SeccompProfile:', seccomp.type);
    if (seccomp.type === 'Localhost') w.line(0, 'LocalhostProfile:', seccomp.localhostProfile);
  }
  w.line(0, 'IP:', status?.podIP);
  if (status?.podIPs?.length) {
    w.line(0, 'IPs:');
    for (const { ip } of status.podIPs) w.line(1, 'IP:', ip);
  } else w.line(0, 'IPs:', '<none>');
  describeController(w, pod);
  if (status?.nominatedNodeName) w.line(0, 'NominatedNodeName:', status.nominatedNodeName);
  const { resources } = (spec ?? {}) as { resources?: Parameters<typeof describeResources>[1] };
  if (resources) {
    w.line(0, 'Resources:');
    describeResources(w, resources, 1);
  }
  if (spec?.initContainers?.length) {
    describeContainers(w, 'Init Containers', spec.initContainers, status?.initContainerStatuses ?? [], pod);
  }
  describeContainers(w, 'Containers', spec?.containers ?? [], status?.containerStatuses ?? [], pod);
  if (spec?.ephemeralContainers?.length) {
    const statuses = status?.ephemeralContainerStatuses ?? [];
    describeContainers(w, 'Ephemeral Containers', spec.ephemeralContainers, statuses, pod);
  }
  const statusOf = (type: string) => status?.conditions?.find((condition) => condition.type === type)?.status;
  if (spec?.readinessGates?.length) {
    w.raw('Readiness Gates:\n  Type\tStatus\n');
    for (const { conditionType } of spec.readinessGates) {
      w.line(1, `${conditionType} `, `${statusOf(conditionType) ?? '<none>'} `);
    }
  }
  if (status?.conditions?.length) {
    w.raw('Conditions:\n  Type\tStatus\n');
    for (const condition of status.conditions) w.line(1, `${condition.type} `, `${condition.status} `);
  }
  describeVolumes(w, spec?.volumes);
  w.line(0, 'QoS Class:', status?.qosClass);
  w.labels('Node-Selectors', spec?.nodeSelector);
  describeTolerations(w, 'Tolerations', spec?.tolerations);
  describeSpread(w, spec?.topologySpreadConstraints);
  describeEvents(w, events);
}

export function describeController(w: DescribeWriter, object: Readonly<KubeObject>): void {
  const owner = controllerOf(object);
  if (owner) w.line(0, 'Controlled By:', `${owner.kind}/${owner.name}`);
}
