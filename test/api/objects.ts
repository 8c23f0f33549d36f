/** Objects as tests write them, taken through what a create does with them. */
import { builtinResources, type ResourceDefinition } from '../../src/api/index.ts';
import { FieldErrorList, fieldErrorMessage, type KubeObject } from '../../src/apimachinery/index.ts';

const now = Date.UTC(2026, 0, 2, 3, 4, 5);

export function rowOf(plural: string, group?: string): ResourceDefinition {
  const found = builtinResources.find((row) => row.plural === plural && (group === undefined || row.group === group));
  if (found === undefined) throw new Error(`no resource ${plural}`);
  return found;
}

/** Defaulted and prepared, not validated. */
export function created(plural: string, object: KubeObject): any {
  const { strategy } = rowOf(plural);
  const copy = structuredClone(object);
  strategy.applyDefaults?.(copy);
  strategy.prepareForCreate?.(copy, { namespace: copy.metadata.namespace ?? '', now, subresource: '' });
  return copy;
}

const texts = (errors: FieldErrorList): string[] =>
  errors.errors.map((error) => `${error.field}: ${fieldErrorMessage(error)}`);

/** Messages that a create of this object is refused with. */
export function createErrors(plural: string, object: KubeObject): string[] {
  const errors = new FieldErrorList();
  rowOf(plural).strategy.validate?.(created(plural, object), errors);
  return texts(errors);
}

/** Messages that changing `old` by `change` is refused with. */
export function updateErrors(plural: string, old: KubeObject, change: (object: any) => void): string[] {
  const { strategy } = rowOf(plural);
  const before = created(plural, old);
  const after = structuredClone(before);
  change(after);
  strategy.applyDefaults?.(after);
  strategy.prepareForUpdate?.(after, before, { namespace: '', now, subresource: '' });
  const errors = new FieldErrorList();
  if (strategy.validateUpdate) strategy.validateUpdate(after, before, errors);
  else strategy.validate?.(after, errors);
  return texts(errors);
}

export function pod(spec: object = {}, name = 'web'): KubeObject {
  const containers = [{ name: 'web', image: 'nginx:1.27' }];
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' }, spec: { containers, ...spec } };
}

export function deployment(spec: object = {}): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'web', image: 'nginx:1.27', ports: [{ containerPort: 80 }] }] },
      },
      ...spec,
    },
  };
}

export function service(spec: object = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80 }], ...spec },
  };
}

/** The row a table shows, without wide columns unless asked. */
export function printed(plural: string, object: KubeObject, options: { at?: number; wide?: boolean } = {}): unknown[] {
  const { columns, cells } = rowOf(plural).printer;
  const all = cells(object, { now: options.at ?? now });
  return options.wide ? all : all.filter((_, index) => columns[index]?.priority === 0);
}
