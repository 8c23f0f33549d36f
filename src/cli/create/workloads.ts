/** `create deployment|job|cronjob`. Upstream: kubectl/pkg/cmd/create/create_{deployment,job,cronjob}.go. */
import { createHash } from 'node:crypto';
import type { KubeObject } from '../../apimachinery/index.ts';
import { UserError } from '../exit-codes.ts';
import type { Session } from '../session.ts';

export interface DeploymentFlags {
  readonly image: readonly string[];
  readonly port?: number;
  readonly replicas?: number;
}

/**
 * A container's name from its image: the last path segment without tag and digest. What is no DNS label is made one,
 * with a suffix made from the image where upstream takes a random one.
 */
export function containerNameOf(image: string): string {
  const last = image.slice(image.lastIndexOf('/') + 1);
  const name = last.split(':')[0]!.split('@')[0]!;
  if (!/[^-A-Za-z0-9]/.test(name)) return name;
  const suffix = createHash('sha256').update(image).digest('hex').slice(0, 5);
  return `${name.replace(/[^-A-Za-z0-9]/g, '-').toLowerCase()}-${suffix}`;
}

export function deployment(name: string, flags: DeploymentFlags, command: readonly string[]): KubeObject {
  const { image: images, port, replicas = 1 } = flags;
  if (images.length > 1 && command.length > 0) {
    throw new UserError('cannot specify multiple --image options and command');
  }
  const labels = { app: name };
  const containers = images.map((image, i) => ({
    name: containerNameOf(image),
    image,
    ...(command.length > 0 && { command }),
    ...(port !== undefined && port >= 0 && i === 0 && { ports: [{ containerPort: port }] }),
    resources: {},
  }));
  return {
    kind: 'Deployment',
    apiVersion: 'apps/v1',
    metadata: { name, labels },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers } },
      strategy: {},
    },
    status: {},
  } as KubeObject;
}

function podOf(name: string, image: string, command: readonly string[], restartPolicy: string) {
  return {
    metadata: {},
    spec: {
      containers: [{ name, image, ...(command.length > 0 && { command }), resources: {} }],
      restartPolicy,
    },
  };
}

export interface JobFlags {
  readonly image?: string;
  readonly from?: string;
}

export async function job(
  name: string,
  flags: JobFlags,
  command: readonly string[],
  session: () => Promise<Session>,
): Promise<KubeObject> {
  const { image = '', from = '' } = flags;
  if ((image === '') === (from === '')) {
    throw new UserError('either --image or --from must be specified');
  }
  if (command.length > 0 && from !== '') throw new UserError('cannot specify --from and command');
  if (from === '') {
    return {
      kind: 'Job',
      apiVersion: 'batch/v1',
      metadata: { name },
      spec: { template: podOf(name, image, command, 'Never') },
      status: {},
    } as KubeObject;
  }
  const opened = await session();
  const { selectResources } = await import('../resource-args.ts');
  const selection = await selectResources(opened, [from], { command: 'create job' });
  const { resource, namespace, name: source } = selection.targets[0]!;
  if (resource.group !== 'batch' || resource.kind !== 'CronJob') {
    throw new UserError(`from must be an existing cronjob: got ${resource.kind}`);
  }
  const cronJob = (await opened.client.resource(resource).namespace(namespace).get(source!)) as KubeObject & {
    spec: { jobTemplate: { metadata?: KubeObject['metadata']; spec: object } };
  };
  const { metadata: template, spec } = cronJob.spec.jobTemplate;
  return {
    kind: 'Job',
    apiVersion: 'batch/v1',
    metadata: {
      name,
      annotations: { 'cronjob.kubernetes.io/instantiate': 'manual', ...template?.annotations },
      ...(template?.labels && { labels: template.labels }),
      namespace: opened.namespace,
      ownerReferences: [
        {
          apiVersion: 'batch/v1',
          kind: 'CronJob',
          name: cronJob.metadata.name!,
          uid: cronJob.metadata.uid!,
          controller: true,
        },
      ],
    },
    spec,
    status: {},
  } as KubeObject;
}

export interface CronJobFlags {
  readonly image: string;
  readonly schedule: string;
  readonly restart?: string;
}

export function cronJob(name: string, flags: CronJobFlags, command: readonly string[]): KubeObject {
  const restart = flags.restart || 'OnFailure';
  return {
    kind: 'CronJob',
    apiVersion: 'batch/v1',
    metadata: { name },
    spec: {
      schedule: flags.schedule,
      jobTemplate: { metadata: { name }, spec: { template: podOf(name, flags.image, command, restart) } },
    },
    status: {},
  } as KubeObject;
}
