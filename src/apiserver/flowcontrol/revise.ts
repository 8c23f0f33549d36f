/** What is to be done about stored configuration. Upstream: pkg/registry/flowcontrol/ensurer/strategy.go. */
import { parseGoBool } from '../../api/index.ts';
import { deepEqual, type KubeObject } from '../../apimachinery/index.ts';
import { rfc3339 } from '../../base/index.ts';
import { autoUpdateAnnotation, type BootstrapConfiguration, bootstrapConfigurations } from './objects.ts';

/** The object as it should be stored; undefined when it is so already, or is somebody's own now. */
export function revise(
  current: Readonly<KubeObject>,
  { object: wanted, mandatory }: BootstrapConfiguration,
): KubeObject | undefined {
  const { annotations } = current.metadata;
  const stated = parseGoBool(annotations?.[autoUpdateAnnotation] ?? '');
  // Without a word about it, a spec nobody has changed is the server's.
  const ours = mandatory || (stated ?? current.metadata.generation === 1);
  const specDiffers = ours && !deepEqual(current['spec'], wanted['spec']);
  if (stated === ours && !specDiffers) return undefined;
  const metadata =
    stated === ours
      ? current.metadata
      : { ...current.metadata, annotations: { ...annotations, [autoUpdateAnnotation]: String(ours) } };
  return { ...current, metadata, spec: specDiffers ? wanted['spec'] : current['spec'] };
}

/** True for an object of the server's own that this version no longer has. */
export function isLeftOver(resource: string, { metadata }: Readonly<KubeObject>): boolean {
  if (parseGoBool(metadata.annotations?.[autoUpdateAnnotation] ?? '') !== true) return false;
  return !bootstrapConfigurations.some(
    (each) => each.resource === resource && each.object.metadata.name === metadata.name,
  );
}

/**
 * The condition a FlowSchema should have; undefined when it has it.
 * Upstream: apiserver/pkg/util/flowcontrol/apf_controller.go (presyncFlowSchemaStatus).
 */
export function danglingCondition(
  flowSchema: Readonly<KubeObject>,
  levelExists: (name: string) => boolean,
  now: number,
): object | undefined {
  const level: string = flowSchema['spec']?.priorityLevelConfiguration?.name ?? '';
  const references = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(level)}`;
  const wanted = levelExists(level)
    ? { type: 'Dangling', status: 'False', reason: 'Found', message: `${references} and it exists` }
    : { type: 'Dangling', status: 'True', reason: 'NotFound', message: `${references} but there is no such object` };
  const conditions: readonly Readonly<Record<string, unknown>>[] = flowSchema['status']?.conditions ?? [];
  const current = conditions.find(({ type }) => type === 'Dangling');
  const same = (field: 'status' | 'reason' | 'message') => current?.[field] === wanted[field];
  if (same('status') && same('reason') && same('message')) return undefined;
  const lastTransitionTime = same('status') ? current!['lastTransitionTime'] : rfc3339(now);
  return { ...wanted, lastTransitionTime };
}
