/** Whom a request acts as. Upstream: apiserver/pkg/endpoints/filters/impersonation (1.36: constrained impersonation). */
import { newBadRequest, type StatusError } from '../../apimachinery/index.ts';
import type { Authorizer, RequestInfo, ServerRequest, UserInfo } from '../types.ts';
import { constrainedModes, type ImpersonationMode, legacyMode, type WantedUser } from './impersonation-modes.ts';

const extraPrefix = 'impersonate-extra-';

export interface ImpersonationOptions {
  /** `--feature-gates=ConstrainedImpersonation`. Default true. */
  readonly constrained?: boolean;
}

/**
 * The user a request acts as: `requestor`, or whom its Impersonate-* headers name when one of the modes lets `requestor`.
 * The refusal of the first mode that applies is the answer when none does.
 * @throws StatusError
 */
export function impersonate(
  request: ServerRequest,
  info: RequestInfo,
  requestor: UserInfo,
  authorizer: Authorizer,
  options: ImpersonationOptions = {},
): UserInfo {
  const wanted = wantedUser(request);
  if (wanted === undefined) return requestor;
  const modes: readonly ImpersonationMode[] = options.constrained === false ? [] : constrainedModes;
  let refusal: StatusError | undefined;
  for (const mode of [...modes, legacyMode]) {
    if (!mode.applies(wanted, requestor)) continue;
    const answer = mode.check({ wanted, requestor, info, authorizer });
    if (!(answer instanceof Error)) return answer;
    refusal ??= answer;
  }
  throw refusal!;
}

/** What the headers say, as they say it. @throws StatusError 400 for attributes without a user */
function wantedUser(request: ServerRequest): WantedUser | undefined {
  const name = request.headers['impersonate-user'] ?? '';
  const uid = request.headers['impersonate-uid'] ?? '';
  const groups = headerValues(request, 'impersonate-group');
  const extra: Record<string, string[]> = {};
  let extras = 0;
  for (const header in request.headers) {
    if (!header.startsWith(extraPrefix)) continue;
    extras++;
    const key = extraKey(header.slice(extraPrefix.length));
    extra[key] = [...(extra[key] ?? []), ...headerValues(request, header)];
  }
  if (name !== '') return { name, uid, groups, extra };
  if (uid === '' && groups.length === 0 && extras === 0) return undefined;
  throw newBadRequest(`requested ${goSyntax({ name, uid, groups, extra })} without impersonating a user name`);
}

/** As Go's %#v shows the user. */
function goSyntax({ uid, groups, extra }: WantedUser): string {
  const quoted = (values: readonly string[]) => `{${values.map((value) => JSON.stringify(value)).join(', ')}}`;
  const keys = Object.keys(extra).sort();
  const groupText = groups.length === 0 ? '(nil)' : quoted(groups);
  const entries = keys.map((key) => `${JSON.stringify(key)}:[]string${quoted(extra[key]!)}`).join(', ');
  const extraText = keys.length === 0 ? '(nil)' : `{${entries}}`;
  return `&user.DefaultInfo{Name:"", UID:${JSON.stringify(uid)}, Groups:[]string${groupText}, Extra:map[string][]string${extraText}}`;
}

function headerValues(request: ServerRequest, name: string): readonly string[] {
  const repeated = request.repeatedHeaders?.[name];
  if (repeated) return repeated;
  const value = request.headers[name];
  return value === undefined ? [] : [value];
}

/** Extra keys are percent-encoded in header names; malformed ones are taken as they are. */
function extraKey(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}
