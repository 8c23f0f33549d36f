/** `klab describe`. Upstream: kubectl/pkg/cmd/describe and kubectl/pkg/describe (1.36). */
import type { Pod } from '../../api/index.ts';
import { isNotFound, type KubeObject, StatusError } from '../../apimachinery/index.ts';
import { wallClock } from '../../base/index.ts';
import type { ResourceDescription } from '../../client/index.ts';
import { ManyErrors } from '../errors.ts';
import { UserError } from '../exit-codes.ts';
import { fetchTarget, itemsOf } from '../get/fetch.ts';
import type { Output } from '../get/plan.ts';
import { type ResourceTarget, selectResources } from '../resource-args.ts';
import type { Session } from '../session.ts';
import {
  describeConfigMap,
  describePodDisruptionBudget,
  describePriorityClass,
  describeRole,
  describeRoleBinding,
  describeSecret,
  describeServiceAccount,
} from './config.ts';
import { DescribeContext } from './context.ts';
import { describeAny } from './generic.ts';
import { describeLimitRange, describeNamespace, describeQuota } from './namespace.ts';
import {
  describeEndpointSlice,
  describeEndpoints,
  describeIngress,
  describeNetworkPolicy,
  describeService,
} from './network.ts';
import { describeNode } from './node.ts';
import { describePod } from './pod.ts';
import { statusExplainedText } from './status-explained.ts';
import {
  describeCronJob,
  describeDaemonSet,
  describeDeployment,
  describeJob,
  describeReplicaSet,
  describeReplicationController,
  describeStatefulSet,
} from './workloads.ts';
import { DescribeWriter } from './writer.ts';

type Describer = (w: DescribeWriter, object: Readonly<any>, context: DescribeContext) => Promise<void>;

/** By kind and group. To add one: a function that writes lines, and a row here. */
const describers: Readonly<Record<string, Describer>> = {
  'Pod.': describePod,
  'Service.': describeService,
  'Endpoints.': describeEndpoints,
  'Node.': describeNode,
  'Namespace.': describeNamespace,
  'ResourceQuota.': describeQuota,
  'LimitRange.': describeLimitRange,
  'ConfigMap.': describeConfigMap,
  'Secret.': describeSecret,
  'ServiceAccount.': describeServiceAccount,
  'ReplicationController.': describeReplicationController,
  'Deployment.apps': describeDeployment,
  'ReplicaSet.apps': describeReplicaSet,
  'StatefulSet.apps': describeStatefulSet,
  'DaemonSet.apps': describeDaemonSet,
  'Job.batch': describeJob,
  'CronJob.batch': describeCronJob,
  'EndpointSlice.discovery.k8s.io': describeEndpointSlice,
  'Ingress.networking.k8s.io': describeIngress,
  'NetworkPolicy.networking.k8s.io': describeNetworkPolicy,
  'PodDisruptionBudget.policy': describePodDisruptionBudget,
  'PriorityClass.scheduling.k8s.io': describePriorityClass,
  'Role.rbac.authorization.k8s.io': describeRole,
  'ClusterRole.rbac.authorization.k8s.io': describeRole,
  'RoleBinding.rbac.authorization.k8s.io': describeRoleBinding,
  'ClusterRoleBinding.rbac.authorization.k8s.io': describeRoleBinding,
};

export interface DescribeRequest {
  readonly words: readonly string[];
  /** Objects of `-f` files. */
  readonly objects?: readonly KubeObject[];
  readonly labelSelector?: string;
  readonly allNamespaces?: boolean;
  /** Default: for one object yes, for several no. */
  readonly showEvents?: boolean;
  readonly chunkSize?: number;
}

