/** Changes as JSON patches and as the kubectl lines that make them. */
import type { Pod } from '../../api/index.ts';
import type { KubeObject } from '../../apimachinery/index.ts';
import type { Edit, PodSpec } from './edits.ts';

export interface PatchOp {
  readonly op: 'add' | 'replace' | 'remove';
  readonly path: string;
  readonly value?: unknown;
}

export interface PatchTarget {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

const pointerToken = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The operations that make `after` of `before`, as small as objects and equally long lists allow. */
export function jsonDiff(before: unknown, after: unknown, path: string): PatchOp[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  if (isRecord(before) && isRecord(after)) {
    const out: PatchOp[] = [];
    for (const key of Object.keys(before)) {
      if (after[key] === undefined && before[key] !== undefined)
        out.push({ op: 'remove', path: `${path}/${pointerToken(key)}` });
    }
    for (const [key, value] of Object.entries(after)) {
      if (value === undefined) continue;
      const where = `${path}/${pointerToken(key)}`;
      if (before[key] === undefined) out.push({ op: 'add', path: where, value });
      else out.push(...jsonDiff(before[key], value, where));
    }
    return out;
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    if (before.length === after.length) return before.flatMap((value, i) => jsonDiff(value, after[i], `${path}/${i}`));
    const kept = after.slice(0, before.length);
    if (before.length < after.length && JSON.stringify(kept) === JSON.stringify(before)) {
      return after.slice(before.length).map((value) => ({ op: 'add', path: `${path}/-`, value }));
    }
  }
  return [{ op: 'replace', path, value: after }];
}

/** A word that a POSIX shell reads as this text. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

const inNamespace = (namespace: string | undefined): string => (namespace ? ` -n ${namespace}` : '');

export interface PodPatch {
  readonly target: PatchTarget;
  readonly patch: readonly PatchOp[];
  readonly commands: readonly string[];
  /** What else the change touches. */
  readonly note?: string;
}

/** Owners whose template can be changed, and whether their controller then replaces the pod by itself. */
const templates: Readonly<Record<string, { readonly replaces: boolean }>> = {
  Deployment: { replaces: true },
  DaemonSet: { replaces: true },
  StatefulSet: { replaces: false },
  ReplicaSet: { replaces: false },
  ReplicationController: { replaces: false },
};

export const replacesItsPods = (owner: Readonly<KubeObject>): boolean => templates[owner.kind!]?.replaces === true;

/**
 * An edit of a pod's spec as a patch of `owner`'s template when the pod has such an owner, else of the pod: in place where
 * the API allows it, else by making the pod anew.
 */
export function podPatch(pod: Readonly<Pod>, edit: Edit, owner: Readonly<KubeObject> | undefined): PodPatch {
  const namespace = pod.metadata.namespace ?? 'default';
  const name = pod.metadata.name!;
  const known = owner && templates[owner.kind!];
  if (known && !edit.inPlace) {
    const before = owner['spec'].template.spec as PodSpec;
    const after = structuredClone(before) as PodSpec;
    edit.apply(after);
    const patch = jsonDiff(before, after, '/spec/template/spec');
    if (patch.length > 0) {
      const word = owner.kind!.toLowerCase();
      const commands = [
        `kubectl patch ${word} ${owner.metadata.name}${inNamespace(namespace)} --type=json -p ${shellWord(JSON.stringify(patch))}`,
      ];
      if (!known.replaces) commands.push(`kubectl delete pod ${name}${inNamespace(namespace)}`);
      return {
        target: { apiVersion: owner.apiVersion!, kind: owner.kind!, namespace, name: owner.metadata.name! },
        patch,
        commands,
        note: `changes all pods of ${word} ${owner.metadata.name}`,
      };
    }
  }
  const before = pod.spec as PodSpec;
  const after = structuredClone(before) as PodSpec;
  edit.apply(after);
  const bound = before.nodeName !== undefined;
  if (bound) delete after.nodeName;
  const patch = jsonDiff(before, after, '/spec');
  const text = shellWord(JSON.stringify(patch));
  const target: PatchTarget = { apiVersion: 'v1', kind: 'Pod', namespace, name };
  if (edit.inPlace && !bound) {
    return { target, patch, commands: [`kubectl patch pod ${name}${inNamespace(namespace)} --type=json -p ${text}`] };
  }
  return {
    target,
    patch,
    commands: [
      `kubectl get pod ${name}${inNamespace(namespace)} -o json | kubectl patch --local -f - --type=json -p ${text} -o json | kubectl replace --force -f -`,
    ],
    note: 'makes the pod anew: these fields of a pod cannot change',
  };
}
