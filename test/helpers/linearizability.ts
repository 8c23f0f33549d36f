/**
 * Whether a history of overlapping calls could have come from one copy of the data that takes one call at a time.
 * The search of Wing and Gong with Lowe's memory of states tried; histories are split by key first, which is sound because
 * linearizability is local (Herlihy and Wing, theorem 1).
 */

/** One call of one client. Times come from one clock; equal times count as overlapping. */
export interface Call<Input, Output> {
  readonly client: string;
  readonly input: Input;
  /** What came back. `undefined`: nobody knows (time-out, crash): it may have happened at any later time, or never. */
  readonly output: Output | undefined;
  readonly invoked: number;
  /** Ignored when there is no output. */
  readonly returned: number;
}

/** The object as it would be if it took one call at a time. States are values: `step` never changes one. */
export interface Model<State, Input, Output> {
  readonly initial: State;
  /** The state after the call, or undefined when the output cannot be what it answers. Without output any answer will do. */
  step(state: State, input: Input, output: Output | undefined): State | undefined;
  /** Equal states have equal texts. */
  key(state: State): string;
}

export type Verdict<Input, Output> =
  | { readonly linearizable: true /** One order that explains all. */; readonly order: readonly Call<Input, Output>[] }
  | {
      readonly linearizable: false;
      /** The longest explanation found, and the calls of which none can come next. */
      readonly explained: readonly Call<Input, Output>[];
      readonly stuckAt: readonly Call<Input, Output>[];
    };

/** Checks one object's history. Time grows with how many calls overlap, not with how long the history is. */
export function checkLinearizable<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Call<Input, Output>[],
): Verdict<Input, Output> {
  // A call nobody heard back from returns at the end of time.
  const calls = history
    .map((call) => ({ call, end: call.output === undefined ? Number.POSITIVE_INFINITY : call.returned }))
    .sort((a, b) => a.call.invoked - b.call.invoked);
  const taken = new Uint8Array(calls.length);
  const seen = new Set<string>();
  const path: { readonly at: number; readonly before: State; next: number }[] = [];
  let state = model.initial;
  let best: number[] = [];
  let stuck: readonly Call<Input, Output>[] = [];
  let left = calls.filter(({ end }) => end !== Number.POSITIVE_INFINITY).length;

  /** Calls before this one are all taken. */
  let first = 0;
  const advance = () => {
    while (first < calls.length && taken[first] === 1) first++;
  };

  /** Calls that began before any call not yet taken had ended: one of them comes next. */
  const candidates = (): number[] => {
    let earliestEnd = Number.POSITIVE_INFINITY;
    const open: number[] = [];
    for (let i = first; i < calls.length; i++) {
      if (calls[i]!.call.invoked > earliestEnd) break;
      if (taken[i] === 1) continue;
      open.push(i);
      earliestEnd = Math.min(earliestEnd, calls[i]!.end);
    }
    const next = open.filter((i) => calls[i]!.call.invoked <= earliestEnd);
    // Calls with an answer first: those without one mostly never happened, and each doubles what there is to try. Of
    // equal ones without an answer the earliest stands for all.
    const answered = next.filter((i) => calls[i]!.call.output !== undefined);
    const asked = new Set<string>();
    const unanswered = next.filter((i) => {
      const { input, output } = calls[i]!.call;
      const text = JSON.stringify(input);
      if (output !== undefined || asked.has(text)) return false;
      asked.add(text);
      return true;
    });
    return [...answered, ...unanswered];
  };

  const signature = (): string => {
    const ahead: number[] = [];
    for (let i = first; i < calls.length; i++) if (taken[i] === 1) ahead.push(i);
    return `${first}|${ahead.join(',')}|${model.key(state)}`;
  };

  let from = 0;
  while (left > 0) {
    advance();
    const open = candidates();
    let moved = false;
    for (let c = from; c < open.length; c++) {
      const at = open[c]!;
      const { call, end } = calls[at]!;
      const after = model.step(state, call.input, call.output);
      if (after === undefined) continue;
      const before = state;
      const firstBefore = first;
      taken[at] = 1;
      state = after;
      advance();
      const sign = signature();
      if (seen.has(sign)) {
        taken[at] = 0;
        state = before;
        first = firstBefore;
        continue;
      }
      seen.add(sign);
      path.push({ at, before, next: c + 1 });
      if (end !== Number.POSITIVE_INFINITY) left--;
      moved = true;
      break;
    }
    if (moved) {
      from = 0;
      if (path.length > best.length) best = path.map(({ at }) => at);
      continue;
    }
    if (path.length === best.length) stuck = open.map((i) => calls[i]!.call);
    const last = path.pop();
    if (!last) {
      return { linearizable: false, explained: best.map((at) => calls[at]!.call), stuckAt: stuck };
    }
    taken[last.at] = 0;
    first = Math.min(first, last.at);
    state = last.before;
    if (calls[last.at]!.end !== Number.POSITIVE_INFINITY) left++;
    from = last.next;
  }
  return { linearizable: true, order: path.map(({ at }) => calls[at]!.call) };
}

