/** Config maps, secrets, service accounts, roles and their bindings, and small policy objects. */
import type {
  ClusterRole,
  ClusterRoleBinding,
  ConfigMap,
  PodDisruptionBudget,
  PolicyRule,
  PriorityClass,
  Role,
  RoleBinding,
  Secret,
  ServiceAccount,
} from '../../api/index.ts';
import { compareBytes, formatLabelSelector } from '../../apimachinery/index.ts';
import { goValue } from '../printers/go-value.ts';
import { labelsText } from '../printers/labels.ts';
import type { DescribeContext } from './context.ts';
import { describeEvents } from './events.ts';
import type { DescribeWriter } from './writer.ts';

export async function describeConfigMap(
  w: DescribeWriter,
  map: Readonly<ConfigMap>,
  context: DescribeContext,
): Promise<void> {
  const { metadata, data = {}, binaryData = {} } = map;
  w.line(0, 'Name:', metadata.name);
  w.line(0, 'Namespace:', metadata.namespace);
  w.labels('Labels', metadata.labels);
  w.annotations('Annotations', metadata.annotations);
  w.raw('\nData\n====\n');
  for (const key of Object.keys(data).sort(compareBytes)) w.raw(`${key}:\n----\n${data[key]}\n\n`);
  w.raw('\nBinaryData\n====\n');
  for (const key of Object.keys(binaryData).sort(compareBytes)) w.raw(`${key}: ${bytesOf(binaryData[key]!)} bytes\n`);
  w.raw('\n');
  describeEvents(w, await context.events(map));
}

/** Sizes only: what a secret holds is for `get -o yaml`. */
export async function describeSecret(w: DescribeWriter, secret: Readonly<Secret>): Promise<void> {
  const { metadata, type, data = {} } = secret;
  w.line(0, 'Name:', metadata.name);
  w.line(0, 'Namespace:', metadata.namespace);
  w.labels('Labels', metadata.labels);
  w.annotations('Annotations', metadata.annotations);
  w.raw(`\nType:\t${type ?? ''}\n`);
  w.raw('\nData\n====\n');
  for (const key of Object.keys(data).sort(compareBytes)) {
    const shown = key === 'token' && type === 'kubernetes.io/service-account-token';
    w.line(0, `${key}:`, shown ? Buffer.from(data[key]!, 'base64').toString() : `${bytesOf(data[key]!)} bytes`);
  }
}

function bytesOf(base64: string): number {
  return Buffer.from(base64, 'base64').length;
}

export async function describeServiceAccount(
  w: DescribeWriter,
  account: Readonly<ServiceAccount>,
  context: DescribeContext,
): Promise<void> {
  const { metadata, imagePullSecrets = [] } = account;
  w.line(0, 'Name:', metadata.name);
  w.line(0, 'Namespace:', metadata.namespace);
  w.labels('Labels', metadata.labels);
  w.annotations('Annotations', metadata.annotations);
  const header = 'Image pull secrets:';
  if (imagePullSecrets.length === 0) w.line(0, header, '<none>');
  for (const [i, { name }] of imagePullSecrets.entries()) w.line(0, i === 0 ? header : ' '.repeat(header.length), name);
  describeEvents(w, await context.events(account));
}

export async function describeRole(w: DescribeWriter, role: Readonly<Role | ClusterRole>): Promise<void> {
  w.line(0, 'Name:', role.metadata.name);
  w.labels('Labels', role.metadata.labels);
  w.annotations('Annotations', role.metadata.annotations);
  w.line(0, 'PolicyRule:');
  w.line(1, 'Resources', 'Non-Resource URLs', 'Resource Names', 'Verbs');
  w.line(1, '---------', '-----------------', '--------------', '-----');
  for (const { resource, urls, names, verbs } of compactRules(role.rules ?? [])) {
    w.line(1, resource, goValue(urls), goValue(names), goValue(verbs));
  }
}

export interface CompactRule {
  readonly resource: string;
  readonly urls: readonly string[];
  readonly names: readonly string[];
  readonly verbs: string[];
}

