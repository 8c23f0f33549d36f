/** Field paths of transformers: `spec/template/spec/volumes[]/configMap/name`. */
import { isObject } from '../../apimachinery/index.ts';

type JsonMap = Record<string, unknown>;

/**
 * Calls `change` for every place that the path leads to, with what stands there; its answer is written back.
 * `create` makes missing maps on the way, but never list items.
 */
export function changeAt(
  root: unknown,
  path: string,
  change: (value: unknown) => unknown,
  options: { readonly create?: boolean } = {},
): void {
  walk(root, path.split('/'), 0, change, options.create ?? false);
}

function walk(
  node: unknown,
  steps: readonly string[],
  at: number,
  change: (value: unknown) => unknown,
  create: boolean,
): void {
  if (!isObject(node)) return;
  const map = node as JsonMap;
  const step = steps[at]!;
  const list = step.endsWith('[]');
  const key = list ? step.slice(0, -2) : step;
  const lastStep = at === steps.length - 1;
  if (list) {
    const items = map[key];
    if (!Array.isArray(items)) return;
    if (lastStep)
      items.forEach((item, i) => {
        items[i] = change(item);
      });
    else for (const item of items) walk(item, steps, at + 1, change, create);
    return;
  }
  if (lastStep) {
    if (map[key] === undefined && !create) return;
    const value = change(map[key]);
    if (value !== undefined) map[key] = value;
    return;
  }
  if (map[key] === undefined || map[key] === null) {
    if (!create) return;
    map[key] = {};
  }
  walk(map[key], steps, at + 1, change, create);
}

/** Where each workload keeps its pod template's parts. */
export const podSpecPaths: Readonly<Record<string, string>> = {
  Pod: 'spec',
  PodTemplate: 'template/spec',
  ReplicationController: 'spec/template/spec',
  ReplicaSet: 'spec/template/spec',
  Deployment: 'spec/template/spec',
  StatefulSet: 'spec/template/spec',
  DaemonSet: 'spec/template/spec',
  Job: 'spec/template/spec',
  CronJob: 'spec/jobTemplate/spec/template/spec',
};

/** Where they keep the template's metadata; none for Pods. */
export const templateMetadataPaths: Readonly<Record<string, readonly string[]>> = {
  PodTemplate: ['template/metadata'],
  ReplicationController: ['spec/template/metadata'],
  ReplicaSet: ['spec/template/metadata'],
  Deployment: ['spec/template/metadata'],
  StatefulSet: ['spec/template/metadata'],
  DaemonSet: ['spec/template/metadata'],
  Job: ['spec/template/metadata'],
  CronJob: ['spec/jobTemplate/metadata', 'spec/jobTemplate/spec/template/metadata'],
};
