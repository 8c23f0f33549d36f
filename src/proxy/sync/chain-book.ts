/**
 * The text of every chain, kept up by the pieces that changed. A chain belongs to one port, or is shared: then it has what
 * stands before the ports' rules, what each port adds in their order, and what comes after.
 */
import type { OrderedPieces, PieceChange } from './ordered-pieces.ts';

/** Rule lines by chain; '' is a chain without rules. */
export type ChainTexts = ReadonlyMap<string, string>;

export interface ChainPiece {
  readonly own: ChainTexts;
  /** What it adds to chains of all. */
  readonly shared: ChainTexts;
}

/** `old` or `new` undefined: the chain did not, or does not, exist. */
export interface ChainChange {
  readonly chain: string;
  readonly old: string | undefined;
  readonly new: string | undefined;
}

export const joinLines = (parts: readonly string[]): string => parts.filter((part) => part !== '').join('\n');

export class ChainBook<P extends ChainPiece = ChainPiece> {
  readonly #before: ChainTexts;
  readonly #after: ChainTexts;
  readonly #pieces: OrderedPieces<P>;
  readonly #texts = new Map<string, string>();

  /** `before` names every shared chain. */
  constructor(before: ChainTexts, after: ChainTexts, pieces: OrderedPieces<P>) {
    this.#before = before;
    this.#after = after;
    this.#pieces = pieces;
    for (const chain of before.keys()) this.#texts.set(chain, this.#sharedText(chain));
  }

  /** Every chain as it stands. */
  get texts(): ChainTexts {
    return this.#texts;
  }

  /** `touched`: own chains that are to be written although their text is the same. */
  update(changes: readonly PieceChange<P>[], touched: (change: PieceChange<P>) => boolean = () => false) {
    const out: ChainChange[] = [];
    const dirty = new Set<string>();
    const gone: string[] = [];
    const write = (chain: string, text: string, force: boolean) => {
      const old = this.#texts.get(chain);
      if (old === text && !force) return;
      this.#texts.set(chain, text);
      out.push({ chain, old, new: text });
    };
    for (const change of changes) {
      const force = touched(change);
      for (const [chain, text] of change.new?.own ?? []) write(chain, text, force);
      for (const chain of change.old?.own.keys() ?? []) if (!change.new?.own.has(chain)) gone.push(chain);
      for (const [chain, text] of change.new?.shared ?? [])
        if (change.old?.shared.get(chain) !== text) dirty.add(chain);
      for (const chain of change.old?.shared.keys() ?? []) if (!change.new?.shared.has(chain)) dirty.add(chain);
    }
    for (const chain of dirty) write(chain, this.#sharedText(chain), false);
    for (const chain of gone) {
      out.push({ chain, old: this.#texts.get(chain), new: undefined });
      this.#texts.delete(chain);
    }
    return out;
  }

  #sharedText(chain: string): string {
    const parts = [this.#before.get(chain)!];
    for (const key of this.#pieces.order) {
      const text = this.#pieces.get(key)!.shared.get(chain);
      if (text !== undefined) parts.push(text);
    }
    parts.push(this.#after.get(chain) ?? '');
    return joinLines(parts);
  }
}
