/**
 * `klab auth reconcile`: roles get at least the rules of files, bindings their subjects; a binding to another role is made
 * anew. Upstream: kubectl/pkg/cmd/auth/reconcile.go, component-helpers/auth/rbac/reconciliation.
 */
import { deepEqual, isConflict, isNotFound, type KubeObject } from '../../apimachinery/index.ts';
import type { ResourceClient } from '../../client/index.ts';
import { targetOf } from '../apply/target.ts';
import { UserError } from '../exit-codes.ts';
import { goValue } from '../printers/go-value.ts';
import type { Session, SessionRequest } from '../session.ts';
import { parseDryRun } from '../write/dry-run.ts';
import type { FileFlags, PrintFlags } from '../write/flags.ts';
import type { WriteIo } from '../write/io.ts';
import { readFileFlags } from '../write/read-files.ts';
import { ResultPrinter } from '../write/result-printer.ts';
import { missingRules, type Rule } from './rule-cover.ts';

export interface ReconcileFlags extends SessionRequest, FileFlags, PrintFlags {
  readonly 'dry-run'?: string;
  readonly 'remove-extra-permissions'?: boolean;
  readonly 'remove-extra-subjects'?: boolean;
}

interface Subject {
  readonly kind?: string;
  readonly apiGroup?: string;
  readonly name?: string;
  readonly namespace?: string;
}

interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>;
}

/** What is read of roles and bindings; a role has rules, a binding roleRef and subjects. */
interface RbacObject extends KubeObject {
  rules?: readonly Rule[];
  aggregationRule?: { readonly clusterRoleSelectors?: readonly Selector[] };
  roleRef?: Subject;
  subjects?: readonly Subject[];
}

export interface Reconciliation {
  readonly operation: 'none' | 'create' | 'update' | 'recreate';
  /** The existing object opted out. */
  readonly isProtected: boolean;
  readonly object: RbacObject;
  readonly missingRules: readonly Rule[];
  readonly extraRules: readonly Rule[];
  readonly missingSubjects: readonly Subject[];
  readonly extraSubjects: readonly Subject[];
}

const optOut = 'rbac.authorization.kubernetes.io/autoupdate';
const group = 'rbac.authorization.k8s.io';
const roles = ['Role', 'ClusterRole'];
const bindings = ['RoleBinding', 'ClusterRoleBinding'];
/** Conflicts are tried again without delay. */
const triesMax = 3;

export async function reconcileRbac(
  words: readonly string[],
  flags: ReconcileFlags,
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<void> {
  const dryRun = parseDryRun(flags['dry-run']);
  if (!flags.filename?.length && flags.kustomize === undefined) {
    throw new UserError('must specify one of -f and -k');
  }
  if (words.length > 0) throw new UserError('no arguments are allowed');
  if (dryRun === 'server') throw new UserError('--dry-run=server for command reconcile is not supported yet');
  const printer = new ResultPrinter(flags, dryRun, io.write);
  const manifests = (await readFileFlags(flags, 'reconciled', io.signal)) ?? [];
  const opened = await session();
  for (const manifest of manifests) {
    const { apiVersion, kind } = manifest.object;
    if (!apiVersion.startsWith(`${group}/`) || ![...roles, ...bindings].includes(kind)) continue;
    if (apiVersion !== `${group}/v1`) throw new UserError(`only ${group}/v1 is supported: not ${apiVersion} ${kind}`);
    const { resource, namespace, object } = await targetOf(opened, manifest);
    const calls = opened.client.resource(resource).namespace(namespace);
    const remove = Boolean(flags[roles.includes(kind) ? 'remove-extra-permissions' : 'remove-extra-subjects']);
    const result = await reconcileOne(opened, calls, object as RbacObject, {
      namespace,
      remove,
      dryRun: dryRun !== 'none',
    });
    printer.print(result.object, 'reconciled');
    for (const line of report(result, remove)) io.say(line);
  }
}

async function reconcileOne(
  session: Session,
  calls: ResourceClient,
  wanted: RbacObject,
  options: { readonly namespace: string; readonly remove: boolean; readonly dryRun: boolean },
): Promise<Reconciliation> {
  const { signal } = session;
  const name = wanted.metadata.name ?? '';
  for (let tries = 1; ; tries++) {
    const existing = await calls.get(name, { signal }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    const plan = planReconciliation(existing as RbacObject | undefined, wanted, options.remove);
    if (plan.isProtected || options.dryRun || plan.operation === 'none') return plan;
    try {
      if (plan.operation === 'update') return { ...plan, object: await calls.update(plan.object, { signal }) };
      if (plan.operation === 'recreate') {
        await calls.delete(name, { preconditions: { uid: existing!.metadata.uid }, signal });
      } else if (options.namespace !== '') await ensureNamespace(session, options.namespace);
      return { ...plan, object: await calls.create(plan.object, { signal }) };
    } catch (error) {
      if (tries >= triesMax || !isConflict(error)) throw error;
    }
  }
}

async function ensureNamespace(session: Session, name: string): Promise<void> {
  const namespaces = session.client.resource(await session.resolveKind('v1', 'Namespace'));
  try {
    await namespaces.get(name, { signal: session.signal });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    await namespaces.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } } as KubeObject);
  }
}

