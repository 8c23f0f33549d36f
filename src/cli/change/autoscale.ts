/** `klab autoscale`. Upstream: kubectl/pkg/cmd/autoscale/autoscale.go (1.35: autoscaling/v2). */
import { canonicalQuantity, type KubeObject } from '../../apimachinery/index.ts';
import { exitCodes, UserError } from '../exit-codes.ts';
import type { Session, SessionRequest } from '../session.ts';
import { parseDryRun } from '../write/dry-run.ts';
import type { FileFlags, WriteFlags } from '../write/flags.ts';
import type { WriteIo } from '../write/io.ts';
import { eachLiveObject } from '../write/live-objects.ts';
import { readFileFlags } from '../write/read-files.ts';
import { ResultPrinter } from '../write/result-printer.ts';

export interface AutoscaleFlags extends WriteFlags, FileFlags, Omit<SessionRequest, 'name'> {
  readonly name?: string;
  readonly min?: number;
  readonly max: number;
  readonly cpu?: string;
  readonly memory?: string;
}

/** `80%` is a share of the request, `200Mi` an average. */
function metricOf(name: string, text: string): object {
  const percent = /^(\d+)%$/.exec(text);
  const target = percent
    ? { type: 'Utilization', averageUtilization: Number(percent[1]) }
    : { type: 'AverageValue', averageValue: canonicalQuantity(text) };
  return { type: 'Resource', resource: { name, target } };
}

export function autoscalerOf(object: KubeObject, flags: AutoscaleFlags): KubeObject {
  const { min = -1, max, cpu = '', memory = '' } = flags;
  const metrics = [
    ...(cpu === '' ? [] : [metricOf('cpu', cpu)]),
    ...(memory === '' ? [] : [metricOf('memory', memory)]),
  ];
  return {
    kind: 'HorizontalPodAutoscaler',
    apiVersion: 'autoscaling/v2',
    metadata: { name: flags.name || object.metadata.name! },
    spec: {
      scaleTargetRef: { kind: object.kind, name: object.metadata.name!, apiVersion: object.apiVersion },
      ...(min > 0 && { minReplicas: min }),
      maxReplicas: max,
      ...(metrics.length > 0 && { metrics }),
    },
    status: { desiredReplicas: 0, currentMetrics: null },
  } as KubeObject;
}

export async function autoscale(
  words: readonly string[],
  flags: AutoscaleFlags,
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<void> {
  const { min = -1, max } = flags;
  if (max < 1) throw new UserError(`--max=MAXPODS is required and must be at least 1, max: ${max}`, exitCodes.usage);
  if (max < min)
    throw new UserError(`--max=MAXPODS must be larger or equal to --min=MINPODS, max: ${max}, min: ${min}`);
  const dryRun = parseDryRun(flags['dry-run']);
  const printer = new ResultPrinter(flags, dryRun, io.write);
  const manifests = await readFileFlags(flags, 'autoscaled', io.signal);
  const opened = await session();
  const request = { command: 'autoscale', words, manifests };
  await eachLiveObject(opened, request, async ({ object, namespace, resource }) => {
    const { subresources } = resource;
    if (subresources && !subresources.some(({ name }) => name === 'scale')) {
      throw new UserError(`cannot autoscale a ${object.kind}: the server could not find the requested resource`);
    }
    const autoscaler = autoscalerOf(object, flags);
    if (opened.namespaceGiven) autoscaler.metadata.namespace = namespace;
    const result =
      dryRun === 'client'
        ? autoscaler
        : await opened.client
            .resource(await opened.resolveKind('autoscaling/v2', 'HorizontalPodAutoscaler'))
            .namespace(namespace)
            .create(autoscaler, {
              fieldManager: flags['field-manager'],
              dryRun: dryRun === 'server',
              signal: opened.signal,
            });
    printer.print(result, 'autoscaled');
  });
}
