/** Plays a scenario: does its steps one by one and looks whether what it expects is true. */
import type { SourcePosition } from '../../../apimachinery/index.ts';
import type { ConfChange, MessageType } from '../../../raft/index.ts';
import { UserError } from '../../exit-codes.ts';
import { type Check, checkAll } from './checks.ts';
import { type Host, type LabEvent, LabNetwork } from './network.ts';
import { type MemberPicture, pictures } from './picture.ts';
import type { Action, Expectation, Scenario, Step } from './scenario.ts';

export interface PlayedStep {
  readonly action: Action;
  readonly position: SourcePosition;
  /** Ticks since the beginning, when it was over. */
  readonly tick: number;
  readonly events: readonly LabEvent[];
  /** Of `expect` and `until`: what was to be, and what was instead. */
  readonly checks: readonly Check[];
  readonly members?: readonly MemberPicture[];
}

export interface Play {
  readonly title: string;
  readonly about: string;
  readonly seed: string;
  readonly ok: boolean;
  readonly steps: readonly PlayedStep[];
  readonly members: readonly MemberPicture[];
}

/** @throws UserError with the place of a step that cannot be done: it names a member that there is not, … */
export function playScenario(scenario: Scenario, seed = scenario.seed): Play {
  const events: LabEvent[] = [];
  const network = new LabNetwork(seed, scenario.members, scenario.config, (event) => events.push(event));
  const steps: PlayedStep[] = [];
  for (const { action, position } of scenario.steps) {
    events.length = 0;
    const stage = new Stage(network, position);
    const checks = stage.do(action);
    steps.push({
      action,
      position,
      tick: network.now,
      events: events.slice(),
      checks,
      ...(action.do === 'show' && { members: pictures(network) }),
    });
  }
  const ok = steps.every(({ checks }) => checks.every((check) => check.ok));
  return { title: scenario.title, about: scenario.about, seed, ok, steps, members: pictures(network) };
}

/** Actions that nothing follows from at once. */
type Immediate = 'say' | 'show' | 'expect' | 'until' | 'tick' | 'heal' | 'partition' | 'cut' | 'drop' | 'delay';

/** What a step may do. */
class Stage {
  readonly #network: LabNetwork;
  readonly #position: Step['position'];

  constructor(network: LabNetwork, position: Step['position']) {
    this.#network = network;
    this.#position = position;
  }

  do(action: Action): Check[] {
    const network = this.#network;
    switch (action.do) {
      case 'say':
      case 'show':
        return [];
      case 'expect':
        return this.#checks(action.expect);
      case 'until':
        return this.#until(action.expect, action.within);
      case 'tick':
        for (let i = 0; i < action.count; i++) network.tick();
        return [];
      case 'heal':
        network.heal();
        return [];
      case 'partition':
        this.#partition(action.groups.map((group) => group.map((name) => this.#host(name))));
        return [];
      case 'cut':
        network.cut(this.#host(action.from).id, this.#host(action.to).id);
        return [];
      case 'drop':
      case 'delay': {
        const id = (name: string | undefined) => (name === undefined ? undefined : this.#host(name).id);
        const delay = action.do === 'delay' ? action.ticks : undefined;
        network.rule({ type: action.type as MessageType | undefined, from: id(action.from), to: id(action.to), delay });
        return [];
      }
      default:
        this.#act(action);
        network.settle();
        return [];
    }
  }

  #act(action: Exclude<Action, { do: Immediate }>): void {
    const network = this.#network;
    switch (action.do) {
      case 'propose':
        network.propose(this.#at(action.at), action.commands);
        break;
      case 'read':
        if (network.reads.has(action.as)) this.#fail(`there is a read "${action.as}" already; name it with "as"`);
        network.read(this.#at(action.at), action.key, action.as);
        break;
      case 'transfer': {
        const to = this.#host(action.to);
        network.act(this.#leader(), (node) => node.transferLeader(to.id));
        break;
      }
      case 'add': {
        const node = Number(action.member.slice(1));
        if (network.hosts.has(action.member)) this.#fail(`${action.member} is there already`);
        const leader = this.#leader();
        network.addHost(node);
        this.#change(leader, { type: action.learner ? 'addLearner' : 'addVoter', node });
        break;
      }
      case 'promote':
        this.#change(this.#leader(), { type: 'addVoter', node: this.#host(action.member).id });
        break;
      case 'remove':
        this.#change(this.#leader(), { type: 'remove', node: this.#host(action.member).id });
        break;
      default:
        for (const name of action.members) this.#toMember(action.do, this.#host(name));
    }
  }

  #toMember(verb: Extract<Action, { members: readonly string[] }>['do'], host: Host): void {
    const network = this.#network;
    if (verb === 'restart') {
      if (host.node) network.crash(host);
      network.start(host);
      return;
    }
    if (!host.node) this.#fail(`${host.name} does not run`);
    switch (verb) {
      case 'isolate':
        for (const { id } of network.hosts.values()) {
          network.cut(host.id, id);
          network.cut(id, host.id);
        }
        break;
      case 'crash':
        network.crash(host);
        break;
      case 'pause':
      case 'resume':
        host.paused = verb === 'pause';
        break;
      case 'stall':
        host.slowDisk = true;
        break;
      case 'finish':
        network.finish(host);
        break;
      case 'compact':
        host.storage.compact(host.storage.initialState().applied);
        break;
      default:
        network.act(host, (node) => node.campaign());
    }
  }

  #change(leader: Host, change: ConfChange): void {
    this.#network.act(leader, (node) => node.proposeConfChange(change, 1));
  }

  #partition(groups: readonly (readonly Host[])[]): void {
    const groupOf = new Map(groups.flatMap((group, i) => group.map(({ id }) => [id, i] as const)));
    const hosts = [...this.#network.hosts.values()];
    // Who is in no group is alone.
    for (const a of hosts) {
      for (const b of hosts) {
        const together = groupOf.get(a.id) !== undefined && groupOf.get(a.id) === groupOf.get(b.id);
        if (a !== b && !together) this.#network.cut(a.id, b.id);
      }
    }
  }

  #until(expect: Expectation, within: number): Check[] {
    for (let i = 0; ; i++) {
      const checks = this.#checks(expect);
      if (checks.every(({ ok }) => ok)) return checks;
      if (i === within)
        return checks.map((check) =>
          check.ok ? check : { ...check, found: `${check.found} (after ${within} ticks)` },
        );
      this.#network.tick();
    }
  }

  #checks(expect: Expectation): Check[] {
    for (const value of Object.values(expect)) {
      if (typeof value !== 'object' || Array.isArray(value) || value === expect.reads) continue;
      for (const name of Object.keys(value)) this.#host(name);
    }
    for (const name of Object.keys(expect.reads ?? {}))
      if (!this.#network.reads.has(name)) this.#fail(`there is no read "${name}"`);
    return checkAll(this.#network, expect);
  }

  #host(name: string): Host {
    return (
      this.#network.hosts.get(name) ??
      this.#fail(`there is no member ${name}; there are ${[...this.#network.hosts.keys()].join(', ')}`)
    );
  }

  #leader(): Host {
    return this.#network.leaders().at(-1) ?? this.#fail('there is no leader; see: until: {leader: any}');
  }

  #at(name: string | undefined): Host {
    const host = name === undefined ? this.#leader() : this.#host(name);
    return host.node ? host : this.#fail(`${host.name} does not run`);
  }

  #fail(problem: string): never {
    const { file, line, column } = this.#position;
    throw new UserError(`${file}:${line}:${column}: ${problem}`);
  }
}
