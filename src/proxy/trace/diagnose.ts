/** Why a Service has nobody behind it, and what would fix it: read from the objects, as one would with kubectl. */
import { type KubeObject, selectorFromLabelSelector } from '../../apimachinery/index.ts';
import type { Protocol } from '../service-ports.ts';

export interface Diagnosis {
  readonly what: string;
  readonly fix: string;
}

interface ServicePortSpec {
  readonly name?: string;
  readonly port: number;
  readonly protocol?: Protocol;
  readonly targetPort?: number | string;
  readonly nodePort?: number;
}

export const portText = ({ name, port, protocol = 'TCP' }: ServicePortSpec): string =>
  `${name === undefined || name === '' ? '' : `${name} `}${port}/${protocol}`;

const labelText = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');

/** `port` is absent when the Service has no such port at all; `asked` says which one was wanted. */
export function diagnoseService(
  service: KubeObject,
  asked: { readonly port: number; readonly protocol: Protocol },
  port: ServicePortSpec | undefined,
  pods: readonly KubeObject[],
  slices: readonly KubeObject[],
): Diagnosis | undefined {
  const { namespace, name } = service.metadata;
  const where = `${namespace}/${name}`;
  const spec = service['spec'] ?? {};
  if (spec.type === 'ExternalName') {
    return {
      what: `Service ${where} is an alias (ExternalName): DNS names ${spec.externalName}, and no rule of the cluster has a part in it`,
      fix: `trace to an address of ${spec.externalName}: the client connects to that itself`,
    };
  }
  if (!port) {
    const has = ((spec.ports ?? []) as ServicePortSpec[]).map(portText).join(', ') || 'none at all';
    return {
      what: `Service ${where} has no port ${asked.port}/${asked.protocol}; it has ${has}`,
      fix: 'use one of its ports',
    };
  }
  // A pod without the port that the Service names stands in a slice without it.
  const withPort = slices.filter((slice) =>
    ((slice['ports'] ?? []) as any[]).some((each) => (each.name ?? '') === (port.name ?? '')),
  );
  const endpoints = withPort.flatMap((slice) => (slice['endpoints'] ?? []) as any[]);
  if (endpoints.some(({ conditions }) => conditions?.ready ?? true)) return undefined;
  const selector: Record<string, string> | undefined = spec.selector;
  if (!selector || Object.keys(selector).length === 0) {
    return {
      what: `Service ${where} has no selector, so nobody makes EndpointSlices for it, and there is none with a ready endpoint`,
      fix: `write an EndpointSlice with the label kubernetes.io/service-name=${name}`,
    };
  }
  const matches = selectorFromLabelSelector({ matchLabels: selector });
  const own = pods.filter(({ metadata }) => metadata.namespace === namespace);
  const chosen = own.filter(({ metadata }) => matches.matches(metadata.labels ?? {}));
  if (chosen.length === 0) return noPods(where, name!, namespace!, selector, own);
  return notReady(where, namespace!, port, chosen);
}

function noPods(
  where: string,
  name: string,
  namespace: string,
  selector: Readonly<Record<string, string>>,
  pods: readonly KubeObject[],
): Diagnosis {
  const near = nearest(selector, pods);
  return {
    what: `the selector of Service ${where} (${labelText(selector)}) matches no pod${
      near ? `; ${near.pod} comes nearest: it has ${near.has}` : ''
    }`,
    fix: near
      ? `kubectl -n ${namespace} patch service ${name} -p '${JSON.stringify({ spec: { selector: near.selector } })}', or label the pods ${labelText(selector)}`
      : `start pods with the labels ${labelText(selector)}`,
  };
}

/** The pod that shares most of the selector, at least a key of it. */
function nearest(selector: Readonly<Record<string, string>>, pods: readonly KubeObject[]) {
  const keys = Object.keys(selector);
  let best: { score: number; pod: string; labels: Readonly<Record<string, string>> } | undefined;
  for (const { metadata } of pods) {
    const labels = metadata.labels ?? {};
    const score = keys.reduce((sum, key) => sum + (labels[key] === selector[key] ? 2 : key in labels ? 1 : 0), 0);
    if (score > (best?.score ?? 0)) best = { score, pod: metadata.name!, labels };
  }
  if (!best) return undefined;
  const shared = Object.fromEntries(keys.filter((key) => key in best.labels).map((key) => [key, best.labels[key]!]));
  return { pod: best.pod, has: labelText(shared), selector: shared };
}

function notReady(where: string, namespace: string, port: ServicePortSpec, pods: readonly KubeObject[]): Diagnosis {
  const running = pods.filter((pod) => pod['status']?.podIP !== undefined && !pod.metadata.deletionTimestamp);
  const { targetPort } = port;
  if (typeof targetPort === 'string' && running.length > 0) {
    const named = running.some((pod) =>
      [...(pod['spec']?.containers ?? []), ...(pod['spec']?.initContainers ?? [])].some((container: any) =>
        (container.ports ?? []).some((each: any) => each.name === targetPort),
      ),
    );
    if (!named) {
      return {
        what: `port ${portText(port)} of Service ${where} leads to the container port named "${targetPort}", which no container of its pods has`,
        fix: `name a containerPort "${targetPort}" in the pods, or set targetPort to a number`,
      };
    }
  }
  const first = pods[0]!;
  const states = pods.slice(0, 3).map((pod) => `${pod.metadata.name} ${waitingFor(pod)}`);
  return {
    what: `none of the ${pods.length} pod${pods.length === 1 ? '' : 's'} behind Service ${where} is ready: ${states.join(', ')}`,
    fix: `klab describe pod ${first.metadata.name} -n ${namespace} says what keeps it`,
  };
}

function waitingFor(pod: KubeObject): string {
  const status = pod['status'] ?? {};
  if (pod.metadata.deletionTimestamp) return 'is terminating';
  const waiting = (status.containerStatuses ?? []).find((each: any) => each.state?.waiting)?.state.waiting.reason;
  if (waiting !== undefined) return `waits (${waiting})`;
  const ready = (status.conditions ?? []).find((each: any) => each.type === 'Ready');
  if (status.phase === 'Running')
    return `runs, but is not ready${ready?.reason === undefined ? '' : ` (${ready.reason})`}`;
  return `is ${status.phase ?? 'unknown'}`;
}
