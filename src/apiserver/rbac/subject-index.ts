import type { KubeObject } from '../../apimachinery/index.ts';
import { serviceAccountUsername } from '../authn/user.ts';
import type { UserInfo } from '../types.ts';

export interface Subject {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

/** A binding that applies to a user, with the first of its subjects that does. */
export interface AppliedBinding {
  readonly binding: Readonly<KubeObject>;
  readonly subject: Subject;
}

interface Entry extends AppliedBinding {
  /** Place of the binding in the list: bindings are visited in that order. */
  readonly order: number;
  readonly subjectOrder: number;
}

/** Bindings of one scope by the users and groups they name: a request looks at its own bindings only. */
export class SubjectIndex {
  readonly #users = new Map<string, Entry[]>();
  readonly #groups = new Map<string, Entry[]>();

  /** `namespace` completes service accounts named without one; empty for ClusterRoleBindings. */
  constructor(bindings: readonly Readonly<KubeObject>[], namespace: string) {
    bindings.forEach((binding, order) => {
      ((binding.subjects ?? []) as Subject[]).forEach((subject, subjectOrder) => {
        const entry: Entry = { binding, subject, order, subjectOrder };
        if (subject.kind === 'User') append(this.#users, subject.name, entry);
        else if (subject.kind === 'Group') append(this.#groups, subject.name, entry);
        else if (subject.kind === 'ServiceAccount') {
          const home = subject.namespace || namespace;
          if (home !== '') append(this.#users, serviceAccountUsername(home, subject.name), entry);
        }
      });
    });
  }

  bindingsOf(user: UserInfo): AppliedBinding[] {
    const found: Entry[] = [...(this.#users.get(user.name) ?? [])];
    for (const group of user.groups) {
      const entries = this.#groups.get(group);
      if (entries) found.push(...entries);
    }
    if (found.length < 2) return found;
    found.sort((a, b) => a.order - b.order || a.subjectOrder - b.subjectOrder);
    return found.filter((entry, i) => i === 0 || entry.order !== found[i - 1]!.order);
  }
}

function append(map: Map<string, Entry[]>, key: string, entry: Entry): void {
  const list = map.get(key);
  if (list) list.push(entry);
  else map.set(key, [entry]);
}
