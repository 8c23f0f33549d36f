/** `/klab/v1/network/…`: what the simulated network is asked. */
import { newBadRequest, newConflict } from '../apimachinery/index.ts';
import type { KlabRoute } from '../apiserver/index.ts';
import type { VirtualClock } from '../base/index.ts';
import { checkNetwork, type NetworkCheckDeps } from './network-check.ts';
import { bodyOf } from './route-body.ts';

export function networkRoutes(clock: VirtualClock, deps: () => NetworkCheckDeps): KlabRoute[] {
  return [
    {
      path: '/klab/v1/network/check',
      verb: 'post',
      description: 'open connections between all pods, and from all nodes to all pods',
      handler: async (context) => {
        const body = bodyOf(context);
        if (clock.speed === 0) {
          throw newConflict(
            { group: '', resource: 'clock' },
            'cluster',
            'the cluster clock is paused, so that connections which nobody answers would never time out; resume it first',
          );
        }
        const { namespace, seed } = body;
        if (namespace !== undefined && typeof namespace !== 'string') throw newBadRequest('namespace must be text');
        if (seed !== undefined && typeof seed !== 'string') throw newBadRequest('seed must be text');
        const result = await checkNetwork(deps(), {
          namespace,
          seed,
          port: integer(body, 'port', 1, 65_535),
          maxPods: integer(body, 'maxPods', 1, 200),
          timeoutMs: integer(body, 'timeoutMs', 1, 60_000),
        });
        return { code: 200, body: { kind: 'object', object: { kind: 'NetworkCheck', ...result } } };
      },
    },
  ];
}

function integer(body: Record<string, unknown>, name: string, min: number, max: number): number | undefined {
  const value = body[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw newBadRequest(`${name} must be a whole number from ${min} to ${max}, not ${JSON.stringify(value)}`);
  }
  return value;
}
