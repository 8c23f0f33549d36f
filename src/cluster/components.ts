/**
 * The parts of the control plane that can be stopped and started while the rest lives on: `klab component`.
 * Upstream counterpart: a static pod's manifest moved out of /etc/kubernetes/manifests and back, and systemctl for the
 * kubelet.
 */
import { newBadRequest, newConflict } from '../apimachinery/index.ts';
import { isAbort, type Logger, TaskGroup } from '../base/index.ts';

export const componentNames = ['apiserver', 'controller-manager', 'scheduler', 'kubelet', 'proxy'] as const;
export type ComponentName = (typeof componentNames)[number];

export interface ComponentInfo {
  readonly name: ComponentName;
  /** Of kubelet and proxy. */
  readonly node?: string;
  /** `disabled`: the cluster was made without it. */
  readonly state: 'running' | 'stopped' | 'disabled';
}

/** One that can be switched. */
export interface Part {
  readonly running: boolean;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** One on each node. */
export interface NodeParts {
  readonly nodes: readonly { readonly node: string; readonly running: boolean }[];
  start(node: string): Promise<unknown>;
  stop(node: string): Promise<unknown>;
}

/**
 * Errors are StatusErrors: BadRequest for what is no component or lacks its node, NotFound for a node that is none of
 * klab's, Conflict for one that is already as it is wished to be.
 */
export class Components {
  readonly #parts: ReadonlyMap<ComponentName, Part | undefined>;
  readonly #onNodes: ReadonlyMap<ComponentName, NodeParts>;
  /** Called after each change. */
  onChange: (() => void) | undefined;
  #changing: Promise<unknown> = Promise.resolve();

  /** A part that is undefined is disabled. */
  constructor(parts: ReadonlyMap<ComponentName, Part | undefined>, onNodes: ReadonlyMap<ComponentName, NodeParts>) {
    this.#parts = parts;
    this.#onNodes = onNodes;
  }

  list(): ComponentInfo[] {
    const word = (running: boolean) => (running ? 'running' : 'stopped');
    return [
      ...[...this.#parts].map(
        ([name, part]): ComponentInfo => ({ name, state: part ? word(part.running) : 'disabled' }),
      ),
      ...[...this.#onNodes].flatMap(([name, { nodes }]) =>
        nodes.map(({ node, running }): ComponentInfo => ({ name, node, state: word(running) })),
      ),
    ];
  }

  start(name: string, node?: string): Promise<ComponentInfo> {
    return this.#switch(name, node, true);
  }

  stop(name: string, node?: string): Promise<ComponentInfo> {
    return this.#switch(name, node, false);
  }

  #switch(word: string, node: string | undefined, on: boolean): Promise<ComponentInfo> {
    const done = this.#changing.then(() => this.#switchNow(word, node, on));
    this.#changing = done.catch(() => {});
    return done;
  }

  async #switchNow(word: string, node: string | undefined, on: boolean): Promise<ComponentInfo> {
    const name = componentName(word);
    const state = on ? 'running' : 'stopped';
    const perNode = this.#onNodes.get(name);
    if (perNode) {
      if (!node) throw newBadRequest(`which node's ${name}? Name it: ${name} NODE`);
      await (on ? perNode.start(node) : perNode.stop(node));
      return { name, node, state };
    }
    if (node) throw newBadRequest(`there is one ${name} for all nodes; leave "${node}" out`);
    const part = this.#parts.get(name);
    if (!part) throw newBadRequest(`this cluster was made without a ${name}`);
    if (part.running === on) throw newConflict(componentsResource, name, `it is ${state} already`);
    await (on ? part.start() : part.stop());
    this.onChange?.();
    return { name, state };
  }
}

const componentsResource = { group: '', resource: 'components' };

/** @throws StatusError BadRequest */
function componentName(word: string): ComponentName {
  const name = word.replace(/^kube-/, '');
  const found = componentNames.find((known) => known === name);
  if (found) return found;
  throw newBadRequest(`there is no component "${word}"; there are: ${componentNames.join(', ')}`);
}

export interface Task {
  readonly name: string;
  run(signal: AbortSignal): Promise<void>;
}

/** A part made of loops; each start makes them anew, as a process that starts. */
export class LoopPart implements Part {
  readonly #make: (life: number) => readonly Task[];
  readonly #parent: AbortSignal;
  readonly #log: Logger;
  readonly #onFailure: (error: unknown) => void;
  #group: TaskGroup | undefined;
  #life = 0;

  /** `life`: 1 for the first start. */
  constructor(
    deps: { readonly signal: AbortSignal; readonly log: Logger; readonly onFailure: (error: unknown) => void },
    make: (life: number) => readonly Task[],
  ) {
    this.#make = make;
    this.#parent = deps.signal;
    this.#log = deps.log;
    this.#onFailure = deps.onFailure;
  }

  get running(): boolean {
    return this.#group !== undefined;
  }

  async start(): Promise<void> {
    this.begin();
  }

  begin(): void {
    const group = new TaskGroup(this.#parent);
    this.#group = group;
    this.#life++;
    for (const task of this.#make(this.#life)) {
      group.spawn(task.name, async (signal) => {
        try {
          await task.run(signal);
        } catch (error) {
          if (signal.aborted && isAbort(error)) return;
          this.#log.error('component failed', {
            component: task.name,
            error: String((error as Error)?.stack ?? error),
          });
          this.#onFailure(error);
          throw error;
        }
      });
    }
  }

  async stop(): Promise<void> {
    const group = this.#group;
    this.#group = undefined;
    await group?.stop();
  }
}
