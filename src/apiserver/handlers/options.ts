/** Query parameters of the verbs, checked. Upstream: apimachinery/pkg/apis/meta/internalversion/validation, meta/v1/validation. */
import { FieldErrorList, FieldPath, newBadRequest, newInvalid, type StatusError } from '../../apimachinery/index.ts';
import type { DeleteRequestOptions, FieldValidation, WriteRequest } from '../registry/request.ts';
import type { RequestContext } from '../types.ts';

function invalidOptions(kind: string, errors: FieldErrorList): StatusError {
  return newInvalid({ group: 'meta.k8s.io', kind }, '', errors.errors);
}

/** Present and neither `false` nor `0` is true. Upstream: apimachinery/pkg/runtime/conversion.go. */
export function boolParameter(query: URLSearchParams, name: string): boolean | undefined {
  const value = query.get(name);
  return value === null ? undefined : value !== '0' && value.toLowerCase() !== 'false';
}

export function intParameter(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null) return undefined;
  const fail = (why: string) => newBadRequest(`strconv.ParseInt: parsing ${JSON.stringify(value)}: ${why}`);
  if (!/^[-+]?\d+$/.test(value)) throw fail('invalid syntax');
  if (BigInt(value) !== BigInt.asIntN(64, BigInt(value))) throw fail('value out of range');
  return Number(value);
}

/** Undefined when unset. `prefix` stands before the reason. @throws StatusError 400 */
export function parseResourceVersion(text: string, prefix = ''): number | undefined {
  if (text === '') return undefined;
  const digits = /^\d+$/.test(text);
  if (!digits || BigInt(text) > 0xffff_ffff_ffff_ffffn) {
    const why = `strconv.ParseUint: parsing ${JSON.stringify(text)}: ${digits ? 'value out of range' : 'invalid syntax'}`;
    throw newBadRequest(`${prefix}resourceVersion: Invalid value: ${JSON.stringify(text)}: ${why}`);
  }
  return Number(text);
}

export interface ListOptions {
  readonly limit: number;
  readonly continue: string;
  readonly resourceVersion: number | undefined;
  readonly match: '' | 'Exact' | 'NotOlderThan';
  readonly labelSelector: string;
  readonly fieldSelector: string;
  readonly sendInitialEvents: boolean | undefined;
  readonly allowWatchBookmarks: boolean;
  readonly timeoutSeconds: number | undefined;
}

/** @throws StatusError */
export function listOptions(query: URLSearchParams, watch: boolean): ListOptions {
  const match = query.get('resourceVersionMatch') ?? '';
  const version = query.get('resourceVersion') ?? '';
  const token = query.get('continue') ?? '';
  const limit = intParameter(query, 'limit') ?? 0;
  const timeoutSeconds = intParameter(query, 'timeoutSeconds');
  const asked = boolParameter(query, 'sendInitialEvents');
  checkMatch({ match, version, token, sendInitialEvents: asked, watch });
  // A watch from "any" or "the newest" state has always begun with that state; it may be told as such.
  const legacy = watch && asked === undefined && match === '' && (version === '' || version === '0');
  return {
    limit: Math.max(0, limit),
    continue: token,
    resourceVersion: parseResourceVersion(version, watch ? '' : 'invalid resource version: '),
    match: match as ListOptions['match'],
    labelSelector: query.get('labelSelector') ?? '',
    fieldSelector: query.get('fieldSelector') ?? '',
    sendInitialEvents: legacy ? true : asked,
    allowWatchBookmarks: boolParameter(query, 'allowWatchBookmarks') ?? false,
    timeoutSeconds,
  };
}