/** One row for each resource and name with all its verbs, and one for each URL and verb. */
export function compactRules(rules: readonly PolicyRule[]): CompactRule[] {
  const byResource = new Map<string, CompactRule & { readonly order: string }>();
  const rows: (CompactRule & { readonly order: string })[] = [];
  for (const { apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [], verbs } of rules) {
    for (const group of apiGroups) {
      for (const resource of resources) {
        for (const name of resourceNames.length > 0 ? resourceNames : [undefined]) {
          const key = JSON.stringify([group, resource, name]);
          let row = byResource.get(key);
          if (!row) {
            const [base = '', sub] = resource.split(/\/(.*)/s);
            const text = `${base}${group ? `.${group}` : ''}${sub === undefined ? '' : `/${sub}`}`;
            // Upstream sorts by the generated text of a rule, of which the verb comes first and the group next.
            const order = `{[${verbs[0]}],[${group}],[${resource}],[${name ?? ''}]`;
            row = { resource: text, urls: [], names: name === undefined ? [] : [name], verbs: [], order };
            byResource.set(key, row);
            rows.push(row);
          }
          for (const verb of verbs) if (!row.verbs.includes(verb)) row.verbs.push(verb);
        }
      }
    }
    for (const url of nonResourceURLs) {
      for (const verb of verbs) {
        rows.push({ resource: '', urls: [url], names: [], verbs: [verb], order: `{[${verb}],[],[],[],[${url}]` });
      }
    }
  }
  const order = (row: CompactRule & { readonly order: string }) =>
    row.order.replace(/^\{\[[^\]]*\]/, `&PolicyRule{Verbs:[${row.verbs.join(' ')}]`);
  return rows.sort((a, b) => compareBytes(order(a), order(b)));
}

export async function describeRoleBinding(
  w: DescribeWriter,
  binding: Readonly<RoleBinding | ClusterRoleBinding>,
): Promise<void> {
  w.line(0, 'Name:', binding.metadata.name);
  w.labels('Labels', binding.metadata.labels);
  w.annotations('Annotations', binding.metadata.annotations);
  w.line(0, 'Role:');
  w.line(1, 'Kind:', binding.roleRef?.kind);
  w.line(1, 'Name:', binding.roleRef?.name);
  w.line(0, 'Subjects:');
  w.line(1, 'Kind', 'Name', 'Namespace');
  w.line(1, '----', '----', '---------');
  for (const { kind, name, namespace } of binding.subjects ?? []) w.line(1, kind, name, namespace);
}

export async function describePodDisruptionBudget(
  w: DescribeWriter,
  budget: Readonly<PodDisruptionBudget>,
  context: DescribeContext,
): Promise<void> {
  const { metadata, spec, status } = budget;
  w.line(0, 'Name:', metadata.name);
  w.line(0, 'Namespace:', metadata.namespace);
  if (spec?.minAvailable !== undefined) w.line(0, 'Min available:', spec.minAvailable);
  else if (spec?.maxUnavailable !== undefined) w.line(0, 'Max unavailable:', spec.maxUnavailable);
  w.line(0, 'Selector:', spec?.selector ? formatLabelSelector(spec.selector) : '<unset>');
  w.line(0, 'Status:');
  w.line(2, 'Allowed disruptions:', status?.disruptionsAllowed ?? 0);
  w.line(2, 'Current:', status?.currentHealthy ?? 0);
  w.line(2, 'Desired:', status?.desiredHealthy ?? 0);
  w.line(2, 'Total:', status?.expectedPods ?? 0);
  describeEvents(w, await context.events(budget));
}

export async function describePriorityClass(
  w: DescribeWriter,
  priority: Readonly<PriorityClass>,
  context: DescribeContext,
): Promise<void> {
  w.line(0, 'Name:', priority.metadata.name);
  w.line(0, 'Value:', priority.value);
  w.line(0, 'GlobalDefault:', priority.globalDefault ?? false);
  w.line(0, 'PreemptionPolicy:', priority.preemptionPolicy);
  w.line(0, 'Description:', priority.description);
  w.line(0, 'Annotations:', labelsText(priority.metadata.annotations));
  describeEvents(w, await context.events(priority));
}
