/** `klab set resources|serviceaccount|selector|subject`. Upstream: kubectl/pkg/cmd/set. */
import { deepEqual } from '../../apimachinery/index.ts';
import { parseResourceList } from '../create/plain.ts';
import { type BindingFlags, subjectsOf } from '../create/rbac.ts';
import { selectorObject } from '../create/selector.ts';
import { exitCodes, UserError } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import type { WriteIo } from '../write/io.ts';
import { podSpecOf, type SetFlags, setOn } from './set.ts';

const noResources = 'one or more resources must be specified as <resource> <name> or <resource>/<name>';
const fromFiles = (flags: SetFlags) => Boolean(flags.filename?.length || flags.kustomize);

export async function setResources(
  words: readonly string[],
  flags: SetFlags & { readonly limits?: string; readonly requests?: string; readonly containers?: string },
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<void> {
  const { limits = '', requests = '', containers = '*' } = flags;
  if (limits === '' && requests === '') {
    throw new UserError('you must specify an update to requests or limits (in the form of --requests/--limits)');
  }
  const [wantLimits, wantRequests] = [parseResourceList(limits), parseResourceList(requests)];
  await setOn(words, flags, session, io, 'resource requirements updated', (object) => {
    const spec = podSpecOf(object);
    let found = 0;
    for (const container of spec.containers) {
      if (containers !== '*' && container.name !== containers) continue;
      found++;
      const now = container.resources ?? {};
      container.resources = {
        ...now,
        ...(limits !== '' && { limits: { ...now.limits, ...wantLimits } }),
        ...(requests !== '' && { requests: { ...now.requests, ...wantRequests } }),
      };
    }
    if (found === 0) throw new UserError(`unable to find container named ${containers}`);
  });
}

export async function setServiceAccount(
  words: readonly string[],
  flags: SetFlags,
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<void> {
  if (words.length === 0) throw new UserError('serviceaccount is required');
  const account = words.at(-1)!;
  const resources = words.slice(0, -1);
  if (resources.length === 0 && !fromFiles(flags)) throw new UserError(noResources);
  await setOn(
    resources,
    flags,
    session,
    io,
    'serviceaccount updated',
    (object) => {
      const spec = podSpecOf(object);
      spec.serviceAccountName = account;
      if (spec.serviceAccount !== undefined) spec.serviceAccount = account;
    },
    'all',
  );
}

export async function setSelector(
  words: readonly string[],
  flags: SetFlags,
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<void> {
  const expressions = words.filter((word) => word.includes('='));
  const resources = words.filter((word) => !word.includes('='));
  if (resources.length === 0 && !fromFiles(flags)) throw new UserError(noResources);
  if (expressions.length === 0) throw new UserError('one selector is required');
  const selector = selectorObject(expressions.join(','));
  await setOn(
    resources,
    flags,
    session,
    io,
    'selector updated',
    (object) => {
      if (object.kind !== 'Service') {
        throw new UserError('setting a selector is only supported for Services');
      }
      const { matchLabels = {}, matchExpressions } = selector as { matchLabels?: object; matchExpressions?: unknown };
      if (matchExpressions) throw new UserError('cannot set match expressions on a service');
      (object['spec'] as { selector: object }).selector = matchLabels;
    },
    'all',
  );
}

export async function setSubject(
  words: readonly string[],
  flags: SetFlags & BindingFlags,
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<void> {
  const wanted = subjectsOf(flags) as { kind: string; name: string; namespace?: string }[];
  if (words.length === 0 && !fromFiles(flags)) throw new UserError(noResources, exitCodes.failed);
  if (wanted.length === 0) {
    throw new UserError('you must specify at least one value of user, group or serviceaccount');
  }
  await setOn(words, flags, session, io, 'subjects updated', (object) => {
    if (object.kind !== 'RoleBinding' && object.kind !== 'ClusterRoleBinding') {
      throw new UserError('setting subjects is only supported for RoleBinding/ClusterRoleBinding');
    }
    const subjects = (object['subjects'] ?? []) as object[];
    object['subjects'] = subjects;
    for (const subject of wanted) if (!subjects.some((one) => deepEqual(one, subject))) subjects.push(subject);
  });
}