export async function describeResources(session: Session, request: DescribeRequest, io: Output): Promise<void> {
  if (request.words.length === 0 && !request.objects) {
    throw new UserError(
      'You must specify the type of resource to describe. Use "klab api-resources" for a complete list of supported resources.',
    );
  }
  const { objects, errors } = await findObjects(session, request);
  const several = objects.length > 1 || errors.length > 0;
  const context = new DescribeContext(session, {
    showEvents: request.showEvents ?? !several,
    chunkSize: request.chunkSize,
  });
  if (objects.length === 0 && errors.length === 1 && isNotFound(errors[0]!) && request.words.length === 2) {
    await describeByPrefix(session, request, errors[0]!, io);
    return;
  }
  let first = true;
  for (const { object, resource } of objects) {
    const text = await describeObject(object, resource, context);
    io.out(first ? text : `\n\n${text}`);
    first = false;
  }
  if (objects.length === 0 && errors.length === 0) {
    io.err(request.allNamespaces ? 'No resources found' : `No resources found in ${session.namespace} namespace.`);
  }
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new ManyErrors(errors);
}

interface Found {
  readonly object: KubeObject;
  readonly resource: ResourceDescription;
}

async function findObjects(
  session: Session,
  request: DescribeRequest,
): Promise<{ objects: Found[]; errors: StatusError[] }> {
  const objects: Found[] = [];
  const errors: StatusError[] = [];
  let targets: readonly ResourceTarget[];
  if (request.objects) {
    targets = await Promise.all(
      request.objects.map(async ({ apiVersion, kind, metadata }) => {
        const resource = await session.resolveKind(apiVersion, kind);
        const namespace = resource.namespaced ? metadata.namespace || session.namespace : '';
        return { resource, namespace, name: metadata.name ?? '' };
      }),
    );
  } else {
    const selection = await selectResources(session, request.words, {
      command: 'describe',
      kindAlone: true,
      allNamespaces: request.allNamespaces,
      labelSelector: request.labelSelector,
    });
    targets = selection.targets;
  }
  const options = { labelSelector: request.labelSelector, chunkSize: request.chunkSize ?? 500 };
  for (const target of targets) {
    try {
      for await (const { body, resource } of fetchTarget(session, target, options)) {
        for (const object of itemsOf(body) ?? [body]) objects.push({ object, resource });
      }
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      errors.push(error);
    }
  }
  return { objects, errors };
}

/** Nothing has exactly this name: everything that begins with it is described. */
async function describeByPrefix(
  session: Session,
  request: DescribeRequest,
  notFound: Error,
  io: Output,
): Promise<void> {
  const [type = '', prefix = ''] = request.words;
  const { objects } = await findObjects(session, { ...request, words: [type] });
  const matching = objects.filter(({ object }) => object.metadata.name?.startsWith(prefix));
  if (matching.length === 0) throw notFound;
  const context = new DescribeContext(session, { showEvents: request.showEvents, chunkSize: request.chunkSize });
  for (const { object, resource } of matching) io.out(`${await describeObject(object, resource, context)}\n`);
}

/** The text of one object: kubectl's, and what klab adds before its events. */
export async function describeObject(
  object: Readonly<KubeObject>,
  resource: ResourceDescription,
  context: DescribeContext,
): Promise<string> {
  const w = new DescribeWriter(wallClock.now());
  const describe = describers[`${resource.kind}.${resource.group}`] ?? describeAny;
  await describe(w, object, context);
  const text = w.text();
  const added: string[] = [];
  if (resource.kind === 'Pod' && resource.group === '') {
    const pod = object as Pod;
    const uid = pod.metadata.annotations?.['kubernetes.io/config.mirror'] ?? pod.metadata.uid;
    added.push(statusExplainedText(pod, w.now, await context.events(pod, uid)));
  }
  const idle = await whyIdle(resource, context);
  if (idle !== undefined) added.push(`Note:  nothing acts on ${resource.kind} yet, klab only stores it: ${idle}\n`);
  if (added.length === 0) return text;
  const end = text.startsWith('Events:') ? 0 : text.lastIndexOf('\nEvents:') + 1;
  const at = end > 0 ? end : text.length;
  return text.slice(0, at) + added.join('') + text.slice(at);
}

/** Asked of klab's own servers only: of others we cannot know what they run. */
async function whyIdle(resource: ResourceDescription, context: DescribeContext): Promise<string | undefined> {
  if (!context.session.server) return undefined;
  const { allResources } = await import('../../api/index.ts');
  const row = allResources.find(
    ({ group, version, plural }) =>
      group === resource.group && version === resource.version && plural === resource.plural,
  );
  return row?.idle;
}
