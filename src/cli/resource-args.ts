/**
 * What a command's words select: `po`, `pods,svc`, `po web`, `po/web svc/api`, `all`, `deploy.v1.apps/web`.
 * Upstream: cli-runtime/pkg/resource/builder.go (1.36); errors in its words.
 */
import type { ResourceDescription } from '../client/index.ts';
import { UserError } from './exit-codes.ts';
import type { Session } from './session.ts';

/** One object by name, or the objects of one kind that selectors choose. */
export interface ResourceTarget {
  readonly resource: ResourceDescription;
  /** Empty: all namespaces, or a resource without namespaces. */
  readonly namespace: string;
  /** Undefined: a list. */
  readonly name?: string;
}

export interface ResourceSelection {
  readonly targets: readonly ResourceTarget[];
  /** Exactly one object was asked for by name: it is printed alone, not in a list. */
  readonly single: boolean;
  readonly labelSelector: string;
  readonly fieldSelector: string;
}

export interface SelectionOptions {
  /** For texts of errors. */
  readonly command: string;
  readonly allNamespaces?: boolean;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** `--all`: every object of the named kinds. */
  readonly all?: boolean;
  /** A kind alone selects all its objects (get, describe), instead of being an error (delete). */
  readonly kindAlone?: boolean;
  readonly subresource?: string;
  /** `you may only specify a single resource type` otherwise. */
  readonly singleType?: boolean;
  /** Category words such as `all` are expanded. Default true. */
  readonly categories?: boolean;
}

/** Words as they were typed, sorted out without asking a server. */
export type ParsedWords =
  | { readonly form: 'pairs'; readonly pairs: readonly { readonly type: string; readonly name: string }[] }
  | { readonly form: 'types'; readonly types: readonly string[]; readonly names: readonly string[] };

/** @throws UserError for mixed forms, a second slash, an empty half. */
export function parseResourceWords(words: readonly string[], command: string): ParsedWords {
  const args = crossTypesWithNames(words);
  const withSlash = args.filter((word) => word.includes('/')).length;
  if (withSlash > 0 && withSlash !== args.length) {
    throw new UserError(
      'there is no need to specify a resource type as a separate argument when passing arguments in resource/name ' +
        `form (e.g. 'klab ${command} resource/<resource_name>' instead of 'klab ${command} resource resource/<resource_name>'`,
    );
  }
  if (withSlash > 0) {
    const pairs = args.map((word) => {
      const parts = word.split('/');
      if (parts.length !== 2) {
        throw new UserError('arguments in resource/name form may not have more than one slash');
      }
      const [type = '', name = ''] = parts;
      if (type === '' || name === '' || type.includes(',')) {
        throw new UserError('arguments in resource/name form must have a single resource and name');
      }
      return { type, name };
    });
    return { form: 'pairs', pairs };
  }
  const [types = '', ...names] = args;
  return { form: 'types', types: types.split(',').filter((type) => type !== ''), names };
}

/** `a,b x y` means a/x a/y b/x b/y. */
function crossTypesWithNames(words: readonly string[]): readonly string[] {
  const types = words[0]?.split(',') ?? [];
  if (words.length < 2 || types.length < 2) return words;
  return types.flatMap((type) => words.slice(1).map((name) => `${type}/${name}`));
}

/** The text when a command got no words at all. */
export const missingResourceText = `You must provide one or more resources by argument or filename.
Example resource specifications include:
   '-f rsrc.yaml'
   '--filename=rsrc.json'
   '<resource> <name>'
   '<resource>'`;

/**
 * Resolves words to targets.
 * @throws UserError in kubectl's words; NoMatchError `the server doesn't have a resource type "foo"`.
 */
export async function selectResources(
  session: Session,
  words: readonly string[],
  options: SelectionOptions,
): Promise<ResourceSelection> {
  const { command, allNamespaces = false, kindAlone = false, subresource = '' } = options;
  const labelSelector = options.labelSelector?.trim() ?? '';
  const fieldSelector = options.fieldSelector?.trim() ?? '';
  const selects = labelSelector !== '' || fieldSelector !== '';
  if (options.all && selects) throw new UserError("setting 'all' parameter but found a non empty selector. ");
  const parsed = parseResourceWords(words, command);
  const namespace = allNamespaces ? '' : session.namespace;
  const namespaceFor = (resource: ResourceDescription, named: boolean) => {
    if (!resource.namespaced) return '';
    if (named && namespace === '') throw new UserError('a resource cannot be retrieved by name across all namespaces');
    return namespace;
  };

  if (parsed.form === 'pairs') {
    if (selects || options.all) {
      throw new UserError('selectors and the all flag cannot be used when passing resource/name arguments');
    }
    const targets: ResourceTarget[] = [];
    for (const { type, name } of parsed.pairs) {
      const resource = await resolveType(session, type);
      targets.push({ resource, namespace: namespaceFor(resource, true), name });
    }
    if (options.singleType && new Set(targets.map(({ resource }) => keyOf(resource))).size > 1) onlyOneType();
    return { targets, single: targets.length === 1, labelSelector, fieldSelector };
  }

  const { names } = parsed;
  const bySelector = selects || options.all || (names.length === 0 && kindAlone && parsed.types.length > 0);
  if (bySelector && names.length > 0) throw new UserError('name cannot be provided when a selector is specified');
  if (bySelector && parsed.types.length === 0) {
    throw new UserError('at least one resource must be specified to use a selector');
  }
  if (bySelector && subresource !== '') {
    throw new UserError('subresource cannot be used when bulk resources are specified');
  }
  const resources = await resolveTypes(session, parsed.types, options);
  if (bySelector) {
    const targets = resources.map((resource) => ({ resource, namespace: namespaceFor(resource, false) }));
    return { targets, single: false, labelSelector, fieldSelector };
  }
  if (names.length === 0) {
    throw new UserError(
      resources.length > 0 ? 'resource(s) were provided, but no name was specified' : missingResourceText,
    );
  }
  if (resources.length > 1) throw new UserError('you must specify only one resource');
  const resource = resources[0]!;
  const targets = names.map((name) => ({ resource, namespace: namespaceFor(resource, true), name }));
  return { targets, single: names.length === 1, labelSelector, fieldSelector };
}

async function resolveTypes(
  session: Session,
  types: readonly string[],
  options: SelectionOptions,
): Promise<ResourceDescription[]> {
  const resources = new Map<string, ResourceDescription>();
  let words = 0;
  for (const type of types) {
    const members = options.categories === false ? [] : await session.category(type);
    words += Math.max(1, members.length);
    const found = members.length > 0 ? members : [await resolveType(session, type)];
    for (const resource of found) resources.set(keyOf(resource), resource);
  }
  if (options.singleType && words > 1) onlyOneType();
  return [...resources.values()];
}

async function resolveType(session: Session, type: string): Promise<ResourceDescription> {
  const found = await session.find(type);
  if (!found) throw new UserError(`the server doesn't have a resource type "${type.split('.')[0]}"`);
  return found;
}

function onlyOneType(): never {
  throw new UserError('you may only specify a single resource type');
}

function keyOf(resource: ResourceDescription): string {
  return `${resource.group}/${resource.version}/${resource.plural}`;
}
