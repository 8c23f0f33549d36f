/** Which names a definition gets. Upstream: apiextensions-apiserver/pkg/controller/status/naming_controller.go. */
import type { CrdNames } from '../../api/index.ts';
import { deepEqual } from '../../apimachinery/index.ts';
import { type Crd, findCondition, isTrue, saysTheSame, type WantedCondition, withCondition } from './conditions.ts';

const noConflicts: WantedCondition = {
  type: 'NamesAccepted',
  status: 'True',
  reason: 'NoConflicts',
  message: 'no conflicts found',
};
const notAccepted: WantedCondition = {
  type: 'Established',
  status: 'False',
  reason: 'NotAccepted',
  message: 'not all names are accepted',
};
const installing: WantedCondition = {
  type: 'Established',
  status: 'False',
  reason: 'Installing',
  message: 'the initial names have been accepted',
};

/** Names that definitions of the group hold. */
interface Taken {
  readonly resources: ReadonlySet<string>;
  readonly kinds: ReadonlySet<string>;
}

function takenNames(group: readonly Crd[]): Taken {
  const resources = new Set<string>();
  const kinds = new Set<string>();
  for (const { status } of group) {
    const names = status?.acceptedNames;
    if (!names) continue;
    for (const name of [names.plural, names.singular ?? '', ...(names.shortNames ?? [])]) resources.add(name);
    for (const kind of [names.kind, names.listKind ?? '']) kinds.add(kind);
  }
  return { resources, kinds };
}

/** All of them, in the order Go writes them; what is empty is left out. */
function normalized(names: Partial<CrdNames> | undefined): Partial<CrdNames> {
  const { plural, singular, shortNames, kind, listKind, categories } = names ?? {};
  return {
    ...(plural ? { plural } : {}),
    ...(singular ? { singular } : {}),
    ...(shortNames?.length ? { shortNames } : {}),
    ...(kind ? { kind } : {}),
    ...(listKind ? { listKind } : {}),
    ...(categories?.length ? { categories } : {}),
  };
}

/** The definition with the names it may have now; undefined when nothing changes. `group`: all of its group, it included. */
export function named(crd: Crd, group: () => readonly Crd[], now: string): Crd | undefined {
  const wanted = normalized(crd.spec.names);
  const before = normalized(crd.status?.acceptedNames);
  if (deepEqual(wanted, before)) return undefined;
  const taken = takenNames(group());
  const accepted: Record<string, unknown> = { ...before };
  let conflict: WantedCondition | undefined;
  const refuse = (reason: string, message: string) => {
    conflict = { type: 'NamesAccepted', status: 'False', reason, message };
  };
  const claim = (field: 'plural' | 'singular' | 'kind' | 'listKind', names: ReadonlySet<string>, reason: string) => {
    const name = wanted[field] ?? '';
    if (name !== before[field] && names.has(name)) refuse(reason, inUse(name));
    else accepted[field] = name;
  };
  claim('plural', taken.resources, 'PluralConflict');
  claim('singular', taken.resources, 'SingularConflict');
  const ours = new Set(before.shortNames);
  const clashes = (wanted.shortNames ?? []).filter((name) => !ours.has(name) && taken.resources.has(name));
  if (clashes.length > 0) refuse('ShortNamesConflict', aggregate(clashes.map(inUse)));
  else accepted['shortNames'] = wanted.shortNames;
  claim('kind', taken.kinds, 'KindConflict');
  claim('listKind', taken.kinds, 'ListKindConflict');
  accepted['categories'] = wanted.categories;

  const acceptedNames = normalized(accepted as Partial<CrdNames>) as CrdNames;
  const condition = conflict ?? noConflicts;
  if (deepEqual(acceptedNames, before) && saysTheSame(findCondition(crd, 'NamesAccepted'), condition)) return undefined;
  let next = withCondition({ ...crd, status: { ...crd.status, acceptedNames } }, condition, now);
  if (!isTrue(crd, 'Established') && !conflict) next = withCondition(next, installing, now);
  else if (!findCondition(crd, 'Established')) next = withCondition(next, notAccepted, now);
  return next;
}

const inUse = (name: string): string => `${JSON.stringify(name)} is already in use`;

/** Upstream: apimachinery/pkg/util/errors (Aggregate). */
function aggregate(messages: readonly string[]): string {
  const distinct = [...new Set(messages)];
  return distinct.length === 1 ? distinct[0]! : `[${distinct.join(', ')}]`;
}