/** One key of etcd: what clients may ask of it. Values are text; null = the key is not there. */
export type RegisterInput =
  | { readonly op: 'get' }
  | { readonly op: 'put'; readonly value: string }
  | { readonly op: 'delete' }
  /** Writes `value` if the key holds `expected`. */
  | { readonly op: 'cas'; readonly expected: string | null; readonly value: string };

export type RegisterOutput =
  | { readonly op: 'get'; readonly value: string | null }
  | { readonly op: 'put' }
  | { readonly op: 'delete' }
  | { readonly op: 'cas'; readonly succeeded: boolean };

export const register: Model<string | null, RegisterInput, RegisterOutput> = {
  initial: null,
  step(state, input, output) {
    switch (input.op) {
      case 'get':
        return output === undefined || (output.op === 'get' && output.value === state) ? state : undefined;
      case 'put':
        return input.value;
      case 'delete':
        return null;
      case 'cas': {
        const succeeds = state === input.expected;
        if (output?.op === 'cas' && output.succeeded !== succeeds) return undefined;
        return succeeds ? input.value : state;
      }
    }
  },
  key: (state) => JSON.stringify(state),
};

/**
 * Leaves out calls without answer that no explanation needs: reads; writes of values that nobody saw or compared with, but
 * for as many as there are failed compare-and-swaps, which such a value might explain. Of those any will do that began
 * early enough, hence the earliest. Without this a history with many time-outs takes for ever.
 */
function withoutTheUnseen(
  calls: readonly Call<RegisterInput, RegisterOutput>[],
): readonly Call<RegisterInput, RegisterOutput>[] {
  const seen = new Set<string | null>();
  let explains = 0;
  for (const { input, output } of calls) {
    if (output?.op === 'get') seen.add(output.value);
    if (input.op === 'cas') seen.add(input.expected);
    if (output?.op === 'cas' && !output.succeeded) explains++;
  }
  let kept = 0;
  return (
    [...calls]
      .sort((a, b) => a.invoked - b.invoked)
      .filter(({ input, output }) => {
        if (output !== undefined) return true;
        if (input.op === 'get') return false;
        if (input.op === 'put' && !seen.has(input.value)) return ++kept <= explains;
        return input.op !== 'cas' || explains > 0 || seen.has(input.value);
      })
      // What nobody saw is one value to all.
      .map((call) =>
        (call.input.op === 'put' || call.input.op === 'cas') && !seen.has(call.input.value)
          ? { ...call, input: { ...call.input, value: '(unseen)' } }
          : call,
      )
  );
}

/** Checks each key's calls by themselves; the first key that has no explanation, or undefined. */
export function checkRegisters(
  history: readonly (Call<RegisterInput, RegisterOutput> & { readonly key: string })[],
):
  | { readonly key: string; readonly verdict: Extract<Verdict<RegisterInput, RegisterOutput>, { linearizable: false }> }
  | undefined {
  for (const [key, calls] of Map.groupBy(history, (call) => call.key)) {
    const verdict = checkLinearizable(register, withoutTheUnseen(calls));
    if (!verdict.linearizable) return { key, verdict };
  }
  return undefined;
}
