/** Edits of a pod's spec that may let it schedule; each works on the pod and on the template it was made from alike. */
import type { Pod } from '../../api/index.ts';
import { milliValueOf, wholeValueOf } from '../../apimachinery/index.ts';
import { formatDecimal } from '../format.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import { podRequests, type Resources } from '../framework/resources.ts';

export type PodSpec = NonNullable<Pod['spec']>;

/** Changes a spec in place. */
export interface Edit {
  readonly summary: string;
  apply(spec: PodSpec): void;
  /** The API takes it on a pod that exists. */
  readonly inPlace?: boolean;
  /** It is about rules that pods beside it have as well. */
  readonly neighbours?: boolean;
}

export function amountOf(resources: Resources, name: string): number {
  if (name === 'cpu') return resources.milliCPU;
  if (name === 'memory') return resources.memory;
  if (name === 'ephemeral-storage') return resources.ephemeralStorage;
  return resources.scalar.get(name) ?? 0;
}

const unitsOf = (name: string, text: string | number): number =>
  name === 'cpu' ? milliValueOf(text) : wholeValueOf(text);

/** Exact, in the largest unit that divides it. */
function quantity(name: string, value: number): string {
  if (name === 'cpu') return value % 1000 === 0 ? String(value / 1000) : `${value}m`;
  for (const [unit, size] of [
    ['Gi', 2 ** 30],
    ['Mi', 2 ** 20],
    ['Ki', 2 ** 10],
  ] as const) {
    if (value > 0 && value % size === 0) return `${value / size}${unit}`;
  }
  return String(value);
}

/** Memory is asked for in whole Mi: it is lowered a little further than needed when that is enough. */
function rounded(name: string, value: number): number {
  const unit = name === 'memory' || name === 'ephemeral-storage' ? 2 ** 20 : 1;
  return value >= unit ? Math.floor(value / unit) * unit : value;
}

type Holder = { resources?: { requests?: Record<string, string | number>; limits?: Record<string, string | number> } };

/** Takes `excess` off the requests, from whoever asks for most, until the pod as a whole asks for that much less. */
function lower(spec: PodSpec, name: string, excess: number): void {
  const target = amountOf(podRequests({ spec } as Pod), name) - excess;
  const podLevel = spec as PodSpec & Holder;
  for (let round = 0; round < 200; round++) {
    const over = amountOf(podRequests({ spec } as Pod), name) - target;
    if (over <= 0) return;
    const holders: Holder[] =
      podLevel.resources?.requests?.[name] === undefined
        ? ([...spec.containers, ...(spec.initContainers ?? [])] as Holder[])
        : [podLevel];
    const asks = (holder: Holder) => unitsOf(name, holder.resources?.requests?.[name] ?? 0);
    const largest = holders.reduce((a, b) => (asks(b) > asks(a) ? b : a));
    const next = rounded(name, Math.max(0, asks(largest) - over));
    if (asks(largest) === 0) return;
    largest.resources!.requests![name] = quantity(name, next);
    // Extended resources have equal requests and limits.
    if (name.includes('/') && largest.resources!.limits?.[name] !== undefined) {
      largest.resources!.limits[name] = quantity(name, next);
    }
  }
}

/** Lowers requests by at least what is short; `short` in milli-cores and whole units. */
export function lowerRequests(pod: Readonly<Pod>, short: Readonly<Record<string, number>>): Edit {
  const after = structuredClone(pod.spec!) as PodSpec;
  for (const [name, excess] of Object.entries(short)) lower(after, name, excess);
  const left = podRequests({ spec: after } as Pod);
  const had = podRequests(pod);
  const parts = Object.keys(short).map((name) => {
    const [from, to] = [amountOf(had, name), amountOf(left, name)];
    return `${name} by ${formatDecimal(name, from - to)}, from ${formatDecimal(name, from)} to ${to === 0 ? '0' : formatDecimal(name, to)}`;
  });
  return {
    summary: `lower its request of ${parts.join(' and of ')}`,
    apply(spec) {
      for (const [name, excess] of Object.entries(short)) lower(spec, name, excess);
    },
  };
}

export interface TaintLike {
  readonly key: string;
  readonly value?: string;
  readonly effect: string;
}

export const hardTaints = (node: NodeInfo): TaintLike[] =>
  ((node.node?.spec?.taints ?? []) as TaintLike[]).filter(
    ({ effect }) => effect === 'NoSchedule' || effect === 'NoExecute',
  );

export const taintText = ({ key, value, effect }: TaintLike): string => `${key}${value ? `=${value}` : ''}:${effect}`;

