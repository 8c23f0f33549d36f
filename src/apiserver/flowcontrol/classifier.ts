/** Which FlowSchema and priority level a request falls under. Upstream: apiserver/pkg/util/flowcontrol/rule.go. */
import type { KubeObject } from '../../apimachinery/index.ts';
import { splitServiceAccountUsername } from '../authn/user.ts';
import type { ObjectReader, RequestInfo, UserInfo } from '../types.ts';
import { flowSchemas, priorityLevels } from './objects.ts';

export interface Classification {
  readonly flowSchemaUid: string;
  readonly priorityLevelUid: string;
}

interface Rule {
  readonly subjects: readonly any[];
  readonly resourceRules?: readonly any[];
  readonly nonResourceRules?: readonly any[];
}

interface Schema extends Classification {
  readonly rules: readonly Rule[];
}

/** Rereads the configuration only when it has changed. */
export class FlowClassifier {
  readonly #reader: ObjectReader;
  #versions = '';
  #schemas: readonly Schema[] = [];

  constructor(reader: ObjectReader) {
    this.#reader = reader;
  }

  /** Undefined while nothing is configured: the first moment of a cluster. */
  classify(user: UserInfo, info: RequestInfo): Classification | undefined {
    const versions = `${this.#reader.version?.(flowSchemas)} ${this.#reader.version?.(priorityLevels)}`;
    if (versions !== this.#versions) {
      this.#schemas = readSchemas(this.#reader);
      this.#versions = versions;
    }
    return this.#schemas.find(({ rules }) => rules.some((rule) => matches(rule, user, info)));
  }
}

/** By precedence, then name. A schema whose level is missing counts for nothing. */
function readSchemas(reader: ObjectReader): Schema[] {
  const precedence = (object: Readonly<KubeObject>): number => object['spec']?.matchingPrecedence ?? 0;
  const nameOf = ({ metadata }: Readonly<KubeObject>) => metadata.name ?? '';
  const ordered = [...reader.list(flowSchemas)].sort(
    (a, b) => precedence(a) - precedence(b) || (nameOf(a) < nameOf(b) ? -1 : 1),
  );
  return ordered.flatMap((object) => {
    const level = reader.get(priorityLevels, '', object['spec']?.priorityLevelConfiguration?.name ?? '');
    if (!level) return [];
    const { uid: flowSchemaUid = '' } = object.metadata;
    return [{ flowSchemaUid, priorityLevelUid: level.metadata.uid ?? '', rules: object['spec']?.rules ?? [] }];
  });
}

function matches(rule: Rule, user: UserInfo, info: RequestInfo): boolean {
  if (!rule.subjects.some((subject) => isSubject(subject, user))) return false;
  return info.isResourceRequest
    ? (rule.resourceRules ?? []).some((each) => matchesResource(each, info))
    : (rule.nonResourceRules ?? []).some((each) => matchesPath(each, info));
}

function isSubject(subject: any, user: UserInfo): boolean {
  switch (subject.kind) {
    case 'User':
      return subject.user?.name === '*' || subject.user?.name === user.name;
    case 'Group':
      return subject.group?.name === '*' || user.groups.includes(subject.group?.name);
    case 'ServiceAccount': {
      const account = splitServiceAccountUsername(user.name);
      if (account?.namespace !== subject.serviceAccount?.namespace) return false;
      return subject.serviceAccount.name === '*' || subject.serviceAccount.name === account?.name;
    }
    default:
      return false;
  }
}

function matchesResource(rule: any, info: RequestInfo): boolean {
  const resource = info.subresource === '' ? info.resource : `${info.resource}/${info.subresource}`;
  if (!has(rule.verbs, info.verb) || !has(rule.resources, resource) || !has(rule.apiGroups, info.apiGroup))
    return false;
  return info.namespace === '' ? rule.clusterScope === true : has(rule.namespaces, info.namespace);
}

function matchesPath(rule: any, info: RequestInfo): boolean {
  if (!has(rule.verbs, info.verb)) return false;
  return rule.nonResourceURLs.some((url: string) => {
    if (url === '*' || url === info.path) return true;
    const prefix = url.endsWith('*') ? url.slice(0, -1) : url;
    return info.path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`);
  });
}

/** `*` stands alone, which validation sees to. */
function has(list: readonly string[] | undefined, value: string): boolean {
  return list !== undefined && ((list.length === 1 && list[0] === '*') || list.includes(value));
}
