/** Namespaces with what limits them. */
import type { LimitRange, Namespace, ResourceQuota } from '../../api/index.ts';
import { canonicalQuantity, compareBytes } from '../../apimachinery/index.ts';
import type { DescribeContext } from './context.ts';
import { sortedNames } from './resources.ts';
import { type DescribeWriter, timeText } from './writer.ts';

export async function describeNamespace(
  w: DescribeWriter,
  namespace: Readonly<Namespace>,
  context: DescribeContext,
): Promise<void> {
  const { metadata, status } = namespace;
  const [quotas, ranges] = await Promise.all([
    context.list<ResourceQuota>('resourcequotas', metadata.name ?? ''),
    context.list<LimitRange>('limitranges', metadata.name ?? ''),
  ]);
  w.line(0, 'Name:', metadata.name);
  w.labels('Labels', metadata.labels);
  w.annotations('Annotations', metadata.annotations);
  w.line(0, 'Status:', status?.phase);
  if (status?.conditions?.length) {
    w.line(0, 'Conditions:');
    w.line(1, 'Type', 'Status', 'LastTransitionTime', 'Reason', 'Message');
    w.line(1, '----', '------', '------------------', '------', '-------');
    for (const { type, status: value, lastTransitionTime, reason, message } of status.conditions) {
      w.line(1, type, value, timeText(lastTransitionTime), reason, message);
    }
  }
  if (quotas) {
    w.raw('\n');
    describeQuotas(w, quotas);
  }
  if (ranges) {
    w.raw('\n');
    if (ranges.length === 0) w.line(0, 'No LimitRange resource.');
    else {
      w.raw('Resource Limits\n Type\tResource\tMin\tMax\tDefault Request\tDefault Limit\tMax Limit/Request Ratio\n');
      w.raw(' ----\t--------\t---\t---\t---------------\t-------------\t-----------------------\n');
      for (const range of ranges) describeLimits(w, range, ' ');
    }
  }
}

const scopeHelp: Readonly<Record<string, string>> = {
  Terminating:
    'Matches all pods that have an active deadline. These pods have a limited lifespan on a node before being actively terminated by the system.',
  NotTerminating:
    'Matches all pods that do not have an active deadline. These pods usually include long running pods whose container command is not expected to terminate.',
  BestEffort:
    'Matches all pods that do not have resource requirements set. These pods have a best effort quality of service.',
  NotBestEffort:
    'Matches all pods that have at least one resource requirement set. These pods have a burstable or guaranteed quality of service.',
};

function describeQuotas(w: DescribeWriter, quotas: readonly ResourceQuota[]): void {
  if (quotas.length === 0) {
    w.line(0, 'No resource quota.');
    return;
  }
  w.line(0, 'Resource Quotas');
  for (const quota of [...quotas].sort((a, b) => compareBytes(a.metadata.name!, b.metadata.name!))) {
    w.line(1, 'Name:', quota.metadata.name);
    const scopes = [...(quota.spec?.scopes ?? [])].sort();
    if (scopes.length > 0) w.line(1, 'Scopes:', scopes.join(', '));
    for (const scope of scopes) if (scopeHelp[scope]) w.line(1, `* ${scopeHelp[scope]}`);
    w.line(1, 'Resource', 'Used', 'Hard');
    w.line(1, '--------', '---', '---');
    describeUse(w, quota, 1);
  }
}

function describeUse(w: DescribeWriter, { status }: Readonly<ResourceQuota>, level: number): void {
  for (const name of sortedNames(status?.hard)) {
    w.line(level, name, canonicalQuantity(status?.used?.[name] ?? '0'), canonicalQuantity(status!.hard![name]!));
  }
}

export async function describeQuota(w: DescribeWriter, quota: Readonly<ResourceQuota>): Promise<void> {
  w.line(0, 'Name:', quota.metadata.name);
  w.line(0, 'Namespace:', quota.metadata.namespace);
  const scopes = [...(quota.spec?.scopes ?? [])].sort();
  if (scopes.length > 0) w.line(0, 'Scopes:', scopes.join(', '));
  for (const scope of scopes) if (scopeHelp[scope]) w.raw(` * ${scopeHelp[scope]}\n`);
  w.line(0, 'Resource', 'Used', 'Hard');
  w.line(0, '--------', '----', '----');
  describeUse(w, quota, 0);
}

export async function describeLimitRange(w: DescribeWriter, range: Readonly<LimitRange>): Promise<void> {
  w.line(0, 'Name:', range.metadata.name);
  w.line(0, 'Namespace:', range.metadata.namespace);
  w.raw('Type\tResource\tMin\tMax\tDefault Request\tDefault Limit\tMax Limit/Request Ratio\n');
  w.raw('----\t--------\t---\t---\t---------------\t-------------\t-----------------------\n');
  describeLimits(w, range, '');
}

/** Resources in the order of their names, where upstream's order is arbitrary. */
function describeLimits(w: DescribeWriter, { spec }: Readonly<LimitRange>, prefix: string): void {
  for (const item of spec?.limits ?? []) {
    const lists = [item.min, item.max, item.defaultRequest, item.default, item.maxLimitRequestRatio];
    const names = sortedNames(Object.assign({}, ...lists));
    for (const name of names) {
      const cells = lists.map((list) => (list?.[name] === undefined ? '-' : canonicalQuantity(list[name]!)));
      w.raw(`${prefix}${[item.type, name, ...cells].join('\t')}\n`);
    }
  }
}