export function tolerate(taints: readonly TaintLike[]): Edit {
  const text = taints.map(taintText).join(' and ');
  return {
    summary: `tolerate ${text}`,
    inPlace: true,
    apply(spec) {
      const more = taints.map(({ key, value, effect }) => ({
        key,
        operator: value ? 'Equal' : 'Exists',
        ...(value && { value }),
        effect,
      }));
      spec.tolerations = [...(spec.tolerations ?? []), ...more] as PodSpec['tolerations'];
    },
  };
}

export function removeGates(pod: Readonly<Pod>): Edit {
  const names = (pod.spec?.schedulingGates ?? []).map(({ name }) => name);
  return {
    summary: `remove the scheduling gate${names.length === 1 ? '' : 's'} ${names.join(', ')}`,
    inPlace: true,
    apply(spec) {
      delete spec.schedulingGates;
    },
  };
}

export function otherScheduler(name: string): Edit {
  return {
    summary: `let ${name} schedule it`,
    apply(spec) {
      spec.schedulerName = name;
    },
  };
}

/** Only this node will do. */
export function pinTo(node: string): Edit {
  return {
    summary: `pin it to ${node}`,
    apply(spec) {
      const pin = { matchFields: [{ key: 'metadata.name', operator: 'In' as const, values: [node] }] };
      const affinity = structuredClone(spec.affinity ?? {}) as any;
      const terms = affinity.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms as
        | object[]
        | undefined;
      // Terms are alternatives: each of them is narrowed.
      const nodeSelectorTerms = terms?.length
        ? terms.map((term: any) => ({ ...term, matchFields: [...(term.matchFields ?? []), ...pin.matchFields] }))
        : [pin];
      affinity.nodeAffinity = {
        ...affinity.nodeAffinity,
        requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms },
      };
      spec.affinity = affinity;
    },
  };
}

export function both(a: Edit, b: Edit): Edit {
  return {
    summary: `${a.summary} and ${b.summary}`,
    inPlace: a.inPlace === true && b.inPlace === true,
    apply(spec) {
      a.apply(spec);
      b.apply(spec);
    },
  };
}

/** One edit for each hard constraint, which drops it and nothing else. */
export function constraintDrops(pod: Readonly<Pod>): Edit[] {
  const spec = pod.spec as any;
  const out: Edit[] = [];
  const drop = (summary: string, apply: (spec: any) => void, more: Pick<Edit, 'neighbours'> = {}) =>
    out.push({ summary, apply, ...more });
  for (const [key, value] of Object.entries(spec?.nodeSelector ?? {})) {
    drop(`drop nodeSelector ${key}=${value}`, (target) => {
      delete target.nodeSelector?.[key];
      if (target.nodeSelector && Object.keys(target.nodeSelector).length === 0) delete target.nodeSelector;
    });
  }
  if (spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution) {
    drop('drop the required node affinity', (target) => {
      delete target.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
    });
  }
  for (const { topologyKey, whenUnsatisfiable, maxSkew } of spec?.topologySpreadConstraints ?? []) {
    if (whenUnsatisfiable !== 'DoNotSchedule') continue;
    drop(
      `make the spread over ${topologyKey} (maxSkew ${maxSkew}) a preference: whenUnsatisfiable: ScheduleAnyway`,
      (target) => {
        for (const constraint of target.topologySpreadConstraints ?? []) {
          if (constraint.topologyKey === topologyKey && constraint.whenUnsatisfiable === 'DoNotSchedule') {
            constraint.whenUnsatisfiable = 'ScheduleAnyway';
          }
        }
      },
    );
  }
  for (const kind of ['podAffinity', 'podAntiAffinity'] as const) {
    const terms: any[] = spec?.affinity?.[kind]?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    terms.forEach((term, index) => {
      const word = kind === 'podAffinity' ? 'affinity' : 'anti-affinity';
      drop(
        `drop the required pod ${word} over ${term.topologyKey}`,
        (target) => {
          target.affinity?.[kind]?.requiredDuringSchedulingIgnoredDuringExecution?.splice(index, 1);
        },
        { neighbours: true },
      );
    });
  }
  const ports = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].flatMap(
    (container: any) => container.ports ?? [],
  );
  if (ports.some((port: any) => port.hostPort)) {
    drop('drop its host ports', (target) => {
      for (const container of [...(target.containers ?? []), ...(target.initContainers ?? [])]) {
        for (const port of container.ports ?? []) {
          delete port.hostPort;
          delete port.hostIP;
        }
      }
    });
  }
  return out;
}
