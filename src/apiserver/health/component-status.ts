/** `componentstatuses`, asked of the components when read. Upstream: pkg/registry/core/componentstatus/rest.go. */
import type { KubeObject } from '../../apimachinery/index.ts';
import type { VirtualRead } from '../types.ts';

/** Throws (or rejects) with what is wrong. */
export type ComponentCheck = () => void | Promise<void>;

export function componentStatuses(checks: ReadonlyMap<string, ComponentCheck>): VirtualRead {
  const read = async (name: string): Promise<KubeObject | undefined> => {
    const check = checks.get(name);
    return (
      check && { apiVersion: 'v1', kind: 'ComponentStatus', metadata: { name }, conditions: [await conditionOf(check)] }
    );
  };
  return {
    get: (_namespace, name) => read(name),
    async list(_namespace, matches) {
      // They have no labels.
      if (!matches(undefined)) return [];
      const found = await Promise.all([...checks.keys()].sort().map(read));
      return found.filter((status) => status !== undefined);
    },
  };
}

async function conditionOf(check: ComponentCheck): Promise<object> {
  try {
    await check();
    return { type: 'Healthy', status: 'True', message: 'ok' };
  } catch (error) {
    return { type: 'Healthy', status: 'False', message: error instanceof Error ? error.message : String(error) };
  }
}