/** What must happen to the existing object so that it grants what is wanted. `remove` takes away what is not. */
export function planReconciliation(
  existing: RbacObject | undefined,
  wanted: RbacObject,
  remove: boolean,
): Reconciliation {
  const nothing = { missingRules: [], extraRules: [], missingSubjects: [], extraSubjects: [], isProtected: false };
  if (!existing) {
    const { rules: missingRules = [], subjects: missingSubjects = [] } = wanted;
    return { ...nothing, operation: 'create', object: wanted, missingRules, missingSubjects };
  }
  const isProtected = existing.metadata.annotations?.[optOut] === 'false';
  const isBinding = bindings.includes(wanted.kind);
  if (isBinding && !sameSubject(wanted.roleRef ?? {}, existing.roleRef ?? {})) {
    return { ...nothing, isProtected, operation: 'recreate', object: wanted };
  }
  const object: RbacObject = { ...existing, metadata: mergedMetadata(existing, wanted) };
  const parts = isBinding ? planSubjects(object, wanted, remove) : planRules(object, existing, wanted, remove);
  const operation = deepEqual(object, existing) ? 'none' : 'update';
  return { ...nothing, ...parts, isProtected, operation, object };
}

/** Values that are there win over those of files. */
function mergedMetadata(existing: RbacObject, wanted: RbacObject): KubeObject['metadata'] {
  const metadata = { ...existing.metadata };
  for (const field of ['annotations', 'labels'] as const) {
    const merged = { ...wanted.metadata[field], ...existing.metadata[field] };
    if (wanted.metadata[field] || existing.metadata[field]) metadata[field] = merged;
  }
  return metadata;
}

function planRules(object: RbacObject, existing: RbacObject, wanted: RbacObject, remove: boolean) {
  const [have, want] = [existing.rules ?? [], wanted.rules ?? []];
  const aggregated = existing.aggregationRule && wanted.aggregationRule;
  const extra = aggregated ? [] : missingRules(want, have);
  const missing = missingRules(have, want);
  if (remove && missing.length + extra.length > 0) object.rules = want;
  else if (!remove && missing.length > 0) object.rules = [...have, ...missing];
  planAggregation(object, existing, wanted, remove);
  return { missingRules: missing, extraRules: extra };
}

function planAggregation(object: RbacObject, existing: RbacObject, wanted: RbacObject, remove: boolean): void {
  if (!wanted.aggregationRule) {
    delete object.aggregationRule;
    return;
  }
  const have = existing.aggregationRule?.clusterRoleSelectors ?? [];
  const want = wanted.aggregationRule.clusterRoleSelectors ?? [];
  const lacks = (list: readonly Selector[], others: readonly Selector[]) =>
    others.filter((other) => !list.some((each) => deepEqual(each, other)));
  const [missing, extra] = [lacks(have, want), lacks(want, have)];
  if (remove && missing.length + extra.length > 0) object.aggregationRule = wanted.aggregationRule;
  else if (!remove && missing.length > 0) object.aggregationRule = { clusterRoleSelectors: [...have, ...missing] };
}

function planSubjects(object: RbacObject, wanted: RbacObject, remove: boolean) {
  const [have, want] = [object.subjects ?? [], wanted.subjects ?? []];
  const lacks = (list: readonly Subject[], others: readonly Subject[]) =>
    others.filter(
      (other, i) =>
        !list.some((each) => sameSubject(each, other)) && others.findIndex((each) => sameSubject(each, other)) === i,
    );
  const [missing, extra] = [lacks(have, want), lacks(want, have)];
  if (remove && missing.length + extra.length > 0) object.subjects = want;
  else if (!remove && missing.length > 0) object.subjects = [...have, ...missing];
  return { missingSubjects: missing, extraSubjects: extra };
}

function sameSubject(a: Subject, b: Subject): boolean {
  return (['kind', 'apiGroup', 'name', 'namespace'] as const).every((field) => (a[field] ?? '') === (b[field] ?? ''));
}

/** What was done, in lines for stderr. */
function report(result: Reconciliation, remove: boolean): string[] {
  if (result.operation === 'none') return [];
  const caveat = result.isProtected ? `, but object opted out (${optOut}: false)` : '';
  const rule = ({ verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] }: Rule) =>
    `{Verbs:${goValue(verbs)} APIGroups:${goValue(apiGroups)} Resources:${goValue(resources)} ResourceNames:${goValue(resourceNames)} NonResourceURLs:${goValue(nonResourceURLs)}}`;
  const subject = ({ kind = '', apiGroup = '', name = '', namespace = '' }: Subject) =>
    `{Kind:${kind} APIGroup:${apiGroup} Name:${name} Namespace:${namespace}}`;
  const part = (title: string, items: readonly string[]) =>
    items.length === 0 ? [] : [`\t${title}:`, ...items.map((item) => `\t\t${item}`)];
  return [
    `\treconciliation required ${result.operation}${caveat}`,
    ...part('missing subjects added', result.missingSubjects.map(subject)),
    ...(remove ? part('extra subjects removed', result.extraSubjects.map(subject)) : []),
    ...part('missing rules added', result.missingRules.map(rule)),
    ...(remove ? part('extra rules removed', result.extraRules.map(rule)) : []),
  ];
}