function checkMatch(asked: {
  match: string;
  version: string;
  token: string;
  sendInitialEvents: boolean | undefined;
  watch: boolean;
}): void {
  const { match, version, token, sendInitialEvents, watch } = asked;
  if (match === '' && sendInitialEvents === undefined) return;
  const errors = new FieldErrorList();
  const matchPath = FieldPath.root('resourceVersionMatch');
  if (watch) {
    if (sendInitialEvents !== undefined && match !== 'NotOlderThan') {
      errors.forbidden(matchPath, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
    }
    if (match !== '') {
      if (sendInitialEvents === undefined) {
        errors.forbidden(matchPath, 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided');
      }
      if (match !== 'NotOlderThan') errors.notSupported(matchPath, match, ['NotOlderThan']);
      if (token !== '') errors.forbidden(matchPath, 'resourceVersionMatch is forbidden when continue is provided');
    }
  } else {
    if (match !== '') {
      if (version === '') {
        errors.forbidden(matchPath, 'resourceVersionMatch is forbidden unless resourceVersion is provided');
      }
      if (token !== '') errors.forbidden(matchPath, 'resourceVersionMatch is forbidden when continue is provided');
      if (match !== 'Exact' && match !== 'NotOlderThan')
        errors.notSupported(matchPath, match, ['Exact', 'NotOlderThan', ''], { inOrder: true });
      if (match === 'Exact' && version === '0') {
        errors.forbidden(matchPath, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
      }
    }
    if (sendInitialEvents !== undefined) {
      errors.forbidden(FieldPath.root('sendInitialEvents'), 'sendInitialEvents is forbidden for list');
    }
  }
  if (errors.length > 0) throw invalidOptions('ListOptions', errors);
}

const validations: readonly string[] = ['', 'Ignore', 'Strict', 'Warn'];

/**
 * Options every write has. `apply` demands a field manager.
 * @throws StatusError
 */
export function writeRequest(
  context: RequestContext,
  kind: 'CreateOptions' | 'UpdateOptions' | 'PatchOptions' | 'DeleteOptions',
  more: { readonly apply?: boolean; readonly dryRun?: readonly string[] } = {},
): WriteRequest {
  const { info, request } = context;
  const { query } = request;
  const errors = new FieldErrorList();
  const dryRun = [...query.getAll('dryRun'), ...(more.dryRun ?? [])].filter((value) => value !== '');
  const fieldManager = query.get('fieldManager') ?? '';
  if (more.apply && fieldManager === '') {
    errors.required(FieldPath.root('fieldManager'), 'is required for apply patch');
  }
  if (kind === 'PatchOptions' && !more.apply && query.has('force')) {
    errors.forbidden(FieldPath.root('force'), 'may not be specified for non-apply patch');
  }
  if (kind !== 'DeleteOptions') checkFieldManager(fieldManager, errors);
  if (dryRun.some((value) => value !== 'All')) errors.notSupported(FieldPath.root('dryRun'), dryRun, ['All']);
  const fieldValidation = query.get('fieldValidation') || 'Warn';
  if (kind !== 'DeleteOptions' && !validations.includes(fieldValidation)) {
    errors.notSupported(FieldPath.root('fieldValidation'), fieldValidation, validations);
  }
  if (errors.length > 0) throw invalidOptions(kind, errors);
  return {
    user: context.user,
    provenance: context.provenance,
    warnings: context.warnings,
    namespace: info.namespace,
    name: info.name,
    subresource: info.subresource,
    dryRun: dryRun.length > 0,
    manager: fieldManager || managerOf(context),
    fieldValidation: fieldValidation as FieldValidation,
  };
}

function checkFieldManager(manager: string, errors: FieldErrorList): void {
  const path = FieldPath.root('fieldManager');
  if (Buffer.byteLength(manager) > 128) errors.tooLong(path, 128);
  let at = 0;
  for (const character of manager) {
    if (!/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(character)) {
      const code = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
      errors.invalid(path, manager, `invalid character U+${code} (at position ${at})`);
    }
    at += Buffer.byteLength(character);
  }
}

/** Clients that name no manager are known by the first word of their User-Agent. Upstream: managerOrUserAgent. */
function managerOf({ request, provenance }: RequestContext): string {
  const agent = request.headers['user-agent'] ?? provenance.agent ?? (request.user ? provenance.actor : '');
  const slash = agent.indexOf('/');
  return (slash < 0 ? agent : agent.slice(0, slash)).slice(0, 128) || 'unknown';
}

const policies: readonly string[] = ['Foreground', 'Background', 'Orphan'];

/** DeleteOptions of body and query; the body, when there is one, wins. @throws StatusError */
export function deleteOptions(
  query: URLSearchParams,
  body: Readonly<Record<string, any>> | undefined,
): DeleteRequestOptions & { readonly dryRun: readonly string[] } {
  const grace = body ? body['gracePeriodSeconds'] : intParameter(query, 'gracePeriodSeconds');
  const policy = (body ? body['propagationPolicy'] : query.get('propagationPolicy')) || undefined;
  const orphan = body ? body['orphanDependents'] : boolParameter(query, 'orphanDependents');
  const errors = new FieldErrorList();
  const path = FieldPath.root('propagationPolicy');
  if (policy !== undefined && orphan !== undefined && orphan !== null) {
    errors.invalid(path, policy, 'orphanDependents and deletionPropagation cannot be both set');
  }
  if (policy !== undefined && !policies.includes(policy)) {
    errors.notSupported(path, policy, [...policies, 'nil'], { inOrder: true });
  }
  if (errors.length > 0) throw invalidOptions('DeleteOptions', errors);
  const preconditions = body?.['preconditions'];
  return {
    ...(typeof grace === 'number' ? { gracePeriodSeconds: grace } : {}),
    ...(policy === undefined ? {} : { propagationPolicy: policy }),
    ...(typeof orphan === 'boolean' ? { orphanDependents: orphan } : {}),
    ...(preconditions ? { preconditions } : {}),
    dryRun: body?.['dryRun'] ?? [],
  };
}
