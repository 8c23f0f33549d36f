/**
 * The controller manager and the scheduler: what is made anew each time one of them starts, and who of several may run
 * it. Upstream counterpart: cmd/kube-controller-manager/app and cmd/kube-scheduler/app.
 */
import { builtinResources, featureEnabled } from '../api/index.ts';
import type { InProcessIdentity } from '../apiserver/index.ts';
import { type Logger, type Prng, type VirtualClock, wallClock } from '../base/index.ts';
import { EventBroadcaster, KubeClient, type SharedInformerFactory, type Transport } from '../client/index.ts';
import { startControllers } from '../controllers/index.ts';
import { type ClusterPki, TokenSigner } from '../pki/index.ts';
import { type DecisionStore, Scheduler } from '../scheduler/index.ts';
import type { ComponentSettings } from './component-settings.ts';
import { LoopPart, type Task } from './components.ts';
import { controllerIdentity, identities, transportAs } from './identities.ts';
import { leaderLeaseTasks, processIdentity, whileLeading } from './leader-lease.ts';

export interface ControlLoopsDeps {
  readonly cluster: string;
  readonly dir: string;
  readonly clock: VirtualClock;
  readonly prng: Prng;
  readonly settings: ComponentSettings;
  /** Where load balancers take their addresses from. Absent: the controllers' default. */
  readonly loadBalancerCidr: string | undefined;
  readonly decisions: DecisionStore;
  readonly pki: ClusterPki;
  readonly clusterCidrs: readonly string[];
  /** As `--controllers`. */
  readonly controllers: readonly string[];
  readonly gate: Parameters<typeof transportAs>[0];
  informers(identity: InProcessIdentity, name: string, prng: Prng): SharedInformerFactory;
  logOf(component: string): Logger;
  phase(component: string, text: string): void;
  /** Leases are shown where the control plane is shown in kube-system. */
  readonly showsLeases: boolean;
  /** On a store of others, whoever holds the lease does the work. */
  readonly isShared: boolean;
  readonly part: ConstructorParameters<typeof LoopPart>[0];
}

type Component = 'kube-controller-manager' | 'kube-scheduler';

export class ControlLoops {
  readonly #deps: ControlLoopsDeps;
  /** Of the scheduler's present life. */
  scheduler: Scheduler | undefined;

  constructor(deps: ControlLoopsDeps) {
    this.#deps = deps;
  }

  controllerManager(): LoopPart {
    return this.#part('kube-controller-manager', (life) => this.#controllerTasks(life));
  }

  schedulerPart(): LoopPart {
    return this.#part('kube-scheduler', (life) => this.#schedulerTasks(life));
  }

  #client(identity: InProcessIdentity): KubeClient {
    const transport: Transport = transportAs(this.#deps.gate, identity);
    return new KubeClient(transport, { definitions: builtinResources, userAgent: identity.agent });
  }

  #part(component: Component, make: (life: number) => Task[]): LoopPart {
    const { part, isShared, clock, dir, prng } = this.#deps;
    if (!isShared) return new LoopPart(part, make);
    const log = this.#logOf(component);
    let lives = 0;
    return new LoopPart(part, () => {
      const client = this.#client(identityOf[component]);
      const own = prng.fork(`leader-election/${component}/${lives}`);
      return whileLeading({ client, clock, prng: own, log }, processIdentity(dir, component), component, () =>
        make(++lives),
      );
    });
  }

  #logOf(component: Component): Logger {
    return this.#deps.logOf(component.replace(/^kube-/, ''));
  }

  /** A process that starts again draws from another stream than the one before it. */
  #prngOf(life: number, name: string): Prng {
    const { prng } = this.#deps;
    return life === 1 ? prng : prng.fork(`${name}/${life}`);
  }

  /** Where kube-system shows the control plane, it shows its leases too. */
  #lease(client: KubeClient, component: Component, prng: Prng): Task[] {
    const { showsLeases, isShared, clock, cluster } = this.#deps;
    if (!showsLeases || isShared) return [];
    const log = this.#logOf(component);
    return leaderLeaseTasks({ client, clock, prng: prng.fork(component), log }, cluster, component);
  }

  #controllerTasks(life: number): Task[] {
    const { clock, pki, settings, controllers, clusterCidrs } = this.#deps;
    const prng = this.#prngOf(life, 'controller-manager');
    const clientFor = (serviceAccount: string) => this.#client(controllerIdentity(serviceAccount));
    const rootClient = this.#client(identities.controllerManager);
    const tokenSigner = new TokenSigner(pki.serviceAccount.key);
    const informers = this.#deps.informers(identities.controllerManager, 'controllers', prng);
    const running = startControllers(
      {
        clock,
        prng: prng.fork('controllers'),
        log: this.#logOf('kube-controller-manager'),
        informers,
        clientFor,
        rootClient,
        settings: {
          rootCA: pki.ca.cert,
          clusterCidrs,
          tokenGenerator: (claims) => tokenSigner.sign(claims),
          ...settings.controllers,
          ...(this.#deps.loadBalancerCidr !== undefined && { loadBalancerCidr: this.#deps.loadBalancerCidr }),
          clusterSigning: {
            authority: pki.authority(),
            wallNow: () => wallClock.now(),
          },
        },
      },
      { controllers },
    );
    const names = running.names.map((name) => name.replace(/-controller$/, ''));
    this.#deps.phase('controller-manager', `controllers: ${names.join(', ')}`);
    return [
      { name: 'controller informers', run: (signal) => informers.run(signal) },
      { name: 'controllers', run: (signal) => running.run(signal) },
      ...this.#lease(rootClient, 'kube-controller-manager', prng),
    ];
  }

  #schedulerTasks(life: number): Task[] {
    const { clock, decisions, settings } = this.#deps;
    const own = this.#prngOf(life, 'kube-scheduler');
    const informers = this.#deps.informers(identities.scheduler, 'scheduler', own);
    const client = this.#client(identities.scheduler);
    const prng = own.fork('scheduler');
    const log = this.#logOf('kube-scheduler');
    const broadcaster = new EventBroadcaster({ client, clock, prng: prng.fork('events'), log });
    const events = broadcaster.recorder({ component: 'default-scheduler' });
    const config = settings.scheduler;
    const scheduler = new Scheduler(
      { client, informers, events, clock, prng, log, decisions },
      {
        extendedResources: featureEnabled('DRAExtendedResource', settings.apiServer.featureGates),
        ...(config && { config }),
      },
    );
    for (const note of config?.notes ?? []) log.info(note);
    this.scheduler = scheduler;
    this.#deps.phase('scheduler', `scheduler: ${scheduler.profile.plugins.length} plugins`);
    return [
      { name: 'scheduler informers', run: (signal) => informers.run(signal) },
      { name: 'scheduler events', run: (signal) => broadcaster.run(signal) },
      { name: 'scheduler', run: (signal) => scheduler.run(signal) },
      ...this.#lease(client, 'kube-scheduler', own),
    ];
  }
}

const identityOf: Readonly<Record<Component, InProcessIdentity>> = {
  'kube-controller-manager': identities.controllerManager,
  'kube-scheduler': identities.scheduler,
};
