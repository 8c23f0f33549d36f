/**
 * A packet on its way through a packet filter, and every way it may go: where a rule throws dice, the walk goes on along
 * both outcomes, so the odds of each end are exact and nothing is sampled.
 */

export type TraceProtocol = 'tcp' | 'udp' | 'sctp';

export interface TracedPacket {
  readonly protocol: TraceProtocol;
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  /** The kernel's packet mark. */
  readonly mark: number;
  /** What conntrack says: the first packet of a connection is NEW. */
  readonly state: 'NEW' | 'ESTABLISHED' | 'RELATED' | 'INVALID' | 'UNTRACKED';
  /** conntrack status `dnat`: the destination was translated on the way. */
  readonly translated: boolean;
  /** Interface it came in by; absent for what the node sends itself. */
  readonly inInterface?: string;
  /** Interface it leaves by, once routed. */
  readonly outInterface?: string;
  /** It came in by a port of a bridge (`physdev`). */
  readonly bridged?: boolean;
}

/** An interface there is, but nobody said which: rules that ask for one by name are refused, not guessed at. */
export const unknownInterface = '?';

export interface Translation {
  readonly kind: 'DNAT' | 'SNAT';
  readonly from: string;
  readonly to: string;
}

/** One thing that happened: a rule looked at closely, a table lookup, a routing decision. */
export interface Step {
  /** `PREROUTING`, `routing`, … */
  readonly hook: string;
  /** `nat`, `filter`; absent where there is no table. */
  readonly table?: string;
  readonly chain?: string;
  /** The rule as its tool writes it. */
  readonly rule?: string;
  readonly matched: boolean;
  /** Why it did not match, or what it did, in words. */
  readonly why: string;
  /** At a rule that throws dice: the odds of the outcome taken, between 0 and 1. */
  readonly odds?: number;
  readonly translation?: Translation;
  /** It only led on to a chain, or back from one. */
  readonly moves?: 'jump' | 'return';
}

interface StepLink {
  readonly step: Step;
  readonly before: StepLink | undefined;
}

export type Verdict = 'drop' | 'reject';

/** One of the ways the packet may go, as far as it has come. */
export interface Branch {
  readonly packet: TracedPacket;
  readonly odds: number;
  /** Rules and map lookups the kernel has tried so far. */
  readonly tried: number;
  /** Present when the way ends here. */
  readonly verdict?: Verdict;
  readonly steps: StepLink | undefined;
}

export function startBranch(packet: TracedPacket): Branch {
  return { packet, odds: 1, tried: 0, steps: undefined };
}

export function withStep(branch: Branch, step: Step, change: Partial<Branch> = {}): Branch {
  return { ...branch, ...change, steps: { step, before: branch.steps } };
}

/** In the order they happened. */
export function stepsOf(branch: Branch): Step[] {
  const steps: Step[] = [];
  for (let link = branch.steps; link; link = link.before) steps.push(link.step);
  return steps.reverse();
}

/** Longer chains are dispatchers: their rules that do not match are counted, not told one by one. */
export const toldChainLength = 24;

/** Does `walk` for a rule that stands on a line of a dump: what it refuses is refused with that line. */
export function atLine<T>(line: number | undefined, walk: () => T): T {
  if (line === undefined) return walk();
  try {
    return walk();
  } catch (error) {
    if (error instanceof TraceError && !error.message.startsWith('line ')) {
      throw new TraceError(`line ${line}: ${error.message}`);
    }
    throw error;
  }
}

/** A rule set that the walk cannot read: an extension it does not know, a jump to a chain that is not there. */
export class TraceError extends Error {}
