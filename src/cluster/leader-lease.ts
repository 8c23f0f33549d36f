/**
 * The Leases of kube-controller-manager and kube-scheduler in kube-system, held and renewed as upstream's are. Nobody
 * competes for them: the state folder's lock says who runs. So the loops do not wait for the lease and do not end with
 * it, and it is renewed less often than upstream does (2 s), still within its 15 s.
 * Upstream: client-go/tools/leaderelection, with the flags `--leader-elect-*` at their defaults.
 */
import { hostname } from 'node:os';
import { type Clock, type Logger, Prng, TaskGroup } from '../base/index.ts';
import { EventBroadcaster, type KubeClient, LeaderElector } from '../client/index.ts';
import type { Task } from './components.ts';

const renewPeriodMs = 10_000;

export interface LeaderLeaseDeps {
  /** As the component. */
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
}

/**
 * Tasks that hold `component`'s lease from their start to their end. The identity is the same in every life of the
 * cluster, so a start takes the lease over at once.
 */
export function leaderLeaseTasks(deps: LeaderLeaseDeps, cluster: string, component: string): Task[] {
  const { client, clock, log } = deps;
  const prng = deps.prng.fork('leader-lease');
  const identity = `${cluster}_${new Prng(`${cluster}/${component}`).uuid()}`;
  const broadcaster = new EventBroadcaster({ client, clock, prng: prng.fork('events'), log });
  const recorder = broadcaster.recorder({ component });
  const options = { namespace: 'kube-system', name: component, identity, retryPeriodMs: renewPeriodMs };
  const hold = async (signal: AbortSignal): Promise<void> => {
    // A lease that could not be renewed in time (the API server was away) is held again as soon as it can be.
    while (!signal.aborted) {
      await new LeaderElector({ client, clock, prng, log, recorder }, options, untilAborted).run(signal);
    }
  };
  return [
    { name: `${component} lease`, run: hold },
    { name: `${component} lease events`, run: (signal) => broadcaster.run(signal) },
  ];
}

/**
 * Tasks of a component that several servers on one etcd compete for: made and run while this one holds the lease, with
 * upstream's timings. Upstream's process exits when it loses the lease and is started again; here it stands again.
 */
export function whileLeading(
  deps: LeaderLeaseDeps,
  identity: string,
  component: string,
  make: () => readonly Task[],
): Task[] {
  const { client, clock, prng, log } = deps;
  const broadcaster = new EventBroadcaster({ client, clock, prng: prng.fork('events'), log });
  const recorder = broadcaster.recorder({ component });
  const options = { namespace: 'kube-system', name: component, identity };
  const lead = async (signal: AbortSignal): Promise<void> => {
    const group = new TaskGroup(signal);
    for (const task of make()) group.spawn(task.name, (inner) => task.run(inner));
    await group.wait();
  };
  const stand = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      await new LeaderElector({ client, clock, prng, log, recorder }, options, lead).run(signal);
    }
  };
  return [
    { name: `${component} election`, run: stand },
    { name: `${component} election events`, run: (signal) => broadcaster.run(signal) },
  ];
}

/** The same in every life of a state folder, which its lock gives to one process: a restart leads again at once. */
export function processIdentity(dir: string, component: string): string {
  return `${hostname()}_${new Prng(`${hostname()}/${dir}/${component}`).uuid()}`;
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
